//! Elementary functions: small kernels expand them in place, and kernels with many of them call
//! them.
//!
//! Register allocation of long straight-line code is superlinear, and a sine has some forty
//! instructions: the compilation of a kernel of a thousand sines would take a fifth of a second. So
//! beyond [`FEW`] of them, each function that a program needs is compiled once for scalars and once
//! for a vector register, and called. The definition is the same, so results are the same to the
//! bit.
//!
//! Scalar code can branch: a function that has a shorter definition for some arguments
//! ([`math::near`]) branches to it. This is the speed of a loop whose carry goes through a sine.
//! The definitions live in `cotangent_jit::math`, and their expansion in `cotangent_jit::prepare`.

use crate::code::{self, FunctionId};
use crate::kernel::{Base, Emitter};
use crate::lanes::{Bits, Lanes, vector_type};
use crate::normal::{Nest, few_points, parallel};
use crate::pool::Pool;
use crate::scalar;
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Kernel, Node, NodeId};
use cotangent_jit::op::{Level, ScalarOp};
use cotangent_jit::prepare::{definitions, narrow};
use cotangent_jit::{DType, Error, Scalar, err, math};
use cranelift_codegen::Context;
use cranelift_codegen::ir::{AbiParam, BlockArg, FuncRef, InstBuilder, Signature, Type, Value};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Kernels with at most this many elementary functions have them expanded in place.
const FEW: usize = 24;

/// A function of the program: the op, its type, and whether it takes vector registers.
pub type Key = (ScalarOp, DType, bool);

/// The functions that the kernels of a program call, with their numbers.
#[derive(Default)]
pub struct Outlines {
    ids: FxHashMap<Key, FunctionId>,
}

/// Returns whether a call of the op is worth its cost in kernels that call functions.
fn worth_call(op: ScalarOp) -> bool {
    op.level() == Level::Elementary && !op.is_brief()
}

