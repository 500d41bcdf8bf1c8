//! Every example has its section in the gallery, in order, and every picture is one that an example
//! draws. `.ci/examples` compares the pictures with what the examples draw.

use super::pages::{CHAPTERS, Page, files, report, root, spans};
use std::collections::BTreeSet;
use std::fs;

/// The most bytes of a picture.
const LARGEST: u64 = 150_000;

/// The names of the examples: files, and folders with a `main.rs`.
fn examples() -> Vec<String> {
    let entries = fs::read_dir(root().join("examples")).expect("a folder of examples");
    let programs = entries
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "rs") || p.join("main.rs").is_file());
    let name =
        |p: std::path::PathBuf| p.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut names: Vec<String> = programs.map(name).collect();
    names.sort();
    names
}

/// The source of an example, that of its first file if it has several.
fn source(name: &str) -> String {
    let file = root().join(format!("examples/{name}.rs"));
    let file = if file.is_file() { file } else { root().join(format!("examples/{name}/main.rs")) };
    fs::read_to_string(&file).expect("the source of an example")
}

#[test]
fn sections_and_pictures_are_those_of_the_examples() {
    let gallery = Page::chapter("gallery");
    let (mut broken, mut shown) = (Vec::new(), BTreeSet::new());
    let mut sections = Vec::new();
    for section in gallery.text.split("\n## ").skip(1) {
        let (heading, body) = section.split_once('\n').expect("a section has text");
        let Some(name) = spans(heading).first().copied() else { continue };
        sections.push(name.to_owned());
        let command = format!("--example {name}");
        if !body.contains(&command) {
            broken.push(format!("{name}: the section does not say `{command}`"));
        }
        for picture in body.split("](pictures/").skip(1) {
            let picture = picture.split(')').next().expect("a link ends");
            if !source(name).contains(&format!("\"{picture}\"")) {
                broken.push(format!("{name}: the example does not write {picture}"));
            }
            shown.insert(format!("{CHAPTERS}/pictures/{picture}"));
        }
    }
    assert_eq!(sections, examples(), "sections of the gallery, and examples");
    let there: BTreeSet<String> =
        files(&format!("{CHAPTERS}/pictures"), "svg").into_iter().collect();
    broken.extend(there.difference(&shown).map(|p| format!("{p} is not in the gallery")));
    broken.extend(shown.difference(&there).map(|p| format!("{p} does not exist")));
    for picture in &there {
        let size = fs::metadata(root().join(picture)).expect("a picture").len();
        if size > LARGEST {
            broken.push(format!("{picture}: {size} bytes, at most {LARGEST}"));
        }
    }
    assert!(there.len() >= 6, "{} pictures", there.len());
    report(broken);
}
