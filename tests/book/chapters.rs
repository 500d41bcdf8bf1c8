//! Every chapter stands in the summary and among the doctests, and all of its programs run.

use super::pages::{CHAPTERS, Page, chapters, report};

/// What may follow the fence of a block that is no program.
const TEXTS: &[&str] = &["text", "toml", "sh"];
/// Programs of the book run, or are refused by the compiler with an error that they name.
const PROGRAMS: &[&str] = &["rust", "rust,should_panic"];

#[test]
fn chapters_are_listed_and_their_programs_run() {
    let summary = Page::read(&format!("{CHAPTERS}/SUMMARY.md"));
    let listed: Vec<String> = summary.links().into_iter().map(|(_, link)| link).collect();
    let crate_file = Page::read("src/lib.rs").text;
    let mut broken = Vec::new();
    let pages: Vec<Page> =
        chapters().into_iter().filter(|p| !p.path.ends_with("SUMMARY.md")).collect();
    assert!(pages.len() > 15, "{} chapters", pages.len());
    for page in pages {
        let name = page.path.rsplit('/').next().expect("a name");
        if !listed.iter().any(|l| l == name) {
            broken.push(format!("{}: not in SUMMARY.md", page.path));
        }
        if !crate_file.contains(&format!("include_str!(\"../{}\")", page.path)) {
            broken.push(format!("{}: not in `mod book` of src/lib.rs", page.path));
        }
        for block in page.blocks() {
            let info = &block.info[..];
            let refused = info.starts_with("rust,compile_fail,E");
            if !TEXTS.contains(&info) && !PROGRAMS.contains(&info) && !refused {
                broken.push(format!("{}: a block of {info:?} is neither run nor text", page.path));
            }
        }
    }
    report(broken);
}
