//! What work has touched, as long as work may come that is not ordered behind it.

use super::clock::Clock;
use super::ranges::Accesses;
use std::collections::BTreeMap;

#[derive(Debug)]
struct Entry {
    tick: u64,
    what: String,
    accesses: Accesses,
}

/// By stream: its work, in order.
#[derive(Debug, Default)]
pub struct History(BTreeMap<u64, Vec<Entry>>);

impl History {
    /// Remembers a piece of work. Gives a sentence if it touches bytes that work has touched which
    /// is not ordered before it.
    pub fn add(
        &mut self,
        (stream, tick): (u64, u64),
        clock: &Clock,
        what: String,
        accesses: Accesses,
    ) -> Option<String> {
        if accesses.is_empty() {
            return None;
        }
        let others = self.0.iter().filter(|(s, _)| **s != stream);
        let apart = others.flat_map(|(s, entries)| {
            let known = clock.of(*s);
            &entries[entries.partition_point(|e| e.tick <= known)..]
        });
        let found = { apart }.find_map(|e| Some((e.accesses.conflict(&accesses)?, &e.what)));
        let clash = found.map(|(byte, other)| {
            format!(
                "{what} and {other}, in two streams, both touch byte {byte:#x}, and neither is \
                 ordered behind the other"
            )
        });
        let own = self.0.entry(stream).or_default();
        match own.last_mut().filter(|e| e.tick == tick) {
            Some(entry) => entry.accesses.join(&accesses),
            None => own.push(Entry { tick, what, accesses }),
        }
        clash
    }

    /// Forgets the work of each stream up to the number that everybody knows to be done.
    pub fn prune(&mut self, known: impl Fn(u64) -> u64) {
        self.0.retain(|stream, entries| {
            let known = known(*stream);
            entries.drain(..entries.partition_point(|e| e.tick <= known));
            !entries.is_empty()
        });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
