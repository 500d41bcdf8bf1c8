//! Types of Cranelift values, constants, and moves of bits: what the instructions of scalars and of
//! lanes share. Ops do not live here.

use crate::plan::lanes::Bits;
use cotangent_jit::{DType, Error, Scalar, err};
use cranelift_codegen::ir::{
    ConstantData, InstBuilder, MemFlagsData, Type, Value, immediates, types,
};
use cranelift_frontend::FunctionBuilder;
use smallvec::SmallVec;

/// The register type of a value of this dtype.
pub fn register(d: DType) -> Result<Type, Error> {
    Ok(match d {
        DType::Bool | DType::I8 | DType::U8 => types::I8,
        DType::I16 | DType::U16 | DType::F16 | DType::BF16 => types::I16,
        DType::I32 | DType::U32 => types::I32,
        DType::I64 | DType::U64 => types::I64,
        DType::F32 => types::F32,
        DType::F64 => types::F64,
        other => return Err(err!(Unsupported, "cpu: values of type {other} do not run yet")),
    })
}

pub fn constant(b: &mut FunctionBuilder, s: Scalar) -> Result<Value, Error> {
    let bits = s.bits() as u64;
    Ok(match register(s.dtype())? {
        types::F32 => b.ins().f32const(immediates::Ieee32::with_bits(bits as u32)),
        types::F64 => b.ins().f64const(immediates::Ieee64::with_bits(bits)),
        t @ types::I32 => b.ins().iconst(t, i64::from(bits as u32 as i32)),
        t => b.ins().iconst(t, bits as i64),
    })
}

pub type Regs = SmallVec<[Value; 4]>;

/// The register type of lanes of a dtype.
pub fn vector_type(d: DType, bits: Bits) -> Type {
    match d {
        DType::F32 => types::F32X4,
        DType::F64 => types::F64X2,
        _ => int_vector(bits),
    }
}

/// The register type of integers or masks in lanes of these bits.
pub fn int_vector(bits: Bits) -> Type {
    match bits {
        Bits::B32 => types::I32X4,
        Bits::B64 => types::I64X2,
    }
}

/// Flags of accesses that cannot trap; alignment is not assumed.
pub fn memory() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

pub fn vconst(b: &mut FunctionBuilder, t: Type, bytes: [u8; 16]) -> Value {
    let data = b.func.dfg.constants.insert(ConstantData::from(&bytes[..]));
    b.ins().vconst(t, data)
}

/// A register whose lanes all hold these bits.
pub fn repeat(b: &mut FunctionBuilder, t: Type, bits: u64) -> Value {
    let bytes = repeated(t, bits);
    vconst(b, t, bytes)
}

/// The bytes of a register whose lanes all hold these bits.
pub fn repeated(t: Type, bits: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    let size = t.lane_type().bytes() as usize;
    for lane in bytes.chunks_mut(size) {
        lane.copy_from_slice(&bits.to_le_bytes()[..size]);
    }
    bytes
}

pub fn bitcast(b: &mut FunctionBuilder, t: Type, v: Value) -> Value {
    if b.func.dfg.value_type(v) == t {
        return v;
    }
    let flags = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
    b.ins().bitcast(t, flags, v)
}

/// The low halves of four 64-bit lanes, in order.
pub fn even_words(b: &mut FunctionBuilder, low: Value, high: Value) -> Value {
    let order = (0..32).filter(|byte| byte % 8 < 4).collect();
    let v = shuffle(b, low, high, order);
    bitcast(b, types::I32X4, v)
}

/// Sixteen of the 32 bytes of two registers of one type.
pub fn shuffle(b: &mut FunctionBuilder, x: Value, y: Value, order: Vec<u8>) -> Value {
    let t = b.func.dfg.value_type(x);
    let (x, y) = (bitcast(b, types::I8X16, x), bitcast(b, types::I8X16, y));
    let order = b.func.dfg.immediates.push(ConstantData::from(order));
    let v = b.ins().shuffle(x, y, order);
    bitcast(b, t, v)
}
