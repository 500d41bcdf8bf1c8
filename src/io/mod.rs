//! Arrays and pytrees to and from files: npy, npz, safetensors.
//!
//! | to | use |
//! | --- | --- |
//! | save and load a pytree | [`save_pytree`], [`load_pytree`] (`.npz` or `.safetensors`, names from key paths) |
//! | NumPy's arrays | [`read_npy`], [`write_npy`], [`NpyMap`] (memory-mapped), [`npy_from_bytes`], [`npy_to_bytes`] |
//! | NumPy's archives | [`read_npz`], [`write_npz`], [`npz_from_bytes`] |
//! | safetensors | [`read_safetensors`], [`write_safetensors`], [`safetensors_from_bytes`] |
//!
//! Files are written whole or not at all: into a temporary file beside the target, synced, then
//! renamed over it. What is read is not trusted: whatever the bytes, reading ends in an array or in
//! an error, and takes at most four times the memory of the file. What honestly needs more (well
//! compressed archives, thousands of tiny arrays) is read by the functions with `up_to`, which take
//! a limit; [`load_pytree`] knows what to expect and needs none. Everything returns `Result`; the
//! kind of an error about a file is [`ErrorKind::File`](cotangent_jit::ErrorKind::File).
//!
//! Elements keep their bits. `bf16`, which NumPy does not know, is in npy what `ml_dtypes` makes of
//! it: two bytes without a meaning (`<V2`); so such files are read as `bf16`, too.
//!
//! ```
//! use cotangent::{io, prelude::*};
//! let folder = std::env::temp_dir();
//! let path = folder.join(format!("cotangent_doc_{}.safetensors", std::process::id()));
//! let model = (array![[1.0, 2.0]], vec![array![3]]);
//! io::save_pytree(&path, &model)?;
//! let (w, n): (Array, Vec<Array>) = io::load_pytree(&path, &model)?;
//! assert_eq!((w.to_vec::<f32>(), n[0].item::<i32>()), (vec![1.0, 2.0], 3));
//! # std::fs::remove_file(path).ok();
//! # Ok::<(), Error>(())
//! ```

pub(crate) mod atomic;
mod budget;
mod header;
mod json;
mod map;
#[cfg(feature = "ndarray")]
mod ndarray;
mod npy;
mod npz;
mod pytree;
mod safetensors;
pub(crate) mod zip;

pub use map::NpyMap;
pub use npy::{npy_from_bytes, npy_to_bytes, read_npy, write_npy};
pub use npz::{npz_from_bytes, npz_from_bytes_up_to, read_npz, read_npz_up_to, write_npz};
pub use pytree::{leaf_names, load_pytree, save_pytree};
pub use safetensors::{
    SafeTensors, read_safetensors, read_safetensors_up_to, safetensors_from_bytes,
    safetensors_from_bytes_up_to, safetensors_to_bytes, write_safetensors,
};
