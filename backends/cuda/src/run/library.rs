//! The driver's library. It is looked for when a device is first asked for, never before, and its
//! absence is an error, not a panic.
//!
//! `COTANGENT_CUDA_DRIVER` is the path of a library to take instead of the system's.

use cotangent_jit::{Error, err};
use cudarc::driver::sys;
use std::path::Path;
use std::sync::OnceLock;

/// The variable that names a library.
const PATH: &str = "COTANGENT_CUDA_DRIVER";

/// Whether the user names a library.
pub fn is_named() -> bool {
    std::env::var_os(PATH).is_some()
}

/// Succeeds if the driver's functions can be called from now on.
pub fn load() -> Result<(), Error> {
    static LOADED: OnceLock<Result<(), Error>> = OnceLock::new();
    LOADED.get_or_init(find).clone()
}

fn find() -> Result<(), Error> {
    if let Some(path) = std::env::var_os(PATH) {
        preload(Path::new(&path))?;
    }
    // SAFETY: loading a library runs its initialisation, and the system's driver is as trusted as
    // the system.
    if unsafe { sys::is_culib_present() } {
        return init();
    }
    Err(err!(
        Device,
        "cuda: found no NVIDIA driver (libcuda.so.1, nvcuda.dll); install one, or name its library \
         in {PATH}"
    ))
}

/// Loads a library under its own name, so that a later search by that name finds it.
fn preload(path: &Path) -> Result<(), Error> {
    let at = path.display();
    // SAFETY: as above; the user has named the library.
    match unsafe { libloading::Library::new(path) } {
        Ok(library) => {
            // It stays loaded as long as the process lives.
            std::mem::forget(library);
            Ok(())
        }
        Err(e) => Err(err!(Device, "cuda: {PATH}={at}: cannot load the library: {e}")),
    }
}

fn init() -> Result<(), Error> {
    cudarc::driver::result::init().map_err(|e| {
        let hint = match e.0 {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => "; there is a driver, but no device",
            sys::CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH => {
                "; the library and the kernel's driver are of different versions"
            }
            _ => "",
        };
        err!(Device, "cuda: cuInit failed with {:?}{hint}", e.0)
    })
}
