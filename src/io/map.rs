//! An npy file in mapped memory: rows are read when they are asked for.

use super::atomic::failed;
use super::header::Header;
use super::npy;
use crate::core::array::Array;
use crate::core::aval::Aval;
use cotangent_jit::{Error, err, plural};
use memmap2::Mmap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// An npy file that is mapped into memory, larger than memory perhaps.
///
/// ```
/// use cotangent::{io::{self, NpyMap}, prelude::*};
/// let path = std::env::temp_dir().join(format!("cotangent_map_{}.npy", std::process::id()));
/// io::write_npy(&path, &array![[1, 2], [3, 4], [5, 6]])?;
/// // SAFETY: nobody changes the file meanwhile.
/// let map = unsafe { NpyMap::open(&path)? };
/// assert_eq!(map.aval().to_string(), "i32[3,2]");
/// assert_eq!(map.rows(1..3)?.to_vec::<i32>(), [3, 4, 5, 6]);
/// # drop(map);
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), Error>(())
/// ```
#[doc(alias = "memmap")]
pub struct NpyMap {
    map: Mmap,
    header: Header,
}

impl NpyMap {
    /// Maps the file and reads its header.
    ///
    /// # Safety
    ///
    /// As long as the map lives nobody may write to the file or shorten it: its bytes are read as
    /// they are at the time.
    pub unsafe fn open(path: impl AsRef<Path>) -> Result<NpyMap, Error> {
        const OP: &str = "NpyMap::open";
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| failed(OP, path, e))?;
        // SAFETY: the caller promises that the file stays as it is.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| failed(OP, path, e))?;
        let header = Header::read(OP, &map).map_err(|e| e.context(path.display()))?;
        let (expected, got) = (header.bytes, map.len() - header.start);
        if expected != got {
            return Err(err!(
                File,
                "{OP}: {}: {} takes {bytes} after the header, got {got}",
                path.display(),
                header.aval,
                bytes = plural(expected, "byte")
            ));
        }
        Ok(NpyMap { map, header })
    }

    /// Shape and dtype.
    pub fn aval(&self) -> &Aval {
        &self.header.aval
    }

    /// All of it.
    pub fn array(&self) -> Result<Array, Error> {
        npy::array("NpyMap::array", &self.header, &self.map[self.header.start..])
    }

    /// These rows (entries of the first axis): `T[n, ..] -> T[rows, ..]`. Only their bytes are
    /// touched.
    ///
    /// Errors: the range ends behind the last row; the array is a scalar; the file is in Fortran
    /// order, where rows do not lie together.
    pub fn rows(&self, rows: Range<usize>) -> Result<Array, Error> {
        const OP: &str = "NpyMap::rows";
        let aval = &self.header.aval;
        let Some((&n, rest)) = aval.shape.split_first() else {
            return Err(err!(Axis, "{OP}: {aval} has no rows; read it whole with array"));
        };
        if rows.start > rows.end || rows.end > n {
            return Err(err!(Axis, "{OP}: rows {rows:?} of {aval} do not exist"));
        }
        if self.header.fortran && aval.rank() > 1 {
            return Err(err!(
                Unsupported,
                "{OP}: the file is in Fortran order; read it whole with array, or save it in C \
                 order"
            ));
        }
        let row = self.header.bytes.checked_div(n).unwrap_or(0);
        let from = self.header.start;
        let elements = &self.map[from + row * rows.start..from + row * rows.end];
        let shape = [rows.len()].into_iter().chain(rest.iter().copied());
        let part = Header { aval: Aval::new(shape, aval.dtype), ..self.header.clone() };
        npy::array(OP, &part, elements)
    }
}
