//! The elementary functions, each defined once in machine ops.

use crate::build::KernelBuilder;
use crate::kernel::{Kernel, Node, NodeId, Store};
use crate::op::{Level, ScalarOp};
use smallvec::SmallVec;
use std::cell::RefCell;
use term::Term;

mod erf;
mod exp;
mod hyperbolic;
mod inverse_trig;
mod log;
mod pow;
mod root;
mod term;
mod trig;

#[cfg(test)]
mod eval;
#[cfg(test)]
mod tests;

/// The op applied to the operands, in machine ops alone; an op that is one already stays as it is.
pub fn define(op: ScalarOp, b: &mut KernelBuilder, args: &[NodeId]) -> NodeId {
    if op.level() == Level::Machine {
        return b.op(op, args);
    }
    let builder = RefCell::new(b);
    let x = Term::new(&builder, args[0]);
    let result = match op {
        ScalarOp::Sign => root::sign(x),
        ScalarOp::IsFinite => root::is_finite(x),
        ScalarOp::RoundAway => root::round_away(x),
        ScalarOp::Rsqrt => root::rsqrt(x),
        ScalarOp::Exp => exp::exp(x),
        ScalarOp::Exp2 => exp::exp2(x),
        ScalarOp::Expm1 => exp::expm1(x),
        ScalarOp::Logistic => exp::logistic(x),
        ScalarOp::Log => log::log(x),
        ScalarOp::Log2 => log::log2(x),
        ScalarOp::Log1p => log::log1p(x),
        ScalarOp::Sin => trig::sin(x),
        ScalarOp::Cos => trig::cos(x),
        ScalarOp::Cbrt => root::cbrt(x),
        ScalarOp::Tan => trig::tan(x),
        ScalarOp::Asin => inverse_trig::asin(x),
        ScalarOp::Acos => inverse_trig::acos(x),
        ScalarOp::Atan => inverse_trig::atan(x),
        ScalarOp::Atan2 => inverse_trig::atan2(x, Term::new(&builder, args[1])),
        ScalarOp::Sinh => hyperbolic::sinh(x),
        ScalarOp::Cosh => hyperbolic::cosh(x),
        ScalarOp::Tanh => hyperbolic::tanh(x),
        ScalarOp::Asinh => hyperbolic::asinh(x),
        ScalarOp::Acosh => hyperbolic::acosh(x),
        ScalarOp::Atanh => hyperbolic::atanh(x),
        ScalarOp::Erf => erf::erf(x),
        ScalarOp::Erfc => erf::erfc(x),
        ScalarOp::Pow => pow::pow(x, Term::new(&builder, args[1])),
        ScalarOp::ErfInv => erf::erf_inv(x),
        op => panic!("{op:?}: not an elementary function"),
    };
    result.id()
}

/// The kernel with every elementary function replaced by its definition.
pub fn expand(kernel: &Kernel) -> Kernel {
    let mut b = KernelBuilder::like(kernel);
    let mut renamed: Vec<NodeId> = Vec::with_capacity(kernel.nodes.len());
    for node in &kernel.nodes {
        let new = |id: &NodeId| renamed[id.0 as usize];
        let id = match node {
            Node::Op { op, args } => {
                let args: SmallVec<[NodeId; 3]> = args.iter().map(new).collect();
                define(*op, &mut b, &args)
            }
            Node::Gather { buffer, at } => b.gather(*buffer, new(at)),
            node => b.add(node.clone()),
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
    let mut expanded = b.finish();
    for (new, old) in expanded.reductions.iter_mut().zip(&kernel.reductions) {
        new.accumulator = old.accumulator;
    }
    expanded
}
