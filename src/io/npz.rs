//! npz: NumPy's archive of arrays by name, a zip of npy files.

use super::header::Header;
use super::zip::{self, Entry};
use super::{atomic, npy};
use crate::core::array::Array;
use cotangent_jit::{Error, err, plural};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// What an archive may become when it is unpacked, unless its reader says otherwise: so much that
/// the file, an entry and the arrays, whose memory may be an eighth larger, stay below four times
/// the file.
pub(super) fn usual_limit(file: usize) -> usize {
    file.saturating_add(file / 8 * 3).saturating_add(16 << 10)
}

/// The arrays of an npz file by name, stored or compressed ones.
///
/// Compressed arrays may have 11/8 times the bytes of the file (and 16 KiB) together, so that a
/// hostile file of a few bytes does not fill the memory; [`read_npz_up_to`] allows more, and an
/// error says how much is needed.
///
/// Errors: the file cannot be read; it is no npz; an entry is no npy, is damaged, overlaps another,
/// or has the name of another.
#[doc(alias = "load")]
pub fn read_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array>, Error> {
    read("read_npz", path.as_ref(), None)
}

/// As [`read_npz`], with arrays of this many bytes at most when unpacked.
pub fn read_npz_up_to(
    path: impl AsRef<Path>,
    bytes: usize,
) -> Result<BTreeMap<String, Array>, Error> {
    read("read_npz_up_to", path.as_ref(), Some(bytes))
}

fn read(op: &str, path: &Path, limit: Option<usize>) -> Result<BTreeMap<String, Array>, Error> {
    let file = atomic::read(op, path)?;
    let limit = limit.unwrap_or_else(|| usual_limit(file.len()));
    parse(op, &file, limit).map_err(|e| e.context(path.display()))
}

/// As [`read_npz`], of bytes in memory.
pub fn npz_from_bytes(bytes: &[u8]) -> Result<BTreeMap<String, Array>, Error> {
    parse("npz_from_bytes", bytes, usual_limit(bytes.len()))
}

/// As [`read_npz_up_to`], of bytes in memory.
pub fn npz_from_bytes_up_to(file: &[u8], bytes: usize) -> Result<BTreeMap<String, Array>, Error> {
    parse("npz_from_bytes_up_to", file, bytes)
}

fn parse(op: &str, file: &[u8], limit: usize) -> Result<BTreeMap<String, Array>, Error> {
    let entries = zip::entries(op, file)?;
    let packed = entries.iter().filter(|e| e.deflated);
    let needed = packed.fold(0usize, |sum, e| sum.saturating_add(e.size));
    if needed > limit {
        let more = if op.contains("bytes") { "npz_from_bytes_up_to" } else { "read_npz_up_to" };
        return Err(err!(
            File,
            "{op}: the archive unpacks to {bytes}, and {limit} are allowed for a file of {}; if \
             that is meant, \
             allow {needed} with {more}",
            file.len(),
            bytes = plural(needed, "byte")
        ));
    }
    let mut arrays = BTreeMap::new();
    for entry in &entries {
        let name = entry.name.strip_suffix(".npy").ok_or_else(|| {
            err!(File, "{op}: {:?} is no npy file, as all entries of an npz are", entry.name)
        })?;
        let bytes = unpack(op, file, entry)?;
        if zip::crc(&bytes, 0) != entry.crc {
            return Err(err!(File, "{op}: {:?} is damaged: its check sum differs", entry.name));
        }
        let array = npy::parse(op, &bytes).map_err(|e| e.context(format_args!("{name:?}")))?;
        arrays.insert(name.to_string(), array);
    }
    Ok(arrays)
}

fn unpack<'a>(op: &str, file: &'a [u8], entry: &Entry) -> Result<Cow<'a, [u8]>, Error> {
    let packed = &file[entry.data.clone()];
    if !entry.deflated {
        return Ok(Cow::Borrowed(packed));
    }
    let Entry { name, size, .. } = entry;
    let mut bytes = vec![0; *size];
    let written = miniz_oxide::inflate::decompress_slice_iter_to_slice(
        &mut bytes,
        std::iter::once(packed),
        false,
        true,
    );
    if written != Ok(*size) {
        return Err(err!(
            File,
            "{op}: {name:?} does not unpack to the {bytes} it should have",
            bytes = plural(size, "byte")
        ));
    }
    Ok(Cow::Owned(bytes))
}

/// Writes arrays by name as an npz file, stored as `numpy.savez` does; whole or not at all.
///
/// Errors: the file cannot be written; a name comes twice.
#[doc(alias = "savez")]
pub fn write_npz<N: AsRef<str>>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (N, Array)>,
) -> Result<(), Error> {
    const OP: &str = "write_npz";
    let path = path.as_ref();
    let mut names = std::collections::BTreeSet::new();
    zip::write(OP, path, |archive| {
        for (name, array) in arrays {
            let name = name.as_ref();
            if !names.insert(name.to_string()) {
                return Err(err!(Value, "{OP}: two arrays are named {name:?}"));
            }
            let header = Header::write(&array.aval());
            let bytes = array.to_bytes().map_err(|e| e.told_by(OP))?;
            archive
                .entry(&format!("{name}.npy"), &[&header, &bytes])
                .map_err(|e| zip::entry_failed(OP, path, e))?;
        }
        Ok(())
    })
}
