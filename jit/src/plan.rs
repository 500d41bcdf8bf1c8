//! Where temporaries lie in the arena: those that are never needed at the same time may share bytes.
//!
//! A temporary is live from the first step that touches it to the last. Seen from outside a loop that it is also used
//! outside of, all of the loop counts; and all of every loop counts, if its old contents may reach the next iteration,
//! that is, unless the iteration overwrites it in full before anything else. What does not live here: sharing between
//! inputs and outputs ([`Program::donations`]).

use crate::flow::{self, Facts, Moment, Nest, Touch};
use crate::program::{Program, SlotKind};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// Every temporary begins at a multiple of this many bytes.
pub const ALIGNMENT: usize = 64;

/// First and last position, both included, at which a slot holds something; in the order of the slots.
pub(crate) type LiveRanges = Vec<Option<(usize, usize)>>;

/// Gives every temporary its place and the program its arena. Identifiers in the program must be valid.
pub fn plan(program: &mut Program) {
    let live = live_ranges(program);
    let mut starts: Vec<(usize, usize)> = live
        .iter()
        .enumerate()
        .filter_map(|(slot, range)| Some((range.as_ref()?.0, slot)))
        .collect();
    starts.retain(|(_, slot)| is_temp(program.slots[*slot].kind));
    // Larger ones first among those that begin together: they are harder to place.
    starts.sort_by_key(|&(start, slot)| (start, usize::MAX - program.slots[slot].bytes(), slot));
    let mut arena = Arena::default();
    let mut ends: BTreeSet<(usize, usize)> = BTreeSet::new();
    for slot in &mut program.slots {
        if let SlotKind::Temp { arena_offset } = &mut slot.kind {
            *arena_offset = 0;
        }
    }
    for (start, slot) in starts {
        while let Some(&(end, done)) = ends.first().filter(|(end, _)| *end < start) {
            ends.remove(&(end, done));
            if let SlotKind::Temp { arena_offset } = program.slots[done].kind {
                arena.give_back(arena_offset, room(program.slots[done].bytes()));
            }
        }
        let bytes = room(program.slots[slot].bytes());
        if bytes > 0 {
            program.slots[slot].kind = SlotKind::Temp { arena_offset: arena.take(bytes) };
            ends.insert((live[slot].map_or(start, |(_, end)| end), slot));
        }
    }
    program.arena = arena.size;
}

fn is_temp(kind: SlotKind) -> bool {
    matches!(kind, SlotKind::Temp { .. })
}

fn room(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

/// Free stretches below `size`, by place and by length.
#[derive(Default)]
struct Arena {
    size: usize,
    by_offset: BTreeMap<usize, usize>,
    by_length: BTreeSet<(usize, usize)>,
}

impl Arena {
    /// From the shortest stretch that fits, else from the end.
    fn take(&mut self, bytes: usize) -> usize {
        let best = self.by_length.range((bytes, 0)..).next().copied();
        let Some((length, offset)) = best else {
            // The last stretch grows, if it reaches the end.
            let last = self.by_offset.last_key_value().map(|(offset, length)| (*offset, *length));
            let tail = last.filter(|(offset, length)| offset + length == self.size);
            let offset = match tail {
                Some((offset, length)) => {
                    self.remove(offset, length);
                    offset
                }
                None => self.size,
            };
            self.size = offset + bytes;
            return offset;
        };
        self.remove(offset, length);
        if length > bytes {
            self.insert(offset + bytes, length - bytes);
        }
        offset
    }

    fn give_back(&mut self, mut offset: usize, mut length: usize) {
        if let Some((&before, &l)) = self.by_offset.range(..offset).next_back()
            && before + l == offset
        {
            self.remove(before, l);
            (offset, length) = (before, l + length);
        }
        if let Some(&l) = self.by_offset.get(&(offset + length)) {
            self.remove(offset + length, l);
            length += l;
        }
        self.insert(offset, length);
    }

    fn insert(&mut self, offset: usize, length: usize) {
        self.by_offset.insert(offset, length);
        self.by_length.insert((length, offset));
    }

    fn remove(&mut self, offset: usize, length: usize) {
        self.by_offset.remove(&offset);
        self.by_length.remove(&(length, offset));
    }
}

/// Where one slot is live, while the uses are folded: `start..=end`, as seen from the loop `home`.
#[derive(Clone, Copy)]
struct Life {
    home: usize,
    start: usize,
    end: usize,
}

pub(crate) fn live_ranges(program: &Program) -> LiveRanges {
    // Slot, position, loop, and whether old contents may show there.
    let mut uses: Vec<(usize, usize, usize, bool)> = Vec::new();
    let visit = |m: Moment, touches: &[Touch], overwritten: &mut Facts| -> Result<(), Infallible> {
        for t in touches {
            let partly = t.access.writes && !t.access.covers;
            let exposed = !overwritten.holds(t.slot) && (t.access.reads || partly);
            uses.push((t.slot.0 as usize, m.position, m.nest, exposed));
        }
        for t in touches.iter().filter(|t| t.access.covers) {
            overwritten.set(t.slot);
        }
        Ok(())
    };
    let Ok((nests, _)) = flow::walk(program, visit);
    let mut lives: Vec<Option<Life>> = vec![None; program.slots.len()];
    for (slot, position, nest, exposed) in uses {
        let here = Life { home: nest, start: position, end: position };
        let life = lives[slot].map_or(here, |life| joined(&nests, life, here));
        lives[slot] = Some(if exposed { widened(&nests, life) } else { life });
    }
    lives.into_iter().map(|life| life.map(|l| (l.start, l.end))).collect()
}

/// Out of its loop: all of the loop counts.
fn out(nests: &[Nest], life: Life) -> Life {
    let Nest { parent, start, end, .. } = nests[life.home];
    Life { home: parent, start, end: end.saturating_sub(1).max(start) }
}

fn joined(nests: &[Nest], mut a: Life, mut b: Life) -> Life {
    while a.home != b.home {
        if nests[a.home].depth >= nests[b.home].depth {
            a = out(nests, a);
        } else {
            b = out(nests, b);
        }
    }
    Life { home: a.home, start: a.start.min(b.start), end: a.end.max(b.end) }
}

/// All of the outermost loop counts.
fn widened(nests: &[Nest], mut life: Life) -> Life {
    while life.home != 0 {
        life = out(nests, life);
    }
    life
}
