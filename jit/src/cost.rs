//! The cost of a program, counted from its text: arithmetic on floats, and memory traffic if every
//! byte moves once per launch. Measured times do not live here.
//!
//! - Every arithmetic op on floats counts one at every point of its kernel, `fma` two, an
//!   elementary function as many as its definition; comparisons, selections, conversions and ints
//!   count nothing. A reduction counts one per point.
//! - A launch reads and writes the elements that its loads and stores reach, each once, however
//!   often it uses them.
//! - A host call reads its arguments and writes its results; its other work is unknown and not
//!   counted.
//! - A dot counts `2 b m n k`, of complex numbers four times that; a loop its trips; a while loop
//!   one iteration; a branch its most expensive arm.

use crate::affine::Affine;
use crate::domain::Domain;
use crate::host::HostType;
use crate::interp;
use crate::kernel::{BufferId, Combine, Kernel, Mode, Node};
use crate::op::ScalarOp;
use crate::program::{Cost, Program, Routine, Step};
use crate::{DType, Error};

pub fn cost(program: &Program) -> Result<Cost, Error> {
    let kernels: Vec<Cost> = program.kernels.iter().map(kernel_cost).collect::<Result<_, _>>()?;
    Ok(steps_cost(program, &kernels, &program.steps))
}

impl Cost {
    fn plus(self, other: Cost) -> Cost {
        Cost {
            flops: self.flops + other.flops,
            bytes_read: self.bytes_read + other.bytes_read,
            bytes_written: self.bytes_written + other.bytes_written,
        }
    }

    fn times(self, n: usize) -> Cost {
        let n = n as f64;
        Cost {
            flops: self.flops * n,
            bytes_read: self.bytes_read * n,
            bytes_written: self.bytes_written * n,
        }
    }
}

fn steps_cost(program: &Program, kernels: &[Cost], steps: &[Step]) -> Cost {
    let all = |steps| steps_cost(program, kernels, steps);
    let costs = steps.iter().map(|step| match step {
        Step::Launch { kernel, .. } => kernels[kernel.0 as usize],
        Step::Routine { routine, .. } => routine_cost(routine),
        Step::Host { call, .. } => {
            let bytes = |types: &[HostType]| -> f64 {
                types.iter().map(|(d, n)| (n * d.size()) as f64).sum()
            };
            let (read, written) = (bytes(&call.args), bytes(&call.results));
            Cost { flops: 0.0, bytes_read: read, bytes_written: written }
        }
        Step::Copy { from, len, .. } => {
            let bytes = (len * program.slot(from.slot).dtype.size()) as f64;
            Cost { flops: 0.0, bytes_read: bytes, bytes_written: bytes }
        }
        Step::Loop { trips, body } => all(body).times(*trips),
        Step::While { test, body, .. } => all(test).plus(all(body)),
        Step::Branch { arms, .. } => {
            let weight = |c: &Cost| (c.flops, c.bytes_read + c.bytes_written);
            let heavier = |a: Cost, b: Cost| if weight(&b) > weight(&a) { b } else { a };
            arms.iter().map(|arm| all(arm)).fold(Cost::default(), heavier)
        }
    });
    costs.fold(Cost::default(), Cost::plus)
}

fn routine_cost(routine: &Routine) -> Cost {
    let mut cost = Cost::default();
    for (dtype, len, written) in routine.args() {
        let bytes = (len * dtype.size()) as f64;
        *if written { &mut cost.bytes_written } else { &mut cost.bytes_read } += bytes;
    }
    let product = |extents: &[usize]| extents.iter().map(|x| *x as f64).product::<f64>();
    let each = |complex: bool| if complex { 8.0 } else { 2.0 };
    cost.flops = match routine {
        Routine::Dot { dtype, batch, m, n, k, .. } if dtype.is_inexact() => {
            each(dtype.is_complex()) * product(&[*batch, *m, *n, *k])
        }
        Routine::Cholesky { dtype, paired, batch, n } => {
            each(*paired || dtype.is_complex()) * product(&[*batch, *n, *n, *n]) / 6.0
        }
        Routine::TriangularSolve { dtype, paired, batch, n, m, .. } => {
            each(*paired || dtype.is_complex()) * product(&[*batch, *n, *n, *m]) / 2.0
        }
        Routine::Dot { .. } | Routine::Sort { .. } | Routine::TopK { .. } => 0.0,
    };
    cost
}

