//! Launches that follow each other become one graph, loops of a known number of rounds included.
//!
//! The driver launches a graph as a whole, which costs little more than one launch. What the host
//! takes part in stays between the graphs.

use super::items::{Address, Argument, Item, Launch};
use cotangent_jit::affine::Affine;

/// Fewer launches are enqueued one by one.
const LEAST: usize = 3;
/// The most launches of a graph.
const MOST: usize = 1024;

/// The items with graphs in place of their launches. `next` is the number of the next graph.
pub fn graphs(items: Vec<Item>, next: &mut usize) -> Vec<Item> {
    let (mut all, mut run) = (Vec::new(), Vec::new());
    for item in items {
        if launches(&item).is_some_and(|n| run.len() + n <= MOST) {
            flatten(item, &mut Vec::new(), &mut run);
            continue;
        }
        close(&mut run, &mut all, next);
        if launches(&item).is_some_and(|n| n <= MOST) {
            flatten(item, &mut Vec::new(), &mut run);
            continue;
        }
        all.push(match item {
            Item::Loop { trips, body } => Item::Loop { trips, body: graphs(body, next) },
            Item::While { test, holds, body, limit } => {
                let (test, body) = (graphs(test, next), graphs(body, next));
                Item::While { test, holds, body, limit }
            }
            Item::Branch { index, arms } => {
                let arms = arms.into_iter().map(|a| graphs(a, next)).collect();
                Item::Branch { index, arms }
            }
            other => other,
        });
    }
    close(&mut run, &mut all, next);
    all
}

/// The number of launches of an item that is nothing but launches.
fn launches(item: &Item) -> Option<usize> {
    match item {
        Item::Launch { .. } => Some(1),
        Item::Loop { trips, body } => {
            let once: Option<usize> = body.iter().map(launches).sum();
            once?.checked_mul(*trips)
        }
        _ => None,
    }
}

/// Adds the launches of an item, the inner counters of which have these values.
fn flatten(item: Item, inner: &mut Vec<i64>, run: &mut Vec<Launch>) {
    match item {
        Item::Launch { entry, blocks, args } => {
            let args = args.into_iter().map(|a| fixed(a, inner)).collect();
            run.push(Launch { entry, blocks, args });
        }
        Item::Loop { trips, body } => {
            for n in 0..trips {
                inner.push(n as i64);
                body.iter().for_each(|item| flatten(item.clone(), inner, run));
                inner.pop();
            }
        }
        _ => {}
    }
}

/// An argument with the values of the innermost counters in place of the counters.
fn fixed(argument: Argument, inner: &[i64]) -> Argument {
    if inner.is_empty() {
        return argument;
    }
    match argument {
        Argument::Address(Address { base, bytes, depth }) => {
            let outer = depth - inner.len();
            let moved: i64 =
                inner.iter().enumerate().map(|(n, value)| bytes.stride(outer + n) * value).sum();
            let strides = (0..outer).map(|n| bytes.stride(n));
            let bytes = Affine::new(bytes.offset + moved, strides);
            Argument::Address(Address { base, bytes, depth: outer })
        }
        Argument::Counter { of, depth } => {
            let outer = depth - inner.len();
            match of.checked_sub(outer) {
                Some(n) => Argument::Value(inner[n]),
                None => Argument::Counter { of, depth: outer },
            }
        }
        value => value,
    }
}

/// Ends a run of launches.
fn close(run: &mut Vec<Launch>, all: &mut Vec<Item>, next: &mut usize) {
    if run.len() < LEAST {
        all.extend(run.drain(..).map(|l| {
            let Launch { entry, blocks, args } = l;
            Item::Launch { entry, blocks, args }
        }));
        return;
    }
    all.push(Item::Graph { number: *next, launches: std::mem::take(run) });
    *next += 1;
}