fn called(node: &Node) -> Option<ScalarOp> {
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
fn branches(op: ScalarOp, d: DType) -> bool {
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

impl Outlines {
    /// Numbers the functions that these nests call, from `next` on; returns the next free number.
    pub fn collect<'a>(nests: impl Iterator<Item = &'a Nest>, next: u32) -> (Outlines, u32) {
        let mut all = Outlines::default();
        let mut next = next;
        for nest in nests.filter(|nest| nest.calls) {
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

    /// All functions, in the order of their numbers.
    pub fn functions(&self) -> Vec<(Key, FunctionId)> {
        let mut all: Vec<_> = self.ids.iter().map(|(k, id)| (*k, *id)).collect();
        all.sort_by_key(|(_, id)| *id);
        all
    }

    /// Declares a function inside of the one that is being built.
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

/// Emits the definition of the op on scalars, or a branch between the shorter definition and the
/// whole one.
pub fn in_place(
    b: &mut FunctionBuilder,
    op: ScalarOp,
    d: DType,
    args: &[Value],
) -> Result<Value, Error> {
    let graph = |value: &dyn Fn(&mut KernelBuilder, &[NodeId]) -> NodeId| {
        Graph::new(math::point_kernel(op.name(), d, args.len(), value))
    };
    let whole = graph(&|k, args| math::define(op, k, args));
    if !branches(op, d) {
        return whole.emit(b, args);
    }
    let near = |k: &mut KernelBuilder, args: &[NodeId]| {
        math::near(op, k, args).expect("an op that branches has a shorter way")
    };
    let holds = graph(&|k, args| near(k, args).0).emit(b, args)?;
    let short = graph(&|k, args| near(k, args).1);
    let [near, beyond, joined] = std::array::from_fn(|_| b.create_block());
    let result = b.append_block_param(joined, scalar::register(d)?);
    b.set_cold_block(beyond);
    b.ins().brif(holds, near, &[], beyond, &[]);
    for (block, graph) in [(near, short), (beyond, whole)] {
        b.seal_block(block);
        b.switch_to_block(block);
        let value = graph.emit(b, args)?;
        b.ins().jump(joined, &[BlockArg::Value(value)]);
    }
    b.seal_block(joined);
    b.switch_to_block(joined);
    Ok(result)
}

/// The machine ops of a kernel of one point, see [`math::point_kernel`].
struct Graph {
    kernel: Kernel,
    types: Vec<DType>,
}

impl Graph {
    fn new(kernel: Kernel) -> Graph {
        let types = kernel.node_types().unwrap_or_default();
        Graph { kernel, types }
    }

    /// The value that the kernel stores, computed from the operands.
    fn emit(&self, b: &mut FunctionBuilder, args: &[Value]) -> Result<Value, Error> {
        let mut values: Vec<Value> = Vec::with_capacity(self.types.len());
        for node in &self.kernel.nodes {
            let value = match node {
                Node::Constant(s) => scalar::constant(b, *s)?,
                Node::Load { buffer, .. } => args[buffer.0 as usize],
                Node::Op { op, args } => {
                    let operands: SmallVec<[Value; 3]> =
                        args.iter().map(|a| values[a.0 as usize]).collect();
                    scalar::emit(b, *op, self.types[args[args.len() - 1].0 as usize], &operands)?
                }
                Node::Counter(_) | Node::Gather { .. } => {
                    return Err(err!(Compile, "cpu: a definition is made of ops"));
                }
            };
            values.push(value);
        }
        Ok(values[self.kernel.stores[0].value.0 as usize])
    }
}

/// Fills the context with one function.
pub fn build(
    context: &mut Context,
    scratch: &mut FunctionBuilderContext,
    key: Key,
    id: FunctionId,
) -> Result<Pool, Error> {
    context.func = code::function(id, signature(key)?);
    let frontend = crate::isa::host(crate::isa::Allocator::Careful)?.frontend_config();
    let mut b = FunctionBuilder::new(&mut context.func, scratch);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let parameters: Vec<Value> = b.block_params(entry).to_vec();
    let mut pool = Pool::new(&mut b);
    let (op, d, vector) = key;
    let result = if vector {
        in_lanes(&mut b, &mut pool, op, d, &parameters)?
    } else {
        in_place(&mut b, op, d, &parameters)?
    };
    b.ins().return_(&[result]);
    b.finalize(frontend);
    Ok(pool)
}

/// The op on one vector register per operand.
fn in_lanes(
    b: &mut FunctionBuilder,
    pool: &mut Pool,
    op: ScalarOp,
    d: DType,
    parameters: &[Value],
) -> Result<Value, Error> {
    let width = 16 / d.size();
    let mut k = KernelBuilder::new(op.name(), [parallel(width)]);
    let buffers: Vec<_> = (0..=parameters.len()).map(|_| k.buffer(d, width)).collect();
    let args: Vec<NodeId> = buffers[1..].iter().map(|x| k.load(*x, Affine::counter(0))).collect();
    let value = math::define(op, &mut k, &args);
    k.store_at(buffers[0], Affine::counter(0), value);
    let nest = Nest::finish(k.finish(), Some((0, width)))?;
    let none = Outlines::default();
    // Nothing is read from memory: the loads are the parameters.
    let bases = vec![Base::Memory(parameters[0]); buffers.len()];
    let mut e = Emitter::new(b, &nest, bases, &none, pool);
    e.width = Some(width);
    for (n, node) in nest.kernel.nodes.iter().enumerate().filter(|(n, _)| nest.live[*n]) {
        let id = NodeId(n as u32);
        match node {
            Node::Load { buffer, .. } => {
                let bits = Lanes::bits_for(d, width);
                let regs = SmallVec::from_elem(parameters[buffer.0 as usize - 1], 1);
                e.keep_lanes(id, Lanes { dtype: d, bits, regs });
            }
            _ => e.compute(id)?,
        }
    }
    Ok(e.operand(nest.kernel.stores[0].value, width)?.lanes.regs[0])
}
