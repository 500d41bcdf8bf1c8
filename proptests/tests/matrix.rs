//! The composition matrix: every transform, every pair and every three of them, over all control
//! flow, against power series in plain Rust; or an error that says why, where JAX has one too.
//!
//! The page `docs/matrix.md` is what this found; `GOLDEN=update` writes it.
//! `FLOW=scan CHAIN="grad(vmap(f))"` runs a part.

#[path = "matrix/flows.rs"]
mod flows;
#[path = "matrix/series.rs"]
mod series;
#[path = "matrix/transforms.rs"]
mod transforms;

use cotangent::prelude::*;
use cotangent_proptests::violation::guard;
use flows::Flow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use transforms::{Chain, Transform, applied, expected, name};

/// Where functions are evaluated.
const X: f64 = 0.7;
/// Of the size of the result.
const SLACK: f64 = 1e-10;

/// What became of one composition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Agrees,
    /// An error that must be.
    Refused,
}

fn cell(flow: &Flow, chain: &Chain) -> Result<Cell, String> {
    let f = applied(chain, std::sync::Arc::new(flow.traced));
    let got = guard(|| Ok(f(Array::scalar(X)).item::<f64>()));
    match ((flow.refuses)(chain), got) {
        (None, Ok(got)) => {
            let right = expected(chain, &flow.plain, X, 0).value();
            let near = (got - right).abs() <= SLACK * right.abs().max(1.0);
            if near { Ok(Cell::Agrees) } else { Err(format!("gives {got:?}, expected {right:?}")) }
        }
        (Some(text), Err(e)) if e.to_string().contains(text) => Ok(Cell::Refused),
        (Some(text), Err(e)) => Err(format!("refuses without saying {text:?}: {e}")),
        (Some(text), Ok(got)) => Err(format!("gives {got:?}, but should be refused: {text}")),
        (None, Err(e)) => Err(e.to_string()),
    }
}

/// All chains of one, two and three transforms.
fn chains() -> Vec<Vec<Transform>> {
    let longer = |of: &[Vec<Transform>]| -> Vec<Vec<Transform>> {
        let with = |c: &Vec<Transform>| transforms::ALL.map(|t| [&c[..], &[t]].concat());
        of.iter().flat_map(with).collect()
    };
    let one = longer(&[Vec::new()]);
    let two = longer(&one);
    let three = longer(&two);
    [one, two, three].concat()
}

type Found = BTreeMap<(usize, usize), Result<Cell, String>>;

/// Every cell, by flow and chain, on as many threads as there are cores.
fn run(flows: &[&Flow], chains: &[Vec<Transform>]) -> Found {
    let next = AtomicUsize::new(0);
    let found: Mutex<Found> = Mutex::default();
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let (flow, chain) = (n / chains.len(), n % chains.len());
            let Some(f) = flows.get(flow) else { break };
            let result = cell(f, &chains[chain]);
            found.lock().expect("no panic holds it").insert((flow, chain), result);
        }
    };
    thread::scope(|s| {
        for _ in 0..thread::available_parallelism().map_or(1, |n| n.get()) {
            s.spawn(work);
        }
    });
    found.into_inner().expect("all threads are done")
}

#[test]
fn every_composition_agrees_or_is_refused() {
    let (only, one) = (std::env::var("FLOW").ok(), std::env::var("CHAIN").ok());
    let wanted = |f: &&Flow| only.as_deref().is_none_or(|n| n == f.name);
    let flows: Vec<&Flow> = flows::ALL.iter().filter(wanted).collect();
    let mut chains = chains();
    chains.retain(|c| one.as_deref().is_none_or(|n| n == name(c)));
    let found = run(&flows, &chains);
    let wrong = found.iter().filter_map(|((f, c), cell)| {
        let what = || format!("{}, {}", flows[*f].name, name(&chains[*c]));
        cell.as_ref().err().map(|e| format!("{}: {e}", what()))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{} of {}\n\n{}\n", wrong.len(), found.len(), wrong.join("\n\n"));
    if only.is_none() && one.is_none() {
        page_shows(&page(&flows, &chains, &found));
    }
}

fn mark(cell: &Result<Cell, String>) -> &'static str {
    match cell {
        Ok(Cell::Agrees) => "=",
        Ok(Cell::Refused) => "e",
        Err(_) => "WRONG",
    }
}

fn page(flows: &[&Flow], chains: &[Vec<Transform>], found: &Found) -> String {
    let at = |f: usize, chain: &Chain| {
        let c = chains.iter().position(|c| c == chain).expect("a chain of the list");
        &found[&(f, c)]
    };
    let names: Vec<&str> = transforms::ALL.iter().map(|t| t.name()).collect();
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = |n: usize| format!("|{}\n", " --- |".repeat(n));
    let head = |first: &str| {
        line(&[first].iter().chain(&names).map(|s| s.to_string()).collect::<Vec<_>>())
    };
    let mut text = String::from(
        "# Every transform through every control flow\n\n\
         Written by `GOLDEN=update cargo test -p cotangent-proptests --test matrix`, which holds \
         it.\n\n\
         `=`: the value is that of power series in plain Rust, to 1e-10 of its size in f64. `e`: \
         refused, with an error that names\n\
         the cause and the cure, as JAX refuses it. `hessian` is forward over reverse mode, `jet` \
         gives a second derivative, `vmap`\n\
         weighs what three lanes give.\n\n## One transform\n\n",
    );
    text += &head("");
    text += &rule(names.len() + 1);
    for (f, flow) in flows.iter().enumerate() {
        let cells = transforms::ALL.iter().map(|t| mark(at(f, &[*t])).to_owned());
        text += &line(&[flow.name.to_owned()].into_iter().chain(cells).collect::<Vec<_>>());
    }
    text += "\n## Two transforms\n\nThe row is applied to what the column gives: row `grad`, \
             column `vmap` is `grad(vmap(f))`.\n";
    for (f, flow) in flows.iter().enumerate() {
        write!(text, "\n{}", head(flow.name)).expect("a string");
        text += &rule(names.len() + 1);
        for outer in transforms::ALL {
            let cells =
                transforms::ALL.iter().map(|inner| mark(at(f, &[*inner, outer])).to_owned());
            text += &line(&[outer.name().to_owned()].into_iter().chain(cells).collect::<Vec<_>>());
        }
    }
    text += "\n## Three transforms\n\nAll 343 of each, counted by what becomes of them.\n\n";
    text += "| | `=` | `e` |\n| --- | --- | --- |\n";
    for (f, flow) in flows.iter().enumerate() {
        let count = |m: &str| {
            let threes = found.iter().filter(|((g, c), _)| *g == f && chains[*c].len() == 3);
            threes.filter(|(_, cell)| mark(cell) == m).count()
        };
        writeln!(text, "| {} | {} | {} |", flow.name, count("="), count("e")).expect("a string");
    }
    text
}

fn page_shows(page: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/matrix.md");
    if std::env::var("GOLDEN").is_ok_and(|v| v == "update") {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).expect("a folder");
        std::fs::write(path, page).expect("the page can be written");
        return;
    }
    let shown = std::fs::read_to_string(path).unwrap_or_default();
    assert!(shown == page, "docs/matrix.md is not current; GOLDEN=update writes it:\n{page}");
}
