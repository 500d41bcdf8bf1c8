//! What the tests share: one test at a time, a fresh context, texts of kernels.

// Each test program uses a part of this.
#![allow(dead_code)]

use cotangent_cuda_stub::control::Stub;
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUresult};
use std::ffi::{CString, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

static ONE: Mutex<()> = Mutex::new(());

/// A context of its own, current on this thread. The driver's settings are those of the process,
/// so one test runs at a time.
pub struct Session {
    pub stub: Stub,
    pub context: sys::CUcontext,
    pub device: sys::CUdevice,
    _one: MutexGuard<'static, ()>,
}

/// A session in which work waits until somebody waits for it.
pub fn lazy() -> Session {
    session(0, 0)
}

/// A session with a seed and an eagerness.
pub fn session(seed: u64, eagerness: u32) -> Session {
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let stub = Stub::load().expect("cargo puts the library beside the tests");
    stub.reset();
    stub.seed(seed);
    stub.eagerness(eagerness);
    stub.capacity(1 << 30);
    stub.driver(13_000);
    stub.compute(9, 0);
    stub.budget(1 << 28);
    result::init().unwrap();
    let device = result::device::get(0).unwrap();
    // SAFETY: the device exists.
    let context = unsafe { result::primary_ctx::retain(device) }.unwrap();
    // SAFETY: the context is retained.
    unsafe { result::ctx::set_current(context) }.unwrap();
    Session { stub, context, device, _one: one }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: retained by this session.
        let _ = unsafe { result::primary_ctx::release(self.device) };
        // SAFETY: null takes the context away.
        let _ = unsafe { result::ctx::set_current(std::ptr::null_mut()) };
    }
}

impl Session {
    pub fn module(&self, text: &str) -> sys::CUmodule {
        let text = CString::new(text).unwrap();
        // SAFETY: the text ends with a zero.
        let loaded = unsafe { result::module::load_data(text.as_ptr().cast()) };
        loaded.unwrap_or_else(|e| panic!("{e:?}: {}", self.stub.fault()))
    }

    pub fn function(&self, text: &str, name: &str) -> sys::CUfunction {
        // SAFETY: the module is loaded.
        unsafe { result::module::get_function(self.module(text), CString::new(name).unwrap()) }
            .unwrap()
    }

    pub fn stream(&self) -> sys::CUstream {
        result::stream::create(result::stream::StreamKind::NonBlocking).unwrap()
    }

    /// Device memory that holds these values.
    pub fn upload<T>(&self, values: &[T]) -> sys::CUdeviceptr {
        // SAFETY: the block is as large as the values.
        unsafe {
            let address = result::malloc_sync(size_of_val(values)).unwrap();
            result::memcpy_htod_sync(address, values).unwrap();
            address
        }
    }

    pub fn download<T: Clone + Default>(
        &self,
        address: sys::CUdeviceptr,
        count: usize,
    ) -> Result<Vec<T>, DriverError> {
        let mut values = vec![T::default(); count];
        // SAFETY: the values outlive the copy, which is waited for.
        unsafe { result::memcpy_dtoh_sync(&mut values, address) }?;
        Ok(values)
    }

    /// Pinned memory for so many values of four bytes, each zero.
    pub fn pinned(&self, count: usize) -> &'static mut [u32] {
        // SAFETY: the memory is large enough, and lives until the process ends.
        unsafe {
            let start = result::malloc_host(4 * count, 0).unwrap().cast::<u32>();
            std::slice::from_raw_parts_mut(start, count).fill(0);
            std::slice::from_raw_parts_mut(start, count)
        }
    }

    /// Enqueues one block of so many threads; the parameters have eight bytes each.
    pub fn launch(
        &self,
        function: sys::CUfunction,
        threads: u32,
        stream: sys::CUstream,
        params: &[u64],
    ) -> Result<(), DriverError> {
        let mut places = places(params);
        // SAFETY: the parameters are read before the call returns.
        unsafe {
            result::launch_kernel(function, (1, 1, 1), (threads, 1, 1), 0, stream, &mut places)
        }
    }
}

pub fn places(params: &[u64]) -> Vec<*mut c_void> {
    params.iter().map(|p| std::ptr::from_ref(p).cast_mut().cast()).collect()
}

/// The status of an error.
pub fn code<T: std::fmt::Debug>(result: Result<T, DriverError>) -> CUresult {
    result.unwrap_err().0
}

pub const HEAD: &str = ".version 7.0\n.target sm_80\n.address_size 64\n";

/// `add(x, n)`: adds n to each of the u32 at x, one for each thread.
pub fn add() -> String {
    format!(
        "{HEAD}.visible .entry add(.param .u64 x, .param .u64 n) {{
    .reg .b64 %a<3>; .reg .b32 %r<4>;
    ld.param.u64 %a0, [x];
    ld.param.u32 %r2, [n];
    mov.u32 %r0, %tid.x;
    mad.wide.u32 %a1, %r0, 4, %a0;
    ld.global.u32 %r1, [%a1];
    add.u32 %r3, %r1, %r2;
    st.global.u32 [%a1], %r3;
    ret;
}}
"
    )
}
