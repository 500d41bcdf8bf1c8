//! Every law over every case of every primitive on the roll; the table goes to stdout, whatever the
//! harness captures.

use cotangent::prims::roll_call::roll_call;
use cotangent_proptests::laws::{ALL, Law};
use cotangent_proptests::table::{self, Row};
use std::io::Write;
use std::sync::LazyLock;

/// `LAW=batch PRIM=gather` narrows the call down while something is being mended.
static LAWS: LazyLock<Vec<&'static Law>> = LazyLock::new(|| {
    let law = std::env::var("LAW").ok();
    ALL.iter().filter(|l| law.as_deref().is_none_or(|n| n == l.name)).collect()
});

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut entries = roll_call();
    let prim = std::env::var("PRIM").ok();
    entries.retain(|e| prim.as_deref().is_none_or(|p| p == e.name));
    table::call(&entries, &LAWS)
});

fn narrowed() -> bool {
    ["LAW", "PRIM"].iter().any(|v| std::env::var(v).is_ok())
}

#[test]
fn every_law_holds_for_every_primitive() {
    // Not `println!`, which the harness would keep to itself.
    let text = table::text(&ROWS, &LAWS);
    std::io::stdout().lock().write_all(text.as_bytes()).expect("stdout");
    let mut wrong: Vec<String> = table::broken(&ROWS).iter().map(|s| s.to_string()).collect();
    if !narrowed() {
        wrong.extend(table::holes(&ROWS));
    }
    assert!(wrong.is_empty(), "\n{} violations\n\n{}\n", wrong.len(), wrong.join("\n\n"));
}

/// The law of the second backend is silent without a device, which must not happen here.
#[test]
fn the_second_backend_has_a_device() {
    let device = cotangent_proptests::laws::cuda::device();
    assert!(device.is_ok(), "{}", device.err().map_or_else(String::new, |e| e.to_string()));
}

/// The page of docs/ is this table; `GOLDEN=update` writes it.
#[test]
fn the_status_page_is_current() {
    if narrowed() {
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/status.md");
    let page = std::fs::read_to_string(path).expect("a page");
    let (begin, end) = ("<!-- status -->\n", "<!-- /status -->");
    let (before, rest) = page.split_once(begin).expect("the page has a place for the status");
    let (shown, after) = rest.split_once(end).expect("the status has an end");
    let status = format!("\n{}\n", table::markdown(&ROWS));
    if std::env::var("GOLDEN").is_ok_and(|v| v == "update") {
        let text = format!("{before}{begin}{status}{end}{after}");
        std::fs::write(path, text).expect("the page can be written");
        return;
    }
    assert!(shown == status, "docs/status.md is not current; GOLDEN=update writes it:\n{status}");
}

#[test]
fn names_are_on_the_roll_once() {
    let mut names: Vec<&str> = roll_call().iter().map(|e| e.name).collect();
    names.sort_unstable();
    let doubled: Vec<_> = names.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    assert!(names.len() > 40, "the roll has {} primitives", names.len());
}

/// Cases are of the primitive they stand under.
#[test]
fn cases_are_of_their_primitive() {
    for entry in roll_call() {
        let cases = (entry.cases)();
        assert!(!cases.is_empty(), "{} has no cases", entry.name);
        for case in cases {
            assert_eq!(case.prim.name(), entry.name);
        }
    }
}

/// Every primitive has its function in `lax`, but for those that users reach through another room.
#[test]
fn every_primitive_stands_in_lax() {
    let elsewhere = [
        ("api::jit", &["call"][..]),
        ("api::control", &["cond", "scan", "while", "linear_solve", "root"]),
        ("api::checkpoint", &["checkpoint", "name"]),
        ("api::custom", &["custom_jvp", "custom_vjp", "custom_lin", "custom_vmap", "constant"]),
        ("api::callback", &["pure_callback", "io_callback", "debug_callback"]),
        ("api::checkify", &["check"]),
        ("api::collectives", &["psum", "pmax", "pmin", "all_gather", "psum_scatter"]),
        ("api::collectives", &["all_to_all", "ppermute", "axis_index"]),
        ("no user: batched conditions apply it", &["guard"]),
    ];
    let prims = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/prims");
    let read = |path: &str| std::fs::read_to_string(path).expect("a source file");
    let lax = read(&format!("{prims}/lax.rs"));
    // Of a family all public functions are in `lax`, and their names begin the rows of its table.
    let families = lax.split(';').filter_map(|l| l.trim().strip_prefix("pub use super::"));
    let families = families.filter_map(|l| l.strip_suffix("::*"));
    let text = families.map(|f| read(&format!("{prims}/{}.rs", f.replace("::", "/"))));
    let text = text.collect::<String>() + &lax;
    let words: std::collections::HashSet<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let named = |n: &str| elsewhere.iter().any(|(_, names)| names.contains(&n));
    let names = roll_call().into_iter().map(|e| e.name);
    let missing: Vec<&str> = names.filter(|n| !words.contains(n) && !named(n)).collect();
    assert!(missing.is_empty(), "not in lax, nor named as reached elsewhere: {missing:?}");
}
