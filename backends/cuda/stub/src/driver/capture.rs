//! A capture: the graph that streams record instead of running.

use std::thread::ThreadId;

/// The modes of a capture, as the caller numbers them.
pub const GLOBAL: u32 = 0;
pub const THREAD_LOCAL: u32 = 1;

#[derive(Debug)]
pub struct Capture {
    pub context: u64,
    /// The stream that ends it.
    pub origin: u64,
    pub graph: u64,
    pub mode: u32,
    pub thread: ThreadId,
    /// Whether a call has happened that it must not contain.
    pub invalid: bool,
}