/// The cost of one launch.
pub fn kernel_cost(kernel: &Kernel) -> Result<Cost, Error> {
    let types = kernel.node_types().unwrap_or_default();
    // A loop with a condition counts one iteration, as while loops of programs do.
    let rounds = kernel.loops.last().filter(|_| kernel.condition.is_some()).map_or(1, |l| l.extent);
    let points = kernel.points() as f64 / rounds.max(1) as f64;
    let domain = Domain::new(kernel.extents());
    let outer = |mode, extent| if mode == Mode::Reduce { 1 } else { extent };
    let folded = Domain::new(kernel.loops.iter().map(|l| outer(l.mode, l.extent)));
    let mut cost = Cost::default();
    let mut read = vec![0f64; kernel.buffers.len()];
    let mut written = read.clone();
    let reach = |found: &mut [f64], id: BufferId, elements: f64| {
        let total = &mut found[id.0 as usize];
        *total = (*total + elements).min(kernel.buffers[id.0 as usize].len as f64);
    };
    let elements =
        |domain: &Option<Domain>, at: &Affine| domain.as_ref().map_or(0.0, |d| d.elements(at));
    for node in &kernel.nodes {
        match node {
            Node::Constant(_) | Node::Counter(_) => {}
            Node::Load { buffer, at, guard, .. } => {
                let inside = domain.clone().and_then(|d| d.within(guard));
                reach(&mut read, *buffer, elements(&inside, at));
            }
            Node::Gather { buffer, .. } => reach(&mut read, *buffer, points),
            Node::Op { op, args } => {
                if let Some(dtype) = args.last().and_then(|a| types.get(a.0 as usize)) {
                    cost.flops += flops(*op, *dtype)? * points;
                }
            }
        }
    }
    for s in &kernel.stores {
        let folds = fold_flops(kernel.buffers[s.buffer.0 as usize].dtype, s.combine);
        let touched = if s.offset.is_some() { points } else { elements(&domain, &s.at) };
        reach(&mut written, s.buffer, touched);
        if s.combine.is_some() {
            reach(&mut read, s.buffer, touched);
            cost.flops += folds * points;
        }
    }
    for r in &kernel.reductions {
        reach(&mut written, r.buffer, elements(&folded, &r.at));
        cost.flops += fold_flops(r.accumulator, Some(r.combine)) * points;
    }
    for (n, b) in kernel.buffers.iter().enumerate() {
        cost.bytes_read += read[n] * b.dtype.size() as f64;
        cost.bytes_written += written[n] * b.dtype.size() as f64;
    }
    Ok(cost)
}

/// The operations of folding in one value.
fn fold_flops(dtype: DType, combine: Option<Combine>) -> f64 {
    match combine {
        Some(Combine::Product) if dtype.is_complex() => 6.0,
        Some(_) if dtype.is_complex() => 2.0,
        Some(_) if dtype.is_float() => 1.0,
        _ => 0.0,
    }
}

/// The operations of one op on operands of this type.
fn flops(op: ScalarOp, dtype: DType) -> Result<f64, Error> {
    if !dtype.is_inexact() {
        return Ok(0.0);
    }
    match op.flops(dtype) {
        Some(n) => Ok(f64::from(n)),
        None => interp::elementary::definition_sum(op, dtype, flops),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scalar;
    use crate::build::KernelBuilder;
    use crate::kernel::{Loop, Range};
    use crate::program::{KernelId, Placement, Precision, Slot, SlotId, SlotKind, View};
    use smallvec::smallvec;

    /// `b[i] = sum over j of a[i] * c[j] + a[i]`, and `c` is read through a window.
    fn kernel() -> Kernel {
        let nest = [(4, Mode::Parallel), (10, Mode::Reduce)];
        let mut b = KernelBuilder::new("k", nest.map(|(extent, mode)| Loop { extent, mode }));
        let [a, c, out] = [4, 8, 4].map(|len| b.buffer(DType::F32, len));
        let x = b.load(a, Affine::counter(0));
        let guard = Range { at: Affine::new(-1, [0, 1]), low: 0, high: 8 };
        let y = b.load_guarded(c, guard.at.clone(), [guard], Scalar::from(0f32));
        let v = b.op(ScalarOp::Fma, &[x, y, x]);
        b.reduce(out, Affine::counter(0), Combine::Sum, v);
        b.finish()
    }

    #[test]
    fn kernels_count_points_and_elements() {
        let expected = Cost { flops: 40.0 * 3.0, bytes_read: 48.0, bytes_written: 16.0 };
        assert_eq!(kernel_cost(&kernel()).unwrap(), expected);
    }

    #[test]
    fn programs_count_trips_and_arms() {
        let whole = |n| View::whole(SlotId(n));
        let launch =
            Step::Launch { kernel: KernelId(0), args: smallvec![whole(0), whole(1), whole(2)] };
        let copy = Step::Copy { from: whole(0), to: whole(2), len: 4 };
        let dot = Routine::Dot {
            dtype: DType::F32,
            batch: 1,
            m: 2,
            n: 3,
            k: 4,
            lhs: [0, 4, 1],
            rhs: [0, 3, 1],
            precision: Precision::Full,
        };
        let branch = Step::Branch { index: whole(3), arms: vec![vec![copy], vec![launch]] };
        let slot = |n| Slot { dtype: DType::F32, len: 8, kind: SlotKind::Input(n) };
        let program = Program {
            name: "p".into(),
            place: Placement { backend: "cpu", ordinal: 0 },
            slots: (0..4).map(slot).collect(),
            kernels: vec![kernel()],
            steps: vec![
                Step::Loop { trips: 5, body: vec![branch] },
                Step::Routine { routine: dot, args: smallvec![whole(0), whole(1), whole(2)] },
            ],
            donations: vec![],
            arena: 0,
        };
        let total = cost(&program).unwrap();
        assert_eq!(total.flops, 5.0 * 120.0 + 48.0);
        assert_eq!(total.bytes_read, 5.0 * 48.0 + (8.0 + 12.0) * 4.0);
        assert_eq!(total.bytes_written, 5.0 * 16.0 + 24.0);
    }
}
