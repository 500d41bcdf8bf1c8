//! The elementary functions that kernels call: each is compiled once for scalars and once for a
//! vector register. Which kernels call functions is decided in `plan::calls`.

use crate::code::{declare, isa};
use crate::emit::emitter::{Base, Emitter};
use crate::ops::elementary::{in_place, signature};
use crate::ops::lanes::Lanes;
use crate::ops::pool::Pool;
use crate::plan::launch::FunctionId;
use crate::plan::loops::parallel;
use crate::plan::nest::Nest;
use crate::plan::outlines::{Key, Outlines};
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Node, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, math};
use cranelift_codegen::Context;
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use smallvec::SmallVec;

/// Fills the context with one function.
pub fn build(
    context: &mut Context,
    scratch: &mut FunctionBuilderContext,
    key: Key,
    id: FunctionId,
) -> Result<Pool, Error> {
    context.func = declare::function(id, signature(key)?);
    let frontend = isa::host(isa::Allocator::Careful)?.frontend_config();
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
