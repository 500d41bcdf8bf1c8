//! Launches that follow each other and work row by row become one entry: a warp takes a row through
//! all of them.
//!
//! A softmax is three passes over each row: the maximum, the sum of exponentials, the quotients.
//! As three launches each pass reads the array from memory. Here the row comes from memory once
//! into shared memory, a temporary of which only the row is alive never leaves it, and what is
//! written goes to memory once. Each kernel does the same arithmetic in the same order as alone: a
//! reduction's lanes are the threads of a warp in either case.
//!
//! `cotangent_jit::rows` says when rows are possible.

use super::tasks::{Task, Tasks, Work};
use cotangent_jit::affine::Affine;
use cotangent_jit::build::live_nodes;
use cotangent_jit::kernel::Mode;
use cotangent_jit::program::{Program, SlotId, SlotKind, Step, View};
use cotangent_jit::rows::{self, Layout, Touch};
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
    let mut noted = rows::Rows::new(program, rows);
    let (mut splits, mut points) = (Vec::new(), 0);
    let mut best = None;
    for (n, step) in steps[..steps.len().min(MOST_STEPS)].iter().enumerate() {
        let Some((tasks, args)) = launch(kernels, step) else { break };
        let Some(split) = split(tasks, rows) else { break };
        note(&mut noted, tasks, split, args);
        if !noted.hold() {
            break;
        }
        points += tasks.shape.kernel.points() / rows;
        splits.push((split, tasks.shape.kernel.loops[split].extent / rows));
        let enough = rows >= ENOUGH_ROWS || rows * points <= FEW_POINTS;
        if n == 0 || !enough {
            continue;
        }
        let steps = &steps[..=n];
        let (kept, row_bytes) = kept(&noted, uses, steps);
        // What never leaves shared memory has no bytes of its own.
        let inside = |s: SlotId| kept.iter().any(|k| k.slot == s && !k.given);
        if kept.is_empty() || !noted.temporaries_are_disjoint(inside) {
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
        k.loops[*n].mode == Mode::Parallel && rows::points_per_row(k, *n, rows).is_some()
    };
    let live = live_nodes(k);
    let by_rows =
        |n: usize| rows::accesses(k, &live, n, rows).iter().filter(|a| a.len.is_some()).count();
    (0..k.loops.len()).filter(fits).max_by_key(|n| by_rows(*n))
}

/// Notes the accesses of a launch.
fn note(noted: &mut rows::Rows, tasks: &Tasks, split: usize, args: &[View]) {
    let k = &tasks.shape.kernel;
    for a in rows::accesses(k, &live_nodes(k), split, noted.rows) {
        let touch = match a.read {
            true => Touch::Read,
            false if k.covers(a.buffer) => Touch::Cover,
            false => Touch::Write,
        };
        noted.touch(&args[a.buffer.0 as usize], a.len, touch);
    }
}

/// The slots whose rows lie in shared memory, as far as there is room, and their bytes of a row:
/// temporaries that live in these steps alone, and what is read more than once and never written.
fn kept(noted: &rows::Rows, uses: &FxHashMap<SlotId, usize>, steps: &[Step]) -> (Vec<Kept>, usize) {
    let (program, layouts, rows) = (noted.program, &noted.layouts, noted.rows);
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
