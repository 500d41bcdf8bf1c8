//! Steps of dots, sorts, other routines and calls of the host. They read operands where they lie.
//!
//! Not here: copies of operands that no stride can walk through (`group::dots`).

use super::assign::Placed;
use super::flatten::{ValId, Vals};
use super::group::dots::{AxisList, DotAxes, inner, is_routine};
use super::program::ProgramBuilder;
use super::value::{self, Def, Place, RootId};
use super::writer::{Lanes, Writer, mapped};
use crate::core::aval::Shape;
use crate::core::lowering::DotDims;
use cotangent_jit::host::HostCall;
use cotangent_jit::kernel::{Combine, Loop, Mode};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{Precision, Routine, Step, View};
use cotangent_jit::{DType, Error, Scalar};
use smallvec::SmallVec;

impl Placed {
    pub fn dot(
        &self,
        program: &mut ProgramBuilder,
        inputs: &Vals,
        root: RootId,
        (dims, precision): (&DotDims, Precision),
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        if self.root(root).len == 0 {
            return Ok(());
        }
        let axes = self.grouped().dot_axes(inputs, dims);
        let dtype = self.flat().dtype(inputs[0]);
        let contracted: usize =
            axes.lhs[2].iter().map(|a| self.flat().shape(inputs[0])[*a]).product();
        if contracted == 0 {
            let zero = Scalar::zero(dtype);
            self.fill_root(program, root, steps, |w| w.b.constant(zero));
            return Ok(());
        }
        let looped = self.grouped().looped(inputs, &axes).filter(|_| is_routine(dtype));
        let sides = looped.and_then(|n| {
            let lhs = self.grouped().merged(inputs[0], &inner(&axes.lhs, n))?;
            Some((n, lhs, self.grouped().merged(inputs[1], &inner(&axes.rhs, n))?))
        });
        let Some((looped, l, r)) = sides else {
            self.dot_kernel(program, inputs, root, &axes, steps);
            return Ok(());
        };
        let routine = Routine::Dot {
            dtype,
            batch: l[0].0,
            m: l[1].0,
            n: r[1].0,
            k: l[2].0,
            lhs: [l[0].1, l[1].1, l[2].1],
            rhs: [r[0].1, r[2].1, r[1].1],
            precision,
        };
        let trips: Shape =
            axes.lhs[0][..looped].iter().map(|a| self.flat().shape(inputs[0])[*a]).collect();
        let view = |v: ValId, axes: &AxisList| -> View {
            let Def::Strided { root, at } = self.def(v) else {
                unreachable!("merged operands are strided")
            };
            let strides = axes[..looped].iter().map(|a| at.stride(*a));
            self.along(self.place(*root).shifted(at.offset), strides)
        };
        let mut out_strides: SmallVec<[i64; 4]> = SmallVec::from_elem(0, looped);
        let mut stride = (l[0].0 * l[1].0 * r[1].0) as i64;
        for n in (0..looped).rev() {
            out_strides[n] = stride;
            stride *= trips[n] as i64;
        }
        let out = self.along(self.place(root).clone(), out_strides);
        let (lhs, rhs) = (view(inputs[0], &axes.lhs[0]), view(inputs[1], &axes.rhs[0]));
        let args = SmallVec::from_iter([lhs, rhs, out]);
        let dot = Step::Routine { routine, args };
        let nest = |body, trips: &usize| Step::Loop { trips: *trips, body: vec![body] };
        steps.push(trips.iter().rev().fold(dot, nest));
        Ok(())
    }

    /// The place that moves by these strides in the loops that the caller is about to enter.
    fn along(&self, mut place: Place, strides: impl IntoIterator<Item = i64>) -> View {
        let strides: SmallVec<[i64; 4]> = strides.into_iter().collect();
        if strides.iter().any(|s| *s != 0) {
            place.base.strides.resize(self.grouped().depth(), 0);
            place.base.strides.extend(strides);
        }
        place.view()
    }

