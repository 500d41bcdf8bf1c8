//! Launches that follow each other and work row by row become one entry: a warp takes a row through
//! all of them.
//!
//! A softmax is three passes over each row: the maximum, the sum of exponentials, the quotients.
//! As three launches each pass reads the array from memory. Here the row comes from memory once
//! into shared memory, a temporary of which only the row is alive never leaves it, and what is
//! written goes to memory once. Each kernel does the same arithmetic in the same order as alone: a
//! reduction's lanes are the threads of a warp in either case.
//!
//! Rows are possible if every slot that is written is accessed by rows only: row `r` lies in
//! `base + r * len .. base + (r + 1) * len` in all accesses.

use super::tasks::{Task, Tasks, Work};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Mode, Node};
use cotangent_jit::program::{Program, SlotId, SlotKind, Step, View};
use rustc_hash::FxHashMap;

/// The most bytes of shared memory of a block.
const MOST_SHARED: usize = 48 << 10;
/// The most bytes of a row in shared memory, so that a multiprocessor has several rows.
const MOST_ROW_BYTES: usize = 24 << 10;
/// With fewer rows than this the points must be few, too.
const ENOUGH_ROWS: usize = 256;
const FEW_POINTS: usize = 1 << 16;
/// The least rows, and the most launches.
const LEAST_ROWS: usize = 4;
const MOST_STEPS: usize = 24;
/// The most warps of a block.
const MOST_WARPS: usize = 8;

/// Launches for the rows of one entry.
pub struct Rows<'p> {
    pub steps: &'p [Step],
    pub rows: usize,
    /// Per step, the loop that runs over the rows, and its points of a row.
    pub splits: Vec<(usize, usize)>,
    /// Slots whose row lies in shared memory.
    pub kept: Vec<Kept>,
    /// Bytes of shared memory of a row.
    pub row_bytes: usize,
    /// Warps of a block, each with a row.
    pub warps: usize,
}

/// A slot whose row lies in shared memory.
#[derive(Clone, Debug)]
pub struct Kept {
    pub slot: SlotId,
    /// Its place in the memory of the row.
    pub at: usize,
    /// The elements of a row, and where in the slot the first row begins.
    pub len: usize,
    pub base: Affine,
    /// It is read from memory first; otherwise its kernels write it.
    pub given: bool,
}

#[derive(Clone)]
struct Layout {
    base: Affine,
    len: i64,
    uniform: bool,
    written: bool,
    /// The first access is a write of the whole row.
    fresh: bool,
    touches: usize,
}

type Layouts = FxHashMap<SlotId, Layout>;

/// The longest run of launches from the first step on that works row by row.
pub fn rows<'p>(
    program: &'p Program,
    kernels: &[Tasks],
    uses: &FxHashMap<SlotId, usize>,
    steps: &'p [Step],
) -> Option<Rows<'p>> {
    let mut counts: Vec<usize> = steps
        .iter()
        .take(3)
        .map_while(|s| launch(kernels, s))
        .flat_map(|(k, _)| k.shape.kernel.loops.iter())
        .filter(|l| l.mode == Mode::Parallel && l.extent >= LEAST_ROWS)
        .map(|l| l.extent)
        .collect();
    counts.sort_unstable();
    counts.dedup();
    let runs = counts.into_iter().filter_map(|n| run(program, kernels, uses, steps, n));
    runs.max_by_key(|r| (r.steps.len(), r.rows))
}

/// A launch of one task that rows can share.
fn launch<'a>(kernels: &'a [Tasks], step: &'a Step) -> Option<(&'a Tasks, &'a [View])> {
    let Step::Launch { kernel, args } = step else { return None };
    let tasks = &kernels[kernel.0 as usize];
    let [Task { work: Work::Points { .. } | Work::Fold { chunks: 1, .. }, .. }] = tasks.tasks[..]
    else {
        return None;
    };
    let plain = |s: &cotangent_jit::kernel::Store| s.offset.is_none() && s.combine.is_none();
    let k = &tasks.shape.kernel;
    (!tasks.shape.wide && k.stores.iter().all(plain)).then_some((tasks, &args[..]))
}

