//! Launches that follow each other become one graph, loops and branches of such included.
//!
//! The driver launches a graph as a whole, which costs little more than one launch. Short loops of
//! a known number of rounds are unrolled. What the host takes part in stays between the graphs.

use super::conditions::{Builder, Entries, count, straight};
use super::items::{Graph, Item, Launch, Node};

/// Fewer launches are enqueued one by one.
const LEAST: usize = 3;
/// The most nodes of a graph, of which a loop or a branch may be the only one that has more.
const MOST: usize = 1024;

/// The items with graphs in place of their launches, and the number of the graphs. `entries` makes
/// the entries of loops and branches that the device decides by itself; without it the host drives
/// all but loops of at most 1,024 launches.
pub fn graphs(items: Vec<Item>, entries: Option<&mut Entries<'_>>) -> (Vec<Item>, usize) {
    let mut maker = Maker { next: 0, entries };
    let items = maker.items(items);
    (items, maker.next)
}

struct Maker<'a, 'e> {
    next: usize,
    entries: Option<&'a mut Entries<'e>>,
}

impl Maker<'_, '_> {
    fn items(&mut self, items: Vec<Item>) -> Vec<Item> {
        let (mut all, mut graph, mut size) = (Vec::new(), Graph::default(), 0);
        for item in items {
            let Some(nodes) = self.nodes(&item) else {
                self.close(&mut graph, &mut all);
                size = 0;
                all.push(self.between(item));
                continue;
            };
            if nodes.saturating_add(size) > MOST {
                self.close(&mut graph, &mut all);
                size = 0;
            }
            size = nodes.saturating_add(size);
            match &mut self.entries {
                Some(entries) => Builder { graph: &mut graph, entries }.add(&item, MOST),
                // Loops of launches alone are unrolled.
                None => Builder { graph: &mut graph, entries: &mut |_, _| 0 }.add(&item, MOST),
            }
        }
        self.close(&mut graph, &mut all);
        all
    }

    /// The nodes that an item becomes, unless the host takes part in it.
    fn nodes(&self, item: &Item) -> Option<usize> {
        let straight = straight(item).filter(|n| *n <= MOST);
        straight.or_else(|| self.entries.is_some().then(|| count(item))?)
    }

    /// An item that the host takes part in.
    fn between(&mut self, item: Item) -> Item {
        match item {
            Item::Loop { trips, body } => Item::Loop { trips, body: self.items(body) },
            Item::While { test, holds, body, limit } => {
                let (test, body) = (self.items(test), self.items(body));
                Item::While { test, holds, body, limit }
            }
            Item::Branch { index, arms } => {
                let arms = arms.into_iter().map(|a| self.items(a)).collect();
                Item::Branch { index, arms }
            }
            other => other,
        }
    }

    /// Ends a graph.
    fn close(&mut self, graph: &mut Graph, all: &mut Vec<Item>) {
        let plain = |n: &Node| matches!(n, Node::Launch(_));
        let graph = std::mem::take(graph);
        if graph.nodes.len() < LEAST && graph.nodes.iter().all(plain) {
            all.extend(graph.nodes.into_iter().filter_map(|node| match node {
                Node::Launch(Launch { entry, blocks, args }) => {
                    Some(Item::Launch { entry, blocks, args })
                }
                _ => None,
            }));
            return;
        }
        all.push(Item::Graph { number: self.next, graph });
        self.next += 1;
    }
}
