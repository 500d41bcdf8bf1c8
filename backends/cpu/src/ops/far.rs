//! Sines, cosines and tangents of huge arguments: a cold branch to `math::far`, where their
//! reduction lives.
//!
//! The hot path compares and branches once for all lanes. The call preserves all registers: it goes
//! through a stub with Cranelift's `preserve_all` convention, which is compiled once per process.
//! So loops need no spills around it.

use crate::code::declare;
use crate::code::isa::{self, Allocator};
use crate::code::link::{self, Code};
use crate::ops::values::{Regs, bitcast, constant, int_vector, memory, repeat};
use crate::plan::lanes::Bits;
use crate::plan::launch::FunctionId;
use cotangent_jit::math::far::{self, Function};
use cotangent_jit::{DType, Error, Scalar};
use cranelift_codegen::Context;
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{
    AbiParam, BlockArg, InstBuilder, Signature, StackSlotData, StackSlotKind, Type, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::sync::OnceLock;

/// The function of a scalar; `near` where `x` is within reach.
pub fn scalar(
    b: &mut FunctionBuilder,
    function: Function,
    d: DType,
    x: Value,
    near: Value,
) -> Result<Value, Error> {
    let size = b.ins().fabs(x);
    let reach = Scalar::from_f64(d, far::reach(d)).unwrap_or(Scalar::zero(d));
    let reach = constant(b, reach)?;
    let beyond = b.ins().fcmp(FloatCC::GreaterThan, size, reach);
    Ok(branch(b, function, d, beyond, 1, &[x], &[near])?[0])
}

/// The function of all lanes of these registers.
pub fn lanes(
    b: &mut FunctionBuilder,
    function: Function,
    d: DType,
    bits: Bits,
    x: &[Value],
    near: &[Value],
) -> Result<Regs, Error> {
    let reach = Scalar::from_f64(d, far::reach(d)).unwrap_or(Scalar::zero(d));
    let mut beyond = None;
    for x in x {
        let size = b.ins().fabs(*x);
        let reach = repeat(b, b.func.dfg.value_type(*x), reach.bits() as u64);
        let mask = b.ins().fcmp(FloatCC::GreaterThan, size, reach);
        let mask = bitcast(b, int_vector(bits), mask);
        beyond = Some(match beyond {
            None => mask,
            Some(all) => b.ins().bor(all, mask),
        });
    }
    let Some(beyond) = beyond else { return Ok(Regs::new()) };
    let any = b.ins().vany_true(beyond);
    let per_register = 16 / d.size();
    branch(b, function, d, any, per_register * x.len(), x, near)
}

/// Under the condition `beyond`, the results of the runtime for the `count` values in these
/// registers; else `near`.
fn branch(
    b: &mut FunctionBuilder,
    function: Function,
    d: DType,
    beyond: Value,
    count: usize,
    x: &[Value],
    near: &[Value],
) -> Result<Regs, Error> {
    let t = b.func.dfg.value_type(x[0]);
    let [cold, joined] = std::array::from_fn(|_| b.create_block());
    let results: Regs = near.iter().map(|_| b.append_block_param(joined, t)).collect();
    b.set_cold_block(cold);
    let given: Vec<BlockArg> = near.iter().map(|v| BlockArg::Value(*v)).collect();
    b.ins().brif(beyond, cold, &[], joined, &given);
    b.seal_block(cold);
    b.switch_to_block(cold);
    let computed = call(b, function, d, count, t, x, near)?;
    b.ins().jump(joined, &computed);
    b.seal_block(joined);
    b.switch_to_block(joined);
    Ok(results)
}

fn call(
    b: &mut FunctionBuilder,
    function: Function,
    d: DType,
    count: usize,
    t: Type,
    x: &[Value],
    near: &[Value],
) -> Result<Vec<BlockArg>, Error> {
    let bytes = t.bytes() as i32;
    let half = bytes * x.len() as i32;
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 2 * half as u32, 4);
    let slot = b.create_sized_stack_slot(slot);
    let values = b.ins().stack_addr(types::I64, slot, 0);
    for (n, v) in x.iter().chain(near).enumerate() {
        b.ins().store(memory(), *v, values, bytes * n as i32);
    }
    let stub = stub()?;
    let convention = b.import_signature(preserving());
    let address = b.ins().iconst(types::I64, stub as i64);
    let kind = b.ins().iconst(types::I64, pack(function, d, count));
    b.ins().call_indirect(convention, address, &[values, kind]);
    let one = |n: usize| half + bytes * n as i32;
    Ok((0..near.len())
        .map(|n| BlockArg::Value(b.ins().load(t, memory(), values, one(n))))
        .collect())
}

/// Function, type and number of values in one word.
fn pack(function: Function, d: DType, count: usize) -> i64 {
    let number = match function {
        Function::Sin => 0,
        Function::Cos => 1,
        Function::Tan => 2,
    };
    number | (i64::from(d == DType::F64) << 2) | ((count as i64) << 3)
}

/// `count` arguments and behind them as many results, which are replaced where the argument is
/// beyond reach.
///
/// # Safety
/// `values` points to as many values as `kind` says.
unsafe extern "C" fn replace(values: *mut u8, kind: i64) {
    let function = [Function::Sin, Function::Cos, Function::Tan][(kind & 3).min(2) as usize];
    let count = (kind >> 3) as usize;
    macro_rules! each {
        ($float:ty, $d:expr) => {
            for n in 0..count {
                let values = values.cast::<$float>();
                // SAFETY: the caller's promise; stack slots are aligned for either type.
                unsafe {
                    let x = f64::from(*values.add(n));
                    if x.abs() > far::reach($d) {
                        *values.add(count + n) = far::value(function, x) as $float;
                    }
                }
            }
        };
    }
    if kind & 4 == 0 { each!(f32, DType::F32) } else { each!(f64, DType::F64) }
}

fn preserving() -> Signature {
    let mut s = Signature::new(CallConv::PreserveAll);
    s.params.extend([AbiParam::new(types::I64); 2]);
    s
}

/// The address of the function that calls [`replace`] and leaves every register as it was.
fn stub() -> Result<*const u8, Error> {
    static STUB: OnceLock<Result<Code, Error>> = OnceLock::new();
    let code = STUB.get_or_init(|| {
        let mut context = Context::new();
        let id = FunctionId(0);
        context.func = declare::function(id, preserving());
        let mut scratch = FunctionBuilderContext::new();
        let frontend = isa::host(Allocator::Careful)?.frontend_config();
        let mut b = FunctionBuilder::new(&mut context.func, &mut scratch);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        let given: Vec<Value> = b.block_params(entry).to_vec();
        let signature = b.import_signature(declare::signature(2)?);
        let address = b.ins().iconst(types::I64, replace as *const () as i64);
        b.ins().call_indirect(signature, address, &given);
        b.ins().return_(&[]);
        b.finalize(frontend);
        Code::link(&[link::compile(&mut context, id, Allocator::Careful, false)?])
    });
    code.as_ref().map(|code| code.address(FunctionId(0))).map_err(Clone::clone)
}
