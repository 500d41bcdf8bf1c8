//! What work has touched, as long as work may come that is not ordered behind it.

use super::clock::Clock;
use super::ranges::Accesses;

#[derive(Debug)]
struct Entry {
    stream: u64,
    tick: u64,
    what: String,
    accesses: Accesses,
}

#[derive(Debug, Default)]
pub struct History(Vec<Entry>);

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
        let apart = |e: &&Entry| e.stream != stream && e.tick > clock.of(e.stream);
        let meets = |e: &Entry| {
            let byte = e.accesses.conflict(&accesses)?;
            let other = &e.what;
            Some(format!(
                "{what} and {other}, in two streams, both touch byte {byte:#x}, and neither is \
                 ordered behind the other"
            ))
        };
        let found = self.0.iter().filter(apart).find_map(meets);
        let last = self.0.last_mut().filter(|e| (e.stream, e.tick) == (stream, tick));
        match last {
            Some(entry) => entry.accesses.join(&accesses),
            None => self.0.push(Entry { stream, tick, what, accesses }),
        }
        found
    }

    /// Forgets the work of each stream up to the number that everybody knows to be done.
    pub fn prune(&mut self, known: impl Fn(u64) -> u64) {
        self.0.retain(|e| e.tick > known(e.stream));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
