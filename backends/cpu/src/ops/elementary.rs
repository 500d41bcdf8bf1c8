//! Elementary functions in scalar code, and the signatures of those that are called.
//!
//! Scalar code can branch: a function that has a shorter definition for some arguments
//! ([`math::near`]) branches to it. This is the speed of a loop whose carry goes through a sine.
//! Which functions are called is decided in `plan::calls`; their bodies live in `emit`.

use crate::code::declare;
use crate::ops::scalar;
use crate::ops::values::{constant, register, vector_type};
use crate::plan::calls::branches;
use crate::plan::lanes::Bits;
use crate::plan::outlines::{Key, Outlines};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Kernel, Node, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, err, math};
use cranelift_codegen::ir::{AbiParam, BlockArg, FuncRef, InstBuilder, Signature, Type, Value};
use cranelift_frontend::FunctionBuilder;
use smallvec::SmallVec;

/// Declares a function inside of the one that is being built.
pub fn import(outlines: &Outlines, b: &mut FunctionBuilder, key: Key) -> Result<FuncRef, Error> {
    let id = outlines.id(key);
    let id = id.ok_or_else(|| err!(Compile, "cpu: {} was not expanded", key.0.name()))?;
    Ok(declare::import(b.func, id, signature(key)?))
}

fn register_type((_, d, vector): Key) -> Result<Type, Error> {
    match Bits::of(d).filter(|_| vector) {
        Some(bits) => Ok(vector_type(d, bits)),
        None => register(d),
    }
}

/// The signature of the function.
pub fn signature(key: Key) -> Result<Signature, Error> {
    let t = AbiParam::new(register_type(key)?);
    let mut s = declare::signature(0)?;
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
    let result = b.append_block_param(joined, register(d)?);
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
                Node::Constant(s) => constant(b, *s)?,
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
