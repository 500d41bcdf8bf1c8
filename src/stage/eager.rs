//! Runs one primitive on concrete arrays.

use crate::core::array::Array;
use crate::core::primitive::{Arrays, Prim};
use cotangent_jit::Error;

pub fn run(_prim: &Prim, _inputs: &[Array]) -> Result<Arrays, Error> {
    Err(cotangent_jit::err!(Device, "no device yet"))
}
