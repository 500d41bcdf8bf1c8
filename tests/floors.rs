//! Holds the plan of the house: who may use whom, how long a file may be, how it begins.
//!
//! Rooms of `src/` see only what stands below them; the crates see only those that their manifests' floors allow. Read from
//! the sources' paths (`crate::..`, `super::..`, `cotangent_..::`), comments and unit tests left out. Two files carry the
//! inversions and are named below.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms of `src/`, and what each may name of its own crate. A room that is not listed is part of the library, which stands
/// on top and is written in public functions only.
const ROOMS: &[(&str, &[&str])] = &[
    ("core", &["core"]),
    ("prims", &["core", "prims"]),
    ("transforms", &["core", "prims", "transforms"]),
    ("stage", &["core", "prims", "stage"]),
    ("api", &["core", "prims", "transforms", "stage", "api"]),
];
/// What the library must not name: it has no business with transforms and stages but through `api`.
const BEHIND_API: &[&str] = &["transforms", "stage"];

/// Files whose one job is to look up, and at what.
const INVERSIONS: &[(&str, &str)] =
    &[("src/core/eager.rs", "stage"), ("src/stage/device.rs", "cotangent_cpu")];

/// Crates of the workspace, by folder, and which of the others each may name in its sources.
const CRATES: &[(&str, &[&str])] = &[
    ("src", &["cotangent_jit", "cotangent_derive"]),
    ("jit/src", &["cotangent_jit"]),
    ("jit/tests", &["cotangent_jit"]),
    ("backends/cpu/src", &["cotangent_jit", "cotangent_cpu"]),
    ("backends/cpu/tests", &["cotangent_jit", "cotangent_cpu"]),
    ("derive/src", &[]),
    ("examples", &["cotangent"]),
    ("tests", &["cotangent", "cotangent_jit"]),
    ("proptests/src", &["cotangent", "cotangent_jit", "cotangent_proptests"]),
    ("proptests/tests", &["cotangent", "cotangent_jit", "cotangent_proptests"]),
];

const MAX_LINES: usize = 600;

struct File {
    /// Relative to the root, with slashes.
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, to: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder that can be read").path();
        if path.is_dir() {
            collect(&path, to);
        } else if path.extension().is_some_and(|e| e == "rs") {
            to.push(path);
        }
    }
}

fn files(folder: &str) -> Vec<File> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    let file = |p: PathBuf| File {
        path: p.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(&p).expect("a source file"),
    };
    paths.into_iter().map(file).collect()
}

fn all_files() -> Vec<File> {
    CRATES.iter().flat_map(|(folder, _)| files(folder)).collect()
}

impl File {
    /// Lines of code with their numbers: no comments, nothing of unit tests (a last module, or a folder of their own).
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = |l: &str| l.starts_with("#[cfg(test)]");
        let mut lines = self.text.lines().enumerate().map(|(n, l)| (n + 1, l)).collect::<Vec<_>>();
        let in_tests =
            lines.windows(2).position(|w| tests(w[0].1) && w[1].1.starts_with("mod tests"));
        let end = if self.is_test() { 0 } else { in_tests.unwrap_or(lines.len()) };
        lines.truncate(end);
        lines.into_iter().map(|(n, l)| (n, without_comment(l)))
    }

    /// Whether the file is a module of unit tests: in a folder of such, or declared so by its parent.
    fn is_test(&self) -> bool {
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

    /// Paths that the file names, as segments, with line numbers; `super` resolved to names from the crate's root.
    fn paths(&self) -> Vec<(usize, Vec<String>)> {
        let module = self.module();
        let mut found = Vec::new();
        for (line, code) in self.code() {
            for path in paths_in(code) {
                let mut segments: Vec<String> = path.split("::").map(str::to_owned).collect();
                if segments[0] == "super" {
                    let ups = segments.iter().take_while(|s| *s == "super").count();
                    let at = module.len().saturating_sub(ups);
                    let absolute = ["crate".to_owned()].into_iter().chain(module[..at].to_vec());
                    segments = absolute.chain(segments.split_off(ups)).collect();
                }
                found.push((line, segments));
            }
        }
        found
    }

    /// `src/core/jaxpr.rs` is `core::jaxpr`, `src/core/mod.rs` is `core`.
    fn module(&self) -> Vec<String> {
        let inside = self.path.split_once("src/").map_or(&self.path[..], |(_, rest)| rest);
        let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
        let last = parts.pop().unwrap_or_default();
        if !matches!(&last[..], "mod.rs" | "lib.rs") {
            parts.push(last.trim_end_matches(".rs").to_owned());
        }
        parts
    }
}

/// The code before `//`, unless that stands in a string.
fn without_comment(line: &str) -> &str {
    let at = line
        .match_indices("//")
        .map(|(i, _)| i)
        .find(|i| line[..*i].matches('"').count().is_multiple_of(2));
    &line[..at.unwrap_or(line.len())]
}

