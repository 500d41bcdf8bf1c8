//! Devices: where arrays live and where code runs.
//!
//! An array lives on one device, which [`Array::device`] tells. [`devices`] lists those that work;
//! [`Device::cpu`] and [`Device::cuda`] name one. [`Array::to`] copies to another device. Printing
//! and reading elements out copy to the host.
//!
//! ```
//! use cotangent::prelude::*;
//! let device = default_device()?;
//! let x = array![1.0, 2.0].to(&device);
//! assert_eq!((x * 2.0).device(), device);
//! # Ok::<(), Error>(())
//! ```
//!
//! # The default device
//!
//! New arrays live on the default device: the CPU, or the one that the environment names, as
//! `COTANGENT_DEVICE=cuda` or `COTANGENT_DEVICE=cuda:1` does for the whole process.
//! [`with_default_device`] sets it for a scope on this thread. A name of a device that does not
//! exist is an error at the first operation that needs the default device.
//!
//! # Operands on two devices
//!
//! An operation runs on the device of its operands. Operands on two devices are an error, because a
//! hidden copy would be slow. Numbers and arrays of rank 0 move freely to the device of the others,
//! and so do arrays that were computed from such alone: `zeros([3])`, `arange(10)`, a random key
//! and the numbers drawn with it. Nobody chose a device for those. (JAX calls the others
//! *committed*.) Elements of your own commit an array to its device (`array![..]`, a file), `to`
//! does, and so does any operand that is committed. If no operand is committed, the operation runs
//! where the first is, or rather where one is that is not on the default device.
//!
//! # Compiled functions
//!
//! A jitted function is compiled for the device of its arguments, once per device;
//! [`JitOptions::device`](super::jit::JitOptions::device) fixes it. While its closure is traced,
//! and in the closures of the host that it calls, that device is the default. A whole trace is for
//! one device: inside, `x.device()` tells which, and `x.to(..)` to another is an error. An array
//! that the closure captures must be on that device, unless it moves freely.
//!
//! # CUDA devices
//!
//! They need the feature `cuda` of the crate and NVIDIA's driver, no toolkit. The driver is looked
//! for when a CUDA device is first named; `COTANGENT_CUDA_DRIVER` is the path of another library.
//! The device must have compute capability 8.0 or more. Work is enqueued and runs behind the
//! caller's back: an error of it shows at the next call that waits, which is a read of elements or
//! [`Device::synchronize`]. Some errors end the device's context, and then every later call says
//! so. Memory is taken when it is needed and kept for reuse; [`Device::memory_stats`] tells how
//! much.
//!
//! Long products of matrices are computed by cuBLASLt where it can be loaded, all others and where
//! it cannot by kernels of the crate. `COTANGENT_CUBLASLT` is the path of the library, a folder to
//! look for it in (such as the `site-packages` of a Python), or `off`. Beside a driver that
//! `COTANGENT_CUDA_DRIVER` names it is not looked for unless it is named, too. `f32` means all of
//! its digits; [`precision`](super::precision) is for fewer.
//!
//! # Several CPUs to try with
//!
//! `COTANGENT_CPU_DEVICES=2` makes two devices of the CPU, `cpu:0` and `cpu:1`. They share the
//! cores, and the system treats them as it treats two cards: programs for several devices can be
//! tried without any.

use crate::core::array::{Array, Repr};
use crate::core::home::with_home;
use crate::core::source::raise;
use crate::core::trace::{home_of, is_tracing};
use crate::stage::device::{self, backend, default_place, place_or_process};
use crate::stage::placement::{Site, committed};
use cotangent_jit::backend::MemoryStats;
use cotangent_jit::program::Placement;
use cotangent_jit::{Error, err};
use std::fmt;

/// A device that arrays live on and that code runs on: `cpu:0`, `cuda:1`.
///
/// [The module](self) says how arrays come to a device.
///
/// ```
/// use cotangent::prelude::*;
/// let x = array![1.0, 2.0].to(&Device::cpu());
/// assert_eq!(x.device().to_string(), "cpu:0");
/// assert_eq!(Device::parse("cpu:0")?, Device::cpu());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device(Placement);

impl Device {
    /// The CPU: `cpu:0`, all cores and the memory of the process.
    pub fn cpu() -> Device {
        Device(device::FIRST)
    }

    /// The CUDA device of this number. Without a CUDA device of this number, a driver, or the
    /// feature `cuda` of the crate it is an error.
    pub fn cuda(ordinal: u32) -> Result<Device, Error> {
        device::cuda(ordinal).map(Device)
    }

