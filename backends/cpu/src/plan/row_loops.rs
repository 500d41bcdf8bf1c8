//! Loops in which every step works row by row: threads share the rows, and each thread takes its
//! rows through all iterations.
//!
//! In `for t { h = tanh(h w + x[t]) }` a row of the next `h` needs that row of the old one and all
//! of `w`, which is not written. So the loop becomes a function of a range of rows, and threads
//! synchronise once, at its end, instead of twice per step. The cuts between rows depend on their
//! number alone, so results do not depend on the number of threads.
//!
//! What it means to work row by row lives in `rows`, the code of such a loop in `driver`.

use crate::plan::launch::{FunctionId, Prepared};
use crate::plan::rows::{note, points_per_row, reach};
use crate::plan::stages::Stage;
use cotangent_jit::affine::Affine;
use cotangent_jit::program::{Program, Routine, Step, View};
use cotangent_jit::rows::{Rows, Touch};

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
    let Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision } = routine else { return None };
    let (dtype, n, k, lhs, rhs, precision) = (*dtype, *n, *k, *lhs, *rhs, *precision);
    let cut = |batch, m| Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision };
    Some(match *batch {
        1 => (cut(1, grain), [lhs[1], 0, n as i64]),
        _ => (cut(grain, *m), [lhs[0], rhs[0], (m * n) as i64]),
    })
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
    let mut rows = Rows::new(program, rows);
    let by_rows = body.iter().all(|s| step_by_rows(&mut rows, kernels, grain, s))
        && rows.hold()
        && rows.temporaries_are_disjoint(|_| false)
        && varying_rows_are_only_written(&rows);
    by_rows.then_some((rows.rows, grain))
}

/// Notes the accesses of a step. Returns false if it is not of this kind.
fn step_by_rows(rows: &mut Rows, kernels: &[Prepared], grain: usize, step: &Step) -> bool {
    match step {
        Step::Launch { kernel, args } => {
            let prepared = &kernels[kernel.0 as usize];
            let ([stage], [Some(_)]) = (&prepared.stages[..], &prepared.functions[..]) else {
                return false;
            };
            prepared.scatter.is_none() && launch(rows, stage, grain, args)
        }
        Step::Routine { routine, args } => {
            let Routine::Dot { batch, m, n, k, rhs, lhs, .. } = routine else { return false };
            let along = if *batch == 1 { *m } else { *batch };
            let Some((_, [l, r, out])) = part(routine, grain) else { return false };
            // The elements that one row of each operand reaches.
            let extents = if *batch == 1 { [1, 1, *k] } else { [1, *m, *k] };
            let left = reach(&Affine::new(0, *lhs), &extents);
            let right = reach(&Affine::new(0, *rhs), &[1, *k, *n]);
            rows.touch(&args[0], (left <= l).then_some(l), Touch::Read);
            rows.touch(&args[1], (right <= r).then_some(r), Touch::Read);
            rows.touch(&args[2], Some(out), Touch::Write);
            along == rows.rows
        }
        Step::Copy { from, to, len } => {
            let row = len.is_multiple_of(rows.rows).then_some((len / rows.rows) as i64);
            rows.touch(from, row, Touch::Read);
            rows.touch(to, row, Touch::Write);
            row.is_some()
        }
        _ => false,
    }
}

fn launch(rows: &mut Rows, stage: &Stage, grain: usize, args: &[View]) -> bool {
    let nest = &stage.nest;
    let Some(split) = nest.split else { return false };
    let Some(points) = points_per_row(nest, split, rows.rows) else { return false };
    let cut = match nest.vector {
        Some((v, width)) if v == split => (points * grain).is_multiple_of(width),
        _ => true,
    };
    cut && !nest.empty() && nest.clips.is_empty() && note(rows, stage, split, args)
}

/// Returns whether rows whose base varies with the loop are only written, and never where other
/// rows lie.
fn varying_rows_are_only_written(rows: &Rows) -> bool {
    rows.layouts.values().filter(|l| l.written).all(|layout| {
        let whole = layout.len * rows.rows as i64;
        let varying = layout.base.strides.iter().filter(|s| **s != 0);
        varying.clone().next().is_none()
            || (!layout.read && varying.clone().all(|s| s.abs() >= whole))
    })
}
