//! The tables at the end of the book's chapters for users of other libraries: names that are
//! spelled otherwise here, and names that are missing, by reason.

use super::items::{self, Item, read, root};
use super::list::{Row, excused_or_here, rows};
use std::collections::BTreeMap;

/// A chapter, and the parts of the list that it shows, with the name that the chapter gives each.
const CHAPTERS: &[(&str, &[&str])] = &[
    (
        "from_jax",
        &["jax", "jax.numpy", "jax.lax", "jax.nn", "jax.random", "jax.scipy", "jax.ops", "optax"],
    ),
    ("from_numpy", &["numpy", "numpy.random", "scipy.optimize", "scipy and diffrax"]),
    ("from_pytorch", &["torch", "torch.nn.functional", "torch.optim"]),
];

const BEGIN: &str = "<!-- names -->\n";
const END: &str = "<!-- /names -->";

/// Tells whether an item of the answer has the very name: `Array::sum` answers to `sum`.
fn is_same(name: &str, answer: &str) -> bool {
    let word = name.rsplit('.').next().unwrap_or(name);
    let items = answer.split(", ").map(|item| item.trim_matches('`').trim_end_matches('!'));
    items.into_iter().any(|item| item.rsplit("::").next() == Some(word))
}

/// The generated part of a chapter.
fn section(origins: &[&str], rows: &[Row], items: &[Item]) -> String {
    let of_chapter = |r: &&Row| r.origins.iter().any(|o| origins.contains(&&o[..]));
    let (mut same, mut other, mut missing) = (0, String::new(), BTreeMap::new());
    let mut spelled = 0;
    for row in rows.iter().filter(of_chapter) {
        let from: Vec<&str> =
            row.origins.iter().map(|o| &o[..]).filter(|o| origins.contains(o)).collect();
        let answer = excused_or_here(row, items);
        match &row.excuse {
            Some(why) => {
                let names: &mut Vec<String> = missing.entry(why.clone()).or_default();
                names.push(format!("`{}`", row.name));
            }
            None if is_same(&row.name, &answer) => same += 1,
            None => {
                spelled += 1;
                other += &format!("| `{}` | {} | {answer} |\n", row.name, from.join(", "));
            }
        }
    }
    let without: usize = missing.values().map(Vec::len).sum();
    let mut text = format!(
        "\n{same} names of {} are the same here, {spelled} are spelled otherwise, {without} have \
         no equivalent.\n\n| name | from | here |\n| --- | --- | --- |\n{other}\n\
         | none, because | names |\n| --- | --- |\n",
        origins.join(", "),
    );
    for (why, names) in missing {
        text += &format!("| {why} | {} |\n", names.join(", "));
    }
    text.push('\n');
    text
}

/// `GOLDEN=update` writes the sections.
#[test]
fn the_chapters_of_the_book_are_current() {
    let (items, rows) = (items::public(), rows(&read("tests/names/names.txt")));
    let update = std::env::var("GOLDEN").is_ok_and(|v| v == "update");
    for (chapter, origins) in CHAPTERS {
        for origin in *origins {
            let listed = rows.iter().any(|r| r.origins.iter().any(|o| o == origin));
            assert!(listed, "{chapter}: the list has no names from {origin}");
        }
        let file = format!("docs/book/src/{chapter}.md");
        let page = read(&file);
        let (before, rest) = page.split_once(BEGIN).expect("the page has a place for the names");
        let (shown, after) = rest.split_once(END).expect("the names have an end");
        let current = section(origins, &rows, &items);
        if shown == current {
            continue;
        }
        assert!(update, "{file} is not current; GOLDEN=update writes it");
        let text = format!("{before}{BEGIN}{current}{END}{after}");
        std::fs::write(root().join(&file), text).expect("the page can be written");
    }
}

/// Relied on by the table.
#[test]
fn the_same_name_is_one_of_the_answers() {
    for (name, answer) in [
        ("sum", "`Array::sum`, `lax::sum`"),
        ("sin", "`Array::sin`"),
        ("at.set", "`At::set`"),
        ("debug_print", "`debug_print!`"),
    ] {
        assert!(is_same(name, answer), "{name}: {answer}");
    }
    for (name, answer) in [("Adam", "`optim::adam`"), ("tree.map", "`tree_map`")] {
        assert!(!is_same(name, answer), "{name}: {answer}");
    }
}
