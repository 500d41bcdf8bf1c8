//! Turns sums of a value and a small update in zeros into an addition to the value where it lies.
//! The derivative of reading a few elements is such a sum in every step of a loop.
//!
//! `x + update(zeros, u, at i)`, `x + scatter_add(zeros, u, at i)` -->
//! u is added into x at i.

use super::flatten::{Flat, FlatEqn, ValId, Vals};
use super::pads::is_sum;
use super::value;
use crate::core::lowering::{Base, Lowering, Piece, Point, PointFn};
use cotangent_jit::kernel::{Combine, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Scalar};
use std::sync::Arc;

/// Least ratio of the sizes of a value and of an update that is added into it.
const SMALLER: usize = 4;

/// Elements that are added somewhere.
struct Update {
    elements: ValId,
    /// The flat position of each element.
    position: PointFn,
    /// The inputs of the equation, of which `base` and `updates` are two.
    inputs: Vals,
    base: usize,
    updates: usize,
}

impl Flat {
    /// Replaces such sums; the equations of the updates become empty.
    pub fn add_updates(&mut self) {
        let is_update = |e: &FlatEqn| {
            matches!(
                &e.lowering,
                Lowering::Assemble { base: Base::Fill(_) | Base::Input(_), .. }
                    | Lowering::Scatter { combine: Some(Combine::Sum), .. }
            )
        };
        if !self.eqns().iter().any(is_update) {
            return;
        }
        let users = self.users();
        let mut made_by = vec![usize::MAX; self.val_count()];
        for n in 0..self.eqns().len() {
            for v in &self.eqn(n).outputs {
                made_by[v.index()] = n;
            }
            let e = self.eqn(n);
            let (Lowering::Elementwise(f), &[a, b]) = (&e.lowering, &e.inputs[..]) else {
                continue;
            };
            if a == b || self.shape(a) != self.shape(b) {
                continue;
            }
            let found = [(a, b), (b, a)].into_iter().find_map(|(x, u)| {
                let made = made_by[u.index()];
                let update = self.update(made, &made_by).filter(|_| users[u.index()].count == 1)?;
                Some((x, made, update))
            });
            let dtype = self.dtype(a);
            let Some((x, made, update)) = found.filter(|_| is_sum(f, dtype)) else { continue };
            let small = self.size(update.elements) * SMALLER;
            if !dtype.is_float() || small > self.size(x) {
                continue;
            }
            let Update { position, mut inputs, base, updates, .. } = update;
            inputs[base] = x;
            let combine = Some(Combine::Sum);
            self.replace(n, Lowering::Scatter { base, updates, combine, position }, inputs);
            self.clear(made);
        }
    }

    /// The equations in an order in which an update of a value comes after the equations that only
    /// read the value, where dependences allow it. Then the value is updated where it lies.
    pub fn updates_last(&self) -> Vec<usize> {
        let started = |e: &FlatEqn| match &e.lowering {
            Lowering::Assemble { base: Base::Input(n), .. } | Lowering::Scatter { base: n, .. } => {
                Some(e.inputs[*n])
            }
            _ => None,
        };
        let mut order = Vec::with_capacity(self.eqns().len());
        // Values that wait for an update.
        let mut waits = vec![false; self.val_count()];
        let mut late = Vec::new();
        let mut effects_wait = false;
        for (n, e) in self.eqns().iter().enumerate() {
            // Calls of the host keep their order. Loops and branches may have some inside.
            let calls = matches!(
                e.lowering,
                Lowering::Host(_) | Lowering::Scan(_) | Lowering::While(_) | Lowering::Cond { .. }
            );
            let wait = started(e).is_some()
                || e.inputs.iter().any(|v| waits[v.index()])
                || (calls && effects_wait);
            if wait {
                effects_wait |= calls;
                e.outputs.iter().for_each(|v| waits[v.index()] = true);
                late.push(n);
            } else {
                order.push(n);
            }
        }
        order.extend(late);
        order
    }

    /// The update that an equation puts into zeros, if it does nothing else.
    fn update(&self, eqn: usize, made_by: &[usize]) -> Option<Update> {
        let e = self.eqns().get(eqn)?;
        match &e.lowering {
            Lowering::Scatter { base, updates, combine: Some(Combine::Sum), position } => {
                let zeros = self.is_zero(e.inputs[*base], made_by);
                zeros.then(|| Update {
                    elements: e.inputs[*updates],
                    position: position.clone(),
                    inputs: e.inputs.clone(),
                    base: *base,
                    updates: *updates,
                })
            }
            Lowering::Assemble { base: Base::Fill(n) | Base::Input(n), pieces } => {
                let [piece] = &pieces[..] else { return None };
                let elements = e.inputs[piece.input];
                let whole = piece.take.iter().zip(self.shape(elements)).all(|(t, n)| *t == (0..*n));
                let zeros = self.is_zero(e.inputs[*n], made_by) && whole;
                zeros.then(|| Update {
                    elements,
                    position: position_of(piece.clone(), self.shape(e.outputs[0])),
                    inputs: e.inputs.clone(),
                    base: *n,
                    updates: piece.input,
                })
            }
            _ => None,
        }
    }

    /// Tells whether a value is a literal zero or a broadcast of it.
    fn is_zero(&self, v: ValId, made_by: &[usize]) -> bool {
        if let Some(s) = self.literal(v) {
            return s.bits() == 0;
        }
        match self.eqns().get(made_by[v.index()]) {
            Some(FlatEqn { lowering: Lowering::View(_), inputs, .. }) => {
                self.literal(inputs[0]).is_some_and(|s| s.bits() == 0)
            }
            _ => false,
        }
    }
}

/// The flat position of each element of a piece in a whole of this shape; its starts are clamped so
/// that it fits.
fn position_of(piece: Piece, shape: &[usize]) -> PointFn {
    let (strides, at) = (value::dense(shape), value::piece_position(shape, &piece));
    let shape = shape.to_vec();
    Arc::new(move |p: &mut dyn Point| {
        let mut sum = p.builder().constant(Scalar::from(at.offset));
        for axis in 0..shape.len() {
            let coordinate = p.coordinate(axis);
            sum = plus(p, sum, coordinate, at.stride(axis));
            let Some(start) = piece.starts.as_ref().map(|s| s[axis]) else { continue };
            let reach = piece.step[axis] * (piece.take[axis].len() as i64 - 1);
            let low = -(piece.offset[axis] + reach.min(0));
            let high = shape[axis] as i64 - 1 - (piece.offset[axis] + reach.max(0));
            let start = p.read(start, &[]);
            let b = p.builder();
            let start = if b.dtype(start) == DType::U64 {
                let most = b.constant(Scalar::from(i64::MAX as u64));
                b.op(ScalarOp::Min, &[start, most])
            } else {
                start
            };
            let start = b.convert(start, DType::I64);
            let (low, high) = (b.constant(Scalar::from(low)), b.constant(Scalar::from(high)));
            let start = b.op(ScalarOp::Min, &[start, high]);
            let start = b.op(ScalarOp::Max, &[start, low]);
            sum = plus(p, sum, start, strides.stride(axis));
        }
        sum
    })
}

/// `sum + node * by`.
fn plus(p: &mut dyn Point, sum: NodeId, node: NodeId, by: i64) -> NodeId {
    let b = p.builder();
    let term = match by {
        0 => return sum,
        1 => node,
        by => {
            let by = b.constant(Scalar::from(by));
            b.op(ScalarOp::Mul, &[node, by])
        }
    };
    b.op(ScalarOp::Add, &[sum, term])
}
