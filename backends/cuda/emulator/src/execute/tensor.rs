//! `mma.sync`: the fragments of a warp as matrices, and their product.
//!
//! The specification leaves open in which order and precision the products are summed. Here they
//! are summed exactly enough (in f64, from the first to the last) and rounded once; comparisons
//! with a device need a tolerance. `m8n8k4` of f64 is a chain of `fma`.

use crate::fault::{FaultKind, Trap};
use crate::float::{bits_32, bits_64, f32_of, f64_of, widen_tf32};
use crate::instruction::{Op, Tile};
use crate::warp::{Lanes, Warp};
use smallvec::SmallVec;

type Fragment = SmallVec<[Lanes; 4]>;

pub fn multiply(warp: &mut Warp, op: &Op, active: u32) -> Result<(), Trap> {
    let Op::Multiply { tile, d, a, b, c } = op else { return Ok(()) };
    if active != u32::MAX {
        let text = "all lanes of a warp must take part";
        return Err(Trap::new(FaultKind::MaskMismatch, (!active).trailing_zeros(), text));
    }
    let read = |from: &[_]| from.iter().map(|v| warp.read(*v, active)).collect();
    let (a, b, c): (Result<Fragment, Trap>, Result<Fragment, Trap>, Result<Fragment, Trap>) =
        (read(a), read(b), read(c));
    let (a, b, c) = (a?, b?, c?);
    for (n, d) in d.iter().enumerate() {
        let values = std::array::from_fn(|lane| element(*tile, &a, &b, c[n][lane], n, lane));
        if let Some(d) = d {
            warp.write(*d, &values, active);
        }
    }
    Ok(())
}

/// The element of the result in register `n` of a lane.
fn element(tile: Tile, a: &[Lanes], b: &[Lanes], c: u64, n: usize, lane: usize) -> u64 {
    let row = lane / 4 + 8 * (n / 2);
    let column = lane % 4 * 2 + n % 2;
    match tile {
        Tile::Half(widen) => {
            let at = |f: &[Lanes], register: usize, lane: usize, k: usize| {
                f64::from(widen(f[register][lane] >> (16 * (k % 2)) & 0xffff))
            };
            // Two neighbours of k share a register; the upper half of k lies two registers on.
            let product = |k: usize| {
                let part = k % 8 / 2;
                let left = at(a, 2 * (k / 8) + row / 8, row % 8 * 4 + part, k);
                left * at(b, k / 8, column * 4 + part, k)
            };
            let sum: f64 = (0..16).map(product).sum();
            bits_32((sum + f64::from(f32_of(c))) as f32)
        }
        Tile::Tensor32 => {
            let product = |k: usize| {
                let left = widen_tf32(a[2 * (k / 4) + row / 8][row % 8 * 4 + k % 4]);
                f64::from(left) * f64::from(widen_tf32(b[k / 4][column * 4 + k % 4]))
            };
            let sum: f64 = (0..8).map(product).sum();
            bits_32((sum + f64::from(f32_of(c))) as f32)
        }
        Tile::Double => {
            let row = lane / 4;
            let fma = |sum: f64, k: usize| {
                f64_of(a[0][row * 4 + k]).mul_add(f64_of(b[0][column * 4 + k]), sum)
            };
            bits_64((0..4).fold(f64_of(c), fma))
        }
    }
}
