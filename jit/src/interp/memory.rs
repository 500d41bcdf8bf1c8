//! Memory of the interpreter: byte regions, positions in them, and typed access at a position.
//!
//! Bounds are not checked here beyond those of the byte vectors; the interpreter of kernels checks
//! its elements itself.

use crate::{DType, Scalar};

/// The position of element 0 of a buffer: the number of a memory region and the byte in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub region: usize,
    pub byte: usize,
}

pub(super) fn read(memory: &[Vec<u8>], place: Place, dtype: DType, element: usize) -> Scalar {
    Scalar::from_bytes(dtype, &memory[place.region][place.byte + element * dtype.size()..])
}

pub(super) fn write(memory: &mut [Vec<u8>], place: Place, element: usize, value: Scalar) {
    let bytes = value.to_bytes();
    let at = place.byte + element * bytes.len();
    memory[place.region][at..at + bytes.len()].copy_from_slice(&bytes);
}
