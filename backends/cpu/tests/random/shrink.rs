//! Smaller kernels of a kernel that fails: without a store, with a node in place of another, with
//! shorter loops.

use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Kernel, Node, NodeId, Store};
use cotangent_jit::verify::verify_kernel;

/// The smallest kernel found that still fails.
pub fn shrunk(kernel: &Kernel, fails: impl Fn(&Kernel) -> bool) -> Kernel {
    let mut best = kernel.clone();
    'again: for _ in 0..200 {
        for k in smaller(&best) {
            if verify_kernel(k.clone()).is_ok() && fails(&k) {
                best = k;
                continue 'again;
            }
        }
        break;
    }
    best
}

fn smaller(kernel: &Kernel) -> Vec<Kernel> {
    let mut all = Vec::new();
    let edited = |change: &dyn Fn(&mut Kernel)| {
        let mut k = kernel.clone();
        change(&mut k);
        rebuilt(&k, None)
    };
    let written = kernel.stores.len() + kernel.reductions.len();
    for n in (0..kernel.stores.len()).filter(|_| written > 1) {
        all.push(edited(&|k| drop(k.stores.remove(n))));
    }
    for n in (0..kernel.reductions.len()).filter(|_| written > 1) {
        all.push(edited(&|k| drop(k.reductions.remove(n))));
    }
    if kernel.condition.is_some() {
        all.push(edited(&|k| k.condition = None));
    }
    let types = kernel.node_types().unwrap();
    for n in (0..kernel.nodes.len()).rev() {
        let alike = (0..n).filter(|m| types[*m] == types[n]);
        all.extend(alike.map(|m| rebuilt(kernel, Some((n, m)))));
    }
    for n in 0..kernel.loops.len() {
        let extent = kernel.loops[n].extent;
        let shorter = [1, extent / 2, extent.saturating_sub(1)];
        for extent in shorter.into_iter().filter(|e| *e < extent) {
            all.push(edited(&|k| k.loops[n].extent = extent));
        }
    }
    all
}

/// The kernel without nodes that nothing needs, and with an earlier node in place of one node.
fn rebuilt(kernel: &Kernel, instead: Option<(usize, usize)>) -> Kernel {
    let mut b = KernelBuilder::like(kernel);
    let mut new: Vec<NodeId> = Vec::new();
    for (n, node) in kernel.nodes.iter().enumerate() {
        let of = |id: &NodeId| new[id.0 as usize];
        let id = match instead {
            Some((from, to)) if from == n => new[to],
            _ => b.add(match node {
                Node::Gather { buffer, at } => Node::Gather { buffer: *buffer, at: of(at) },
                Node::Op { op, args } => Node::Op { op: *op, args: args.iter().map(of).collect() },
                Node::Constant(_) | Node::Counter(_) | Node::Load { .. } => node.clone(),
            }),
        };
        new.push(id);
    }
    let of = |id: NodeId| new[id.0 as usize];
    for s in &kernel.stores {
        b.store(Store { value: of(s.value), offset: s.offset.map(of), ..s.clone() });
    }
    for r in &kernel.reductions {
        b.reduce(r.buffer, r.at.clone(), r.combine, of(r.value));
    }
    if let Some(holds) = kernel.condition {
        b.condition(of(holds));
    }
    b.finish()
}
