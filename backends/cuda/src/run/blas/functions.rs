//! The library, and the functions of it that are called.
//!
//! `COTANGENT_CUBLASLT` is the path of the library, a folder to look for it in (that of a Python
//! package included), or `off`. Without it the system's is looked for by name, unless the driver is
//! one that [`COTANGENT_CUDA_DRIVER`](super::super::library) names: that one need not be a driver
//! which the system's library can work with.
//!
//! `COTANGENT_CUBLASLT_LEAST` is the number of multiplications from which it computes a product.
//!
//! The functions are resolved all at once, so that a library without one of them is an error; and
//! statuses are numbers here, because a later library may give one that has no name yet.

use cotangent_jit::{Error, err};
use cudarc::cublaslt::sys::{
    cublasLtHandle_t as Handle, cublasLtMatmulAlgo_t as Algorithm, cublasLtMatmulDesc_t as Desc,
    cublasLtMatmulHeuristicResult_t as Found, cublasLtMatmulPreference_t as Preference,
    cublasLtMatrixLayout_t as Layout,
};
use cudarc::driver::sys::CUstream;
use libloading::Library;
use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const PATH: &str = "COTANGENT_CUBLASLT";
const LEAST: &str = "COTANGENT_CUBLASLT_LEAST";

/// The names of versions with the functions below.
const NAMES: &[&str] = if cfg!(windows) {
    &["cublasLt64_13.dll", "cublasLt64_12.dll"]
} else {
    &["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"]
};
/// Where Python's packages keep it, from the folder of all packages.
const FOLDERS: [&str; 4] = ["", "nvidia/cu13/lib", "nvidia/cublas/lib", "nvidia/cublas/bin"];

macro_rules! functions {
    ($($name:ident = $symbol:literal: fn($($argument:ty),*);)*) => {
        /// The functions, each of which gives a status.
        pub struct Functions {
            $(pub $name: unsafe extern "C" fn($($argument),*) -> u32,)*
        }

        impl Functions {
            fn of(library: &Library) -> Result<Functions, libloading::Error> {
                Ok(Functions {
                    // SAFETY: the library's header gives the function this type.
                    $($name: unsafe { *library.get($symbol)? },)*
                })
            }
        }
    };
}

functions! {
    create = b"cublasLtCreate\0": fn(*mut Handle);
    matmul = b"cublasLtMatmul\0": fn(
        Handle, Desc, *const c_void, *const c_void, Layout, *const c_void, Layout, *const c_void,
        *const c_void, Layout, *mut c_void, Layout, *const Algorithm, *mut c_void, usize, CUstream
    );
    choose = b"cublasLtMatmulAlgoGetHeuristic\0": fn(
        Handle, Desc, Layout, Layout, Layout, Layout, Preference, c_int, *mut Found, *mut c_int
    );
    create_desc = b"cublasLtMatmulDescCreate\0": fn(*mut Desc, u32, u32);
    set_desc = b"cublasLtMatmulDescSetAttribute\0": fn(Desc, u32, *const c_void, usize);
    destroy_desc = b"cublasLtMatmulDescDestroy\0": fn(Desc);
    create_layout = b"cublasLtMatrixLayoutCreate\0": fn(*mut Layout, u32, u64, u64, i64);
    set_layout = b"cublasLtMatrixLayoutSetAttribute\0": fn(Layout, u32, *const c_void, usize);
    destroy_layout = b"cublasLtMatrixLayoutDestroy\0": fn(Layout);
    create_preference = b"cublasLtMatmulPreferenceCreate\0": fn(*mut Preference);
    set_preference = b"cublasLtMatmulPreferenceSetAttribute\0":
        fn(Preference, u32, *const c_void, usize);
    destroy_preference = b"cublasLtMatmulPreferenceDestroy\0": fn(Preference);
}

/// The multiplications from which the library computes a product, if the environment says so.
pub fn least() -> Result<Option<usize>, Error> {
    static READ: OnceLock<Option<String>> = OnceLock::new();
    let read = READ.get_or_init(|| std::env::var(LEAST).ok().filter(|v| !v.is_empty()));
    let number = |v: &String| {
        v.parse()
            .map_err(|_| err!(Device, "cuda: {LEAST}={v}: expected a number of multiplications"))
    };
    read.as_ref().map(number).transpose()
}

/// The functions, if the library is there. An error says that a library which was named is not.
pub fn functions() -> Result<Option<&'static Functions>, Error> {
    static FOUND: OnceLock<Result<Option<Functions>, Error>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref().map(Option::as_ref).map_err(Error::clone)
}

fn find() -> Result<Option<Functions>, Error> {
    let named = std::env::var_os(PATH).filter(|v| !v.is_empty());
    match named {
        Some(name) if name == "off" => Ok(None),
        Some(name) => load(Path::new(&name)).map(Some),
        None if super::super::library::is_named() => Ok(None),
        None => Ok(NAMES.iter().find_map(|name| open(Path::new(name)).ok())),
    }
}

/// Loads what the variable names.
fn load(named: &Path) -> Result<Functions, Error> {
    let found = if named.is_dir() { within(named) } else { named.to_owned() };
    open(&found).map_err(|e| {
        let at = named.display();
        err!(Device, "cuda: {PATH}={at}: cannot load cuBLASLt: {e}")
    })
}

/// The file of the library in a folder, or the folder itself if there is none.
fn within(folder: &Path) -> PathBuf {
    let names = FOLDERS.iter().flat_map(|f| NAMES.iter().map(move |name| (f, name)));
    let mut files = names.map(|(f, name)| folder.join(f).join(name));
    files.find(|f| f.is_file()).unwrap_or_else(|| folder.to_owned())
}

fn open(path: &Path) -> Result<Functions, libloading::Error> {
    // SAFETY: loading a library runs its initialisation; the system's is as trusted as the system,
    // and another one was named by the user.
    let library = unsafe { Library::new(path)? };
    let functions = Functions::of(&library)?;
    // It stays loaded as long as the process lives.
    std::mem::forget(library);
    Ok(functions)
}

/// A status in words.
pub fn status(number: u32) -> String {
    let name = match number {
        1 => "NOT_INITIALIZED",
        3 => "ALLOC_FAILED",
        7 => "INVALID_VALUE",
        8 => "ARCH_MISMATCH",
        11 => "MAPPING_ERROR",
        13 => "EXECUTION_FAILED",
        14 => "INTERNAL_ERROR",
        15 => "NOT_SUPPORTED",
        16 => "LICENSE_ERROR",
        _ => return format!("the status {number}"),
    };
    format!("CUBLAS_STATUS_{name}")
}
