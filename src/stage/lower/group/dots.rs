//! The operands of dots: how strides walk through their axes, and copies of those that no stride
//! can walk through.
//!
//! Not here: the steps of a dot (`routine`).

use super::super::flatten::{ValId, Vals};
use super::super::value::{self, Def};
use super::grouped::Grouped;
use super::grouping::Grouping;
use crate::core::aval::Shape;
use crate::core::lowering::{DotDims, Lowering};
use cotangent_jit::DType;
use cotangent_jit::affine::Affine;
use smallvec::SmallVec;

pub type AxisList = SmallVec<[usize; 4]>;

/// The axes of a dot's operands: shared, own, summed.
#[derive(Clone)]
pub struct DotAxes {
    pub lhs: [AxisList; 3],
    pub rhs: [AxisList; 3],
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

/// Least number of products for which each call of a routine pays off. Operands of smaller dots are
/// packed.
const LOOPED_DOT: usize = 2048;

/// The axes without `looped` leading batch axes.
pub fn inner(axes: &[AxisList; 3], looped: usize) -> [AxisList; 3] {
    let mut axes = axes.clone();
    axes[0] = axes[0][looped..].into();
    axes
}

/// Tells whether a routine computes dots of this type. Kernels compute dots of ints and bools.
pub fn is_routine(d: DType) -> bool {
    d.is_inexact()
}

impl Grouped {
    /// Extents and strides of a dot's operand in its three lists of axes.
    pub fn merged(&self, v: ValId, axes: &[AxisList; 3]) -> Option<[(usize, i64); 3]> {
        let Def::Strided { at, .. } = self.def(v) else { return None };
        let shape = self.flat().shape(v);
        let mut out = [(1, 0); 3];
        for (to, axes) in out.iter_mut().zip(axes) {
            *to = value::merge(at, shape, axes)?;
        }
        out.iter().all(|(_, stride)| *stride >= 0).then_some(out)
    }

    /// The axes of a dot, with the summed ones in an order in which one stride walks through them,
    /// if there is one.
    pub fn dot_axes(&self, inputs: &Vals, dims: &DotDims) -> DotAxes {
        let ranks = [0, 1].map(|n| self.flat().shape(inputs[n]).len());
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

    /// Number of leading batch axes that need loops of their own, so that the others merge in both
    /// operands. `None` if another axis does not merge, or if the products are too small for a call
    /// each.
    pub fn looped(&self, inputs: &Vals, axes: &DotAxes) -> Option<usize> {
        let shape = self.flat().shape(inputs[0]);
        let batch = axes.lhs[0].len();
        let looped = (0..=batch.saturating_sub(1)).find(|n| {
            let [lhs, rhs] = [&axes.lhs, &axes.rhs].map(|a| inner(a, *n));
            self.merged(inputs[0], &lhs).is_some() && self.merged(inputs[1], &rhs).is_some()
        })?;
        let size =
            |axes: &[usize], shape: &[usize]| -> usize { axes.iter().map(|a| shape[*a]).product() };
        let [lhs, rhs] = [&axes.lhs, &axes.rhs].map(|a| inner(a, looped));
        let work = size(&lhs[0], shape) * size(&lhs[1], shape) * size(&lhs[2], shape);
        let work = work * size(&rhs[1], self.flat().shape(inputs[1]));
        (looped == 0 || work >= LOOPED_DOT).then_some(looped)
    }
}

impl Grouping {
    /// Operands that a dot can read: the given ones, or packed copies whose axes have the same
    /// order.
    pub(super) fn dot_operands(&mut self, mut inputs: Vals, dims: &DotDims) -> Vals {
        if !is_routine(self.grouped.flat().dtype(inputs[0])) {
            return inputs;
        }
        let axes = self.grouped.dot_axes(&inputs, dims);
        for (n, axes) in [&axes.lhs, &axes.rhs].into_iter().enumerate() {
            // One batch axis always merges.
            if self
                .grouped
                .merged(inputs[n], &inner(axes, axes[0].len().saturating_sub(1)))
                .is_none()
            {
                inputs[n] = self.packed(inputs[n], axes);
            }
        }
        if self.grouped.looped(&inputs, &axes).is_none() {
            for (n, axes) in [&axes.lhs, &axes.rhs].into_iter().enumerate() {
                if self.grouped.merged(inputs[n], axes).is_none() {
                    inputs[n] = self.packed(inputs[n], axes);
                }
            }
        }
        inputs
    }

    /// The dot that gives the transposed output, if a transposition is the only use of the output.
    pub(super) fn turned(&self, eqn: usize) -> Option<DotDims> {
        let flat = self.grouped.flat();
        let e = flat.eqn(eqn);
        let Lowering::Dot { dims, .. } = &e.lowering else { return None };
        let users = self.users[e.outputs[0].index()];
        let Lowering::View(maps) = &flat.eqns().get(users.eqn as usize)?.lowering else {
            return None;
        };
        let rank = |n: usize| flat.shape(e.inputs[n]).len();
        let axes = DotAxes::new(dims, rank(0), rank(1));
        let [batch, lhs, rhs] = [axes.lhs[0].len(), axes.lhs[1].len(), axes.rhs[1].len()];
        let turned = (0..batch).chain(batch + rhs..batch + rhs + lhs).chain(batch..batch + rhs);
        let turned: Vec<Affine> = turned.map(Affine::counter).collect();
        let fits = users.count == 1 && *maps == turned && lhs > 0 && rhs > 0;
        fits.then(|| DotDims {
            lhs_contract: dims.rhs_contract.clone(),
            rhs_contract: dims.lhs_contract.clone(),
            lhs_batch: dims.rhs_batch.clone(),
            rhs_batch: dims.lhs_batch.clone(),
        })
    }

    /// Copies the value with its axes in this order in memory. The result is a view of the copy
    /// with the axes in the order of the value.
    fn packed(&mut self, v: ValId, axes: &[AxisList; 3]) -> ValId {
        let order: AxisList = axes.iter().flatten().copied().collect();
        let shape = Shape::from_slice(self.grouped.flat().shape(v));
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
}
