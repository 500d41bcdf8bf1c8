//! Printed text to machine code: by rustc, into a library that this process loads.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The addresses of all buffers, and what computes sines, cosines and tangents (0, 1, 2) of huge
/// numbers.
pub type Twin = unsafe extern "C" fn(*const *mut u8, extern "C" fn(u32, f64) -> f64);

/// A loaded library. It stays loaded as long as the process lives.
pub struct Library {
    handle: *mut libc::c_void,
    /// Where its text lies, if it is kept.
    pub folder: Option<PathBuf>,
}

/// Returns whether there is a compiler.
pub fn has_rustc() -> bool {
    Command::new(rustc()).arg("--version").output().is_ok_and(|o| o.status.success())
}

fn rustc() -> String {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into())
}

impl Library {
    /// Compiles the text in a folder of its own under the system's temporary folder; panics with
    /// the compiler's words if it fails. With `keep` the folder stays.
    pub fn compile(text: &str, name: &str, keep: bool) -> Library {
        let folder = std::env::temp_dir().join(format!("twins-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the twins");
        let (source, library) = (folder.join("twins.rs"), folder.join("libtwins.so"));
        std::fs::write(&source, text).expect("a file for the twins");
        let mut command = Command::new(rustc());
        command.args(["--edition", "2024", "-O", "-C", "panic=abort", "--crate-type", "cdylib"]);
        let output = command.arg("-o").args([&library, &source]).output().expect("rustc");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let handle = Library::load(&library);
        if !keep {
            // What is loaded stays, whatever happens to its file.
            drop(std::fs::remove_dir_all(&folder));
        }
        Library { handle, folder: keep.then_some(folder) }
    }

    fn load(path: &Path) -> *mut libc::c_void {
        let path = CString::new(path.to_str().expect("a name in UTF-8")).expect("no zero in it");
        // SAFETY: the library has no code that runs when it is loaded.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null(), "{path:?} was not loaded");
        handle
    }

    pub fn function(&self, name: &str) -> Twin {
        let name = CString::new(name).expect("no zero in it");
        // SAFETY: the handle is that of a loaded library.
        let found = unsafe { libc::dlsym(self.handle, name.as_ptr()) };
        assert!(!found.is_null(), "there is no {name:?}");
        // SAFETY: the text declares all of its functions with this signature, and the library is
        // never unloaded.
        unsafe { std::mem::transmute::<*mut libc::c_void, Twin>(found) }
    }
}
