//! Messages of the compiler in the book are what the compiler says.
//!
//! `tests/newcomer/fail` holds programs with the messages that they get. A block of text that
//! begins `error` shows lines of one of them; lines may be left out.

use super::pages::{chapters, files, report, root};
use std::fs;

/// Tells whether the lines stand in the text in this order.
fn shows(text: &str, lines: &[&str]) -> bool {
    let mut all = text.lines();
    lines.iter().all(|line| all.any(|l| l == *line))
}

#[test]
fn messages_of_the_compiler_are_current() {
    let folder = "tests/newcomer/fail";
    let said: Vec<String> = files(folder, "stderr")
        .iter()
        .map(|path| fs::read_to_string(root().join(path)).expect("a message"))
        .collect();
    let (mut broken, mut held) = (Vec::new(), 0);
    for page in chapters() {
        for block in page.blocks().into_iter().filter(|b| b.text.starts_with("error")) {
            held += 1;
            let lines: Vec<&str> = block.text.lines().collect();
            if !said.iter().any(|text| shows(text, &lines)) {
                broken.push(format!("{}: no message in {folder} is\n{}", page.path, block.text));
            }
        }
    }
    assert!(held >= 3, "{held} messages of the compiler");
    report(broken);
}
