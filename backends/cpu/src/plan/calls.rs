//! Kernels that call elementary functions instead of expanding them, and the ops that they call.
//!
//! Register allocation of long straight-line code is superlinear, and a sine has some forty
//! instructions: the compilation of a kernel of a thousand sines would take a fifth of a second. So
//! beyond [`FEW`] of them, each function that a program needs is compiled once for scalars and once
//! for a vector register, and called. The definition is the same, so results are the same to the
//! bit.
//!
//! The definitions live in `cotangent_jit::math`, and their expansion in `cotangent_jit::prepare`.
//! The numbers of the functions live in `outlines`.

use crate::plan::loops::{few_points, parallel};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Kernel, Node, NodeId};
use cotangent_jit::op::{Level, ScalarOp};
use cotangent_jit::prepare::{definitions, narrow};
use cotangent_jit::{DType, Scalar, math};
use smallvec::SmallVec;

/// Kernels with at most this many elementary functions have them expanded in place.
const FEW: usize = 24;

/// Returns whether a call of the op is worth its cost in kernels that call functions.
fn worth_call(op: ScalarOp) -> bool {
    op.level() == Level::Elementary && !op.is_brief()
}

/// The op of a node that is called in kernels that call functions.
pub fn called(node: &Node) -> Option<ScalarOp> {
    match node {
        Node::Op { op, .. } if worth_call(*op) => Some(*op),
        _ => None,
    }
}

/// Returns whether the kernel has so many elementary functions that they are called.
pub fn calls(kernel: &Kernel) -> bool {
    kernel.nodes.iter().filter(|n| called(n).is_some()).count() > FEW
}

/// Returns whether the op has a shorter definition for some operands.
pub fn branches(op: ScalarOp, d: DType) -> bool {
    let mut b = KernelBuilder::new(op.name(), [parallel(1)]);
    let args: SmallVec<[NodeId; 3]> =
        (0..op.signature().0).map(|_| b.constant(Scalar::zero(d))).collect();
    math::near(op, &mut b, &args).is_some()
}

/// The kernel in machine ops, without arithmetic on narrow types. A kernel with many elementary
/// functions keeps those that are called; a kernel that is scalar code keeps those that branch.
pub fn expand(kernel: &Kernel) -> Kernel {
    let kernel = &*narrow::widen(kernel);
    let (called, scalar) = (calls(kernel), few_points(kernel));
    definitions::expand_except(kernel, |op, d| {
        if called {
            worth_call(op)
        } else {
            scalar && op.level() == Level::Elementary && branches(op, d)
        }
    })
}
