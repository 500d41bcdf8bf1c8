//! The page for contributors is true: its paths exist, and its patches apply and compile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("a page")
}

/// What stands between backticks and looks like a path of the repository.
fn paths(text: &str) -> Vec<&str> {
    let places = ["src/", "jit/", "backends/", "proptests/", "tests/", "scripts/", "docs/", ".ci/"];
    let quoted = text.lines().scan(false, |fenced, line| {
        let fence = line.starts_with("```");
        *fenced ^= fence;
        Some(if *fenced || fence { "" } else { line })
    });
    let quoted = quoted.flat_map(|line| line.split('`').skip(1).step_by(2));
    let path = |q: &&str| {
        let begins = places.iter().any(|p| q.starts_with(p)) || q.starts_with("examples/");
        begins && !q.contains(['{', '*', ' ', '<']) && !q.contains("NAME")
    };
    quoted.filter(path).map(|q| q.trim_end_matches('/')).collect()
}

#[test]
fn paths_exist() {
    for name in ["CONTRIBUTING.md", "ARCHITECTURE.md", "README.md"] {
        let text = page(name);
        let found = paths(&text);
        let missing: Vec<_> = found.iter().filter(|p| !root().join(p).exists()).collect();
        assert!(missing.is_empty(), "{name} names {missing:?}, which are not there");
        assert!(found.len() > 3, "{name} names {} paths", found.len());
    }
    let rows = page("CONTRIBUTING.md");
    let table = rows.split("| --- | --- | --- |").nth(1).expect("a table");
    let rows = table.lines().skip(1).take_while(|l| l.starts_with('|')).count();
    assert!(rows >= 16, "the table from task to file has {rows} rows");
}

/// One file of a unified diff.
struct Change<'a> {
    path: &'a str,
    new: bool,
    /// Lines with their first character.
    hunks: Vec<Vec<&'a str>>,
}

/// The diffs of the page.
fn changes(text: &str) -> Vec<Change<'_>> {
    let mut found: Vec<Change> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```diff" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            l if l.starts_with("--- ") => {
                found.push(Change { path: "", new: l.ends_with("/dev/null"), hunks: Vec::new() });
            }
            l if l.starts_with("+++ b/") => {
                found.last_mut().expect("--- before +++").path = &l["+++ b/".len()..];
            }
            l if l.starts_with("@@") => {
                found.last_mut().expect("a file before a hunk").hunks.push(Vec::new());
            }
            l => {
                let hunk = found.last_mut().and_then(|c| c.hunks.last_mut());
                hunk.expect("a hunk before a line").push(l);
            }
        }
    }
    found
}

/// The text with every hunk applied; where a hunk goes its lines before the change say.
fn applied(change: &Change, mut text: String) -> String {
    for hunk in &change.hunks {
        let side = |drop: char| -> String {
            let kept = hunk.iter().filter(|l| !l.starts_with(drop));
            kept.map(|l| format!("{}\n", l.get(1..).unwrap_or(""))).collect()
        };
        let (before, after) = (side('+'), side('-'));
        let found = text.matches(&before).count();
        assert!(found == 1 || change.new, "{}: {found} places for\n{before}", change.path);
        text = if change.new { after } else { text.replacen(&before, &after, 1) };
    }
    text
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).expect("a copy")),
        }
    }
}

/// Besides files of their own the patches touch what the page promises, and the library compiles
/// with them.
#[test]
#[ignore = "takes a minute; scripts/nightly runs it"]
fn patches_apply_and_compile() {
    let text = page("CONTRIBUTING.md");
    let changes = changes(&text);
    let (own, shared): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|c| c.new);
    let touched: Vec<&str> = shared.iter().map(|c| c.path).collect();
    // Three for the scalar op, two besides its own for the structured primitive.
    assert_eq!((own.len(), touched.len()), (1, 5), "{touched:?}");

    let to: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contributing");
    drop(fs::remove_dir_all(&to));
    for folder in ["src", "jit", "backends", "derive", "proptests", "examples", "tests/newcomer"] {
        copy(&root().join(folder), &to.join(folder));
    }
    for file in ["Cargo.toml", "Cargo.lock", "README.md", "ARCHITECTURE.md"] {
        fs::copy(root().join(file), to.join(file)).expect("a copy");
    }
    for change in &changes {
        let path = to.join(change.path);
        let before =
            if change.new { String::new() } else { fs::read_to_string(&path).expect("it") };
        fs::write(&path, applied(change, before)).expect("a patched file");
    }
    let out = Command::new(env!("CARGO"))
        .args(["check", "--offline", "-p", "cotangent"])
        .current_dir(&to)
        .env("CARGO_TARGET_DIR", to.join("target"))
        .output()
        .expect("cargo");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert!(!said.contains("warning:"), "{said}");
    drop(fs::remove_dir_all(&to));
}
