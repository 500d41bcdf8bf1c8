//! Markdown pages of the repository: code blocks, tables, headings, links.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the chapters.
pub const CHAPTERS: &str = "docs/book/src";

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub struct Page {
    /// Relative to the root of the repository, with slashes.
    pub path: String,
    pub text: String,
}

/// A fenced block: the word behind its fence, and its lines.
pub struct Block {
    pub info: String,
    pub text: String,
}

impl Page {
    pub fn read(path: &str) -> Page {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        Page { path: path.to_owned(), text }
    }

    pub fn chapter(name: &str) -> Page {
        Page::read(&format!("{CHAPTERS}/{name}.md"))
    }

    pub fn blocks(&self) -> Vec<Block> {
        let mut found: Vec<Block> = Vec::new();
        let mut inside = false;
        for line in self.text.lines() {
            match line.strip_prefix("```") {
                Some(_) if inside => inside = false,
                Some(info) => {
                    inside = true;
                    found.push(Block { info: info.to_owned(), text: String::new() });
                }
                None if inside => {
                    let block = found.last_mut().expect("a block has begun");
                    block.text += line;
                    block.text.push('\n');
                }
                None => {}
            }
        }
        assert!(!inside, "{}: a fence has no end", self.path);
        found
    }

    /// The lines outside of code blocks, with their numbers.
    pub fn prose(&self) -> Vec<(usize, &str)> {
        let (mut inside, mut found) = (false, Vec::new());
        for (n, line) in self.text.lines().enumerate() {
            if line.starts_with("```") {
                inside = !inside;
            } else if !inside {
                found.push((n + 1, line));
            }
        }
        found
    }

    /// The cells of the rows of tables, with the numbers of their lines.
    pub fn rows(&self) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        let prose = self.prose();
        for (i, (n, line)) in prose.iter().enumerate() {
            let heads = prose.get(i + 1).is_some_and(|(_, next)| next.starts_with("| ---"));
            if line.starts_with('|') && !line.starts_with("| ---") && !heads {
                found.push((*n, cells(line)));
            }
        }
        found
    }

    pub fn headings(&self) -> Vec<String> {
        let lines = self.prose().into_iter().filter(|(_, l)| l.starts_with('#'));
        lines.map(|(_, l)| l.trim_start_matches('#').trim().to_owned()).collect()
    }

    /// The anchors of headings, as mdBook and forges make them.
    pub fn anchors(&self) -> Vec<String> {
        self.headings().iter().map(|h| anchor(h)).collect()
    }

    /// The targets of links and pictures, with the numbers of their lines.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (n, line) in self.prose() {
            let line = without_code(line);
            for (at, _) in line.match_indices("](") {
                let rest = &line[at + 2..];
                found.push((n, rest[..rest.find(')').unwrap_or(rest.len())].to_owned()));
            }
        }
        found
    }
}

/// The cells of a row. `\|` is a bar of the text.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|').trim_end_matches('|').replace("\\|", "\0");
    line.split('|').map(|c| c.trim().replace('\0', "|")).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The code spans of a line.
pub fn spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// The files of a folder with this extension, relative to the root, sorted.
pub fn files(folder: &str, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let paths = entries.map(|e| e.expect("an entry").path());
    let of_kind: Vec<PathBuf> =
        paths.filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    let name = |p: &PathBuf| p.file_name().expect("a name").to_string_lossy().into_owned();
    let mut names: Vec<String> = of_kind.iter().map(|p| format!("{folder}/{}", name(p))).collect();
    names.sort();
    names
}

pub fn chapters() -> Vec<Page> {
    files(CHAPTERS, "md").iter().map(|path| Page::read(path)).collect()
}

pub fn report(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Relied on by the other tests.
#[test]
fn pages_are_read() {
    let text =
        "# A `b`, c\n| x | y |\n| --- | --- |\n| `a \\| b` | [d](e.md#f) |\n```rust\n# g\n```\n";
    let page = Page { path: String::new(), text: text.into() };
    assert_eq!(page.anchors(), ["a-b-c"]);
    assert_eq!(page.rows(), [(4, vec!["`a | b`".to_owned(), "[d](e.md#f)".to_owned()])]);
    assert_eq!(page.links(), [(4, "e.md#f".to_owned())]);
    assert_eq!((&page.blocks()[0].info[..], &page.blocks()[0].text[..]), ("rust", "# g\n"));
    assert_eq!(spans("a `b` c `d`"), ["b", "d"]);
}
