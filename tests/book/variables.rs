//! The table of environment variables in `sharp_bits.md` has every variable that the code reads.

use super::pages::{Page, report, root, spans};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const BEGIN: &str = "COTANGENT_";

/// The names of variables in a source file. `PREFIX_{name}` stands for the names that the file
/// gives to `variable("..")`.
fn names(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(BEGIN) {
        let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let rest = &text[at..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        match rest[end..].starts_with("{name}") {
            true => {
                let calls = text.split("variable(\"").skip(1);
                found.extend(
                    calls.filter_map(|c| Some(rest[..end].to_owned() + c.split('"').next()?)),
                );
            }
            false => found.push(rest[..end].to_owned()),
        }
    }
    found
}

fn collect(folder: &Path, to: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(&name[..], "tests" | "target" | "examples") {
                collect(&path, to);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let tested = text.split("#[cfg(test)]").next().unwrap_or(&text);
            to.extend(names(tested));
        }
    }
}

#[test]
fn the_table_of_variables_has_all_that_are_read() {
    let mut read = BTreeSet::new();
    for folder in ["src", "jit", "backends", "derive"] {
        collect(&root().join(folder), &mut read);
    }
    let page = Page::chapter("sharp_bits");
    let rows = page.rows();
    let first = rows.iter().filter_map(|(_, cells)| spans(&cells[0]).first().copied());
    let listed: BTreeSet<String> =
        first.filter(|name| name.starts_with(BEGIN)).map(str::to_owned).collect();
    assert!(read.len() > 8, "{read:?}");
    let mut broken: Vec<String> =
        read.difference(&listed).map(|v| format!("{v} is read, and not in the table")).collect();
    broken.extend(listed.difference(&read).map(|v| format!("{v} is in the table, and not read")));
    report(broken);
}
