//! Accesses row by row: whether steps that run one after the other can each be done for some rows
//! before the next rows are begun.
//!
//! They can if every slot that they write is accessed by rows only: row `r` of the slot lies in
//! `base + r * len .. base + (r + 1) * len`, with one base and one length in all steps. Slots that
//! are only read may be read anyhow.
//!
//! Loops of this kind live in `row_loops`, runs of launches in `bands`.

use crate::plan::nest::Nest;
use crate::plan::stages::{Source, Stage};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node};
use cotangent_jit::program::{Program, SlotId, SlotKind, Step, View};
use rustc_hash::{FxHashMap, FxHashSet};

/// The rows of a slot.
pub struct Layout {
    pub base: Affine,
    /// The elements of a row.
    pub len: i64,
    /// False if some access is not by rows, or by other rows.
    pub uniform: bool,
    pub read: bool,
    pub written: bool,
    pub touches: usize,
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
    pub fn touch(&mut self, view: &View, len: Option<i64>, read: bool) {
        let len = len.filter(|len| *len > 0);
        let new = Layout {
            base: view.at.clone(),
            len: len.unwrap_or(0),
            uniform: true,
            read: false,
            written: false,
            touches: 0,
        };
        let slot = self.memory(view.slot);
        let layout = self.layouts.entry(slot).or_insert(new);
        layout.uniform &= len == Some(layout.len) && layout.base == view.at;
        layout.read |= read;
        layout.written |= !read;
        layout.touches += 1;
    }

    /// The slot that stands for this slot's memory: for an input that an output may replace, that
    /// output.
    pub fn memory(&self, slot: SlotId) -> SlotId {
        let SlotKind::Input(n) = self.program.slot(slot).kind else { return slot };
        let donated = self.program.donations.iter().find(|(_, input)| *input == n);
        donated.map_or(slot, |(output, _)| self.program.outputs()[*output])
    }

    /// Notes the accesses of a kernel whose loop `split` runs over the points of the rows.
    pub fn launch(&mut self, stage: &Stage, split: usize, args: &[View]) -> bool {
        for (buffer, len, read) in accesses(&stage.nest, split, self.rows) {
            match stage.sources[buffer.0 as usize] {
                Source::Argument(n) => self.touch(&args[n], len, read),
                Source::Scratch(_) => return false,
            }
        }
        true
    }

    /// Returns whether all slots that are written are accessed by rows only.
    pub fn hold(&self) -> bool {
        self.layouts.values().all(|l| l.uniform || !l.written)
    }

    /// Returns whether no two temporaries of these steps share bytes, other than those that
    /// `except` names. They must not, because rows run at different speeds.
    pub fn temporaries_are_disjoint(&self, except: &FxHashSet<SlotId>) -> bool {
        let bytes = |s: &SlotId| match self.program.slot(*s).kind {
            SlotKind::Temp { arena_offset } if !except.contains(s) => {
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
pub fn points_per_row(nest: &Nest, split: usize, rows: usize) -> Option<usize> {
    let extent = nest.kernel.loops[split].extent;
    (extent > 0 && extent.is_multiple_of(rows)).then_some(extent / rows)
}

/// The accesses of a nest: the buffer, the elements of its rows if all accessed elements lie in the
/// row of the counter, and whether they are read.
pub fn accesses(nest: &Nest, split: usize, rows: usize) -> Vec<(BufferId, Option<i64>, bool)> {
    let points = points_per_row(nest, split, rows);
    // The split loop runs over the points of one row, the other loops in full.
    let mut extents: Vec<usize> = nest.kernel.loops.iter().map(|l| l.extent).collect();
    extents[split] = points.unwrap_or(1);
    let row = |at: &Affine| {
        let len = at.stride(split) * points? as i64;
        let (low, high) = at.range(&extents)?;
        (0 <= low && high < len).then_some(len)
    };
    let mut touches: Vec<(BufferId, Option<i64>, bool)> = Vec::new();
    for (node, _) in nest.kernel.nodes.iter().zip(&nest.live).filter(|(_, live)| **live) {
        match node {
            Node::Load { buffer, at, .. } => touches.push((*buffer, row(at), true)),
            Node::Gather { buffer, .. } => touches.push((*buffer, None, true)),
            _ => {}
        }
    }
    for s in &nest.kernel.stores {
        let plain = s.offset.is_none() && s.combine.is_none();
        touches.push((s.buffer, row(&s.at).filter(|_| plain), false));
    }
    touches.extend(nest.kernel.reductions.iter().map(|r| (r.buffer, row(&r.at), false)));
    touches
}

/// One past the last element that a non-negative index reaches.
pub fn reach(at: &Affine, extents: &[usize]) -> i64 {
    at.range(extents).map_or(0, |(low, high)| if low < 0 { i64::MAX } else { high + 1 })
}

/// The views of a step, without those of steps inside of it.
pub fn views(step: &Step) -> Vec<&View> {
    match step {
        Step::Launch { args, .. } | Step::Routine { args, .. } | Step::Host { args, .. } => {
            args.iter().collect()
        }
        Step::Copy { from, to, .. } => vec![from, to],
        Step::Loop { .. } => Vec::new(),
        Step::While { holds, .. } => vec![holds],
        Step::Branch { index, .. } => vec![index],
    }
}

/// The lists of steps directly inside of a step.
pub fn bodies(step: &Step) -> Vec<&[Step]> {
    match step {
        Step::Loop { body, .. } => vec![body],
        Step::While { test, body, .. } => vec![test, body],
        Step::Branch { arms, .. } => arms.iter().map(|a| &a[..]).collect(),
        _ => Vec::new(),
    }
}
