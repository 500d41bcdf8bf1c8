//! Dots, sorts, other routines and calls of the host: operands read where they lie if strides can say how, else packed first.

use super::Cx;
use super::emit::{Lanes, Writer, mapped};
use super::flatten::{ValId, Vals};
use super::region::Region;
use super::value::{self, Def, Place, RootId};
use crate::core::aval::Shape;
use crate::core::lowering::{DotDims, Lowering};
use cotangent_jit::affine::Affine;
use cotangent_jit::host::HostCall;
use cotangent_jit::kernel::{Combine, Loop, Mode};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{Routine, Step, View};
use cotangent_jit::{DType, Error, Scalar};
use smallvec::SmallVec;

type AxisList = SmallVec<[usize; 4]>;

/// The axes of a dot's operands: shared, own, summed.
#[derive(Clone)]
struct DotAxes {
    lhs: [AxisList; 3],
    rhs: [AxisList; 3],
}

impl DotAxes {
    fn new(dims: &DotDims, lhs_rank: usize, rhs_rank: usize) -> DotAxes {
        let free = |rank: usize, a: &[usize], b: &[usize]| -> AxisList {
            (0..rank).filter(|n| !a.contains(n) && !b.contains(n)).collect()
        };
        let list = |axes: &[usize]| AxisList::from_slice(axes);
        let lhs_free = free(lhs_rank, &dims.lhs_batch, &dims.lhs_contract);
        let rhs_free = free(rhs_rank, &dims.rhs_batch, &dims.rhs_contract);
        DotAxes {
            lhs: [list(&dims.lhs_batch), lhs_free, list(&dims.lhs_contract)],
            rhs: [list(&dims.rhs_batch), rhs_free, list(&dims.rhs_contract)],
        }
    }
}

/// Fewer products than this are not worth a call each: their operands are packed.
const LOOPED_DOT: usize = 2048;

/// The axes without so many leading batch axes.
fn inner(axes: &[AxisList; 3], looped: usize) -> [AxisList; 3] {
    let mut axes = axes.clone();
    axes[0] = axes[0][looped..].into();
    axes
}

/// Whether a routine computes dots of this type, floats, whose products it does not round; kernels do the others.
fn is_routine(d: DType) -> bool {
    d.is_inexact()
}

impl Region {
    /// Extents and strides of a dot's operand in its three lists of axes.
    fn merged(&self, v: ValId, axes: &[AxisList; 3]) -> Option<[(usize, i64); 3]> {
        let Def::Strided { at, .. } = self.def(v) else { return None };
        let shape = self.flat.shape(v);
        let mut out = [(1, 0); 3];
        for (to, axes) in out.iter_mut().zip(axes) {
            *to = value::merge(at, shape, axes)?;
        }
        out.iter().all(|(_, stride)| *stride >= 0).then_some(out)
    }

    /// The axes of a dot, with the summed ones in an order in which one stride walks through them, if there is one.
    fn dot_axes(&self, inputs: &Vals, dims: &DotDims) -> DotAxes {
        let ranks = [0, 1].map(|n| self.flat.shape(inputs[n]).len());
        let axes = DotAxes::new(dims, ranks[0], ranks[1]);
        if axes.lhs[2].len() < 2 {
            return axes;
        }
        let by_stride = |side: usize| -> Option<DotAxes> {
            let Def::Strided { at, .. } = self.def(inputs[side]) else { return None };
            let mut order: AxisList = (0..axes.lhs[2].len()).collect();
            let own = if side == 0 { &axes.lhs[2] } else { &axes.rhs[2] };
            order.sort_by_key(|n| std::cmp::Reverse(at.stride(own[*n])));
            let mut sorted = axes.clone();
            sorted.lhs[2] = order.iter().map(|n| axes.lhs[2][*n]).collect();
            sorted.rhs[2] = order.iter().map(|n| axes.rhs[2][*n]).collect();
            Some(sorted)
        };
        let fits = |axes: &DotAxes| {
            self.merged(inputs[0], &axes.lhs).is_some()
                && self.merged(inputs[1], &axes.rhs).is_some()
        };
        [by_stride(0), by_stride(1)].into_iter().flatten().find(fits).unwrap_or(axes)
    }

    /// How many leading batch axes need loops of their own, so that the rest of them merges in both operands; none if
    /// another axis does not merge, or if the products are too small to be called one by one.
    fn looped(&self, inputs: &Vals, axes: &DotAxes) -> Option<usize> {
        let shape = self.flat.shape(inputs[0]);
        let batch = axes.lhs[0].len();
        let looped = (0..=batch.saturating_sub(1)).find(|n| {
            let [lhs, rhs] = [&axes.lhs, &axes.rhs].map(|a| inner(a, *n));
            self.merged(inputs[0], &lhs).is_some() && self.merged(inputs[1], &rhs).is_some()
        })?;
        let size =
            |axes: &[usize], shape: &[usize]| -> usize { axes.iter().map(|a| shape[*a]).product() };
        let [lhs, rhs] = [&axes.lhs, &axes.rhs].map(|a| inner(a, looped));
        let work = size(&lhs[0], shape) * size(&lhs[1], shape) * size(&lhs[2], shape);
        let work = work * size(&rhs[1], self.flat.shape(inputs[1]));
        (looped == 0 || work >= LOOPED_DOT).then_some(looped)
    }

