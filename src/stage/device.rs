//! Names the backends and the devices, and moves bytes to and from them.
//!
//! The one file above the jit crate that knows which backends there are. Not here: the device on
//! which an operation runs (`placement`).

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::home::home;
use cotangent_jit::backend::{Backend, Tuning};
use cotangent_jit::buffer::{Buffer, Memory};
use cotangent_jit::program::Placement;
use cotangent_jit::{Error, err, plural};
use std::sync::LazyLock;

const CPU: &str = "cpu";
const CUDA: &str = "cuda";

/// A backend by its name.
type Named = (&'static str, fn() -> &'static dyn Backend);

/// The backends of this build. An optional one is a line under its feature.
const BACKENDS: &[Named] = &[
    (CPU, || cotangent_cpu::backend()),
    #[cfg(feature = "cuda")]
    (CUDA, || cotangent_cuda::backend()),
];

/// The CPU.
pub const FIRST: Placement = Placement { backend: CPU, ordinal: 0 };

/// The CUDA device of this number, if there is one.
pub fn cuda(ordinal: u32) -> Result<Placement, Error> {
    locate(CUDA, ordinal).map_err(|e| e.context(format!("{CUDA}:{ordinal}")))
}

/// The device of a name, if there is one. Errors do not repeat the name.
pub fn parse(name: &str) -> Result<Placement, Error> {
    let (kind, ordinal) = name.split_once(':').unwrap_or((name, "0"));
    let ordinal = ordinal.parse().map_err(|_| {
        err!(Device, "expected a number after the colon, as in {kind}:1, got {ordinal:?}")
    })?;
    locate(kind, ordinal)
}

/// All devices that work, the CPU first.
pub fn all() -> Vec<Placement> {
    let of = |(backend, get): &Named| {
        let count = get().device_count().unwrap_or(0);
        (0..count).map(|ordinal| Placement { backend, ordinal }).collect::<Vec<_>>()
    };
    BACKENDS.iter().flat_map(of).collect()
}

/// The backend of this name.
pub fn backend(name: &str) -> Result<&'static dyn Backend, Error> {
    match BACKENDS.iter().find(|(n, _)| *n == name) {
        Some((_, get)) => Ok(get()),
        None if name == CUDA => Err(err!(
            Device,
            "this build has no CUDA backend: build cotangent with the feature `cuda`"
        )),
        None => Err(err!(
            Device,
            "there is no such kind of device; a device is named {CPU}, {CUDA}, or with a number, \
             {CUDA}:1"
        )),
    }
}

/// The place of a device that exists. Errors do not name the device.
fn locate(kind: &str, ordinal: u32) -> Result<Placement, Error> {
    let backend = backend(kind)?;
    let (kind, count) = (backend.name(), backend.device_count()?);
    if ordinal < count {
        return Ok(Placement { backend: kind, ordinal });
    }
    let more = match kind {
        CPU => "; COTANGENT_CPU_DEVICES=2 in the environment makes it two",
        _ => "",
    };
    Err(match count {
        0 => err!(Device, "there is no {kind} device"),
        1 => err!(Device, "there is one {kind} device, {kind}:0{more}"),
        n => err!(Device, "there are {n} {kind} devices, {kind}:0 to {kind}:{}", n - 1),
    })
}

/// The default device of the process, which the environment sets.
static OF_PROCESS: LazyLock<Result<Placement, Error>> = LazyLock::new(|| {
    let name = match std::env::var_os("COTANGENT_DEVICE") {
        Some(name) if !name.is_empty() => name,
        _ => return Ok(FIRST),
    };
    let name = name.to_string_lossy();
    parse(&name).map_err(|e| e.context(format!("COTANGENT_DEVICE={name}")))
});

/// The place of arrays that are made now, and of operations without operands that have a place.
pub fn default_place() -> Result<Placement, Error> {
    place_or_process(home())
}

/// The place, else the default one of the process.
pub fn place_or_process(place: Option<Placement>) -> Result<Placement, Error> {
    place.map_or_else(|| OF_PROCESS.clone(), Ok)
}

/// The memory of a device.
pub fn memory(place: Placement) -> Result<&'static dyn Memory, Error> {
    backend(place.backend)?.memory(place.ordinal)
}

/// What lowering asks of a device.
pub fn tuning(place: Placement) -> Result<Tuning, Error> {
    Ok(backend(place.backend)?.tuning(place.ordinal))
}

/// An array of these elements on the default device.
pub fn upload(aval: Aval, bytes: &[u8], committed: bool) -> Result<Array, Error> {
    upload_to(memory(default_place()?)?, aval, bytes, committed)
}

/// An array of these elements in this memory.
pub fn upload_to(
    memory: &'static dyn Memory,
    aval: Aval,
    bytes: &[u8],
    committed: bool,
) -> Result<Array, Error> {
    let expected = aval.bytes();
    if bytes.len() != expected {
        return Err(err!(
            Value,
            "upload: expected {bytes} of {aval}, got {}",
            bytes.len(),
            bytes = plural(expected, "byte")
        ));
    }
    let mut buffer = memory.allocate(expected)?;
    backend(buffer.place().backend)?.upload(bytes, &mut buffer)?;
    Ok(Array::concrete(aval, buffer, committed))
}

/// Copies a buffer's first bytes to the host.
pub fn download(from: &Buffer, to: &mut [u8]) -> Result<(), Error> {
    backend(from.place().backend)?.download(from, to)
}
