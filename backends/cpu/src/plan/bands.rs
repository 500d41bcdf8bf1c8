//! Bands: consecutive launches that work row by row are done for a few rows at a time, so that what
//! one kernel writes is still in a near cache when the next one reads it.
//!
//! A softmax is three passes over each row: the maximum, the sum of exponentials, the quotients.
//! One after the other over a whole array, each pass reads it from memory again. Band by band it
//! comes from memory once, and a temporary of which only one band lives at a time needs no memory
//! but a few kilobytes beside the other working values of its thread.
//!
//! ```text
//! for r in rows { a(r) }  for r in rows { b(r) }   ->   for band { for r in band { a(r) } .. }
//! ```
//!
//! Each kernel does the same arithmetic in the same order as before, so results do not change. What
//! it means to work row by row lives in `rows`, the code of bands in `emit::bands`.

use crate::plan::launch::{self, FunctionId, Prepared, SHARED_NANOSECONDS};
use crate::plan::row_loops::RowLoop;
use crate::plan::rows::{accesses, note, points_per_row};
use crate::plan::stages::Stage;
use cotangent_jit::kernel::{BufferId, Mode};
use cotangent_jit::program::{Program, SlotId, SlotKind, Step, View};
use cotangent_jit::rows::Rows;
use rustc_hash::FxHashMap;

/// Launches that are done band by band.
pub struct Band<'p> {
    pub id: FunctionId,
    pub steps: &'p [Step],
    /// The number of loops around them.
    pub depth: usize,
    pub rows: usize,
    /// The rows of a band.
    pub band: usize,
    /// The rows of one part, a multiple of `band`; all rows if threads do not share them.
    pub grain: usize,
    /// Temporaries of which only the rows of one band exist.
    pub kept: Vec<Kept>,
    /// The bytes of their rows.
    pub scratch: usize,
}

/// The place of a temporary's band in the scratch memory.
pub struct Kept {
    pub slot: SlotId,
    pub at: usize,
    pub row_bytes: usize,
}

/// The most bytes of a band, a part of the second cache: longer bands are read from memory with
/// fewer pauses.
const BAND_BYTES: usize = 160 << 10;
/// The least bytes of a band, for which calls cost little.
const LEAST_BAND_BYTES: usize = 16 << 10;
/// Smaller arrays have shorter bands, so that there are about this many.
const BANDS: usize = 16;
/// The least points of a band along a vector loop: a band of fewer would leave lanes empty.
const LEAST_LANES: usize = 64;
/// Rows longer than this fit no second cache.
const MOST_ROW_BYTES: usize = 256 << 10;
/// Arrays that are touched again are worth it from this many bytes on: smaller ones stay in the
/// first cache anyway.
const LEAST_BYTES: usize = 64 << 10;
/// With fewer rows, threads share the points of each kernel better.
const LEAST_ROWS: usize = 8;
/// The most launches of a band.
const MOST_STEPS: usize = 24;
/// Launches whose loops may give the rows.
const LOOKS: usize = 3;

/// The bands of a program, with their functions numbered from `next` on. The kernels of bands get
/// functions and split loops that fit.
pub fn collect<'p>(
    program: &'p Program,
    kernels: &mut [Prepared],
    loops: &[RowLoop],
    next: u32,
) -> Vec<Band<'p>> {
    let uses = program.uses();
    let mut c = Collector { program, kernels, uses, fixed: FxHashMap::default(), next };
    let mut found = Vec::new();
    c.fix_loops(loops);
    let mut open: Vec<(&[Step], usize)> = vec![(&program.steps, 0)];
    while let Some((steps, depth)) = open.pop() {
        let mut n = 0;
        while n < steps.len() {
            match c.band(&steps[n..], depth) {
                Some(band) => {
                    n += band.steps.len();
                    found.push(band);
                }
                None => n += 1,
            }
        }
        for step in steps.iter().filter(|s| !loops.iter().any(|l| std::ptr::eq(l.step, *s))) {
            let inside = matches!(step, Step::Loop { .. } | Step::While { .. });
            open.extend(step.bodies().into_iter().map(|b| (b, depth + usize::from(inside))));
        }
    }
    found
}