    /// Operands that [`Region::dot`] can read: the given ones, or packed copies with their axes still in place.
    pub fn dot_operands(&mut self, mut inputs: Vals, dims: &DotDims) -> Vals {
        if !is_routine(self.dtype(inputs[0])) {
            return inputs;
        }
        let axes = self.dot_axes(&inputs, dims);
        for (n, axes) in [&axes.lhs, &axes.rhs].into_iter().enumerate() {
            // One batch axis always merges.
            if self.merged(inputs[n], &inner(axes, axes[0].len().saturating_sub(1))).is_none() {
                inputs[n] = self.packed(inputs[n], axes);
            }
        }
        if self.looped(&inputs, &axes).is_none() {
            for (n, axes) in [&axes.lhs, &axes.rhs].into_iter().enumerate() {
                if self.merged(inputs[n], axes).is_none() {
                    inputs[n] = self.packed(inputs[n], axes);
                }
            }
        }
        inputs
    }

    /// The dot that gives the transposed output, if a transposition is all that becomes of it.
    pub fn turned(&self, eqn: usize) -> Option<DotDims> {
        let e = &self.flat.eqns[eqn];
        let Lowering::Dot(dims) = &e.lowering else { return None };
        let (users, user) = self.users[e.outputs[0].index()];
        let Lowering::View(maps) = &self.flat.eqns.get(user as usize)?.lowering else {
            return None;
        };
        let rank = |n: usize| self.flat.shape(e.inputs[n]).len();
        let axes = DotAxes::new(dims, rank(0), rank(1));
        let [batch, lhs, rhs] = [axes.lhs[0].len(), axes.lhs[1].len(), axes.rhs[1].len()];
        let turned = (0..batch).chain(batch + rhs..batch + rhs + lhs).chain(batch..batch + rhs);
        let turned: Vec<Affine> = turned.map(Affine::counter).collect();
        let fits = users == 1 && *maps == turned && lhs > 0 && rhs > 0;
        fits.then(|| DotDims {
            lhs_contract: dims.rhs_contract.clone(),
            rhs_contract: dims.lhs_contract.clone(),
            lhs_batch: dims.rhs_batch.clone(),
            rhs_batch: dims.lhs_batch.clone(),
        })
    }

    /// A copy in which the axes lie in this order, seen with the axes where they were.
    fn packed(&mut self, v: ValId, axes: &[AxisList; 3]) -> ValId {
        let order: AxisList = axes.iter().flatten().copied().collect();
        let shape = Shape::from_slice(self.flat.shape(v));
        let packed: Shape = order.iter().map(|a| shape[*a]).collect();
        let mut there: Vec<Affine> = vec![Affine::default(); order.len()];
        for (n, axis) in order.iter().enumerate() {
            there[*axis] = Affine::counter(n);
        }
        let back: Vec<Affine> = order.iter().map(|a| Affine::counter(*a)).collect();
        let turned = self.view(v, &there, packed);
        let copy = self.copy(turned);
        self.view(copy, &back, shape)
    }

    pub fn dot(
        &self,
        cx: &mut Cx,
        inputs: &Vals,
        root: RootId,
        dims: &DotDims,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        if self.roots[root.index()].len == 0 {
            return Ok(());
        }
        let axes = self.dot_axes(inputs, dims);
        let dtype = self.dtype(inputs[0]);
        let contracted: usize =
            axes.lhs[2].iter().map(|a| self.flat.shape(inputs[0])[*a]).product();
        if contracted == 0 {
            let zero = Scalar::zero(dtype);
            self.fill_root(cx, root, steps, |w| w.b.constant(zero));
            return Ok(());
        }
        let looped = self.looped(inputs, &axes).filter(|_| is_routine(dtype));
        let sides = looped.and_then(|n| {
            let lhs = self.merged(inputs[0], &inner(&axes.lhs, n))?;
            Some((n, lhs, self.merged(inputs[1], &inner(&axes.rhs, n))?))
        });
        let Some((looped, l, r)) = sides else {
            self.dot_kernel(cx, inputs, root, &axes, steps);
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
        };
        let trips: Shape =
            axes.lhs[0][..looped].iter().map(|a| self.flat.shape(inputs[0])[*a]).collect();
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

    /// The place that moves by these strides in loops that are about to be entered.
    fn along(&self, mut place: Place, strides: impl IntoIterator<Item = i64>) -> View {
        let strides: SmallVec<[i64; 4]> = strides.into_iter().collect();
        if strides.iter().any(|s| *s != 0) {
            place.base.strides.resize(self.depth, 0);
            place.base.strides.extend(strides);
        }
        place.view()
    }

    /// A dot as a sum in a kernel.
    fn dot_kernel(
        &self,
        cx: &mut Cx,
        inputs: &Vals,
        root: RootId,
        axes: &DotAxes,
        steps: &mut Vec<Step>,
    ) {
        let shapes = [0, 1].map(|n| self.flat.shape(inputs[n]));
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
        w.launch(cx, steps);
    }

    pub fn sort(
        &self,
        inputs: &Vals,
        roots: &[RootId],
        axis: usize,
        keys: usize,
        steps: &mut Vec<Step>,
    ) {
        let shape = self.flat.shape(inputs[0]);
        if shape.contains(&0) {
            return;
        }
        let routine = Routine::Sort {
            dtypes: inputs.iter().map(|v| self.dtype(*v)).collect(),
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

    /// Where operands in memory lie, then where the outputs do.
    fn operands_in_memory(&self, inputs: &Vals, roots: &[RootId]) -> SmallVec<[View; 4]> {
        let from = inputs.iter().map(|v| match self.def(*v) {
            Def::Strided { root, at } => self.place(*root).shifted(at.offset).view(),
            _ => unreachable!("these operands are in memory"),
        });
        from.chain(roots.iter().map(|r| self.place(*r).view())).collect()
    }
}
