//! The one hook from core up to the stage: how an operation outside a trace runs, and how bytes
//! reach a device.
//!
//! This file is exempt from the floors: everything else in core sees only core and the jit crate.

use super::array::Array;
use super::aval::Aval;
use super::primitive::{Arrays, Prim};
use cotangent_jit::Error;
use cotangent_jit::buffer::Buffer;

/// Computes a primitive on concrete arrays, through a cached executable.
#[track_caller]
pub fn run(prim: &Prim, inputs: &[Array]) -> Result<Arrays, Error> {
    crate::stage::eager::run(prim, inputs)
}

/// An array of these elements on the default device, committed to it.
pub fn upload(aval: Aval, bytes: &[u8]) -> Result<Array, Error> {
    crate::stage::device::upload(aval, bytes, true)
}

/// An array of these elements on the default device. It moves to the device of the arrays beside
/// it.
pub fn upload_free(aval: Aval, bytes: &[u8]) -> Result<Array, Error> {
    crate::stage::device::upload(aval, bytes, false)
}

/// Copies a device buffer's first `to.len()` bytes to the host.
pub fn download(from: &Buffer, to: &mut [u8]) -> Result<(), Error> {
    crate::stage::device::download(from, to)
}
