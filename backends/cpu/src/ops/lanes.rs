//! Values of a vector loop: `width` lanes held in as many 128-bit registers as their type needs.
//!
//! A loop has one width for all its values, so 32-bit and 64-bit types mix: with eight lanes an
//! `f32` takes two registers and an `f64` four. Narrower numbers have lanes of 32 bits (see
//! `narrow`). Bools are masks (all ones or zeros) of 32-bit or 64-bit lanes; in memory they are
//! bytes. Loads, stores, broadcasts, single lanes and changes of mask width live here; ops on lanes
//! live in `vector`.

use crate::ops::narrow;
use crate::ops::pool::Pool;
use crate::ops::values::{
    Regs, bitcast, even_words, int_vector, memory, register, repeated, vconst, vector_type,
};
use crate::plan::lanes::Bits;
use cotangent_jit::{DType, Error, Scalar};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use cranelift_frontend::FunctionBuilder;
use smallvec::SmallVec;

#[derive(Clone, Debug)]
pub struct Lanes {
    pub dtype: DType,
    pub bits: Bits,
    pub regs: SmallVec<[Value; 4]>,
}

impl Lanes {
    /// The default width of lanes of this dtype in a loop of `width` lanes.
    pub fn bits_for(d: DType, width: usize) -> Bits {
        Bits::of(d).unwrap_or(if width == 2 { Bits::B64 } else { Bits::B32 })
    }

    pub fn constant(b: &mut FunctionBuilder, s: Scalar, width: usize) -> Lanes {
        Lanes::constant_by(s, width, |t, bytes| vconst(b, t, bytes))
    }

    /// A constant from memory. Every register loads it anew, so the load can be part of the
    /// instruction that uses it.
    pub fn pooled(b: &mut FunctionBuilder, pool: &mut Pool, s: Scalar, width: usize) -> Lanes {
        Lanes::constant_by(s, width, |t, bytes| pool.get(b, t, bytes))
    }

    fn constant_by(
        s: Scalar,
        width: usize,
        mut make: impl FnMut(Type, [u8; 16]) -> Value,
    ) -> Lanes {
        let bits = Lanes::bits_for(s.dtype(), width);
        let t = vector_type(s.dtype(), bits);
        let pattern = match s.dtype() {
            DType::Bool => (s.bits() as u64).wrapping_neg(),
            d if d.is_signed() => s.to_i64().unwrap_or(0) as u64,
            _ => s.bits() as u64,
        };
        let regs = (0..width / bits.lanes()).map(|_| make(t, repeated(t, pattern))).collect();
        Lanes { dtype: s.dtype(), bits, regs }
    }

    /// Lanes that all hold this scalar.
    pub fn splat(b: &mut FunctionBuilder, d: DType, v: Value, width: usize) -> Lanes {
        let bits = Lanes::bits_for(d, width);
        let v = as_lane(b, d, bits, v);
        let v = b.ins().splat(vector_type(d, bits), v);
        Lanes { dtype: d, bits, regs: SmallVec::from_elem(v, width / bits.lanes()) }
    }

    /// Consecutive elements from an address.
    pub fn load(
        b: &mut FunctionBuilder,
        d: DType,
        address: Value,
        offset: i32,
        width: usize,
    ) -> Lanes {
        let bits = Lanes::bits_for(d, width);
        let count = width / bits.lanes();
        if d.is_narrow() {
            return Lanes { dtype: d, bits, regs: narrow::load(b, d, address, offset, count) };
        }
        let mut regs = Regs::new();
        for r in 0..count as i32 {
            regs.push(match (d.is_bool(), bits) {
                (false, _) => {
                    let t = vector_type(d, bits);
                    b.ins().load(t, memory(), address, offset + 16 * r)
                }
                (true, Bits::B32) => {
                    let four = b.ins().load(types::I32, memory(), address, offset + 4 * r);
                    let v = b.ins().scalar_to_vector(types::I32X4, four);
                    let v = bitcast(b, types::I8X16, v);
                    let v = b.ins().uwiden_low(v);
                    let v = b.ins().uwiden_low(v);
                    b.ins().ineg(v)
                }
                (true, Bits::B64) => {
                    let two = b.ins().uload16(types::I32, memory(), address, offset + 2 * r);
                    let v = b.ins().scalar_to_vector(types::I32X4, two);
                    let v = bitcast(b, types::I8X16, v);
                    let v = b.ins().uwiden_low(v);
                    let v = b.ins().uwiden_low(v);
                    let v = b.ins().uwiden_low(v);
                    b.ins().ineg(v)
                }
            });
        }
        Lanes { dtype: d, bits, regs }
    }