    /// Emits a dot as a sum in a kernel.
    fn dot_kernel(
        &self,
        program: &mut ProgramBuilder,
        inputs: &Vals,
        root: RootId,
        axes: &DotAxes,
        steps: &mut Vec<Step>,
    ) {
        let shapes = [0, 1].map(|n| self.flat().shape(inputs[n]));
        let mut loops: SmallVec<[Loop; 6]> = SmallVec::new();
        let mut lanes =
            [Lanes::from_elem(None, shapes[0].len()), Lanes::from_elem(None, shapes[1].len())];
        let mut out: Lanes = Lanes::new();
        let mut extents = Shape::new();
        let both = |list: usize| {
            axes.lhs[list].iter().zip(&axes.rhs[list]).map(|(l, r)| (Some(*l), Some(*r)))
        };
        let kept = both(0)
            .chain(axes.lhs[1].iter().map(|l| (Some(*l), None)))
            .chain(axes.rhs[1].iter().map(|r| (None, Some(*r))));
        let tagged = kept.map(|p| (p, Mode::Parallel)).chain(both(2).map(|p| (p, Mode::Reduce)));
        for ((l, r), mode) in tagged {
            let extent = l.map_or_else(|| shapes[1][r.unwrap_or(0)], |l| shapes[0][l]);
            let n = loops.len();
            loops.push(Loop { extent, mode });
            for (lanes, axis) in lanes.iter_mut().zip([l, r]) {
                if let Some(axis) = axis {
                    lanes[axis] = Some(n);
                }
            }
            if mode == Mode::Parallel {
                out.push(Some(n));
                extents.push(extent);
            }
        }
        if axes.lhs[2].is_empty() {
            loops.push(Loop { extent: 1, mode: Mode::Reduce });
        }
        let mut w = Writer::new(self, "dot", &loops);
        let l = w.at_lanes(inputs[0], &lanes[0]);
        let r = w.at_lanes(inputs[1], &lanes[1]);
        let (mul, combine) = match w.b.dtype(l) {
            DType::Bool => (ScalarOp::And, Combine::Or),
            _ => (ScalarOp::Mul, Combine::Sum),
        };
        let product = w.b.op(mul, &[l, r]);
        let to = w.root_buffer(root);
        w.b.reduce(to, mapped(&value::dense(&extents), &out), combine, product);
        w.launch(program, steps);
    }

    pub fn sort(
        &self,
        inputs: &Vals,
        roots: &[RootId],
        axis: usize,
        keys: usize,
        steps: &mut Vec<Step>,
    ) {
        let shape = self.flat().shape(inputs[0]);
        if shape.contains(&0) {
            return;
        }
        let routine = Routine::Sort {
            dtypes: inputs.iter().map(|v| self.flat().dtype(*v)).collect(),
            keys,
            outer: shape[..axis].iter().product(),
            len: shape[axis],
            inner: shape[axis + 1..].iter().product(),
        };
        steps.push(Step::Routine { routine, args: self.operands_in_memory(inputs, roots) });
    }

    pub fn routine(
        &self,
        routine: &Routine,
        inputs: &Vals,
        roots: &[RootId],
        steps: &mut Vec<Step>,
    ) {
        if routine.args().iter().any(|(_, len, written)| *written && *len > 0) {
            let args = self.operands_in_memory(inputs, roots);
            steps.push(Step::Routine { routine: routine.clone(), args });
        }
    }

    pub fn host(&self, call: &HostCall, inputs: &Vals, roots: &[RootId]) -> Step {
        Step::Host { call: call.clone(), args: self.operands_in_memory(inputs, roots) }
    }

    /// Views of operands that lie in memory, then of the outputs.
    fn operands_in_memory(&self, inputs: &Vals, roots: &[RootId]) -> SmallVec<[View; 4]> {
        let from = inputs.iter().map(|v| match self.def(*v) {
            Def::Strided { root, at } => self.place(*root).shifted(at.offset).view(),
            _ => unreachable!("these operands are in memory"),
        });
        from.chain(roots.iter().map(|r| self.place(*r).view())).collect()
    }
}
