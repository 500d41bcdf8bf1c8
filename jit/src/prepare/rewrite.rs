//! Rebuilds a kernel op by op. Passes that replace ops and leave everything else as it is are
//! closures for [`map_ops`].
//!
//! The replacements of ops do not live here.

use crate::build::KernelBuilder;
use crate::kernel::{Kernel, Node, NodeId, Store};
use crate::op::ScalarOp;
use smallvec::SmallVec;

/// The kernel in which every op is the node that `replace` builds from the op and its new operands.
pub(super) fn map_ops(
    kernel: &Kernel,
    mut replace: impl FnMut(&mut KernelBuilder, ScalarOp, &[NodeId]) -> NodeId,
) -> Kernel {
    let mut b = KernelBuilder::like(kernel);
    let mut renamed: Vec<NodeId> = Vec::with_capacity(kernel.nodes.len());
    for node in &kernel.nodes {
        let new = |id: &NodeId| renamed[id.0 as usize];
        let id = match node {
            Node::Op { op, args } => {
                let args: SmallVec<[NodeId; 3]> = args.iter().map(new).collect();
                replace(&mut b, *op, &args)
            }
            Node::Gather { buffer, at } => b.gather(*buffer, new(at)),
            Node::Constant(_) | Node::Counter(_) | Node::Load { .. } => b.add(node.clone()),
        };
        renamed.push(id);
    }
    let new = |id: NodeId| renamed[id.0 as usize];
    for s in &kernel.stores {
        b.store(Store { value: new(s.value), offset: s.offset.map(new), ..s.clone() });
    }
    for r in &kernel.reductions {
        b.reduce(r.buffer, r.at.clone(), r.combine, new(r.value));
    }
    if let Some(condition) = kernel.condition {
        b.condition(new(condition));
    }
    let mut rewritten = b.finish();
    // The builder chooses the accumulator by the type of the value; the kernel may have another.
    for (new, old) in rewritten.reductions.iter_mut().zip(&kernel.reductions) {
        new.accumulator = old.accumulator;
    }
    rewritten
}
