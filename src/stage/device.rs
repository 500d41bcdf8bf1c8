//! Names the backends.

use crate::core::array::Array;
use crate::core::aval::Aval;
use cotangent_jit::Error;
use cotangent_jit::buffer::Buffer;

pub fn upload(_aval: Aval, _bytes: &[u8]) -> Result<Array, Error> {
    Err(cotangent_jit::err!(Device, "no device yet"))
}

pub fn download(_from: &Buffer, _to: &mut [u8]) -> Result<(), Error> {
    Err(cotangent_jit::err!(Device, "no device yet"))
}
