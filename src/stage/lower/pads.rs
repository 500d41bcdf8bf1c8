//! Turns sums of padded pieces that do not overlap into one assembled value. The derivative of a
//! split is such a sum.
//!
//! `pad(a) + pad(b)`, both with zeros around, --> pieces a and b in zeros. There are no zeros if
//! the pieces cover everything.

use super::flatten::{Flat, FlatEqn, ValId, Vals};
use crate::core::lowering::{Base, Lowering, Piece, ScalarFn};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::Node;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Scalar};

impl Flat {
    /// Replaces sums of padded pieces; the equations of the parts become empty.
    pub fn merge_pads(&mut self) {
        let is_pad =
            |e: &FlatEqn| matches!(e.lowering, Lowering::Assemble { base: Base::Fill(_), .. });
        if self.eqns().iter().filter(|e| is_pad(e)).count() < 2 {
            return;
        }
        let users = self.users();
        let mut made_by = vec![usize::MAX; self.val_count()];
        for n in 0..self.eqns().len() {
            for v in &self.eqn(n).outputs {
                made_by[v.index()] = n;
            }
            let e = self.eqn(n);
            let (Lowering::Elementwise(f), [a, b]) = (&e.lowering, &e.inputs[..]) else { continue };
            let (from_a, from_b) = (made_by[a.index()], made_by[b.index()]);
            let (Some((fill, left)), Some((_, right))) = (self.zeros(from_a), self.zeros(from_b))
            else {
                continue;
            };
            let once = users[a.index()].count == 1 && users[b.index()].count == 1;
            let apart = left.iter().all(|(_, p)| right.iter().all(|(_, q)| disjoint(p, q)));
            if a == b || !once || !apart || !is_sum(f, self.dtype(*a)) {
                continue;
            }
            let mut inputs = Vals::from_iter([fill]);
            let mut pieces = Vec::with_capacity(left.len() + right.len());
            for (v, piece) in left.into_iter().chain(right) {
                pieces.push(Piece { input: inputs.len(), ..piece.clone() });
                inputs.push(v);
            }
            let volume = |p: &Piece| p.take.iter().map(|r| r.len()).product::<usize>();
            let size = self.size(self.eqn(n).outputs[0]);
            let covered = pieces.iter().map(volume).sum::<usize>() == size;
            let base = if covered { Base::Nothing } else { Base::Fill(0) };
            self.replace(n, Lowering::Assemble { base, pieces }, inputs);
            self.clear(from_a);
            self.clear(from_b);
        }
    }

    /// The pieces of an equation that puts them into zeros, and the zero.
    fn zeros(&self, eqn: usize) -> Option<(ValId, Vec<(ValId, &Piece)>)> {
        let e = self.eqns().get(eqn)?;
        let Lowering::Assemble { base: Base::Fill(fill), pieces } = &e.lowering else {
            return None;
        };
        let fill = e.inputs[*fill];
        let zero = self.literal(fill)?.bits() == 0;
        let fixed = pieces.iter().all(|p| p.starts.is_none());
        (zero && fixed).then(|| (fill, pieces.iter().map(|p| (e.inputs[p.input], p)).collect()))
    }
}

/// Tells whether two pieces do not overlap along some axis, or one is empty.
fn disjoint(p: &Piece, q: &Piece) -> bool {
    let reach = |p: &Piece, axis: usize| -> Option<(i64, i64)> {
        let last = p.take[axis].len().checked_sub(1)? as i64 * p.step[axis];
        Some((p.offset[axis] + last.min(0), p.offset[axis] + last.max(0)))
    };
    (0..p.take.len()).any(|axis| match (reach(p, axis), reach(q, axis)) {
        (Some(p), Some(q)) => p.1 < q.0 || q.1 < p.0,
        _ => true,
    })
}

/// Tells whether `f` adds its two operands.
pub fn is_sum(f: &ScalarFn, dtype: DType) -> bool {
    let mut b = KernelBuilder::new("probe", []);
    let args = [b.constant(Scalar::zero(dtype)), b.constant(Scalar::one(dtype))];
    let out = f(&mut b, &args);
    let add = |op: &ScalarOp| *op == ScalarOp::Add || (dtype.is_bool() && *op == ScalarOp::Or);
    matches!(b.node(out[0]), Node::Op { op, args: got } if add(op) && got[..] == args)
}
