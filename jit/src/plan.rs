//! The planner: it places temporaries in the arena, so that those with disjoint live ranges may
//! share bytes.
//!
//! The live range of a temporary extends from the first step that accesses it to the last. If a
//! temporary is accessed both inside and outside of a loop, its live range contains the whole loop.
//! It also contains every enclosing loop if the old contents may reach the next iteration; they
//! cannot if each iteration overwrites the temporary in full before any other access. Sharing
//! between inputs and outputs does not live here ([`Program::donations`]).

use crate::flow::{self, Facts, Moment, Nest, Touch};
use crate::program::{Program, SlotKind};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// Every temporary begins at a multiple of this many bytes.
pub const ALIGNMENT: usize = 64;

/// The live range of each slot: its first and last position, both included.
pub(crate) type LiveRanges = Vec<Option<(usize, usize)>>;

/// Gives every temporary its place and the program its arena. Identifiers in the program must be
/// valid.
pub fn plan(program: &mut Program) {
    let live = live_ranges(program);
    let mut starts: Vec<(usize, usize)> = live
        .iter()
        .enumerate()
        .filter_map(|(slot, range)| Some((range.as_ref()?.0, slot)))
        .collect();
    starts.retain(|(_, slot)| is_temp(program.slots[*slot].kind));
    // Of the temporaries that begin together the larger ones come first: they are harder to place.
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

/// The free blocks below `size`, by offset and by length.
#[derive(Default)]
struct Arena {
    size: usize,
    by_offset: BTreeMap<usize, usize>,
    by_length: BTreeSet<(usize, usize)>,
}

impl Arena {
    /// Takes bytes from the shortest block that fits, else from the end.
    fn take(&mut self, bytes: usize) -> usize {
        let best = self.by_length.range((bytes, 0)..).next().copied();
        let Some((length, offset)) = best else {
            // If the last block reaches the end of the arena, it grows.
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

/// The live range of one slot while its uses are joined: `start..=end` inside of the loop `home`.
#[derive(Clone, Copy)]
struct Life {
    home: usize,
    start: usize,
    end: usize,
}

pub(crate) fn live_ranges(program: &Program) -> LiveRanges {
    // The slot, the position, the loop, and whether the use may see the contents of an earlier
    // iteration.
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

/// The live range in the enclosing loop: it contains the whole loop `home`.
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

/// The live range that contains the whole outermost loop.
fn widened(nests: &[Nest], mut life: Life) -> Life {
    while life.home != 0 {
        life = out(nests, life);
    }
    life
}
