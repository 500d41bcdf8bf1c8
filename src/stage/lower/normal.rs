//! Merges neighbouring loops of a kernel that every map walks through with one stride.
//!
//! Not here: the order of loops (backends).

use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Kernel, Loop, Node};

/// Merges loops where only the number of loops changes.
pub fn simplify(kernel: &mut Kernel) {
    let mut fixed = vec![false; kernel.loops.len()];
    for node in &kernel.nodes {
        if let Node::Counter(n) = node {
            fixed[*n] = true;
        }
    }
    for outer in (0..kernel.loops.len().saturating_sub(1)).rev() {
        let inner = outer + 1;
        let (o, i) = (kernel.loops[outer], kernel.loops[inner]);
        let one = |at: &Affine| at.stride(outer) == at.stride(inner) * i.extent as i64;
        if o.mode == i.mode && !fixed[outer] && !fixed[inner] && all_maps(kernel, one) {
            kernel.loops[outer] = Loop { extent: o.extent * i.extent, mode: o.mode };
            kernel.loops.remove(inner);
            fixed.remove(inner);
            each_map(kernel, |at| {
                if at.strides.len() > inner {
                    at.strides.remove(outer);
                } else if at.strides.len() == inner {
                    // Both strides are zero.
                    at.strides.pop();
                }
                while at.strides.last() == Some(&0) {
                    at.strides.pop();
                }
            });
            for node in &mut kernel.nodes {
                if let Node::Counter(n) = node
                    && *n > inner
                {
                    *n -= 1;
                }
            }
        }
    }
}

fn all_maps(kernel: &Kernel, holds: impl Fn(&Affine) -> bool) -> bool {
    let loads = kernel.nodes.iter().all(|n| match n {
        Node::Load { at, guard, .. } => holds(at) && guard.iter().all(|r| holds(&r.at)),
        _ => true,
    });
    loads
        && kernel.stores.iter().all(|s| holds(&s.at))
        && kernel.reductions.iter().all(|r| holds(&r.at))
}

fn each_map(kernel: &mut Kernel, change: impl Fn(&mut Affine)) {
    for node in &mut kernel.nodes {
        if let Node::Load { at, guard, .. } = node {
            change(at);
            guard.iter_mut().for_each(|r| change(&mut r.at));
        }
    }
    kernel.stores.iter_mut().for_each(|s| change(&mut s.at));
    kernel.reductions.iter_mut().for_each(|r| change(&mut r.at));
}
