//! Names the backends, and moves bytes to and from the default device.
//!
//! The one file above the jit crate that knows which backends there are.

use crate::core::array::Array;
use crate::core::aval::Aval;
use cotangent_jit::backend::{Backend, MemoryStats};
use cotangent_jit::buffer::{Buffer, Memory};
use cotangent_jit::program::Placement;
use cotangent_jit::{Error, err, plural};

/// The default place of arrays and programs.
pub const DEFAULT: Placement = Placement { backend: "cpu", ordinal: 0 };

/// The backend of this name.
pub fn backend(name: &str) -> Result<&'static dyn Backend, Error> {
    match name {
        "cpu" => Ok(cotangent_cpu::backend()),
        _ => Err(err!(Device, "{name}: no backend of this name; there is cpu")),
    }
}

/// The memory of a device.
pub fn memory(place: Placement) -> Result<&'static dyn Memory, Error> {
    backend(place.backend)?.memory(place.ordinal)
}

/// Tells whether host code may read and write the device's memory.
pub fn is_host(place: Placement) -> bool {
    place.backend == "cpu"
}

/// An array of these elements on the default device.
pub fn upload(aval: Aval, bytes: &[u8]) -> Result<Array, Error> {
    upload_to(DEFAULT, aval, bytes)
}

/// An array of these elements on a device.
pub fn upload_to(place: Placement, aval: Aval, bytes: &[u8]) -> Result<Array, Error> {
    let expected = aval.bytes();
    if bytes.len() != expected {
        return Err(err!(
            Value,
            "upload: expected {bytes} of {aval}, got {}",
            bytes.len(),
            bytes = plural(expected, "byte")
        ));
    }
    let mut buffer = memory(place)?.allocate(expected)?;
    backend(place.backend)?.upload(bytes, &mut buffer)?;
    Ok(Array::concrete(aval, buffer))
}

/// Copies a buffer's first bytes to the host.
pub fn download(from: &Buffer, to: &mut [u8]) -> Result<(), Error> {
    backend(from.place().backend)?.download(from, to)
}

/// Statistics of the memory of the default device.
pub fn memory_stats() -> MemoryStats {
    cotangent_cpu::backend().memory_stats(DEFAULT.ordinal)
}
