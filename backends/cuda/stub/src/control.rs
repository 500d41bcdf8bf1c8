//! The stub's own switches and counters, for tests: a handle to the library at a path.
//!
//! The library that the driver's callers have loaded is the one that this opens, since a process
//! holds a library once. Its settings are those of the process, so tests that change them must not
//! run at the same time in one process.
//!
//! Variables of the environment give the settings at first: `COTANGENT_STUB_SEED`, `_CAPACITY`,
//! `_DEVICES`, `_DRIVER`, `_EAGERNESS` and `_BUDGET`. `COTANGENT_STUB_TEXTS` names a folder for the
//! texts of all modules that are loaded.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

pub use crate::driver::Counter;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Resolve all names at once.
const NOW: c_int = 2;

/// The file of the library where cargo puts it, for a test, an example or a binary that depends on
/// this crate.
pub fn beside_this_program() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program.parent().unwrap_or(Path::new(""));
    // Tests lie beside it, binaries one folder above, examples in a folder beside its folder.
    let places = [folder.to_owned(), folder.join("deps"), folder.join("../deps")];
    let mut files = places.map(|p| p.join("libcotangent_cuda_stub.so"));
    let found = files.iter().position(|f| f.exists()).unwrap_or_default();
    std::mem::take(&mut files[found])
}

/// The loaded library. It is never unloaded.
#[derive(Clone, Copy, Debug)]
pub struct Stub {
    library: *mut c_void,
}

// SAFETY: the handle of a library that is never closed may be used from every thread.
unsafe impl Send for Stub {}
// SAFETY: as above.
unsafe impl Sync for Stub {}

type Number = extern "C" fn(u64) -> u32;
type Texts = extern "C" fn(*mut c_char, usize, *mut usize) -> u32;

impl Stub {
    /// Loads the library, or finds it loaded.
    pub fn open(path: &Path) -> Option<Stub> {
        let name = CString::new(path.to_str()?).ok()?;
        // SAFETY: the name ends with a zero; the library's only initialisers are Rust's.
        let library = unsafe { dlopen(name.as_ptr(), NOW) };
        (!library.is_null()).then_some(Stub { library })
    }

    /// Loads the library from where cargo puts it for tests.
    pub fn load() -> Option<Stub> {
        Stub::open(&beside_this_program())
    }

    fn address(&self, name: &CStr) -> *mut c_void {
        // SAFETY: the library is open, and the name ends with a zero.
        let found = unsafe { dlsym(self.library, name.as_ptr()) };
        assert!(!found.is_null(), "the library has no function {name:?}");
        found
    }

    /// Whether the library has a function of this name.
    pub fn has(&self, name: &CStr) -> bool {
        // SAFETY: the library is open, and the name ends with a zero.
        unsafe { !dlsym(self.library, name.as_ptr()).is_null() }
    }

    /// Calls a function of one number. Narrower ones take the low half of its register.
    fn set(&self, name: &CStr, number: u64) {
        // SAFETY: the functions that are called so take one integer and give a status.
        let function: Number = unsafe { std::mem::transmute(self.address(name)) };
        function(number);
    }