fn run<'p>(
    program: &'p Program,
    kernels: &[Tasks],
    uses: &FxHashMap<SlotId, usize>,
    steps: &'p [Step],
    rows: usize,
) -> Option<Rows<'p>> {
    let mut layouts = Layouts::default();
    let (mut splits, mut points) = (Vec::new(), 0);
    let mut best = None;
    for (n, step) in steps[..steps.len().min(MOST_STEPS)].iter().enumerate() {
        let Some((tasks, args)) = launch(kernels, step) else { break };
        let Some(split) = split(tasks, rows) else { break };
        note(program, &mut layouts, tasks, split, rows, args);
        if !layouts.values().all(|l| l.uniform || !l.written) {
            break;
        }
        points += tasks.shape.kernel.points() / rows;
        splits.push((split, tasks.shape.kernel.loops[split].extent / rows));
        let enough = rows >= ENOUGH_ROWS || rows * points <= FEW_POINTS;
        if n == 0 || !enough {
            continue;
        }
        let steps = &steps[..=n];
        let (kept, row_bytes) = kept(program, uses, &layouts, steps, rows);
        if kept.is_empty() || !disjoint(program, &layouts, &kept) {
            continue;
        }
        let warps = (MOST_SHARED / row_bytes.max(1)).clamp(1, MOST_WARPS);
        let splits = splits.clone();
        best = Some(Rows { steps, rows, splits, kept, row_bytes, warps });
    }
    best
}

/// The parallel loop over the points of the rows by which most accesses go.
fn split(tasks: &Tasks, rows: usize) -> Option<usize> {
    let k = &tasks.shape.kernel;
    let fits = |n: &usize| {
        let l = k.loops[*n];
        l.mode == Mode::Parallel && l.extent > 0 && l.extent.is_multiple_of(rows)
    };
    let by_rows = |n: usize| accesses(tasks, n, rows).iter().filter(|a| a.len.is_some()).count();
    (0..k.loops.len()).filter(fits).max_by_key(|n| by_rows(*n))
}

struct Access {
    buffer: BufferId,
    /// The elements of a row, if all that is accessed lies in the row of the counter.
    len: Option<i64>,
    read: bool,
}

