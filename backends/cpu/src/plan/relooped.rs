//! A kernel over other loops: each old counter becomes an affine function of the new ones.

use cotangent_jit::Scalar;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Kernel, Loop, Node, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::prepare::loops::map_affines;
use smallvec::smallvec;

/// The kernel over `loops`, in which `counters` stand for the old counters.
pub fn relooped(k: &Kernel, loops: Vec<Loop>, counters: &[Affine]) -> Kernel {
    let mut k = Kernel { loops, ..k.clone() };
    map_affines(&mut k, |a| compose(counters, a));
    replace_counters(&mut k, counters);
    k
}

/// An affine function of the old counters as one of the new.
pub fn compose(counters: &[Affine], a: &Affine) -> Affine {
    let terms = counters.iter().enumerate().map(|(n, c)| c.scale(a.stride(n)));
    terms.fold(Affine::constant(a.offset), |sum, term| sum.add(&term))
}

fn replace_counters(k: &mut Kernel, counters: &[Affine]) {
    let old = std::mem::take(&mut k.nodes);
    let mut new_id: Vec<NodeId> = Vec::with_capacity(old.len());
    for mut node in old {
        let id = match &mut node {
            Node::Counter(n) => affine_node(&mut k.nodes, &counters[*n]),
            Node::Gather { at, .. } => {
                *at = new_id[at.0 as usize];
                push(&mut k.nodes, node)
            }
            Node::Op { args, .. } => {
                args.iter_mut().for_each(|a| *a = new_id[a.0 as usize]);
                push(&mut k.nodes, node)
            }
            _ => push(&mut k.nodes, node),
        };
        new_id.push(id);
    }
    for s in &mut k.stores {
        s.value = new_id[s.value.0 as usize];
        s.offset = s.offset.map(|o| new_id[o.0 as usize]);
    }
    k.reductions.iter_mut().for_each(|r| r.value = new_id[r.value.0 as usize]);
}

pub fn push(nodes: &mut Vec<Node>, node: Node) -> NodeId {
    nodes.push(node);
    NodeId(nodes.len() as u32 - 1)
}

/// An affine function of counters as a node.
fn affine_node(nodes: &mut Vec<Node>, at: &Affine) -> NodeId {
    let mut sum = None;
    for (n, stride) in at.strides.iter().enumerate().filter(|(_, s)| **s != 0) {
        let mut term = push(nodes, Node::Counter(n));
        if *stride != 1 {
            let by = push(nodes, Node::Constant(Scalar::from(*stride)));
            term = push(nodes, Node::Op { op: ScalarOp::Mul, args: smallvec![term, by] });
        }
        sum = Some(match sum {
            None => term,
            Some(s) => push(nodes, Node::Op { op: ScalarOp::Add, args: smallvec![s, term] }),
        });
    }
    sum.unwrap_or_else(|| push(nodes, Node::Constant(Scalar::from(0i64))))
}