    /// The device of a name: `cpu`, `cpu:0`, `cuda`, `cuda:1`. A name without a number means the
    /// first device of its kind.
    pub fn parse(name: &str) -> Result<Device, Error> {
        device::parse(name).map(Device).map_err(|e| e.context(format!("device {name}")))
    }

    /// The name of the device for people: the processor, or the model of the card.
    pub fn name(&self) -> String {
        let described = backend(self.0.backend).and_then(|b| b.describe(self.0.ordinal));
        described.unwrap_or_else(|_| self.to_string())
    }

    /// Bytes in use on the device, the most there ever were, and what is kept for reuse.
    pub fn memory_stats(&self) -> MemoryStats {
        backend(self.0.backend).map(|b| b.memory_stats(self.0.ordinal)).unwrap_or_default()
    }

    /// Waits for all work on the device. Panics with the error of work that failed.
    #[track_caller]
    pub fn synchronize(&self) {
        raise(self.try_synchronize());
    }

    /// Returns the error of [`Device::synchronize`] instead of panicking.
    pub fn try_synchronize(&self) -> Result<(), Error> {
        backend(self.0.backend)?.synchronize(self.0.ordinal)
    }

    pub(crate) fn of(place: Placement) -> Device {
        Device(place)
    }

    pub(crate) fn place(self) -> Placement {
        self.0
    }
}

/// The name with the number: `cpu:0`.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// All devices that work, the CPU first. Those of a backend without a driver are absent.
///
/// ```
/// use cotangent::prelude::*;
/// for device in devices() {
///     println!("{device}: {}", device.name());
/// }
/// assert_eq!(devices()[0], Device::cpu());
/// ```
#[doc(alias("device_count", "local_devices"))]
pub fn devices() -> Vec<Device> {
    device::all().into_iter().map(Device).collect()
}

/// The device that new arrays live on. The error says that the environment names one that does not
/// exist.
///
/// ```
/// use cotangent::prelude::*;
/// assert_eq!(zeros([2]).device(), default_device()?);
/// # Ok::<(), Error>(())
/// ```
#[doc(alias("default_backend", "get_default_device"))]
pub fn default_device() -> Result<Device, Error> {
    default_place().map(Device::of)
}

/// Runs `f`. Meanwhile the arrays that this thread makes live on this device.
///
/// Operations on arrays that exist already run where those are. Scopes nest. Inside of a trace a
/// scope changes nothing that is traced, since a trace is for one device.
///
/// ```
/// use cotangent::prelude::*;
/// let x = with_default_device(&Device::cpu(), || array![1.0, 2.0]);
/// assert_eq!(x.device(), Device::cpu());
/// ```
#[doc(alias = "set_default_device")]
pub fn with_default_device<R>(device: &Device, f: impl FnOnce() -> R) -> R {
    with_home(device.place(), f)
}

/// # Look at the device, move to another
impl Array {
    /// The device that the elements live on. A number that has no memory yet is on the default
    /// device, and a value being traced on the device that the trace is for. Panics if the
    /// environment names a default device that does not exist.
    #[doc(alias("get_device", "is_cuda"))]
    #[track_caller]
    pub fn device(&self) -> Device {
        raise(self.try_device())
    }

    /// Returns the error of [`Array::device`] instead of panicking.
    pub fn try_device(&self) -> Result<Device, Error> {
        match &self.0 {
            Repr::Literal { .. } => default_device(),
            Repr::Concrete(c) => Ok(Device::of(c.buffer.place())),
            Repr::Tracer(t) => place_or_process(home_of(t)).map(Device::of),
        }
    }

    /// The same elements on another device, to which the array is then committed. Elements that are
    /// there already are not copied.
    ///
    /// A value being traced cannot move: one program runs on one device.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1.0, 2.0];
    /// for device in devices() {
    ///     assert_eq!(x.to(&device).device(), device);
    /// }
    /// ```
    #[doc(alias = "device_put")]
    #[track_caller]
    pub fn to(&self, device: &Device) -> Array {
        raise(self.try_to(device))
    }

    /// Returns the error of [`Array::to`] instead of panicking.
    pub fn try_to(&self, device: &Device) -> Result<Array, Error> {
        let tracer = match &self.0 {
            Repr::Tracer(_) => true,
            Repr::Literal { .. } => is_tracing(),
            Repr::Concrete(_) => false,
        };
        if !tracer {
            return committed(self, Site::of(device.place())?);
        }
        let here = self.try_device()?;
        if here == *device {
            return Ok(self.clone());
        }
        Err(err!(
            Device,
            "to: {} is traced for {here}, and a program runs on one device; move it to {device} \
             outside of the traced function, before the call or after it",
            self.aval()
        ))
    }
}
