//! The bytes that a piece of work touches.

use std::ops::Range;

/// Ranges in order, apart from each other.
#[derive(Clone, Debug, Default)]
pub struct Ranges(Vec<Range<u64>>);

impl Ranges {
    pub fn of(mut ranges: Vec<Range<u64>>) -> Ranges {
        ranges.retain(|r| !r.is_empty());
        ranges.sort_unstable_by_key(|r| r.start);
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        Ranges(joined)
    }

    /// The first byte that both hold.
    fn meet(&self, other: &Ranges) -> Option<u64> {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            let start = x.start.max(y.start);
            if start < x.end.min(y.end) {
                return Some(start);
            }
            if x.end <= y.end {
                a.next()
            } else {
                b.next()
            };
        }
        None
    }

    fn join(&mut self, other: &Ranges) {
        if !other.0.is_empty() {
            let both = self.0.drain(..).chain(other.0.iter().cloned()).collect();
            *self = Ranges::of(both);
        }
    }
}

/// What was read, written, and written by atomic operations alone.
#[derive(Clone, Debug, Default)]
pub struct Accesses {
    pub reads: Ranges,
    pub writes: Ranges,
    pub updates: Ranges,
}

impl Accesses {
    pub fn new(reads: &[Range<u64>], writes: &[Range<u64>]) -> Accesses {
        let (reads, writes) = (Ranges::of(reads.to_vec()), Ranges::of(writes.to_vec()));
        Accesses { reads, writes, updates: Ranges::default() }
    }

    pub fn is_empty(&self) -> bool {
        [&self.reads, &self.writes, &self.updates].iter().all(|r| r.0.is_empty())
    }

    pub fn join(&mut self, other: &Accesses) {
        self.reads.join(&other.reads);
        self.writes.join(&other.writes);
        self.updates.join(&other.updates);
    }

    /// A byte that the two must not both touch without an order: one of them writes it, and not
    /// both by atomic operations.
    pub fn conflict(&self, other: &Accesses) -> Option<u64> {
        let one_way = |a: &Accesses, b: &Accesses| {
            let writes = a.writes.meet(&b.reads).or(a.writes.meet(&b.writes));
            writes.or(a.writes.meet(&b.updates)).or(a.updates.meet(&b.reads))
        };
        one_way(self, other).or_else(|| one_way(other, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_in_their_first_common_byte() {
        let a = Ranges::of(vec![10..12, 0..4, 4..6]);
        assert_eq!(a.0, [0..6, 10..12]);
        assert_eq!(a.meet(&Ranges::of(vec![6..10, 12..99])), None);
        assert_eq!(a.meet(&Ranges::of(vec![6..11, 200..201])), Some(10));
        assert_eq!(a.meet(&Ranges::of(vec![3..4, 11..99])), Some(3));
    }

    #[test]
    fn reads_meet_reads_and_updates_meet_updates() {
        let reads = Accesses::new(&[0..8, 8..16], &[]);
        let updates = Accesses { updates: Ranges::of(vec![8..16, 8..12]), ..Default::default() };
        assert_eq!(reads.conflict(&reads), None);
        assert_eq!(updates.conflict(&updates), None);
        assert_eq!(reads.conflict(&updates), Some(8));
        assert_eq!(updates.conflict(&Accesses::new(&[], &[0..9, 20..30])), Some(8));
    }
}