    /// Stores the lanes to consecutive elements.
    pub fn store(&self, b: &mut FunctionBuilder, address: Value, offset: i32) {
        if self.dtype.is_narrow() {
            return narrow::store(b, self.dtype, &self.regs, address, offset);
        }
        if !self.dtype.is_bool() {
            for (r, v) in self.regs.iter().enumerate() {
                b.ins().store(memory(), *v, address, offset + 16 * r as i32);
            }
            return;
        }
        let narrow = self.clone().with_bits(b, Bits::B32, self.width());
        if self.width() == 2 {
            // The two lanes of one 64-bit mask register are moved side by side first.
            let v = bitcast(b, types::I8X16, self.regs[0]);
            let pick = vconst(
                b,
                types::I8X16,
                [0, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
            );
            let v = b.ins().swizzle(v, pick);
            let v = bitcast(b, types::I32X4, v);
            let v = b.ins().extractlane(v, 0);
            let v = b.ins().band_imm_u(v, 0x0101);
            b.ins().istore16(memory(), v, address, offset);
            return;
        }
        for (r, v) in narrow.regs.iter().enumerate() {
            let v = b.ins().snarrow(*v, *v);
            let v = b.ins().snarrow(v, v);
            let v = bitcast(b, types::I32X4, v);
            let v = b.ins().extractlane(v, 0);
            let v = b.ins().band_imm_u(v, 0x0101_0101);
            b.ins().store(memory(), v, address, offset + 4 * r as i32);
        }
    }

    pub fn width(&self) -> usize {
        self.regs.len() * self.bits.lanes()
    }

    /// One lane as a scalar.
    pub fn lane(&self, b: &mut FunctionBuilder, n: usize) -> Value {
        let per = self.bits.lanes();
        let v = b.ins().extractlane(self.regs[n / per], (n % per) as u8);
        if self.dtype.is_bool() {
            let v = b.ins().ireduce(types::I8, v);
            b.ins().band_imm_u(v, 1)
        } else if self.dtype.is_narrow() {
            let t = if self.dtype.size() == 1 { types::I8 } else { types::I16 };
            b.ins().ireduce(t, v)
        } else {
            v
        }
    }

    /// Lanes from scalars.
    pub fn gather(b: &mut FunctionBuilder, d: DType, lanes: &[Value]) -> Lanes {
        let bits = Lanes::bits_for(d, lanes.len());
        let t = vector_type(d, bits);
        let mut regs = Regs::new();
        for part in lanes.chunks(bits.lanes()) {
            let mut v = None;
            for (n, &lane) in part.iter().enumerate() {
                let lane = as_lane(b, d, bits, lane);
                v = Some(match v {
                    None => b.ins().scalar_to_vector(t, lane),
                    Some(v) => b.ins().insertlane(v, lane, n as u8),
                });
            }
            regs.extend(v);
        }
        Lanes { dtype: d, bits, regs }
    }

    /// A mask in lanes of another width. With two lanes in all, only 64-bit masks exist.
    pub fn with_bits(self, b: &mut FunctionBuilder, bits: Bits, width: usize) -> Lanes {
        if self.bits == bits || width == 2 {
            return self;
        }
        let mut regs = Regs::new();
        match bits {
            Bits::B64 => {
                for v in &self.regs {
                    regs.push(b.ins().swiden_low(*v));
                    regs.push(b.ins().swiden_high(*v));
                }
            }
            Bits::B32 => {
                for pair in self.regs.chunks(2) {
                    regs.push(even_words(b, pair[0], pair[1]));
                }
            }
        }
        Lanes { dtype: self.dtype, bits, regs }
    }
}

/// A scalar as a lane holds it.
fn as_lane(b: &mut FunctionBuilder, d: DType, bits: Bits, v: Value) -> Value {
    match d {
        DType::Bool => mask_of(b, bits, v),
        d if d.is_narrow() => narrow::extended(b, d, v),
        _ => v,
    }
}

/// All ones where the bool is 1.
fn mask_of(b: &mut FunctionBuilder, bits: Bits, v: Value) -> Value {
    let wide = b.ins().uextend(int_vector(bits).lane_type(), v);
    b.ins().ineg(wide)
}

/// One element from an address; bools as 0 or 1.
pub fn load_scalar(
    b: &mut FunctionBuilder,
    d: DType,
    address: Value,
    offset: i32,
) -> Result<Value, Error> {
    let t = register(d)?;
    Ok(b.ins().load(t, memory(), address, offset))
}
