//! Loops in which every step works row by row: threads share the rows, and each thread takes its
//! rows through all iterations.
//!
//! In `for t { h = tanh(h w + x[t]) }` a row of the next `h` needs that row of the old one and all
//! of `w`, which is not written. So the loop becomes a function of a range of rows, and threads
//! synchronise once, at its end, instead of twice per step.
//!
//! A loop is of this kind if every step accesses the slots that the loop writes by rows only: row
//! `r` of a slot lies in `base + r * len .. base + (r + 1) * len`, with one base and one length for
//! all steps. The cuts between rows depend on their number alone, so results do not depend on the
//! number of threads.
//!
//! The code of such a loop lives in `driver`.

use crate::plan::launch::{FunctionId, Prepared};
use crate::plan::stages::{Source, Stage};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node};
use cotangent_jit::program::{Program, Routine, SlotId, SlotKind, Step, View};
use rustc_hash::{FxHashMap, FxHashSet};

/// A loop that threads share by rows.
pub struct RowLoop<'p> {
    pub id: FunctionId,
    pub step: &'p Step,
    /// The number of loops around it.
    pub depth: usize,
    pub rows: usize,
    /// The rows of one part; it divides `rows`.
    pub grain: usize,
}

/// Loops that take less than this, in estimated nanoseconds, are not worth waking a thread.
const LEAST_WORK: f64 = 100_000.0;
/// Steps that take longer than this are shared one by one, which balances the load better.
const MOST_PER_STEP: f64 = 400_000.0;
/// Rows of a matrix product that are worth a call.
const LEAST_ROWS: usize = 16;
const MOST_PARTS: usize = 16;
/// Estimated nanoseconds of one multiplication in a matrix product.
const MULTIPLICATION: f64 = 0.02;

/// The outermost loops of this kind, with their functions numbered from `next` on.
pub fn collect<'p>(
    program: &'p Program,
    kernels: &[Prepared],
    mut next: u32,
) -> (Vec<RowLoop<'p>>, u32) {
    let mut found = Vec::new();
    let mut open: Vec<(&Step, usize)> = program.steps.iter().rev().map(|s| (s, 0)).collect();
    while let Some((step, depth)) = open.pop() {
        if let Some((rows, grain)) = shares(program, kernels, step) {
            found.push(RowLoop { id: FunctionId(next), step, depth, rows, grain });
            next += 1;
            continue;
        }
        match step {
            Step::Loop { body, .. } => open.extend(body.iter().map(|s| (s, depth + 1))),
            Step::While { test, body, .. } => {
                open.extend(test.iter().chain(body).map(|s| (s, depth + 1)));
            }
            Step::Branch { arms, .. } => open.extend(arms.iter().flatten().map(|s| (s, depth))),
            _ => {}
        }
    }
    (found, next)
}

/// A dot of one part of the rows, and the distances between rows of its operands and its result, in
/// elements.
pub fn part(routine: &Routine, grain: usize) -> Option<(Routine, [i64; 3])> {
    let Routine::Dot { dtype, batch, m, n, k, lhs, rhs } = routine else { return None };
    let (dtype, n, k, lhs, rhs) = (*dtype, *n, *k, *lhs, *rhs);
    let cut = |batch, m| Routine::Dot { dtype, batch, m, n, k, lhs, rhs };
    Some(match *batch {
        1 => (cut(1, grain), [lhs[1], 0, n as i64]),
        _ => (cut(grain, *m), [lhs[0], rhs[0], (m * n) as i64]),
    })
}

/// The number of points of a kernel's split loop that form a row.
pub fn points_per_row(stage: &Stage, rows: usize) -> Option<usize> {
    let extent = stage.nest.kernel.loops[stage.nest.split?].extent;
    extent.is_multiple_of(rows).then_some(extent / rows)
}

/// The rows of a loop and the rows per part, if the loop is of this kind and worth sharing.
fn shares(program: &Program, kernels: &[Prepared], step: &Step) -> Option<(usize, usize)> {
    let Step::Loop { trips, body } = step else { return None };
    let (rows, least) = body.iter().find_map(|s| match s {
        Step::Routine { routine: Routine::Dot { batch: 1, m, .. }, .. } => Some((*m, LEAST_ROWS)),
        Step::Routine { routine: Routine::Dot { batch, .. }, .. } => Some((*batch, 1)),
        _ => None,
    })?;
    let fits = |g: &usize| rows.is_multiple_of(*g) && rows / g <= MOST_PARTS;
    let grain = (least..rows).find(fits)?;
    let mut work = 0.0;
    for step in body {
        work += match step {
            Step::Launch { kernel, .. } => {
                kernels[kernel.0 as usize].stages.iter().map(|s| s.nest.nanoseconds()).sum()
            }
            Step::Routine { routine: Routine::Dot { batch, m, n, k, .. }, .. } => {
                (batch * m * n * k) as f64 * MULTIPLICATION
            }
            Step::Copy { .. } => 0.0,
            _ => return None,
        };
    }
    if work > MOST_PER_STEP || work * (*trips as f64) < LEAST_WORK {
        return None;
    }
    let mut rows = Rows {
        program,
        kernels,
        rows,
        grain,
        written: FxHashSet::default(),
        layouts: FxHashMap::default(),
    };
    body.iter().for_each(|s| rows.note_writes(s));
    let by_rows = body.iter().all(|s| rows.step(s))
        && rows.temporaries_are_disjoint(body)
        && rows.varying_rows_are_only_written();
    by_rows.then_some((rows.rows, grain))
}

/// The layout of the rows of a written slot: their base, their length, and whether a step reads
/// them.
struct RowLayout {
    base: Affine,
    len: i64,
    read: bool,
}

