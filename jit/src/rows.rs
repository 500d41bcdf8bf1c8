//! Accesses row by row: whether steps that run one after the other can each be done for some rows
//! before the next rows are begun. Backends fuse launches that have this in common.
//!
//! They can if every slot that they write is accessed by rows only: row `r` of the slot lies in
//! `base + r * len .. base + (r + 1) * len`, with one base and one length in all steps. Slots that
//! are only read may be read anyhow.
//!
//! Not here: which steps to try, and what makes it worth while; that depends on the device.

use crate::affine::Affine;
use crate::kernel::{BufferId, Kernel, Node};
use crate::program::{Program, SlotId, SlotKind, View};
use rustc_hash::FxHashMap;

/// What a step does to the elements that it accesses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touch {
    Read,
    Write,
    /// Writes every element of the rows, whatever was there.
    Cover,
}

/// The rows of a slot.
pub struct Layout {
    pub base: Affine,
    /// The elements of a row.
    pub len: i64,
    /// False if some access is not by rows, or by other rows.
    pub uniform: bool,
    pub read: bool,
    pub written: bool,
    /// The first access covers the rows.
    pub fresh: bool,
    pub touches: usize,
}

/// An access of a kernel to a buffer.
pub struct Access {
    pub buffer: BufferId,
    /// The elements of a row, if all that is accessed lies in the row of the counter.
    pub len: Option<i64>,
    pub read: bool,
}

/// The accesses of steps, row by row.
pub struct Rows<'a> {
    pub program: &'a Program,
    pub rows: usize,
    pub layouts: FxHashMap<SlotId, Layout>,
}

impl<'a> Rows<'a> {
    pub fn new(program: &'a Program, rows: usize) -> Rows<'a> {
        Rows { program, rows, layouts: FxHashMap::default() }
    }

    /// Notes an access to rows of this length at the base of the view; without a length, to other
    /// elements, too.
    pub fn touch(&mut self, view: &View, len: Option<i64>, touch: Touch) {
        let len = len.filter(|len| *len > 0);
        let new = Layout {
            base: view.at.clone(),
            len: len.unwrap_or(0),
            uniform: true,
            read: false,
            written: false,
            fresh: touch == Touch::Cover,
            touches: 0,
        };
        let slot = self.memory(view.slot);
        let layout = self.layouts.entry(slot).or_insert(new);
        layout.uniform &= len == Some(layout.len) && layout.base == view.at;
        layout.read |= touch == Touch::Read;
        layout.written |= touch != Touch::Read;
        layout.touches += 1;
    }

    /// The slot that stands for this slot's memory: for an input that an output may replace, that
    /// output.
    fn memory(&self, slot: SlotId) -> SlotId {
        let SlotKind::Input(n) = self.program.slot(slot).kind else { return slot };
        let donated = self.program.donations.iter().find(|(_, input)| *input == n);
        donated.map_or(slot, |(output, _)| self.program.outputs()[*output])
    }

    /// Returns whether all slots that are written are accessed by rows only.
    pub fn hold(&self) -> bool {
        self.layouts.values().all(|l| l.uniform || !l.written)
    }

    /// Returns whether no two temporaries of these steps share bytes, other than those that
    /// `except` names. They must not, because rows run at different speeds.
    pub fn temporaries_are_disjoint(&self, except: impl Fn(SlotId) -> bool) -> bool {
        let bytes = |s: &SlotId| match self.program.slot(*s).kind {
            SlotKind::Temp { arena_offset } if !except(*s) => {
                Some((arena_offset, arena_offset + self.program.slot(*s).bytes()))
            }
            _ => None,
        };
        let mut spans: Vec<(usize, usize)> = self.layouts.keys().filter_map(bytes).collect();
        spans.sort_unstable();
        spans.windows(2).all(|w| w[0].1 <= w[1].0)
    }
}

/// The points of loop `split` that form a row, if it runs over whole rows.
pub fn points_per_row(kernel: &Kernel, split: usize, rows: usize) -> Option<usize> {
    let extent = kernel.loops[split].extent;
    (extent > 0 && extent.is_multiple_of(rows)).then_some(extent / rows)
}

/// The accesses of a kernel, of which these nodes are [live](crate::build::live_nodes), if its loop
/// `split` runs over the points of the rows.
pub fn accesses(kernel: &Kernel, live: &[bool], split: usize, rows: usize) -> Vec<Access> {
    let points = points_per_row(kernel, split, rows);
    // The split loop runs over the points of one row, the other loops in full.
    let mut extents: Vec<usize> = kernel.loops.iter().map(|l| l.extent).collect();
    extents[split] = points.unwrap_or(1);
    let row = |at: &Affine| {
        let len = at.stride(split) * points? as i64;
        let (low, high) = at.range(&extents)?;
        (0 <= low && high < len).then_some(len)
    };
    let mut all = Vec::new();
    for (node, _) in kernel.nodes.iter().zip(live).filter(|(_, live)| **live) {
        match node {
            Node::Load { buffer, at, .. } => {
                all.push(Access { buffer: *buffer, len: row(at), read: true });
            }
            Node::Gather { buffer, .. } => {
                all.push(Access { buffer: *buffer, len: None, read: true });
            }
            _ => {}
        }
    }
    for s in &kernel.stores {
        let plain = s.offset.is_none() && s.combine.is_none();
        let len = row(&s.at).filter(|_| plain);
        all.push(Access { buffer: s.buffer, len, read: false });
    }
    let result = |buffer, at| Access { buffer, len: row(at), read: false };
    all.extend(kernel.reductions.iter().map(|r| result(r.buffer, &r.at)));
    all
}
