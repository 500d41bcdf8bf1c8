//! Entries, loaded and launched.

use super::device::Device;
use crate::ptx::Entry;
use cotangent_jit::{Error, err};
use cudarc::driver::result;
use cudarc::driver::sys::{self, CUjit_option as Jit, CUresult};
use smallvec::SmallVec;
use std::ffi::{CString, c_void};

/// The most blocks of a launch.
const MOST_BLOCKS: u64 = (1 << 31) - 1;

/// The parameters of a launch.
pub type Parameters = SmallVec<[u64; 12]>;

pub struct Module {
    device: &'static Device,
    handle: sys::CUmodule,
    functions: Vec<Function>,
}

struct Function {
    handle: sys::CUfunction,
    threads: u32,
    parameters: usize,
}

// SAFETY: the handles are names for the driver, whose functions take them on any thread.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

impl Module {
    /// Loads a text with these entries.
    pub fn load(device: &'static Device, text: &str, entries: &[Entry]) -> Result<Module, Error> {
        device.bind()?;
        let source = CString::new(text).map_err(|e| err!(Compile, "cuda: {e}"))?;
        let handle = load(device, &source)?;
        let mut module = Module { device, handle, functions: Vec::with_capacity(entries.len()) };
        for entry in entries {
            let name = CString::new(&*entry.name).map_err(|e| err!(Compile, "cuda: {e}"))?;
            // SAFETY: the module is loaded.
            let function = unsafe { result::module::get_function(handle, name) };
            let handle = device.checked("cuModuleGetFunction", function)?;
            let (threads, parameters) = (entry.threads, entry.addresses);
            module.functions.push(Function { handle, threads, parameters });
        }
        Ok(module)
    }

    /// The function of entry `n` and the threads of its blocks, for a launch of so many blocks with
    /// so many parameters.
    pub fn function(
        &self,
        n: usize,
        blocks: u64,
        parameters: usize,
    ) -> Result<(sys::CUfunction, u32), Error> {
        let f = &self.functions[n];
        if parameters == f.parameters && blocks <= MOST_BLOCKS {
            return Ok((f.handle, f.threads));
        }
        let expected = f.parameters;
        Err(err!(
            Device,
            "cuda: a launch of {blocks} blocks with {parameters} parameters, expected {expected}"
        ))
    }

    /// Enqueues a launch of entry `n` with these parameters.
    ///
    /// # Safety
    /// The parameters are addresses of this device with the bytes that the entry reads and writes
    /// behind them.
    pub unsafe fn launch(&self, n: usize, blocks: u64, parameters: &[u64]) -> Result<(), Error> {
        let (function, threads) = self.function(n, blocks, parameters.len())?;
        let stream = self.device.stream()?;
        let mut values: SmallVec<[u64; 16]> = SmallVec::from_slice(parameters);
        let mut pointers: SmallVec<[*mut c_void; 16]> =
            values.iter_mut().map(|v| std::ptr::from_mut(v).cast()).collect();
        let (grid, block) = ((blocks as u32, 1, 1), (threads, 1, 1));
        // SAFETY: there are as many parameters of 64 bits as the entry has, and the driver copies
        // them before it returns; the rest is the caller's promise.
        let done =
            unsafe { result::launch_kernel(function, grid, block, 0, stream, &mut pointers) };
        self.device.checked("cuLaunchKernel", done)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // Work may still run; a device that is lost has nothing to unload.
        if self.device.synchronize().is_ok() {
            // SAFETY: the module is loaded, and nothing runs.
            let _ = unsafe { result::module::unload(self.handle) };
        }
    }
}

/// Loads a text; an error tells what the driver's compiler says.
fn load(device: &Device, source: &CString) -> Result<sys::CUmodule, Error> {
    let mut log = vec![0u8; 8192];
    let mut module = std::ptr::null_mut();
    let mut options = [Jit::CU_JIT_ERROR_LOG_BUFFER, Jit::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES];
    let mut values: [*mut c_void; 2] =
        [log.as_mut_ptr().cast(), std::ptr::without_provenance_mut(log.len())];
    // SAFETY: the text ends with a zero; there are two options with a value each, and the buffer
    // has the bytes that the second names.
    let status = unsafe {
        sys::cuModuleLoadDataEx(
            &mut module,
            source.as_ptr().cast(),
            2,
            options.as_mut_ptr(),
            values.as_mut_ptr(),
        )
    };
    if status == CUresult::CUDA_SUCCESS {
        return Ok(module);
    }
    let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
    let said = String::from_utf8_lossy(&log[..end]);
    let said = said.trim();
    if said.is_empty() {
        return device.checked("cuModuleLoadDataEx", Err(cudarc::driver::DriverError(status)));
    }
    Err(err!(Compile, "cuda:{}: the driver refuses the code: {said}", device.ordinal))
}
