//! Vector constants of one function, in memory that lives as long as the code.
//!
//! Cranelift loads a `vconst` into a register at every use; a plain load becomes the operand of the
//! instruction that uses it. In a polynomial this saves a third of the instructions. Scalar
//! constants do not live here.

use crate::ops::values::{memory, vconst};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use cranelift_frontend::FunctionBuilder;
use rustc_hash::FxHashMap;

/// Further constants go through `vconst`.
const ROWS: usize = 128;

pub struct Pool {
    /// Aligned for every instruction.
    rows: Box<[u128]>,
    known: FxHashMap<[u8; 16], usize>,
    base: Value,
}

impl Pool {
    /// An empty pool, whose address is in a register from here on. The builder must be in the entry
    /// block.
    pub fn new(b: &mut FunctionBuilder) -> Pool {
        let mut rows = vec![0u128; ROWS + 1].into_boxed_slice();
        let address = rows.as_ptr() as i64;
        // The first row holds the address of the pool. A loaded address stays in a register, while
        // a constant would be materialised at every use.
        rows[0] = address as u128;
        let first = b.ins().iconst(types::I64, address);
        let base = b.ins().load(types::I64, memory(), first, 0);
        Pool { rows, known: FxHashMap::default(), base }
    }

    /// Instructions make zero and all ones without memory.
    pub fn get(&mut self, b: &mut FunctionBuilder, t: Type, bytes: [u8; 16]) -> Value {
        let next = self.known.len();
        let plain = bytes == [0; 16] || bytes == [255; 16];
        if plain || (next >= ROWS && !self.known.contains_key(&bytes)) {
            return vconst(b, t, bytes);
        }
        let row = *self.known.entry(bytes).or_insert(next + 1);
        self.rows[row] = u128::from_le_bytes(bytes);
        b.ins().load(t, memory().with_aligned().with_readonly(), self.base, 16 * row as i32)
    }

    /// The memory, for the owner of the code; `None` if the pool is empty.
    pub fn rows(self) -> Option<Box<[u128]>> {
        (!self.known.is_empty()).then_some(self.rows)
    }
}
