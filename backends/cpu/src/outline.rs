//! Elementary functions: expanded in place in small kernels, called in kernels with many of them.
//!
//! Register allocation of long straight-line code is superlinear, and a sine is some forty instructions: a kernel of a
//! thousand sines would compile for a fifth of a second. So beyond [`FEW`] of them, each function that a program needs is
//! compiled once for scalars and once for a vector register, and called. It is the same definition, so results do not
//! change by a bit.

use crate::code::{self, FunctionId};
use crate::kernel::{Base, Emitter};
use crate::lanes::{Bits, Lanes, vector_type};
use crate::normal::{Nest, parallel};
use crate::pool::Pool;
use crate::scalar;
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Kernel, Node, NodeId, Store};
use cotangent_jit::op::{Level, ScalarOp};
use cotangent_jit::{DType, Error, err, math};
use cranelift_codegen::Context;
use cranelift_codegen::ir::{AbiParam, FuncRef, InstBuilder, Signature, Type, Value};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Kernels with at most this many elementary functions have them expanded in place.
const FEW: usize = 24;

/// A function of the program: the op, its type, and whether it works on a vector register.
pub type Key = (ScalarOp, DType, bool);

/// The functions that a program's kernels call, by number.
#[derive(Default)]
pub struct Outlines {
    ids: FxHashMap<Key, FunctionId>,
}

/// Too short to be worth a call.
fn short(op: ScalarOp) -> bool {
    use ScalarOp::*;
    op.level() == Level::Machine || matches!(op, Sign | IsFinite | RoundAway | Rsqrt)
}

fn called(node: &Node) -> Option<ScalarOp> {
    match node {
        Node::Op { op, .. } if !short(*op) => Some(*op),
        _ => None,
    }
}

/// The kernel in machine ops; if it has many elementary functions, with those left to be called.
pub fn expand(kernel: &Kernel) -> Kernel {
    if kernel.nodes.iter().filter(|n| called(n).is_some()).count() <= FEW {
        return math::expand(kernel);
    }
    let mut b = KernelBuilder::like(kernel);
    let mut renamed: Vec<NodeId> = Vec::with_capacity(kernel.nodes.len());
    for node in &kernel.nodes {
        let new = |id: &NodeId| renamed[id.0 as usize];
        let id = match node {
            Node::Op { op, args } => {
                let args: SmallVec<[NodeId; 3]> = args.iter().map(new).collect();
                if short(*op) { math::define(*op, &mut b, &args) } else { b.op(*op, &args) }
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

impl Outlines {
    /// Numbers the functions that these nests call, from `next` on; returns the next free number.
    pub fn collect<'a>(nests: impl Iterator<Item = &'a Nest>, next: u32) -> (Outlines, u32) {
        let mut all = Outlines::default();
        let mut next = next;
        for nest in nests {
            for (n, node) in nest.kernel.nodes.iter().enumerate() {
                let Some(op) = called(node).filter(|_| nest.live[n]) else { continue };
                for vector in [false, true] {
                    if !vector || nest.varies[n] {
                        all.ids.entry((op, nest.types[n], vector)).or_insert_with(|| {
                            next += 1;
                            FunctionId(next - 1)
                        });
                    }
                }
            }
        }
        (all, next)
    }

    /// All of them, in the order of their numbers.
    pub fn functions(&self) -> Vec<(Key, FunctionId)> {
        let mut all: Vec<_> = self.ids.iter().map(|(k, id)| (*k, *id)).collect();
        all.sort_by_key(|(_, id)| *id);
        all
    }

    /// Declares one of them in the function that is being built.
    pub fn import(&self, b: &mut FunctionBuilder, key: Key) -> Result<FuncRef, Error> {
        let id = self.ids.get(&key);
        let id = id.ok_or_else(|| err!(Compile, "cpu: {} was not expanded", key.0.name()))?;
        Ok(code::import(b.func, *id, signature(key)?))
    }
}

fn register_type((_, d, vector): Key) -> Result<Type, Error> {
    match Bits::of(d).filter(|_| vector) {
        Some(bits) => Ok(vector_type(d, bits)),
        None => scalar::register(d),
    }
}

fn signature(key: Key) -> Result<Signature, Error> {
    let t = AbiParam::new(register_type(key)?);
    let mut s = code::signature(0)?;
    s.params.extend((0..key.0.signature().0).map(|_| t));
    s.returns.push(t);
    Ok(s)
}

/// Fills the context with one function.
pub fn build(
    context: &mut Context,
    scratch: &mut FunctionBuilderContext,
    key: Key,
    id: FunctionId,
) -> Result<Pool, Error> {
    let (op, d, vector) = key;
    let width = if vector { 16 / d.size() } else { 1 };
    let mut k = KernelBuilder::new(op.name(), [parallel(width)]);
    let (arity, _) = op.signature();
    let buffers: Vec<_> = (0..=arity).map(|_| k.buffer(d, width)).collect();
    let args: Vec<NodeId> =
        buffers[..arity].iter().map(|x| k.load(*x, Affine::counter(0))).collect();
    let value = math::define(op, &mut k, &args);
    k.store_at(buffers[arity], Affine::counter(0), value);
    let nest = Nest::finish(k.finish(), vector.then_some((0, width)))?;
    context.func = code::function(id, signature(key)?);
    let frontend = crate::isa::host(crate::isa::Allocator::Careful)?.frontend_config();
    let mut b = FunctionBuilder::new(&mut context.func, scratch);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let parameters: Vec<Value> = b.block_params(entry).to_vec();
    let none = Outlines::default();
    // Nothing is read from memory: the loads are the parameters.
    let bases = vec![Base::Memory(parameters[0]); buffers.len()];
    let mut pool = Pool::new(&mut b);
    let mut e = Emitter::new(&mut b, &nest, bases, &none, &mut pool);
    e.width = vector.then_some(width);
    for (n, node) in nest.kernel.nodes.iter().enumerate().filter(|(n, _)| nest.live[*n]) {
        let id = NodeId(n as u32);
        match node {
            Node::Load { buffer, .. } if vector => {
                let bits = Lanes::bits_for(d, width);
                let regs = SmallVec::from_elem(parameters[buffer.0 as usize], 1);
                e.keep_lanes(id, Lanes { dtype: d, bits, regs });
            }
            Node::Load { buffer, .. } => e.keep_scalar(id, parameters[buffer.0 as usize]),
            _ => e.compute(id)?,
        }
    }
    let value = nest.kernel.stores[0].value;
    let result = if vector { e.operand(value, width)?.lanes.regs[0] } else { e.scalar(value)? };
    e.b.ins().return_(&[result]);
    b.finalize(frontend);
    Ok(pool)
}