/// Paths that begin with `crate`, `super` or the name of a crate of the workspace; of `a::{b, c::d}` all of them.
fn paths_in(code: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    for word in code.split(|c: char| !is_part(c)) {
        let head = word.split("::").next().unwrap_or("");
        if word.contains("::")
            && (head == "crate" || head == "super" || head.starts_with("cotangent"))
        {
            found.push(word.trim_end_matches(':').to_owned());
        }
    }
    // `use crate::{core::x, stage::y}`: the braces' entries are rooms of their own.
    if let Some((_, list)) = code.split_once("crate::{") {
        for entry in list.trim_end_matches(['}', ';']).split(',') {
            found.push(format!("crate::{}", entry.trim()));
        }
    }
    found
}

fn report(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn rooms_see_only_what_stands_below() {
    let mut broken = Vec::new();
    for file in files("src") {
        let room = file.module().first().cloned().unwrap_or_default();
        if room.is_empty() {
            continue;
        }
        let allowed = ROOMS.iter().find(|(r, _)| *r == room).map(|(_, below)| *below);
        let looks_up = |what: &str| INVERSIONS.contains(&(&file.path[..], what));
        for (line, path) in file.paths() {
            let Some(target) = path.get(1).filter(|_| path[0] == "crate") else { continue };
            // `crate::name!` and re-exports at the root are the face, not a room.
            if !root().join("src").join(target).is_dir()
                && !root().join("src").join(format!("{target}.rs")).is_file()
            {
                continue;
            }
            let fits = match allowed {
                Some(below) => below.contains(&&target[..]),
                None => !BEHIND_API.contains(&&target[..]),
            };
            if !fits && !looks_up(target) {
                broken.push(format!("{}:{line}: {room} must not use {target}", file.path));
            }
        }
    }
    report(broken);
}

#[test]
fn crates_see_only_what_stands_below() {
    let mut broken = Vec::new();
    for (folder, allowed) in CRATES {
        for file in files(folder) {
            for (line, path) in file.paths() {
                let target = &path[0];
                let looks_up = INVERSIONS.contains(&(&file.path[..], target));
                if target.starts_with("cotangent") && !allowed.contains(&&target[..]) && !looks_up {
                    broken.push(format!("{}:{line}: {folder} must not use {target}", file.path));
                }
            }
        }
    }
    report(broken);
}

/// Transforms ask primitives; none knows one by name.
#[test]
fn transforms_match_on_no_primitive() {
    let mut broken = Vec::new();
    for file in files("src/transforms") {
        for (line, code) in file.code() {
            let by_name = code.contains(".name() ==") || code.contains("match eqn.prim.name()");
            if by_name || code.contains("downcast") {
                broken.push(format!("{}:{line}: {}", file.path, code.trim()));
            }
        }
    }
    report(broken);
}

#[test]
fn files_begin_by_saying_what_lives_there() {
    let silent = all_files().into_iter().filter(|f| !f.text.starts_with("//!"));
    report(silent.map(|f| format!("{}: begins without //!", f.path)).collect());
}

#[test]
fn files_stay_short() {
    let long = all_files().into_iter().filter_map(|f| {
        let lines = f.text.lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines, at most {MAX_LINES}", f.path))
    });
    report(long.collect());
}

/// Names come from where they are defined. Preludes, the variants of an enum inside a function, and the table of `lax`
/// functions (one file per family, each exporting nothing else) are no hubs.
#[test]
fn no_glob_hubs() {
    let mut broken = Vec::new();
    for file in all_files() {
        for (line, code) in file.code() {
            let used = code.trim_start().trim_start_matches("pub ").trim_start_matches("use ");
            if !code.contains("use ") || !code.trim_end().ends_with("::*;") {
                continue;
            }
            let from = used.trim_end_matches("::*;");
            let last = from.rsplit("::").next().unwrap_or(from);
            let variants = code.starts_with(' ') && last.starts_with(char::is_uppercase);
            let table = file.path == "src/prims/lax.rs" && from.starts_with("super::");
            // A module nested in the file that uses its parent.
            let nested = code.starts_with(' ') && from.split("::").all(|s| s == "super");
            if last != "prelude" && !variants && !table && !nested {
                broken.push(format!("{}:{line}: {}", file.path, code.trim()));
            }
        }
    }
    report(broken);
}

/// What each library test above relies on.
#[test]
fn paths_are_read() {
    let file = File {
        path: "src/prims/unary.rs".into(),
        text: "use super::apply::one;\nuse crate::core::array::Array; // crate::stage::x\n\
               fn f() { super::super::stage::run() }\n#[cfg(test)]\nmod tests { use crate::api::x; }"
            .into(),
    };
    let paths: Vec<String> =
        file.paths().iter().map(|(n, p)| format!("{n} {}", p.join("::"))).collect();
    assert_eq!(
        paths,
        ["1 crate::prims::rules::apply::one", "2 crate::core::array::Array", "3 crate::stage::run"]
    );
}
