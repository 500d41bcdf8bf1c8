//! Addresses that the caller hands in: the only place where memory of others is touched.
//!
//! None of these types can be made in Rust: they are the types of arguments, and of the fields of
//! structures that arguments point to. Whoever calls across the boundary promises what the driver's
//! manual asks of each argument, and these types carry that promise to the place of use.

use crate::code::{Answer, Code};
use std::alloc::{Layout, alloc, dealloc};
use std::ffi::{CStr, c_char, c_void};

/// A place for a result, or null.
#[repr(transparent)]
pub struct Out<T>(*mut T);

impl<T: Copy> Out<T> {
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// Writes the result. Null is an invalid value.
    pub fn put(&self, value: T) -> Answer {
        self.put_at(0, value)
    }

    /// The same, to be read.
    pub fn input(&self) -> In<T> {
        In(self.0)
    }

    /// A place so many bytes behind the beginning, where the manual says that a result of this
    /// type goes.
    pub fn part<U>(&self, bytes: usize) -> Out<U> {
        Out(self.0.wrapping_byte_add(bytes).cast())
    }

    pub fn put_at(&self, n: usize, value: T) -> Answer {
        if self.0.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // SAFETY: the caller promises room for as many results as the function says it writes.
        unsafe { self.0.wrapping_add(n).write_unaligned(value) };
        Ok(())
    }

    /// Writes the result if somebody wants it.
    pub fn offer(&self, value: T) {
        if !self.0.is_null() {
            let _ = self.put(value);
        }
    }

    /// What lies there before the call, of a place that the function also reads.
    pub fn get(&self) -> Answer<T> {
        self.input().get()
    }
}

impl Out<Host> {
    /// Writes a number where addresses and numbers share a type.
    pub fn put_number_at(&self, n: usize, number: usize) -> Answer {
        Out(self.0.cast::<usize>()).put_at(n, number)
    }
}

/// A value, or an array of values, that the caller provides.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct In<T>(*const T);

impl<T: Copy> In<T> {
    /// Null.
    pub fn none() -> In<T> {
        In(std::ptr::null())
    }

    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }

    pub fn get(&self) -> Answer<T> {
        self.array(1).map(|values| values[0])
    }

    /// What lies so many bytes behind the beginning, where the manual says that a value of this
    /// type lies there: the parts of unions.
    pub fn part<U>(&self, bytes: usize) -> In<U> {
        In(self.0.wrapping_byte_add(bytes).cast())
    }

    /// So many values; none may lie at null.
    pub fn array(&self, count: usize) -> Answer<Vec<T>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        if self.0.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // SAFETY: the caller promises as many values as it says, or as the function takes.
        let value = |n| unsafe { self.0.wrapping_add(n).read_unaligned() };
        Ok((0..count).map(value).collect())
    }
}

/// A text that ends with a zero.
#[repr(transparent)]
pub struct Text(*const c_char);

impl Text {
    pub fn bytes(&self) -> Answer<Vec<u8>> {
        if self.0.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // SAFETY: the caller promises a text that ends with a zero.
        Ok(unsafe { CStr::from_ptr(self.0) }.to_bytes().to_vec())
    }

    pub fn string(&self) -> Answer<String> {
        String::from_utf8(self.bytes()?).map_err(|_| Code::INVALID_VALUE)
    }
}

/// A place in the memory of the host, of a length that the call tells.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Host(*mut c_void);

// SAFETY: the place is touched only while the driver is locked, on whichever thread waits for the
// work; the caller promises that it exists and is left alone until that work is done.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    pub fn address(self) -> usize {
        self.0 as usize
    }

    pub fn offset(self, bytes: usize) -> Host {
        Host(self.0.wrapping_byte_add(bytes))
    }

    pub fn read(self, bytes: usize) -> Vec<u8> {
        let mut values = vec![0u8; bytes];
        if bytes > 0 && !self.0.is_null() {
            // SAFETY: the caller promises so many bytes at this place; `values` has as many.
            unsafe { std::ptr::copy(self.0.cast::<u8>(), values.as_mut_ptr(), bytes) };
        }
        values
    }

    pub fn write(self, bytes: &[u8]) {
        if !bytes.is_empty() && !self.0.is_null() {
            // SAFETY: the caller promises so many bytes at this place.
            unsafe { std::ptr::copy(bytes.as_ptr(), self.0.cast::<u8>(), bytes.len()) };
        }
    }

    /// Writes a text and a zero, cut to the room there is. Gives the bytes without the zero.
    pub fn write_text(self, text: &str, room: usize) -> usize {
        let Some(most) = room.checked_sub(1) else { return 0 };
        let text = &text.as_bytes()[..text.len().min(most)];
        self.write(text);
        self.offset(text.len()).write(&[0]);
        text.len()
    }
}

/// A function of the host that a stream calls.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    function: extern "C" fn(*mut c_void),
    data: Host,
}

/// A function as the caller hands it in, or null.
pub type Function = Option<extern "C" fn(*mut c_void)>;

impl Call {
    pub fn new(function: Function, data: Host) -> Answer<Call> {
        function.map(|function| Call { function, data }).ok_or(Code::INVALID_VALUE)
    }

    pub fn invoke(self) {
        (self.function)(self.data.0);
    }
}

/// Memory of the host that the driver gives out. It holds garbage at first, as on a device.
#[derive(Debug)]
pub struct Pages {
    start: *mut u8,
    layout: Layout,
}

// SAFETY: the pages are only given out and returned here, under the lock of the driver.
unsafe impl Send for Pages {}

impl Pages {
    pub fn new(bytes: usize) -> Option<Pages> {
        let layout = Layout::from_size_align(bytes, 4096).ok().filter(|l| l.size() > 0)?;
        // SAFETY: the size is not zero.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            return None;
        }
        // SAFETY: so many bytes were allocated just now.
        unsafe { start.write_bytes(0xcd, layout.size()) };
        Some(Pages { start, layout })
    }

    pub fn host(&self) -> Host {
        Host(self.start.cast())
    }

    pub fn bytes(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and freed only here.
        unsafe { dealloc(self.start, self.layout) };
    }
}
