//! The accesses of a kernel to memory.

use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Kernel, Node};

/// Every affine index of the kernel that reaches memory, with the size of its elements.
pub fn accesses(k: &Kernel) -> Vec<(&Affine, usize, bool)> {
    let size = |n: u32| k.buffers[n as usize].dtype.size();
    let loads = k.nodes.iter().filter_map(|n| match n {
        Node::Load { buffer, at, .. } => Some((at, size(buffer.0), false)),
        _ => None,
    });
    let stores = k.stores.iter().map(|s| (&s.at, size(s.buffer.0), true));
    let results = k.reductions.iter().map(|r| (&r.at, size(r.buffer.0), true));
    loads.chain(stores).chain(results).collect()
}