struct Rows<'a> {
    program: &'a Program,
    kernels: &'a [Prepared],
    rows: usize,
    grain: usize,
    written: FxHashSet<SlotId>,
    layouts: FxHashMap<SlotId, RowLayout>,
}

impl Rows<'_> {
    fn note_writes(&mut self, step: &Step) {
        match step {
            Step::Launch { kernel, args } => {
                let k = self.program.kernel(*kernel);
                let written = (0..args.len()).filter(|n| k.writes(BufferId(*n as u32)));
                self.written.extend(written.map(|n| args[n].slot));
            }
            Step::Routine { args, .. } => self.written.extend(args.last().map(|v| v.slot)),
            Step::Copy { to, .. } => {
                self.written.insert(to.slot);
            }
            _ => {}
        }
    }

    /// Notes an access to rows of this length at the base of the view. Returns whether it agrees
    /// with the earlier accesses.
    fn touch(&mut self, view: &View, len: i64, read: bool) -> bool {
        if !self.written.contains(&view.slot) {
            return true;
        }
        let new = RowLayout { base: view.at.clone(), len, read: false };
        let layout = self.layouts.entry(view.slot).or_insert(new);
        layout.read |= read;
        len > 0 && layout.base == view.at && layout.len == len
    }

    fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Launch { kernel, args } => {
                let prepared = &self.kernels[kernel.0 as usize];
                let ([stage], [Some(_)]) = (&prepared.stages[..], &prepared.functions[..]) else {
                    return false;
                };
                prepared.scatter.is_none() && self.launch(stage, args)
            }
            Step::Routine { routine, args } => {
                let Routine::Dot { batch, m, n, k, rhs, lhs, .. } = routine else { return false };
                let along = if *batch == 1 { *m } else { *batch };
                let Some((_, [l, r, out])) = part(routine, self.grain) else { return false };
                // The elements that one row of each operand reaches.
                let extents = if *batch == 1 { [1, 1, *k] } else { [1, *m, *k] };
                let left = reach(&Affine::new(0, *lhs), &extents);
                let right = reach(&Affine::new(0, *rhs), &[1, *k, *n]);
                let inside = |n: usize, len: i64, reach: i64| {
                    !self.written.contains(&args[n].slot) || reach <= len
                };
                along == self.rows
                    && inside(0, l, left)
                    && inside(1, r, right)
                    && self.touch(&args[0], l, true)
                    && self.touch(&args[1], r, true)
                    && self.touch(&args[2], out, false)
            }
            Step::Copy { from, to, len } => {
                let row = (len / self.rows) as i64;
                len.is_multiple_of(self.rows)
                    && self.touch(from, row, true)
                    && self.touch(to, row, false)
            }
            _ => false,
        }
    }

    fn launch(&mut self, stage: &Stage, args: &[View]) -> bool {
        let nest = &stage.nest;
        let (Some(split), Some(points)) = (nest.split, points_per_row(stage, self.rows)) else {
            return false;
        };
        let cut = match nest.vector {
            Some((v, width)) if v == split => (points * self.grain).is_multiple_of(width),
            _ => true,
        };
        if !cut || nest.empty() || !nest.clips.is_empty() {
            return false;
        }
        // The length of a row, if an index stays inside of it: the split loop runs over the points
        // of one row, the other loops in full.
        let mut extents: Vec<usize> = nest.kernel.loops.iter().map(|l| l.extent).collect();
        extents[split] = points;
        let row = |at: &Affine| {
            let len = at.stride(split) * points as i64;
            let range = at.range(&extents);
            range.is_some_and(|(low, high)| 0 <= low && high < len).then_some(len)
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
        touches.into_iter().all(|(buffer, len, read)| match stage.sources[buffer.0 as usize] {
            Source::Argument(n) => {
                let view = &args[n];
                !self.written.contains(&view.slot)
                    || len.is_some_and(|len| self.touch(view, len, read))
            }
            Source::Scratch(_) => false,
        })
    }

    /// Returns whether no two temporaries of the loop share bytes. They must not, because rows run
    /// at different speeds.
    fn temporaries_are_disjoint(&self, body: &[Step]) -> bool {
        let mut slots: FxHashSet<SlotId> = FxHashSet::default();
        for step in body {
            match step {
                Step::Launch { args, .. } | Step::Routine { args, .. } => {
                    slots.extend(args.iter().map(|v| v.slot));
                }
                Step::Copy { from, to, .. } => slots.extend([from.slot, to.slot]),
                _ => {}
            }
        }
        let bytes = |s: &SlotId| match self.program.slot(*s).kind {
            SlotKind::Temp { arena_offset } => {
                Some((arena_offset, arena_offset + self.program.slot(*s).bytes()))
            }
            _ => None,
        };
        let mut spans: Vec<(usize, usize)> = slots.iter().filter_map(bytes).collect();
        spans.sort_unstable();
        spans.windows(2).all(|w| w[0].1 <= w[1].0)
    }

    /// Returns whether rows whose base varies with the loop are only written, and never where other
    /// rows layout.
    fn varying_rows_are_only_written(&self) -> bool {
        self.layouts.values().all(|layout| {
            let whole = layout.len * self.rows as i64;
            let varying = layout.base.strides.iter().filter(|s| **s != 0);
            varying.clone().next().is_none()
                || (!layout.read && varying.clone().all(|s| s.abs() >= whole))
        })
    }
}

/// One past the last element that a non-negative index reaches.
fn reach(at: &Affine, extents: &[usize]) -> i64 {
    at.range(extents).map_or(0, |(low, high)| if low < 0 { i64::MAX } else { high + 1 })
}
