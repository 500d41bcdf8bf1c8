//! A device: its context, its one stream, and its failures.
//!
//! A failure of work that was enqueued shows in a later call. Some failures end the context: then
//! every later call says so, and only a new process can use the device again.

use super::conditions::Conditions;
use super::library;
use cotangent_jit::{Error, err};
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUdevice_attribute as Attribute, CUresult};
use std::cell::Cell;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The most devices of a machine.
pub const MOST: usize = 64;

pub struct Device {
    pub ordinal: u32,
    pub name: String,
    pub multiprocessors: usize,
    /// `None` if the driver has no conditional nodes of graphs.
    pub conditions: Option<Conditions>,
    context: sys::CUcontext,
    stream: sys::CUstream,
    lost: Mutex<Option<String>>,
}

// SAFETY: the handles are names for the driver, whose functions take them on any thread.
unsafe impl Send for Device {}
// SAFETY: as above.
unsafe impl Sync for Device {}

thread_local! {
    /// The device whose context is current on this thread.
    static CURRENT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The number of devices.
pub fn count() -> Result<u32, Error> {
    library::load()?;
    let n = result::device::get_count();
    n.map(|n| n.max(0) as u32).map_err(|e| err!(Device, "cuda: cuDeviceGetCount: {:?}", e.0))
}

/// The device of this number, which is opened when it is first asked for.
pub fn device(ordinal: u32) -> Result<&'static Device, Error> {
    static DEVICES: [OnceLock<Result<Device, Error>>; MOST] = [const { OnceLock::new() }; MOST];
    let there = count()?;
    match DEVICES.get(ordinal as usize) {
        Some(slot) if ordinal < there => {
            slot.get_or_init(|| Device::open(ordinal)).as_ref().map_err(Error::clone)
        }
        _ => {
            let devices = cotangent_jit::plural(there as usize, "device");
            Err(err!(Device, "cuda:{ordinal}: no such device; there are {devices} of cuda"))
        }
    }
}

impl Device {
    fn open(ordinal: u32) -> Result<Device, Error> {
        let failed = |call: &str, e: DriverError| {
            err!(Device, "cuda:{ordinal}: {call} failed with {:?}", e.0)
        };
        let handle = result::device::get(ordinal as i32).map_err(|e| failed("cuDeviceGet", e))?;
        let name = result::device::get_name(handle).map_err(|e| failed("cuDeviceGetName", e))?;
        let attribute = |a: Attribute| {
            // SAFETY: the handle is that of a device.
            let value = unsafe { result::device::get_attribute(handle, a) };
            value.map_err(|e| failed("cuDeviceGetAttribute", e))
        };
        let capability = (
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        );
        if capability < (8, 0) {
            let (major, minor) = capability;
            return Err(err!(
                Device,
                "cuda:{ordinal}: {name}: expected compute capability 8.0, got {major}.{minor}"
            ));
        }
        let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        // SAFETY: the handle is that of a device; the context is never released.
        let context = unsafe { result::primary_ctx::retain(handle) }
            .map_err(|e| failed("cuDevicePrimaryCtxRetain", e))?;
        // SAFETY: the context was retained just now.
        unsafe { result::ctx::set_current(context) }.map_err(|e| failed("cuCtxSetCurrent", e))?;
        CURRENT.set(Some(ordinal));
        let kind = result::stream::StreamKind::NonBlocking;
        let stream = result::stream::create(kind).map_err(|e| failed("cuStreamCreate", e))?;
        Ok(Device {
            ordinal,
            name,
            multiprocessors: multiprocessors.max(1) as usize,
            conditions: Conditions::of_driver(),
            context,
            stream,
            lost: Mutex::new(None),
        })
    }

    pub fn context(&self) -> sys::CUcontext {
        self.context
    }

    /// The stream of all work, for a thread on which the context is current now.
    pub fn stream(&self) -> Result<sys::CUstream, Error> {
        self.bind()?;
        Ok(self.stream)
    }

    /// Makes the context current on this thread.
    pub fn bind(&self) -> Result<(), Error> {
        if let Some(why) = &*self.lost.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(err!(Device, "{why}"));
        }
        if CURRENT.get() == Some(self.ordinal) {
            return Ok(());
        }
        // SAFETY: the context is never released.
        self.checked("cuCtxSetCurrent", unsafe { result::ctx::set_current(self.context) })?;
        CURRENT.set(Some(self.ordinal));
        Ok(())
    }

    /// Waits for all work.
    pub fn synchronize(&self) -> Result<(), Error> {
        let stream = self.stream()?;
        // SAFETY: the stream is never destroyed.
        self.checked("cuStreamSynchronize", unsafe { result::stream::synchronize(stream) })
    }

    /// Bytes that are free on the device, and all.
    pub fn free_and_total(&self) -> Result<(usize, usize), Error> {
        self.bind()?;
        self.checked("cuMemGetInfo", result::mem_get_info())
    }

    /// The result of a call, with an error in words.
    pub fn checked<T>(&self, call: &str, result: Result<T, DriverError>) -> Result<T, Error> {
        result.map_err(|e| self.failed(call, e))
    }

    fn failed(&self, call: &str, e: DriverError) -> Error {
        let n = self.ordinal;
        if !ends_context(e.0) {
            return err!(Device, "cuda:{n}: {call} failed with {:?}", e.0);
        }
        let why = format!(
            "cuda:{n}: the device's context is lost: work that was enqueued before {call} failed \
             with {:?}; start the process anew",
            e.0
        );
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        err!(Device, "{}", lost.get_or_insert(why))
    }
}

/// Whether a failure is one after which the context can do nothing more.
fn ends_context(e: CUresult) -> bool {
    use CUresult::*;
    matches!(
        e,
        CUDA_ERROR_ILLEGAL_ADDRESS
            | CUDA_ERROR_LAUNCH_TIMEOUT
            | CUDA_ERROR_CONTEXT_IS_DESTROYED
            | CUDA_ERROR_ASSERT
            | CUDA_ERROR_HARDWARE_STACK_ERROR
            | CUDA_ERROR_ILLEGAL_INSTRUCTION
            | CUDA_ERROR_MISALIGNED_ADDRESS
            | CUDA_ERROR_INVALID_ADDRESS_SPACE
            | CUDA_ERROR_INVALID_PC
            | CUDA_ERROR_LAUNCH_FAILED
            | CUDA_ERROR_ECC_UNCORRECTABLE
    )
}
