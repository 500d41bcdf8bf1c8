//! What each row of the suite of speed asks of a CUDA device: functions, graphs, times that the
//! host waits. It is known when a program is compiled, so a stub of the driver is enough.
//!
//! The page `docs/launches.md` is what this found; `GOLDEN=update` writes it.

// The suite's rows of the root crate's features are left out here.
#![allow(dead_code, unexpected_cfgs)]

#[path = "../../examples/suite/contractions.rs"]
mod contractions;
#[path = "../../examples/suite/elementwise.rs"]
mod elementwise;
#[path = "../../examples/suite/harness.rs"]
mod harness;
#[path = "../../examples/suite/loops.rs"]
mod loops;
#[path = "../../examples/suite/networks.rs"]
mod networks;
#[path = "../../examples/suite/sorting.rs"]
mod sorting;

use cotangent::prelude::*;
use cotangent_proptests::laws::cuda::device;
use harness::Row;
use std::collections::BTreeMap;

/// The most functions of a call, which are in at most one graph unless they are one or two.
const BOUNDS: [(&str, usize); 16] = [
    ("dispatch_1arg", 1),
    ("gelu_1e7", 1),
    ("softmax_1e7", 1),
    ("layernorm_1e7", 1),
    ("dot_1e7", 2),
    ("colsum_1e7", 2),
    ("transpose_add_1e7", 1),
    ("matmul_2048", 1),
    ("mlp_step", 20),
    ("mlp_step_small", 10),
    ("lorenz_scan", 2),
    ("scalar_scan_grad", 4),
    ("random_normal", 1),
    ("transformer_block", 24),
    ("sum_1e9", 2),
    ("small_steps", 2),
];

struct Asked {
    functions: usize,
    nodes: usize,
    graphs: usize,
    trips: usize,
}

/// The numbers of `23 functions, 23 of them in 1 graph, 0 round trips`.
fn asked(text: &str) -> Asked {
    let (_, text) = text.split_once(" on cuda:0: ").expect("the device's name");
    let (text, _) = text.split_once(';').expect("the end of the numbers");
    let number =
        |part: &str| part.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    let parts: Vec<&str> = text.split(", ").collect();
    let [functions, .., trips] = parts[..] else { panic!("{text}") };
    let (nodes, graphs) = match parts[..] {
        [_, graphs, _] => (number(graphs), number(graphs.split_once(" in ").expect("graphs").1)),
        _ => (0, 0),
    };
    Asked { functions: number(functions), nodes, graphs, trips: number(trips) }
}

/// Programs that the suite does not time.
fn further() -> Vec<Row> {
    let lowered = |name: &str, explain: fn() -> Result<String, Error>| {
        let explain = Box::new(explain);
        Row::new(name, move || harness::Calls { call: Box::new(|| ()), explain })
    };
    vec![
        lowered("sum_1e9", || {
            let x = shape_dtype([1_000_000_000], DType::F32);
            jit(|x: Array| x.sum()).lower((x,))?.compile()?.explain()
        }),
        lowered("small_steps", || {
            let x = shape_dtype([3], DType::F32);
            let steps = |x: Array| fori_loop(0..10_000, |_, x: Array| x.sin() * 1.01, x);
            jit(steps).lower((x,))?.compile()?.explain()
        }),
    ]
}

fn found() -> BTreeMap<String, Asked> {
    let device = device().expect("the stub's device");
    let rows = [
        elementwise::rows(),
        contractions::rows(),
        loops::rows(),
        networks::rows(),
        sorting::rows(),
        further(),
    ];
    let one = |row: Row| {
        let name = row.name.clone();
        let text = row.explain(&device).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, asked(&text))
    };
    rows.into_iter().flatten().map(one).collect()
}

fn page(found: &BTreeMap<String, Asked>) -> String {
    let mut page = String::from(
        "# Launches of the suite's rows on CUDA\n\n\
         Functions that a call launches, how many of them are nodes of graphs, graphs, and times \
         that the host waits for the device before the call returns. A function of a loop that the \
         host runs counts once per round; what a graph repeats counts once.\n\n\
         Written by `GOLDEN=update cargo test -p cotangent-proptests --test launches`, which also \
         holds some of them to limits.\n\n\
         | row | functions | nodes | graphs | waits |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for (name, a) in found {
        let Asked { functions, nodes, graphs, trips } = a;
        page += &format!("| {name} | {functions} | {nodes} | {graphs} | {trips} |\n");
    }
    page
}

#[test]
fn rows_ask_no_more_than_this() {
    let found = found();
    let mut wrong = Vec::new();
    for (name, most) in BOUNDS {
        let Asked { functions, graphs, trips, .. } = found[name];
        if functions > most || trips > 0 || graphs > 1 || (functions > 2) != (graphs == 1) {
            wrong.push(format!("{name}: {functions} functions, {graphs} graphs, {trips} waits"));
        }
    }
    assert!(wrong.is_empty(), "beyond the limits:\n{}", wrong.join("\n"));
    let page = page(&found);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/launches.md");
    if std::env::var("GOLDEN").is_ok_and(|v| v == "update") {
        std::fs::write(path, &page).expect("docs/launches.md");
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == page, "docs/launches.md is not current; GOLDEN=update writes it:\n{page}");
}
