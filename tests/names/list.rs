//! Every name of the list has an equivalent under that name or an alias, or an excuse.

use super::items::{self, Item, read, root};
use std::collections::BTreeMap;

/// A name of the list.
pub struct Row {
    pub name: String,
    /// The libraries that have it.
    pub origins: Vec<String>,
    pub excuse: Option<String>,
}

/// `[origin]` begins a section. A line holds names that are here, or `excused, why: names`.
pub fn rows(text: &str) -> Vec<Row> {
    let (mut origin, mut found) = (String::new(), BTreeMap::<String, Row>::new());
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            origin = name.trim_end_matches(']').to_owned();
            continue;
        }
        let (excuse, names) = match line.strip_prefix("excused, ") {
            Some(rest) => {
                let (why, names) = rest.split_once(": ").expect("a reason, a colon, names");
                (Some(why.to_owned()), names)
            }
            None => (None, line),
        };
        for name in names.split_whitespace() {
            let row = found.entry(name.to_owned()).or_insert_with(|| Row {
                name: name.to_owned(),
                origins: Vec::new(),
                excuse: excuse.clone(),
            });
            assert_eq!(row.excuse, excuse, "{name} is listed twice, in different ways");
            if !row.origins.contains(&origin) {
                row.origins.push(origin.clone());
            }
        }
    }
    found.into_values().collect()
}

/// The items that a search for the name gives: those with that name or alias. The search ignores
/// case, so that the class `Adam` gives the function `adam`.
fn answers<'a>(items: &'a [Item], name: &str) -> Vec<&'a Item> {
    // `tree.map` is `tree_map`; of `func.grad` the last word counts.
    let joined = name.replace('.', "_");
    let whole = items.iter().any(|i| i.name == joined);
    let last = if whole { &joined } else { name.rsplit('.').next().unwrap_or(name) };
    let exact = |i: &&Item| i.name == last || i.aliases.iter().any(|a| a == last);
    let found: Vec<&Item> = items.iter().filter(exact).collect();
    let alike = |i: &&Item| i.name == last.to_lowercase();
    if found.is_empty() { items.iter().filter(alike).collect() } else { found }
}

/// What the list says of a name: the items that answer, or why there is none.
pub fn excused_or_here(row: &Row, items: &[Item]) -> String {
    match &row.excuse {
        Some(why) => format!("none: {why}"),
        None => {
            let mut paths: Vec<String> =
                answers(items, &row.name).iter().map(|i| format!("`{}`", i.path)).collect();
            // Names of the prelude first.
            paths.sort_by_key(|p| (p.contains("::"), p.clone()));
            paths.dedup();
            paths.join(", ")
        }
    }
}

#[test]
fn names_of_other_libraries_are_found_or_excused() {
    let (items, rows) = (items::public(), rows(&read("tests/names/names.txt")));
    let found = |r: &Row| !answers(&items, &r.name).is_empty();
    let missing = rows.iter().filter(|r| r.excuse.is_none() && !found(r));
    let missing: Vec<String> =
        missing.map(|r| format!("{} ({})", r.name, r.origins.join(", "))).collect();
    assert!(
        missing.is_empty(),
        "no item and no #[doc(alias)] for {} names:\n{}",
        missing.len(),
        missing.join("\n")
    );
    let there: Vec<&str> =
        rows.iter().filter(|r| r.excuse.is_some() && found(r)).map(|r| &r.name[..]).collect();
    assert!(there.is_empty(), "excused, but found: {there:?}");
    let here = rows.iter().filter(|r| r.excuse.is_none()).count();
    assert!(here >= 400, "{here} names of the list are here, of {}", rows.len());
}

/// `GOLDEN=update` writes the table of docs/names.md.
#[test]
fn the_page_of_names_is_current() {
    let (items, rows) = (items::public(), rows(&read("tests/names/names.txt")));
    let here = rows.iter().filter(|r| r.excuse.is_none()).count();
    let mut table = format!(
        "\n{} names: {here} have an equivalent, {} have none yet.\n\n\
         | name | from | here |\n| --- | --- | --- |\n",
        rows.len(),
        rows.len() - here
    );
    for row in &rows {
        let answer = excused_or_here(row, &items);
        table += &format!("| `{}` | {} | {answer} |\n", row.name, row.origins.join(", "));
    }
    table.push('\n');
    let page = read("docs/names.md");
    let (begin, end) = ("<!-- names -->\n", "<!-- /names -->");
    let (before, rest) = page.split_once(begin).expect("the page has a place for the names");
    let (shown, after) = rest.split_once(end).expect("the names have an end");
    if std::env::var("GOLDEN").is_ok_and(|v| v == "update") {
        let text = format!("{before}{begin}{table}{end}{after}");
        std::fs::write(root().join("docs/names.md"), text).expect("the page can be written");
        return;
    }
    assert!(shown == table, "docs/names.md is not current; GOLDEN=update writes it");
}

/// The scan sees what each sort of source line declares.
#[test]
fn items_are_read() {
    let items = items::public();
    let has = |path: &str| items.iter().any(|i| i.path == path);
    for path in [
        "Array::sum",
        "Array::sum_keepdims",
        "Array::from_vec",
        "Array::sqrt",
        "At::set",
        "array!",
        "zeros",
        "grad",
        "scan",
        "lax::sin",
        "lax::gather",
        "lax::stop_gradient",
        "nn::relu",
        "optim::adam",
        "optim::schedule::cosine",
        "random::normal",
        "where_",
        "Pytree",
        "DType",
        "DType::F32",
        "Key::from_data",
    ] {
        assert!(has(path), "{path} is not seen");
    }
    for path in ["lax::batch", "Array::try_sum", "Concrete::new", "Plan::new", "trace"] {
        assert!(!has(path), "{path} is not public");
    }
    let twice: Vec<&Item> = items.iter().filter(|i| i.aliases.contains(&i.name)).collect();
    assert!(twice.is_empty(), "aliases that are the names: {:?}", twice[0].path);
}
