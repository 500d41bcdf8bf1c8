//! Chunks of elements in registers, as the numbers that are summed.

use crate::ops;
use crate::ptx::{Class, Code, Value};
use cotangent_jit::{DType, Error};

/// Chunks of so many elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunks {
    pub dtype: DType,
    pub width: usize,
    /// The distance of two elements.
    pub stride: i64,
    /// Bytes at multiples of which chunks begin, if their elements lie side by side.
    pub alignment: usize,
}

impl Chunks {
    /// Registers of 16, 32 or 64 bits with the elements at an address.
    pub fn load(&self, c: &mut Code, address: Value, offset: i64) -> Vec<Value> {
        let size = self.dtype.size();
        let bytes = (self.width * size).min(self.alignment);
        if self.stride != 1 || bytes <= size {
            let one = |n: usize| {
                let offset = offset + n as i64 * self.stride * size as i64;
                let (at, offset) = near(c, address, offset);
                let class = Class::of(self.dtype);
                let bits = 8 * size;
                c.get(class, &format!("ld.global.b{bits}"), format_args!("[{at}+{offset}]"))
            };
            return (0..self.width).map(one).collect();
        }
        let unit = size.max(4);
        let class = if unit == 8 { Class::B64 } else { Class::B32 };
        let mut all = Vec::new();
        for first in (0..self.width * size).step_by(bytes) {
            let (at, offset) = near(c, address, offset + first as i64);
            let found: Vec<Value> = (0..bytes / unit).map(|_| c.register(class)).collect();
            let (bits, count) = (8 * unit, found.len());
            match &found[..] {
                [x] => c.put(format_args!("ld.global.b{bits} {x}, [{at}+{offset}]")),
                _ => {
                    let list: Vec<String> = found.iter().map(Value::to_string).collect();
                    let list = list.join(", ");
                    c.put(format_args!("ld.global.v{count}.b{bits} {{{list}}}, [{at}+{offset}]"));
                }
            }
            all.extend(found);
        }
        all
    }

    /// The numbers that are summed.
    pub fn numbers(&self, c: &mut Code, registers: &[Value]) -> Result<Vec<Value>, Error> {
        let narrow = matches!(self.dtype, DType::F16 | DType::BF16);
        if !narrow {
            return Ok(registers.to_vec());
        }
        let mut all = Vec::with_capacity(self.width);
        for x in registers {
            if x.class() == Class::B16 {
                all.push(ops::convert(c, self.dtype, DType::F32, *x)?);
            } else if self.dtype == DType::BF16 {
                all.push(c.get(Class::B32, "shl.b32", format_args!("{x}, 16")));
                all.push(c.get(Class::B32, "and.b32", format_args!("{x}, 0xffff0000")));
            } else {
                let (low, high) = (c.register(Class::B16), c.register(Class::B16));
                c.put(format_args!("mov.b32 {{{low}, {high}}}, {x}"));
                for half in [low, high] {
                    all.push(c.get(Class::B32, "cvt.f32.f16", format_args!("{half}")));
                }
            }
        }
        Ok(all)
    }
}

/// An address with an offset that fits into an instruction.
fn near(c: &mut Code, address: Value, offset: i64) -> (Value, i32) {
    match i32::try_from(offset) {
        Ok(offset) => (address, offset),
        Err(_) => (c.get(Class::B64, "add.s64", format_args!("{address}, {offset}")), 0),
    }
}