struct Collector<'p, 'k> {
    program: &'p Program,
    kernels: &'k mut [Prepared],
    /// The number of views of each slot in the program.
    uses: FxHashMap<SlotId, usize>,
    /// The split loops that some band or loop relies on, by kernel.
    fixed: FxHashMap<usize, usize>,
    next: u32,
}

/// A run of launches for these rows.
struct Run<'p> {
    rows: Rows<'p>,
    /// The split loop of each launch.
    splits: Vec<usize>,
}

impl<'p> Collector<'p, '_> {
    /// Kernels in loops that are shared by rows keep their split loops.
    fn fix_loops(&mut self, loops: &[RowLoop]) {
        for RowLoop { step, .. } in loops {
            for inner in step.bodies().into_iter().flatten() {
                if let Step::Launch { kernel, .. } = inner {
                    let n = kernel.0 as usize;
                    let split = self.kernels[n].stages.first().and_then(|s| s.nest.split);
                    self.fixed.extend(split.map(|s| (n, s)));
                }
            }
        }
    }

    /// The longest band that begins with the first step.
    fn band(&mut self, steps: &'p [Step], depth: usize) -> Option<Band<'p>> {
        let extents = |s: &'p Step| {
            let (stage, _) = self.launch(s)?;
            let k = &stage.nest.kernel;
            let loops = k.loops.iter().filter(|l| l.mode == Mode::Parallel);
            Some(loops.map(|l| l.extent).filter(|e| *e >= LEAST_ROWS).collect::<Vec<_>>())
        };
        let mut rows: Vec<usize> = steps.iter().take(LOOKS).map_while(extents).flatten().collect();
        rows.sort_unstable();
        rows.dedup();
        let runs = rows.into_iter().map(|rows| self.run(steps, rows));
        let best = runs.max_by_key(|r| (r.splits.len(), r.rows.rows))?;
        let steps = &steps[..best.splits.len()];
        (steps.len() > 1).then(|| self.finish(steps, depth, best)).flatten()
    }

    /// A launch of one nest that threads can share.
    fn launch(&self, step: &'p Step) -> Option<(&Stage, &'p [View])> {
        let Step::Launch { kernel, args } = step else { return None };
        let prepared = &self.kernels[kernel.0 as usize];
        let [stage] = &prepared.stages[..] else { return None };
        let nest = &stage.nest;
        let fits = prepared.scatter.is_none()
            && nest.split.is_some()
            && !nest.empty()
            && nest.clips.is_empty();
        fits.then_some((stage, &args[..]))
    }

    /// As many steps from the first on as can be done row by row.
    fn run(&self, steps: &'p [Step], rows: usize) -> Run<'p> {
        let mut run = Run { rows: Rows::new(self.program, rows), splits: Vec::new() };
        for step in &steps[..steps.len().min(MOST_STEPS)] {
            let Some((stage, args)) = self.launch(step) else { break };
            let Some(split) = self.split(step, stage, rows) else { break };
            if !note(&mut run.rows, stage, split, args) || !run.rows.hold() {
                break;
            }
            run.splits.push(split);
        }
        run
    }

    /// The loop of a kernel that runs over the rows: the one by which most accesses go.
    fn split(&self, step: &Step, stage: &Stage, rows: usize) -> Option<usize> {
        let Step::Launch { kernel, .. } = step else { return None };
        let nest = &stage.nest;
        let fits = |l: &usize| {
            nest.kernel.loops[*l].mode == Mode::Parallel
                && points_per_row(nest, *l, rows).is_some()
                && self.fixed.get(&(kernel.0 as usize)).is_none_or(|f| f == l)
        };
        let by_rows = |l: usize| accesses(nest, l, rows).iter().filter(|a| a.len.is_some()).count();
        (0..nest.outer).rev().filter(fits).max_by_key(|l| by_rows(*l))
    }

    /// The band of these steps, if it pays.
    fn finish(&mut self, steps: &'p [Step], depth: usize, run: Run<'p>) -> Option<Band<'p>> {
        let rows = run.rows.rows;
        // The run may have noted a step that does not belong to it.
        let mut noted = Rows::new(self.program, rows);
        let (mut work, mut least) = (0.0, 1);
        for (step, split) in steps.iter().zip(&run.splits) {
            let (stage, args) = self.launch(step)?;
            note(&mut noted, stage, *split, args);
            work += stage.nest.nanoseconds();
            if stage.nest.vector.is_some_and(|(v, _)| v == *split) {
                let points = points_per_row(&stage.nest, *split, rows)?;
                least = least.max(LEAST_LANES.div_ceil(points));
            }
        }
        let temporaries = self.temporaries(steps, &noted);
        if !noted.hold() || !noted.temporaries_are_disjoint(|s| temporaries.contains(&s)) {
            return None;
        }
        let bytes = |slot: &SlotId, len: i64| len as usize * self.program.slot(*slot).dtype.size();
        let by_rows = || noted.layouts.iter().filter(|(_, l)| l.uniform);
        let row_bytes: usize = by_rows().map(|(s, l)| bytes(s, l.len)).sum();
        let again: usize =
            by_rows().filter(|(_, l)| l.touches > 1).map(|(s, l)| bytes(s, l.len)).sum();
        if row_bytes > MOST_ROW_BYTES || again * rows < LEAST_BYTES {
            return None;
        }
        let of = |bytes: usize| bytes / row_bytes.max(1);
        let band = (rows / BANDS).max(of(LEAST_BAND_BYTES)).min(of(BAND_BYTES)).clamp(1, rows);
        let band = band.max(least);
        if least > 1 && (band >= rows || band * row_bytes > 2 * BAND_BYTES) {
            return None;
        }
        let shared = work >= SHARED_NANOSECONDS;
        let part = launch::grain(work, rows).next_multiple_of(band);
        let grain = if shared { part.min(rows) } else { rows };
        let mut kept = Vec::new();
        let mut scratch = 0usize;
        for slot in temporaries {
            let row_bytes = bytes(&slot, noted.layouts[&slot].len);
            kept.push(Kept { slot, at: scratch, row_bytes });
            scratch += (row_bytes * band).next_multiple_of(64);
        }
        self.claim(steps, &run.splits);
        let id = FunctionId(self.next);
        self.next += 1;
        Some(Band { id, steps, depth, rows, band, grain, kept, scratch })
    }

    /// The temporaries that live in these steps alone, of which no row is read before it is
    /// written.
    fn temporaries(&self, steps: &[Step], noted: &Rows) -> Vec<SlotId> {
        let mut seen: FxHashMap<SlotId, (usize, bool)> = FxHashMap::default();
        for step in steps {
            let Step::Launch { kernel, args } = step else { continue };
            let k = self.program.kernel(*kernel);
            for (n, view) in args.iter().enumerate() {
                let covers = || k.covers(BufferId(n as u32));
                seen.entry(view.slot).or_insert_with(|| (0, covers())).0 += 1;
            }
        }
        let fits = |slot: &SlotId, count: usize, covered: bool| {
            let Some(l) = noted.layouts.get(slot) else { return false };
            let s = self.program.slot(*slot);
            matches!(s.kind, SlotKind::Temp { .. })
                && covered
                && self.uses[slot] == count
                && l.uniform
                && l.base.offset == 0
                && l.base.strides.iter().all(|s| *s == 0)
                && l.len as usize * noted.rows == s.len
        };
        let mut all: Vec<SlotId> =
            seen.iter().filter(|(s, (n, c))| fits(s, *n, *c)).map(|(s, _)| *s).collect();
        all.sort_unstable();
        all
    }

    /// Gives the kernels of a band functions, and these split loops.
    fn claim(&mut self, steps: &[Step], splits: &[usize]) {
        for (step, split) in steps.iter().zip(splits) {
            let Step::Launch { kernel, .. } = step else { continue };
            let n = kernel.0 as usize;
            let prepared = &mut self.kernels[n];
            let nest = &mut prepared.stages[0].nest;
            nest.split = Some(*split);
            nest.ragged = true;
            if prepared.functions[0].is_none() {
                prepared.functions[0] = Some(FunctionId(self.next));
                self.next += 1;
            }
            self.fixed.insert(n, *split);
        }
    }
}
