//! What a stream or a node of a graph does: launches, copies, fills.

use crate::code::{Answer, Code};
use crate::pointer::Host;
use cotangent_cuda_emulator::Module;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A launch, with its parameters as they were when it was enqueued.
#[derive(Clone, Debug)]
pub struct Launch {
    pub module: Arc<Module>,
    pub entry: Arc<str>,
    pub shape: cotangent_cuda_emulator::Launch,
    pub params: Vec<u8>,
}

/// One side of a copy.
#[derive(Clone, Debug)]
pub enum Side {
    /// Memory of the host that is read or written when the copy runs.
    Host(Host),
    /// Bytes of the host as they were when the copy was enqueued.
    Bytes(Arc<[u8]>),
    Device(u64),
}

#[derive(Clone, Debug)]
pub struct Copy {
    pub from: Side,
    pub to: Side,
    pub bytes: u64,
}

#[derive(Clone, Debug)]
pub struct Fill {
    pub address: u64,
    pub pattern: Vec<u8>,
    pub count: u64,
}

impl Fill {
    /// The lowest bytes of a value, again and again.
    pub fn new(address: u64, value: u32, size: u32, count: u64) -> Answer<Fill> {
        if !matches!(size, 1 | 2 | 4) || !address.is_multiple_of(size.into()) {
            return Err(Code::INVALID_VALUE);
        }
        let pattern = value.to_le_bytes()[..size as usize].to_vec();
        Ok(Fill { address, pattern, count })
    }

    pub fn bytes(&self) -> u64 {
        (self.pattern.len() as u64).saturating_mul(self.count)
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match (&self.from, &self.to) {
            (Side::Device(_), Side::Device(_)) => "within the device",
            (Side::Device(_), _) => "to the host",
            _ => "from the host",
        };
        write!(f, "a copy of {} bytes {way}", self.bytes)
    }
}

/// The bytes from an address on.
pub fn span(address: u64, bytes: u64) -> Range<u64> {
    address..address.saturating_add(bytes)
}
