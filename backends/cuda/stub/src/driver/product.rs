//! A product of matrices as a piece of work: `out = alpha op(left) op(right)` of matrices that lie
//! by columns.
//!
//! Not here: its sums (`multiply`).

use super::task::span;
use half::{bf16, f16};
use std::ops::Range;

/// The numbers of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    F16,
    BF16,
    F32,
    /// Numbers of f32 that are rounded to 10 bits of mantissa before they are multiplied.
    Tf32,
    F64,
}

impl Number {
    pub fn size(self) -> u64 {
        match self {
            Number::F16 | Number::BF16 => 2,
            Number::F32 | Number::Tf32 => 4,
            Number::F64 => 8,
        }
    }

    pub fn read(self, bytes: &[u8]) -> f64 {
        let single = || f32::from_le_bytes(bytes.try_into().unwrap_or_default());
        match self {
            Number::F16 => f16::from_le_bytes(bytes.try_into().unwrap_or_default()).to_f64(),
            Number::BF16 => bf16::from_le_bytes(bytes.try_into().unwrap_or_default()).to_f64(),
            Number::F32 => single().into(),
            Number::Tf32 => rounded(single()).into(),
            Number::F64 => f64::from_le_bytes(bytes.try_into().unwrap_or_default()),
        }
    }

    pub fn write(self, x: f64) -> Vec<u8> {
        match self {
            Number::F16 => f16::from_f32(x as f32).to_le_bytes().to_vec(),
            Number::BF16 => bf16::from_f32(x as f32).to_le_bytes().to_vec(),
            Number::F32 | Number::Tf32 => (x as f32).to_le_bytes().to_vec(),
            Number::F64 => x.to_le_bytes().to_vec(),
        }
    }
}

/// A number with 10 bits of mantissa, rounded away from zero where two are as near.
fn rounded(x: f32) -> f32 {
    if x.is_finite() { f32::from_bits(x.to_bits().wrapping_add(0x1000) & !0x1fff) } else { x }
}

/// The matrices of a batch. Distances are in elements.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    pub address: u64,
    pub rows: u64,
    pub columns: u64,
    pub leading: u64,
    pub apart: u64,
}

impl Matrix {
    /// The bytes of a column.
    pub fn column(&self, number: Number, batch: u64, column: u64) -> Range<u64> {
        let first = batch * self.apart + column * self.leading;
        span(self.address + first * number.size(), self.rows * number.size())
    }
}

#[derive(Clone, Debug)]
pub struct Product {
    pub number: Number,
    pub batch: u64,
    /// Left, right, result.
    pub operands: [Matrix; 3],
    pub transposed: [bool; 2],
    pub depth: u64,
    pub alpha: f64,
    /// The address and the bytes of memory that holds nothing afterwards.
    pub workspace: Option<(u64, u64)>,
}
