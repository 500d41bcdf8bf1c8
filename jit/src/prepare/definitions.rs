//! Replaces the elementary ops of a kernel by their definitions.
//!
//! The definitions themselves live in [`math`]. A backend that calls a function, or branches inside
//! of it, keeps the op and generates code for it itself.

use super::rewrite::map_ops;
use crate::kernel::Kernel;
use crate::math;
use crate::op::ScalarOp;
use crate::{DType, kernel::Node, op::Level};

/// The kernel in which every elementary op is replaced by its definition.
pub fn expand(kernel: &Kernel) -> Kernel {
    expand_except(kernel, |_, _| false)
}

/// The kernel in which every elementary op is replaced by its definition, except the ops that
/// `keep` names by op and type of operand.
pub fn expand_except(kernel: &Kernel, keep: impl Fn(ScalarOp, DType) -> bool) -> Kernel {
    map_ops(kernel, |b, op, args| {
        let operand = b.dtype(args[0]);
        if keep(op, operand) { b.op(op, args) } else { math::define(op, b, args) }
    })
}

/// The number of elementary ops in the kernel.
pub fn count(kernel: &Kernel) -> usize {
    let elementary =
        |n: &&Node| matches!(n, Node::Op { op, .. } if op.level() == Level::Elementary);
    kernel.nodes.iter().filter(elementary).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affine::Affine;
    use crate::build::KernelBuilder;
    use crate::kernel::{Combine, Loop, Mode};

    fn kernel() -> Kernel {
        let loops = [Mode::Parallel, Mode::Reduce].map(|mode| Loop { extent: 8, mode });
        let mut b = KernelBuilder::new("k", loops);
        let (x, y) = (b.buffer(DType::F32, 64), b.buffer(DType::F32, 64));
        let z = b.buffer(DType::F32, 8);
        let v = b.load(x, Affine::new(0, [8, 1]));
        let v = b.op(ScalarOp::Exp, &[v]);
        let w = b.op(ScalarOp::Pow, &[v, v]);
        b.store_at(y, Affine::new(0, [8, 1]), v);
        b.reduce(z, Affine::counter(0), Combine::Sum, w);
        let mut kernel = b.finish();
        kernel.reductions[0].accumulator = DType::F32;
        kernel
    }

    #[test]
    fn expansion_keeps_everything_else() {
        let kernel = kernel();
        let expanded = expand(&kernel);
        assert_eq!((count(&kernel), count(&expanded)), (2, 0));
        assert_eq!((&expanded.loops, &expanded.buffers), (&kernel.loops, &kernel.buffers));
        assert_eq!(expanded.stores[0].at, kernel.stores[0].at);
        assert_eq!(expanded.reductions[0].accumulator, DType::F32);
        assert_eq!(expand(&expanded), expanded);
    }

    #[test]
    fn kept_ops_stay() {
        let kernel = kernel();
        let expanded = expand_except(&kernel, |op, d| op == ScalarOp::Exp && d == DType::F32);
        assert_eq!(count(&expanded), 1);
        assert_eq!(expand(&expanded), expand(&kernel));
        assert_eq!(expand_except(&kernel, |_, _| true), kernel);
    }
}
