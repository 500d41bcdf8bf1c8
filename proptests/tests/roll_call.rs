//! Every law over every case of every primitive on the roll; the table goes to stdout, whatever the harness captures.

use cotangent::prims::roll_call::roll_call;
use cotangent_proptests::laws::{ALL, Law};
use cotangent_proptests::table;
use std::io::Write;

#[test]
fn every_law_holds_for_every_primitive() {
    let mut entries = roll_call();
    // `LAW=batch PRIM=gather` narrows the call down while something is being mended.
    let (law, prim) = (std::env::var("LAW").ok(), std::env::var("PRIM").ok());
    entries.retain(|e| prim.as_deref().is_none_or(|p| p == e.name));
    let laws: Vec<&'static Law> =
        ALL.iter().filter(|l| law.as_deref().is_none_or(|n| n == l.name)).collect();
    let rows = table::call(&entries, &laws);
    // Not `println!`, which the harness would keep to itself.
    let text = table::text(&rows, &laws);
    std::io::stdout().lock().write_all(text.as_bytes()).expect("stdout");
    let mut wrong: Vec<String> = table::broken(&rows).iter().map(|s| s.to_string()).collect();
    if law.is_none() {
        wrong.extend(table::holes(&rows));
    }
    assert!(wrong.is_empty(), "\n{} violations\n\n{}\n", wrong.len(), wrong.join("\n\n"));
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
