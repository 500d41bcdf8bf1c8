//! What is ordered before a piece of work: of each stream, how many pieces.

use std::collections::BTreeMap;

/// By stream: the number of its last piece of work that is known to be done before.
#[derive(Clone, Debug, Default)]
pub struct Clock(BTreeMap<u64, u64>);

impl Clock {
    pub fn of(&self, stream: u64) -> u64 {
        self.0.get(&stream).copied().unwrap_or_default()
    }

    pub fn raise(&mut self, stream: u64, tick: u64) {
        let known = self.0.entry(stream).or_default();
        *known = tick.max(*known);
    }

    pub fn join(&mut self, other: &Clock) {
        other.0.iter().for_each(|(stream, tick)| self.raise(*stream, *tick));
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(stream, tick)| (*stream, *tick))
    }
}