    fn text(&self, name: &CStr) -> String {
        // SAFETY: the functions that are called so take a buffer, its room and a place.
        let function: Texts = unsafe { std::mem::transmute(self.address(name)) };
        let mut needed = 0;
        function(std::ptr::null_mut(), 0, &mut needed);
        let mut bytes = vec![0u8; needed + 1];
        function(bytes.as_mut_ptr().cast(), bytes.len(), &mut needed);
        bytes.truncate(bytes.iter().position(|b| *b == 0).unwrap_or_default());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Begins a sequence of orders.
    pub fn seed(&self, seed: u64) {
        self.set(c"cotangent_stub_seed", seed);
    }

    /// Sets the bytes of each device, now and later.
    pub fn capacity(&self, bytes: u64) {
        self.set(c"cotangent_stub_capacity", bytes);
    }

    /// Sets the number of devices, before the driver is initialised.
    pub fn devices(&self, count: u32) {
        self.set(c"cotangent_stub_devices", count.into());
    }

    /// Sets the version that the driver pretends to have: 12000 is 12.0.
    pub fn driver(&self, version: u32) {
        self.set(c"cotangent_stub_driver", version.into());
    }

    /// Sets the chance, in percent, that enqueuing also runs some work. At 0 all work waits until
    /// somebody waits for it; at 100 it runs at once.
    pub fn eagerness(&self, percent: u32) {
        self.set(c"cotangent_stub_eagerness", percent.into());
    }

    /// Sets the instructions of warps that a launch may execute.
    pub fn budget(&self, instructions: u64) {
        self.set(c"cotangent_stub_budget", instructions);
    }

    /// Sets the compute capability of each device.
    pub fn compute(&self, major: i32, minor: i32) {
        let address = self.address(c"cotangent_stub_compute");
        // SAFETY: the function takes two integers.
        let function: extern "C" fn(i32, i32) -> u32 = unsafe { std::mem::transmute(address) };
        function(major, minor);
    }

    /// Fails an allocation once, after so many others.
    pub fn fail_allocation(&self, after: u64) {
        self.set(c"cotangent_stub_fail_allocation", after);
    }

    /// Fails a launch once, after so many others, with a status of the driver. One that ends a
    /// context is found by the next call that waits, as on a device.
    pub fn fail_launch(&self, after: u64, status: u32) {
        let address = self.address(c"cotangent_stub_fail_launch");
        // SAFETY: the function takes two integers.
        let function: extern "C" fn(u64, u32) -> u32 = unsafe { std::mem::transmute(address) };
        function(after, status);
    }

    /// Fails calls of the library for products, until the stub is reset, with a status of cuBLASLt:
    /// 0 is its creation, 1 the choice of an algorithm, 2 a product.
    pub fn fail_product(&self, call: u32, status: u32) {
        let address = self.address(c"cotangent_stub_fail_product");
        // SAFETY: the function takes two integers.
        let function: extern "C" fn(u32, u32) -> u32 = unsafe { std::mem::transmute(address) };
        function(call, status);
    }

    /// A number that the driver counts.
    pub fn count(&self, counter: Counter) -> u64 {
        let address = self.address(c"cotangent_stub_count");
        // SAFETY: the function takes an integer and a place.
        let function: extern "C" fn(u32, *mut u64) -> u32 = unsafe { std::mem::transmute(address) };
        let mut count = 0;
        function(counter as u32, &mut count);
        count
    }

    /// How often the kernels of a name ran.
    pub fn runs(&self, entry: &str) -> u64 {
        let Ok(name) = CString::new(entry) else { return 0 };
        let address = self.address(c"cotangent_stub_runs");
        // SAFETY: the function takes a text and a place.
        let function: extern "C" fn(*const c_char, *mut u64) -> u32 =
            unsafe { std::mem::transmute(address) };
        let mut count = 0;
        function(name.as_ptr(), &mut count);
        count
    }

    /// The names of the kernels that ran, and how often.
    pub fn kernels(&self) -> Vec<(String, u64)> {
        let text = self.text(c"cotangent_stub_kernels");
        let row = |line: &str| {
            let (count, name) = line.split_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        };
        text.lines().filter_map(row).collect()
    }

    /// The text of the last fault, or of the last PTX that was refused. Empty if there was none.
    pub fn fault(&self) -> String {
        self.text(c"cotangent_stub_fault")
    }

    /// Sets all counters to zero; forgets the last fault and the failures that were asked for.
    pub fn reset(&self) {
        // SAFETY: the function takes nothing.
        let function: extern "C" fn() -> u32 =
            unsafe { std::mem::transmute(self.address(c"cotangent_stub_reset")) };
        function();
    }
}
