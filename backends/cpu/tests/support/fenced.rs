//! Memory for one buffer between two pages that nobody may touch, so that code that reads or
//! writes past either end of the buffer dies by a signal.
//!
//! A buffer lies at one end of its memory, flush with the fence there. What lies between it and
//! the other fence holds a pattern, and a change of the pattern is an error. Where there is no
//! `mmap`, the memory is on the heap and the pattern alone stands guard.

/// The fence that the buffer touches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The buffer starts where its memory starts.
    Start,
    /// The buffer ends where its memory ends, as closely as its elements are aligned: any whole
    /// number of elements.
    End,
}

/// The byte beside a buffer.
const PATTERN: u8 = 0xa5;
/// The bytes of the pattern that are written and read again.
const BESIDE: usize = 128;

/// Memory between fences, used again for one buffer after the other.
#[derive(Default)]
pub struct Fenced {
    pages: Option<Pages>,
    /// The place of the buffer.
    start: usize,
    len: usize,
}

impl Fenced {
    /// A buffer of this length that holds the pattern.
    pub fn open(&mut self, len: usize, side: Side) -> *mut u8 {
        if self.pages.as_ref().is_none_or(|p| p.bytes().len() < len + BESIDE) {
            self.pages = Some(Pages::new((len + BESIDE).next_power_of_two()));
        }
        let Some(pages) = &mut self.pages else { unreachable!("just made") };
        let total = pages.bytes().len();
        (self.start, self.len) = (if side == Side::Start { 0 } else { total - len }, len);
        let (low, high) = self.around(total);
        let Some(pages) = &mut self.pages else { unreachable!("just made") };
        pages.bytes_mut()[low..high].fill(PATTERN);
        pages.bytes_mut()[self.start..].as_mut_ptr()
    }

    /// A buffer that holds these bytes.
    pub fn holding(&mut self, bytes: &[u8], side: Side) -> *const u8 {
        let pointer = self.open(bytes.len(), side);
        if let Some(pages) = &mut self.pages {
            pages.bytes_mut()[self.start..self.start + bytes.len()].copy_from_slice(bytes);
        }
        pointer
    }

    /// The bytes of the buffer. It panics if something wrote beside the buffer.
    pub fn written(&self) -> Vec<u8> {
        let Some(pages) = &self.pages else { return Vec::new() };
        let bytes = pages.bytes();
        let (low, high) = self.around(bytes.len());
        let end = self.start + self.len;
        let beside = bytes[low..self.start].iter().chain(&bytes[end..high]);
        assert!(beside.copied().all(|b| b == PATTERN), "written beside the buffer");
        bytes[self.start..end].to_vec()
    }

    /// The buffer and the pattern beside it.
    fn around(&self, total: usize) -> (usize, usize) {
        (self.start.saturating_sub(BESIDE), (self.start + self.len + BESIDE).min(total))
    }
}

#[cfg(unix)]
mod pages {
    use std::ptr::{NonNull, null_mut};

    /// Whole pages with a page without access on either side.
    pub struct Pages {
        first: NonNull<u8>,
        len: usize,
    }

    const PAGE: usize = 1 << 14;

    impl Pages {
        pub fn new(len: usize) -> Pages {
            let len = len.next_multiple_of(PAGE);
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: fresh memory, of which the inner part alone becomes accessible.
            let first = unsafe {
                let all = libc::mmap(null_mut(), len + 2 * PAGE, libc::PROT_NONE, flags, -1, 0);
                assert!(all != libc::MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
                let first = all.cast::<u8>().add(PAGE);
                let access = libc::PROT_READ | libc::PROT_WRITE;
                assert_eq!(libc::mprotect(first.cast(), len, access), 0);
                first
            };
            Pages { first: NonNull::new(first).unwrap(), len }
        }

        pub fn bytes(&self) -> &[u8] {
            // SAFETY: the accessible part, zeroed by the system, lives as long as self.
            unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.len) }
        }

        pub fn bytes_mut(&mut self) -> &mut [u8] {
            // SAFETY: as above; self is borrowed alone.
            unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr(), self.len) }
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            // SAFETY: the mapping that `new` made, with both fences.
            let gone = unsafe {
                let all = self.first.as_ptr().sub(PAGE);
                libc::munmap(all.cast(), self.len + 2 * PAGE)
            };
            debug_assert_eq!(gone, 0);
        }
    }
}

#[cfg(not(unix))]
mod pages {
    /// Memory without fences, aligned to 16 bytes.
    pub struct Pages(Vec<u128>);

    impl Pages {
        pub fn new(len: usize) -> Pages {
            Pages(vec![0; len.div_ceil(16)])
        }

        pub fn bytes(&self) -> &[u8] {
            // SAFETY: plain bytes.
            unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) }
        }

        pub fn bytes_mut(&mut self) -> &mut [u8] {
            // SAFETY: plain bytes.
            unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16) }
        }
    }
}

use pages::Pages;
