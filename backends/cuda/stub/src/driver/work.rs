//! What can be enqueued.

use super::run::Run;
use crate::code::{Answer, Code};
use crate::pointer::{Call, Host};
use cotangent_cuda_emulator::Module;
use std::fmt;
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

#[derive(Debug)]
pub enum Work {
    Kernel(Launch),
    Copy(Copy),
    Fill(Fill),
    /// The beginning of the life of a block, which is allocated already.
    Allocate(u64, u64),
    Free(u64),
    Call(Call),
    /// An event, by its handle.
    Record(u64),
    /// Nothing but the order that the piece of work itself brings.
    Wait,
    Graph(Box<Run>),
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Kernel(launch) => write!(f, "entry `{}`", launch.entry),
            Work::Copy(copy) => copy.fmt(f),
            Work::Fill(fill) => write!(f, "a fill of {} bytes", fill.bytes()),
            Work::Allocate(..) => f.write_str("an allocation"),
            Work::Free(address) => write!(f, "freeing {address:#x}"),
            Work::Call(_) => f.write_str("a call of the host"),
            Work::Record(_) | Work::Wait => f.write_str("an event"),
            Work::Graph(_) => f.write_str("a graph"),
        }
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

impl Work {
    /// Whether it may call a function of the host.
    pub fn may_call(&self) -> bool {
        match self {
            Work::Call(_) => true,
            Work::Graph(run) => run.calls_host(),
            _ => false,
        }
    }
}
