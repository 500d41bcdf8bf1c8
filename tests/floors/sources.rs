//! The source files of the workspace, and their code without comments, strings and unit tests.

use std::fs;
use std::path::{Path, PathBuf};

pub struct File {
    /// Relative to the root of the repository, with slashes.
    pub path: String,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, to: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder that can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, to);
        } else if path.extension().is_some_and(|e| e == "rs") {
            to.push(path);
        }
    }
}

/// The Rust files of a folder, `""` for the whole repository.
pub fn files(folder: &str) -> Vec<File> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    let file = |p: PathBuf| File {
        path: p.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(&p).expect("a source file"),
    };
    paths.into_iter().map(file).collect()
}

impl File {
    /// The text without unit tests, which are the last module of a file or a file of their own.
    pub fn tested(&self) -> &str {
        let end = match self.is_test() {
            true => Some(0),
            false => ["", "pub(super) "]
                .iter()
                .find_map(|v| self.text.find(&format!("#[cfg(test)]\n{v}mod tests {{"))),
        };
        &self.text[..end.unwrap_or(self.text.len())]
    }

    /// Lines of code with their numbers, without comments and unit tests.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.tested().lines().enumerate().map(|(n, l)| (n + 1, without_comment(l)))
    }

    /// Tells whether the file is a module of unit tests: one in a folder of such, or one that its
    /// parent declares as such.
    pub fn is_test(&self) -> bool {
        if !self.path.contains("src/") {
            return false;
        }
        let path = Path::new(&self.path);
        let (folder, stem) = (path.parent().expect("a folder"), path.file_stem().expect("a name"));
        let declared = format!("#[cfg(test)]\nmod {};", stem.to_string_lossy());
        let parents = ["mod.rs", "lib.rs"].map(|n| folder.join(n)).into_iter();
        let parents = parents.chain([folder.with_extension("rs")]);
        let mut texts = parents.filter_map(|p| fs::read_to_string(root().join(p)).ok());
        self.path.contains("/tests/") || texts.any(|t| t.contains(&declared))
    }

    /// `src/core/jaxpr.rs` is `core::jaxpr`, `src/core/mod.rs` is `core`.
    pub fn module(&self) -> Vec<String> {
        let inside = self.path.split_once("src/").map_or(&self.path[..], |(_, rest)| rest);
        let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
        let last = parts.pop().unwrap_or_default();
        if !matches!(&last[..], "mod.rs" | "lib.rs") {
            parts.push(last.trim_end_matches(".rs").to_owned());
        }
        parts
    }
}

/// The code before `//`, unless that is in a string.
fn without_comment(line: &str) -> &str {
    let at = line
        .match_indices("//")
        .map(|(i, _)| i)
        .find(|i| line[..*i].matches('"').count().is_multiple_of(2));
    &line[..at.unwrap_or(line.len())]
}
