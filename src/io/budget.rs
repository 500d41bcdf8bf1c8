//! How much memory what is read may take: four times the file, unless its reader allows more.

use crate::core::array::{Array, Concrete};
use cotangent_jit::{Error, err, plural};

/// What small files may take beside: messages, tables, what the device rounds up.
const SLACK: usize = 64 << 10;

/// Three times a file of this size, which is held beside what it gives.
pub(super) fn usual_limit(file: usize) -> usize {
    file.saturating_mul(3).saturating_add(SLACK)
}

/// What is left to be taken.
pub(super) struct Budget<'a> {
    op: &'a str,
    limit: usize,
    left: usize,
}

impl<'a> Budget<'a> {
    /// `limit` bytes, or else what is usual for a file of this size.
    pub fn new(op: &'a str, limit: Option<usize>, file: usize) -> Budget<'a> {
        let limit = limit.unwrap_or_else(|| usual_limit(file));
        Budget { op, limit, left: limit }
    }

    pub fn take(&mut self, bytes: usize) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            err!(
                File,
                "{}: what the header describes takes more than {bytes} of memory; if that is \
                 meant, allow more with {}",
                self.op,
                if self.op.contains("bytes") {
                    "safetensors_from_bytes_up_to"
                } else {
                    "read_safetensors_up_to"
                },
                bytes = plural(self.limit, "byte")
            )
        })?;
        Ok(())
    }

    /// An array of so many bytes under a name in a map.
    pub fn array(&mut self, name: &String, bytes: usize) -> Result<(), Error> {
        self.take(string(name) + in_map::<(String, Array)>() + of_array(bytes))
    }

    /// A remark in a map.
    pub fn remark(&mut self, key: &String, value: &String) -> Result<(), Error> {
        self.take(string(key) + string(value) + in_map::<(String, String)>())
    }
}

fn string(text: &String) -> usize {
    text.capacity()
}

/// An entry of a map of trees, whose nodes are half full in the worst case.
fn in_map<T>() -> usize {
    size_of::<T>() * 8 / 3
}

/// An array beside its handle: its type, its counts, a block of memory that may be an eighth too
/// large.
pub(super) fn of_array(bytes: usize) -> usize {
    size_of::<Concrete>() + 2 * size_of::<usize>() + bytes.saturating_add(bytes / 8).max(64)
}
