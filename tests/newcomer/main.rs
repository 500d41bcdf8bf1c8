//! What users write on their first day: programs that compile and run, and programs that do not
//! compile, whose message must name the cure.
//!
//! | place | contents |
//! | --- | --- |
//! | `pass` | programs that run |
//! | `fail` | programs that do not compile, each with what the compiler says; the first line of each gives words of the message that name the cure |
//! | `messages` | the package that compiles `fail` |
//! | `excused.txt` | programs whose message names no cure, and why it cannot |
//!
//! The package in `messages` compares the messages with what the compiler says;
//! `TRYBUILD=overwrite cargo test -p cotangent-messages` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Programs of `pass`, each a test.
macro_rules! programs {
    ($($name:ident)*) => {
        mod pass {
            $(pub mod $name;)*
        }

        $(
            #[test]
            fn $name() {
                pass::$name::main();
            }
        )*

        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
    };
}

programs! {
    array_lit_vec
    clone_capture
    cond_bool
    debug_number
    enum_derived
    eq
    for_rows
    fori_count
    i64_index
    literals
    method_as_function
    no_annotation
    operands
    rate_f32
    t
    u8_index
    usize_mul
    vec_assign
    vmap_axes_usize
    where_fn
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/newcomer")
}

/// The names of the files with this extension, without it.
fn names(folder: &Path, extension: &str) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = files.filter(|f| f.extension().is_some_and(|e| e == extension));
    let mut names: Vec<String> =
        of_kind.map(|f| f.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_program_is_run() {
    let programs = names(&folder().join("pass"), "rs");
    assert_eq!(programs, PROGRAMS);
}

/// Name and reason.
fn excused() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join("excused.txt")).unwrap();
    let entry = |line: &str| {
        let (name, reason) = line.split_once(": ").expect("name: reason");
        (name.to_string(), reason.to_string())
    };
    text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(entry).collect()
}

#[test]
fn every_message_names_the_cure() {
    let fail = folder().join("fail");
    let (programs, excused) = (names(&fail, "rs"), excused());
    assert_eq!(names(&fail, "stderr"), programs, "a program needs its message, and the other way");
    for name in excused.keys() {
        assert!(programs.contains(name), "{name} is excused, but no program has this name");
    }
    let mut broken = Vec::new();
    for name in &programs {
        let program = fs::read_to_string(fail.join(name).with_extension("rs")).unwrap();
        let message = fs::read_to_string(fail.join(name).with_extension("stderr")).unwrap();
        let first = program.lines().next().unwrap_or_default();
        let Some(cure) = first.strip_prefix("//! cure: ") else {
            broken.push(format!("{name}: expected `//! cure: <words>` in the first line"));
            continue;
        };
        // What the user has written does not count, nor does a name of the file.
        let said = message.lines().filter(|line| {
            let source = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
            !(source.trim_start().starts_with('|') && program_has(&program, source))
        });
        let said: Vec<&str> = said.collect();
        match (said.iter().any(|line| line.contains(cure)), excused.contains_key(name)) {
            (false, false) => broken.push(format!("{name}: expected `{cure}` in\n{message}")),
            (true, true) => broken.push(format!("{name}: excused, but its message has the cure")),
            _ => {}
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Tells whether a line of a message quotes the program.
fn program_has(program: &str, quoted: &str) -> bool {
    let text = quoted.trim_start().trim_start_matches('|').trim();
    !text.is_empty() && program.lines().any(|line| line.trim() == text)
}
