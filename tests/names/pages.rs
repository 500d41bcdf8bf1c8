//! Headings of `Array`'s page, and the tables of rooms.

use super::items::{method_macros, read, rust_files, untested};

/// A block of `Array` that has public methods: where it begins, and its heading.
struct Block {
    place: String,
    heading: Option<String>,
}

fn blocks() -> Vec<Block> {
    let mut found = Vec::new();
    let files = rust_files("src");
    let mut macros = method_macros(&files);
    macros.retain(|_, of| of == "Array");
    for file in files {
        let text = read(&file);
        let lines: Vec<&str> = untested(&text).lines().collect();
        for (n, line) in lines.iter().enumerate() {
            let body = || lines[n..].iter().take_while(|l| **l != "}");
            let heading = if *line == "impl Array {" {
                if !body().any(|l| l.trim_start().starts_with("pub fn")) {
                    continue;
                }
                let above = lines[..n].iter().rev().take_while(|l| l.starts_with("///"));
                above.last().and_then(|l| l.strip_prefix("/// # "))
            } else if line.strip_suffix("! {").is_some_and(|m| macros.contains_key(m)) {
                lines[n + 1].trim_start().strip_prefix("//! # ")
            } else {
                continue;
            };
            let place = format!("{file}:{}", n + 1);
            found.push(Block { place, heading: heading.map(str::to_owned) });
        }
    }
    found
}

#[test]
fn blocks_of_array_have_headings_that_the_contents_name() {
    let page = read("src/core/array.rs");
    let blocks = blocks();
    assert!(blocks.len() > 30, "{} blocks of Array", blocks.len());
    let mut wrong = Vec::new();
    for Block { place, heading } in &blocks {
        let Some(heading) = heading else {
            wrong.push(format!("{place}: the block begins without a heading: //! # Task"));
            continue;
        };
        let anchor = heading.to_lowercase().replace(',', "").replace(' ', "-");
        let rows = [format!("/// | [{heading}](#{anchor}) |"), format!("/// | {heading} |")];
        if !rows.iter().any(|r| page.contains(r)) {
            wrong.push(format!("{place}: the contents in {PAGE} lack the row {}", rows[0]));
        }
        if blocks.iter().filter(|b| b.heading.as_ref() == Some(heading)).count() > 1 {
            wrong.push(format!("{place}: another block has this heading, too"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const PAGE: &str = "src/core/array.rs";

/// Every entry of the contents is the heading of a block.
#[test]
fn the_contents_of_array_name_blocks_only() {
    let (page, blocks) = (read(PAGE), blocks());
    let rows =
        page.lines().filter_map(|l| l.strip_prefix("/// | [")).filter_map(|l| l.split_once("](#"));
    let strange: Vec<&str> = rows
        .map(|(heading, _)| heading)
        .filter(|h| !blocks.iter().any(|b| b.heading.as_deref() == Some(h)))
        .collect();
    assert!(strange.is_empty(), "no block has the headings {strange:?}");
}

/// Modules that the file declares public and shows.
fn shown_modules(file: &str) -> Vec<String> {
    let text = read(file);
    let lines: Vec<&str> = text.lines().collect();
    let declared = lines.iter().enumerate().filter_map(|(n, line)| {
        let name = line.strip_prefix("pub mod ")?;
        let name = name.strip_suffix(';').or_else(|| name.strip_suffix(" {"))?;
        let hidden = n > 0 && lines[n - 1] == "#[doc(hidden)]";
        (!hidden).then(|| name.to_owned())
    });
    declared.collect()
}

#[test]
fn the_table_of_the_crate_names_every_room() {
    let text = read("src/lib.rs");
    let page: String = text.lines().take_while(|l| l.starts_with("//!")).collect();
    let named = |link: &str| {
        let forms = [format!("[`{link}`]"), format!("]({link})"), format!("`{link}`")];
        forms.iter().any(|f| page.contains(f))
    };
    let rooms = shown_modules("src/lib.rs");
    assert!(rooms.len() > 10, "{rooms:?}");
    let missing: Vec<String> = rooms
        .into_iter()
        .filter(|m| m != "api" && !named(m))
        .chain(
            shown_modules("src/api/mod.rs")
                .into_iter()
                .map(|m| format!("api::{m}"))
                .filter(|m| !named(m)),
        )
        .collect();
    assert!(missing.is_empty(), "the table in src/lib.rs does not name {missing:?}");
}

/// The table of the prelude names everything that it brings, but for plumbing.
#[test]
fn the_table_of_the_prelude_names_what_it_brings() {
    let text = read("src/lib.rs");
    let (before, rest) = text.split_once("pub mod prelude {").expect("a prelude");
    let body = rest.split_once("\n}").expect("the prelude ends").0;
    let doc: String = before.lines().rev().take_while(|l| l.starts_with("///")).collect();
    let page: String =
        doc + &body.lines().filter(|l| l.trim_start().starts_with("//!")).collect::<String>();
    let words: std::collections::BTreeSet<&str> =
        page.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let brought = body.split("pub use ").skip(1).flat_map(|tree| {
        let tree = tree.split(';').next().unwrap_or(tree);
        let names = tree.split_once('{').map_or_else(
            || tree.rsplit("::").next().unwrap_or(tree),
            |(_, names)| names.trim_end_matches('}'),
        );
        names.split(',').map(str::trim).filter(|n| !n.is_empty())
    });
    let missing: Vec<&str> =
        brought.filter(|n| !n.starts_with("try_") && !words.contains(n)).collect();
    assert!(missing.is_empty(), "the table of the prelude does not name {missing:?}");
}

/// The doc of a twin begins with one sentence, everywhere the same.
#[test]
fn twins_return_the_error_of_their_panicking_forms() {
    let (mut wrong, mut held) = (Vec::new(), 0);
    for file in rust_files("src") {
        let text = read(&file);
        let lines: Vec<&str> = untested(&text).lines().map(str::trim_start).collect();
        for (n, line) in lines.iter().enumerate() {
            let Some(rest) = line.strip_prefix("pub fn ") else { continue };
            let name = rest.split(['(', '<']).next().unwrap_or(rest);
            let form = name.strip_prefix("try_").unwrap_or("$name");
            // Those without a panicking form have docs of their own, and so has `Func::try_call`.
            let beside = |l: &&str| {
                let other = l.strip_prefix("pub fn ").and_then(|l| l.strip_prefix(form));
                other.is_some_and(|l| l.starts_with(['(', '<']))
            };
            let twin = name.starts_with("try_") || name == "$try";
            if !twin || form == "call" || !lines.iter().any(beside) {
                continue;
            }
            held += 1;
            let above = lines[..n].iter().rev().take_while(|l| !l.is_empty() && **l != "}");
            if !above.into_iter().any(|l| l.contains("Returns the error of [`")) {
                wrong.push(format!("{file}:{}: {name}", n + 1));
            }
        }
    }
    assert!(held > 100, "{held} twins");
    let wrong = wrong.join("\n");
    assert!(wrong.is_empty(), "these do not begin `Returns the error of [`..`]`:\n{wrong}");
}
