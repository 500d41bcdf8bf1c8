//! npy: NumPy's file of one array.

use super::atomic;
use super::header::Header;
use crate::core::array::Array;
use crate::core::aval::{Aval, Shape};
use cotangent_jit::{Error, err, plural};
use std::borrow::Cow;
use std::path::Path;

/// Reads an npy file: versions 1 to 3, C and Fortran order, either byte order.
///
/// Errors: the file cannot be read, is no npy, is shorter or longer than its header says, or holds
/// what is no array of numbers.
#[doc(alias = "load")]
pub fn read_npy(path: impl AsRef<Path>) -> Result<Array, Error> {
    let path = path.as_ref();
    parse("read_npy", &atomic::read("read_npy", path)?).map_err(|e| e.context(path.display()))
}

/// As [`read_npy`], of bytes in memory.
///
/// ```
/// use cotangent::{io, prelude::*};
/// let bytes = io::npy_to_bytes(&array![[1, 2], [3, 4]])?;
/// assert_eq!(io::npy_from_bytes(&bytes)?.to_vec::<i32>(), [1, 2, 3, 4]);
/// assert!(io::npy_from_bytes(&bytes[..bytes.len() - 1]).is_err());
/// # Ok::<(), Error>(())
/// ```
pub fn npy_from_bytes(bytes: &[u8]) -> Result<Array, Error> {
    parse("npy_from_bytes", bytes)
}

/// Writes an npy file, as NumPy does: little-endian, in C order; whole or not at all.
#[doc(alias = "save")]
pub fn write_npy(path: impl AsRef<Path>, array: &Array) -> Result<(), Error> {
    let bytes = array.to_bytes().map_err(|e| e.told_by("write_npy"))?;
    atomic::write("write_npy", path.as_ref(), |to| {
        to.write_all(&Header::write(&array.aval()))?;
        to.write_all(&bytes)
    })
}

/// As [`write_npy`], into memory.
pub fn npy_to_bytes(array: &Array) -> Result<Vec<u8>, Error> {
    let mut bytes = Header::write(&array.aval());
    bytes.extend(array.to_bytes().map_err(|e| e.told_by("npy_to_bytes"))?);
    Ok(bytes)
}

pub(super) fn parse(op: &str, file: &[u8]) -> Result<Array, Error> {
    let header = Header::read(op, file)?;
    let elements = &file[header.start..];
    if elements.len() != header.bytes {
        let (expected, got) = (header.bytes, elements.len());
        return Err(err!(
            File,
            "{op}: {} takes {bytes} after the header, got {got}",
            header.aval,
            bytes = plural(expected, "byte")
        ));
    }
    array(op, &header, elements)
}

/// The array of these elements, put into our order.
pub(super) fn array(op: &str, header: &Header, elements: &[u8]) -> Result<Array, Error> {
    let Aval { shape, dtype, .. } = &header.aval;
    let mut elements = Cow::Borrowed(elements);
    if header.fortran && shape.iter().filter(|n| **n != 1).count() > 1 {
        elements = Cow::Owned(row_major(&elements, shape, dtype.size()));
    }
    if header.big_endian {
        // A complex number is two floats.
        let unit = dtype.size() / if dtype.is_complex() { 2 } else { 1 };
        elements.to_mut().chunks_exact_mut(unit).for_each(<[u8]>::reverse);
    }
    from_bytes(op, &header.aval, &elements)
}

/// As [`Array::try_from_bytes`], with what is read in front of the message.
pub(super) fn from_bytes(op: &str, aval: &Aval, elements: &[u8]) -> Result<Array, Error> {
    Array::try_from_bytes(elements, aval.shape.iter().copied(), aval.dtype)
        .map_err(|e| e.context(op))
}

/// From column-major order.
fn row_major(from: &[u8], shape: &Shape, width: usize) -> Vec<u8> {
    let mut to = Vec::with_capacity(from.len());
    // Strides in elements of the column-major layout, outermost axis first.
    let mut strides = Shape::new();
    let mut stride = 1;
    for n in shape {
        strides.push(stride);
        stride *= n;
    }
    let mut index: Shape = shape.iter().map(|_| 0).collect();
    let mut at = 0;
    for _ in 0..from.len() / width {
        to.extend_from_slice(&from[at * width..(at + 1) * width]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    to
}
