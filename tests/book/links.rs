//! Links between the Markdown pages of the repository lead to files and anchors that exist.

use super::pages::{CHAPTERS, Page, chapters, files, report, root};
use std::path::{Component, Path, PathBuf};

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut to, part| {
        match part {
            Component::ParentDir => assert!(to.pop(), "{} leaves the repository", path.display()),
            part => to.push(part),
        }
        to
    })
}

#[test]
fn links_lead_to_files_and_anchors() {
    let pages = [".", "docs"].into_iter().flat_map(|folder| files(folder, "md"));
    let pages = pages.map(|path| Page::read(&path)).chain(chapters());
    let (mut broken, mut held) = (Vec::new(), 0);
    for page in pages {
        for (line, link) in page.links() {
            let place = format!("{}:{line}: {link}", page.path);
            if link.starts_with("https://") || link.starts_with("http://") {
                if link.contains(char::is_whitespace) {
                    broken.push(format!("{place}: a space in an address"));
                }
                continue;
            }
            held += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => PathBuf::from(&page.path),
                file => normal(&Path::new(&page.path).parent().expect("a folder").join(file)),
            };
            if !root().join(&target).exists() {
                broken.push(format!("{place}: there is no {}", target.display()));
            } else if !anchor.is_empty() {
                let there = Page::read(&target.to_string_lossy()).anchors();
                if !there.iter().any(|a| a == anchor) {
                    broken.push(format!("{place}: its headings are {there:?}"));
                }
            }
        }
    }
    assert!(held > 30, "{held} links in the pages; those of {CHAPTERS} alone are more");
    report(broken);
}