fn accesses(tasks: &Tasks, split: usize, rows: usize) -> Vec<Access> {
    let k = &tasks.shape.kernel;
    let points = k.loops[split].extent / rows;
    let mut extents: Vec<usize> = k.loops.iter().map(|l| l.extent).collect();
    extents[split] = points;
    let row = |at: &Affine| {
        let len = at.stride(split) * points as i64;
        let (low, high) = at.range(&extents)?;
        (0 <= low && high < len).then_some(len)
    };
    let live = cotangent_jit::build::live_nodes(k);
    let mut all = Vec::new();
    for (node, _) in k.nodes.iter().zip(live).filter(|(_, live)| *live) {
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
    let stores = k.stores.iter().map(|s| (s.buffer, row(&s.at)));
    let results = k.reductions.iter().map(|r| (r.buffer, row(&r.at)));
    all.extend(stores.chain(results).map(|(buffer, len)| Access { buffer, len, read: false }));
    all
}

/// The slot that stands for a slot's memory: for an input that an output may replace, that output.
fn memory(program: &Program, slot: SlotId) -> SlotId {
    let SlotKind::Input(n) = program.slot(slot).kind else { return slot };
    let donated = program.donations.iter().find(|(_, input)| *input == n);
    donated.map_or(slot, |(output, _)| program.outputs()[*output])
}

fn note(
    program: &Program,
    layouts: &mut Layouts,
    tasks: &Tasks,
    split: usize,
    rows: usize,
    args: &[View],
) {
    for a in accesses(tasks, split, rows) {
        let view = &args[a.buffer.0 as usize];
        let len = a.len.filter(|len| *len > 0);
        let slot = memory(program, view.slot);
        let fresh = !a.read && tasks.shape.kernel.covers(a.buffer);
        let layout = layouts.entry(slot).or_insert_with(|| Layout {
            base: view.at.clone(),
            len: len.unwrap_or(0),
            uniform: true,
            written: false,
            fresh,
            touches: 0,
        });
        layout.uniform &= len == Some(layout.len) && layout.base == view.at;
        layout.written |= !a.read;
        layout.touches += 1;
    }
}

/// Whether no two temporaries share bytes, since rows run at different speeds. One that never
/// leaves shared memory has none.
fn disjoint(program: &Program, layouts: &Layouts, kept: &[Kept]) -> bool {
    let inside = |s: &SlotId| kept.iter().any(|k| k.slot == *s && !k.given);
    let bytes = |s: &SlotId| match program.slot(*s).kind {
        SlotKind::Temp { arena_offset } if !inside(s) => {
            Some((arena_offset, arena_offset + program.slot(*s).bytes()))
        }
        _ => None,
    };
    let mut spans: Vec<(usize, usize)> = layouts.keys().filter_map(bytes).collect();
    spans.sort_unstable();
    spans.windows(2).all(|w| w[0].1 <= w[1].0)
}

/// The slots whose rows lie in shared memory, as far as there is room, and their bytes of a row:
/// temporaries that live in these steps alone, and what is read more than once and never written.
fn kept(
    program: &Program,
    uses: &FxHashMap<SlotId, usize>,
    layouts: &Layouts,
    steps: &[Step],
    rows: usize,
) -> (Vec<Kept>, usize) {
    let mut here: FxHashMap<SlotId, usize> = FxHashMap::default();
    for step in steps {
        if let Step::Launch { args, .. } = step {
            args.iter().for_each(|v| *here.entry(v.slot).or_default() += 1);
        }
    }
    let mut slots: Vec<SlotId> = layouts.keys().copied().collect();
    slots.sort_unstable();
    let (mut all, mut at) = (Vec::new(), 0);
    for slot in slots {
        let (l, s) = (&layouts[&slot], program.slot(slot));
        let whole = l.base == Affine::default() && l.len as usize * rows == s.len;
        let temporary = matches!(s.kind, SlotKind::Temp { .. })
            && l.fresh
            && whole
            && uses.get(&slot) == here.get(&slot);
        // The memory of a donated input goes by the name of its output.
        let donated = || program.donations.iter().any(|(o, _)| program.outputs()[*o] == slot);
        let given = !l.written && l.touches > 1 && inside(l, rows, s.len) && !donated();
        let bytes = (l.len as usize * s.dtype.size()).next_multiple_of(16);
        if !l.uniform || l.len <= 0 || !(temporary || given) || at + bytes > MOST_ROW_BYTES {
            continue;
        }
        let (len, base) = (l.len as usize, l.base.clone());
        all.push(Kept { slot, at, len, base, given: !temporary });
        at += bytes;
    }
    (all, at)
}

/// Whether whole rows lie inside of a slot: accesses may leave the end of a row out.
fn inside(l: &Layout, rows: usize, len: usize) -> bool {
    let still = l.base.strides.iter().all(|s| *s == 0);
    still && l.base.offset >= 0 && l.base.offset + l.len * rows as i64 <= len as i64
}

/// How many views of each slot a program has.
pub fn uses(steps: &[Step], counts: &mut FxHashMap<SlotId, usize>) {
    for step in steps {
        let mut one = |v: &View| *counts.entry(v.slot).or_default() += 1;
        match step {
            Step::Launch { args, .. } | Step::Routine { args, .. } | Step::Host { args, .. } => {
                args.iter().for_each(one);
            }
            Step::Copy { from, to, .. } => [from, to].into_iter().for_each(one),
            Step::Loop { body, .. } => uses(body, counts),
            Step::While { test, holds, body, .. } => {
                one(holds);
                uses(test, counts);
                uses(body, counts);
            }
            Step::Branch { index, arms } => {
                one(index);
                arms.iter().for_each(|a| uses(a, counts));
            }
        }
    }
}
