//! Sizes that all launches share: rows, the threads of a block, the bytes of a word.

use crate::ptx::Class;

/// Rows of `len` elements with stride `inner`; as many as `inner` begin side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rows {
    pub count: usize,
    pub len: usize,
    pub inner: usize,
}

impl Rows {
    pub fn elements(self) -> usize {
        self.count.saturating_mul(self.len)
    }
}

/// Threads of a block of launches that go over elements.
pub const THREADS: usize = 256;

/// Bytes of a word.
pub fn size(word: Class) -> usize {
    if word == Class::B64 { 8 } else { 4 }
}
