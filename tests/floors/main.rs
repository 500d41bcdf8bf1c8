//! Holds the plan of the house: which room may use which, how long a file may be, how it begins.
//!
//! Rooms of `src/` and of `backends/cpu/src/` see only the rooms below them; each crate sees only
//! the crates below it. The tests read the paths that the sources name, comments and unit tests
//! left out. Two files carry the inversions and are named below.
//!
//! | file | contents |
//! | --- | --- |
//! | `sources` | the files of the workspace |
//! | `paths` | the paths that a file names |
//! | `circles` | circles of files |

mod circles;
mod paths;
mod sources;

use paths::Named;
use sources::{File, files, root};

/// Rooms of `src/`, and the rooms that each may name. A room that is not listed is part of the
/// library, which stands on top and is written in public functions only.
const ROOMS: &[(&str, &[&str])] = &[
    ("core", &["core"]),
    ("prims", &["core", "prims"]),
    ("transforms", &["core", "prims", "transforms"]),
    ("stage", &["core", "prims", "stage"]),
    ("api", &["core", "prims", "transforms", "stage", "api"]),
    // Names for authors of primitives and backends; it defines nothing.
    ("author", &["core", "prims", "transforms"]),
];
/// Rooms that the library must not name. It reaches transforms and stages through `api` only.
const BEHIND_API: &[&str] = &["transforms", "stage"];

/// Rooms of `backends/cpu/src/`, and the rooms that each may name. Every file stands in one.
const CPU_ROOMS: &[(&str, &[&str])] = &[
    ("run", &["run"]),
    ("plan", &["plan"]),
    ("code", &["plan", "code"]),
    ("ops", &["run", "plan", "code", "ops"]),
    ("emit", &["run", "plan", "code", "ops", "emit"]),
    ("wide", &["run", "plan", "code", "wide"]),
    ("backend", &["run", "plan", "code", "ops", "emit", "wide", "backend"]),
];
/// Rooms of `backends/cpu/src/` that serve any code generator, so that they must not know one.
const WITHOUT_GENERATOR: &[&str] = &["run", "plan"];

/// Files whose one job is to look up, and the room or crate that each looks at.
const INVERSIONS: &[(&str, &str)] = &[
    ("src/core/eager.rs", "stage"),
    ("src/stage/device.rs", "cotangent_cpu"),
    ("src/stage/device.rs", "cotangent_cuda"),
];

/// Crates of the workspace, by folder, and which of the others each may name in its sources.
const CRATES: &[(&str, &[&str])] = &[
    ("src", &["cotangent_jit", "cotangent_derive"]),
    ("jit/src", &["cotangent_jit"]),
    ("jit/tests", &["cotangent_jit"]),
    ("backends/cpu/src", &["cotangent_jit", "cotangent_cpu"]),
    ("backends/cpu/tests", &["cotangent_jit", "cotangent_cpu"]),
    ("backends/cuda/src", &["cotangent_jit", "cotangent_cuda"]),
    (
        "backends/cuda/tests",
        &["cotangent_jit", "cotangent_cuda", "cotangent_cuda_emulator", "cotangent_cuda_stub"],
    ),
    ("backends/cuda/emulator/src", &["cotangent_cuda_emulator"]),
    ("backends/cuda/emulator/tests", &["cotangent_cuda_emulator"]),
    ("backends/cuda/stub/src", &["cotangent_cuda_emulator", "cotangent_cuda_stub"]),
    ("backends/cuda/stub/tests", &["cotangent_cuda_stub"]),
    ("derive/src", &[]),
    ("examples", &["cotangent"]),
    ("tests", &["cotangent", "cotangent_jit"]),
    ("proptests/examples", &["cotangent", "cotangent_proptests"]),
    (
        "proptests/src",
        &["cotangent", "cotangent_jit", "cotangent_proptests", "cotangent_cuda_stub"],
    ),
    ("proptests/tests", &["cotangent", "cotangent_jit", "cotangent_proptests"]),
];

const MAX_LINES: usize = 600;
const MAX_COLUMNS: usize = 100;

fn all_files() -> Vec<File> {
    CRATES.iter().flat_map(|(folder, _)| files(folder)).collect()
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
        for Named { line, segments: path } in file.paths() {
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
fn rooms_of_the_cpu_see_only_what_stands_below() {
    let mut broken = Vec::new();
    for file in files("backends/cpu/src") {
        let room = file.module().first().cloned().unwrap_or_default();
        if room.is_empty() {
            continue;
        }
        let Some((_, below)) = CPU_ROOMS.iter().find(|(r, _)| *r == room) else {
            broken.push(format!("{}: {room} is no room of CPU_ROOMS", file.path));
            continue;
        };
        for Named { line, segments: path } in file.paths() {
            let Some(target) = path.get(1).filter(|_| path[0] == "crate") else { continue };
            if !below.contains(&&target[..]) {
                broken.push(format!("{}:{line}: {room} must not use {target}", file.path));
            }
        }
    }
    report(broken);
}

#[test]
fn plans_and_the_runtime_know_no_code_generator() {
    let mut broken = Vec::new();
    for room in WITHOUT_GENERATOR {
        let found = files(&format!("backends/cpu/src/{room}"));
        assert!(!found.is_empty(), "backends/cpu/src/{room} has no files");
        for file in found {
            let known = file.code().filter(|(_, code)| code.contains("cranelift"));
            broken.extend(known.map(|(n, code)| format!("{}:{n}: {}", file.path, code.trim())));
        }
    }
    report(broken);
}

#[test]
fn crates_see_only_what_stands_below() {
    let mut broken = Vec::new();
    for (folder, allowed) in CRATES {
        for file in files(folder) {
            for Named { line, segments: path } in file.paths() {
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

/// Kinds of devices are named where devices are made, and nowhere else above the backends.
#[test]
fn kinds_of_devices_stand_in_one_file() {
    let mut broken = Vec::new();
    for file in files("src").into_iter().filter(|f| f.path != "src/stage/device.rs") {
        for (line, code) in file.code() {
            if ["\"cpu", "\"cuda"].iter().any(|kind| code.contains(kind)) {
                broken.push(format!("{}:{line}: {}", file.path, code.trim()));
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

/// Names come from the file that defines them. Preludes, the variants of an enum inside a function,
/// and the table of `lax` functions (one file per family, each exporting nothing else) are no hubs.
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

/// Prose and code alike.
#[test]
fn lines_stay_short() {
    let mut broken = Vec::new();
    for file in files("") {
        for (n, line) in file.text.lines().enumerate() {
            let columns = line.chars().count();
            // A row of a table and a raw string cannot be broken.
            let whole = ["//! |", "/// |"].iter().any(|m| line.trim_start().starts_with(m));
            if columns > MAX_COLUMNS && !whole && !line.contains("r#\"") {
                broken.push(format!("{}:{}: {columns} columns", file.path, n + 1));
            }
        }
    }
    report(broken);
}
