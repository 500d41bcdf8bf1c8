//! Computed positions that advance by a constant from lane to lane of the vector loop.
//!
//! A position made of counters, invariants, sums, constant factors and clamps steps by a constant
//! from lane to lane, as long as no clamp takes effect within the lanes. Positions that are affine
//! in the counters do not live here, nor does the code of gathers and stores at such positions.

use cotangent_jit::DType;
use cotangent_jit::kernel::{Kernel, Node, NodeId};
use cotangent_jit::op::ScalarOp;

/// Larger trees of ops do not count as positions. So functions that walk a position may recurse and
/// visit a node once per use.
const LARGEST: u32 = 50;

/// Longer steps do not count as constant, so that no sum of a step and a stride overflows.
const LONGEST: u64 = 1 << 31;

/// The step of each i64 node per point of loop `v`, without its clamps; `None` if the step is not
/// constant.
pub fn steps(k: &Kernel, types: &[DType], bits: &[u64], v: usize) -> Vec<Option<i64>> {
    let mut steps: Vec<Option<i64>> = Vec::with_capacity(k.nodes.len());
    let mut sizes: Vec<u32> = Vec::with_capacity(k.nodes.len());
    let constant = |n: NodeId| match k.node(n) {
        Node::Constant(s) => s.to_i64(),
        _ => None,
    };
    for (n, node) in k.nodes.iter().enumerate() {
        let step = |n: NodeId| steps[n.0 as usize];
        let found = match node {
            _ if bits[n] >> v & 1 == 0 => Some(0),
            _ if types[n] != DType::I64 => None,
            Node::Counter(_) => Some(1),
            Node::Op { op, args } => {
                let (x, y) = (args[0], args.get(1).copied().unwrap_or(args[0]));
                match op {
                    ScalarOp::Add => step(x).zip(step(y)).and_then(|(a, b)| a.checked_add(b)),
                    ScalarOp::Sub => step(x).zip(step(y)).and_then(|(a, b)| a.checked_sub(b)),
                    ScalarOp::Mul => match (constant(x), constant(y)) {
                        (_, Some(c)) => step(x).and_then(|a| a.checked_mul(c)),
                        (Some(c), _) => step(y).and_then(|a| a.checked_mul(c)),
                        _ => None,
                    },
                    ScalarOp::Min | ScalarOp::Max if step(y) == Some(0) => step(x),
                    ScalarOp::Min | ScalarOp::Max if step(x) == Some(0) => step(y),
                    _ => None,
                }
            }
            _ => None,
        };
        let size = match node {
            Node::Op { args, .. } if bits[n] >> v & 1 == 1 => {
                let all = args.iter().map(|a| sizes[a.0 as usize]);
                all.fold(1u32, u32::saturating_add)
            }
            _ => 0,
        };
        sizes.push(size);
        let fits = |step: &i64| size <= LARGEST && step.unsigned_abs() <= LONGEST;
        steps.push(found.filter(fits));
    }
    steps
}

/// Returns whether a position contains a clamp: then its step is constant only where the clamp has
/// no effect.
pub fn clamps(k: &Kernel, varies: &[bool], n: NodeId) -> bool {
    match k.node(n) {
        Node::Op { op: ScalarOp::Min | ScalarOp::Max, .. } if varies[n.0 as usize] => true,
        Node::Op { args, .. } if varies[n.0 as usize] => args.iter().any(|a| clamps(k, varies, *a)),
        _ => false,
    }
}
