//! Compiles the programs of `../fail`, and compares what the compiler says.
//!
//! `TRYBUILD=overwrite cargo test -p cotangent-messages` writes the messages anew.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The version that `rust-toolchain.toml` names.
fn pinned() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../rust-toolchain.toml");
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("channel = "));
    line.expect("a channel").trim_matches('"').to_string()
}

/// The texts are those of one version of the compiler.
#[test]
fn messages_are_as_written() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let pinned = pinned();
    if version.split_whitespace().nth(1) != Some(&pinned) {
        println!("skipped: the messages are those of rustc {pinned}, this is {}", version.trim());
        return;
    }
    trybuild::TestCases::new().compile_fail("../fail/*.rs");
}
