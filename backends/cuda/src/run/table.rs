//! The memory of a graph with loops or branches: the counters of the loops, then the parameters of
//! the launches under conditions, a row for each.
//!
//! The nodes of a body keep the parameters that they were made with, which are addresses in this
//! memory. What changes from run to run lies behind these addresses and is written in the order of
//! the queue. Drivers do take new parameters for a node of a graph that was instantiated
//! (`cuGraphExecKernelNodeSetParams`), but their manual does not say whether that reaches nodes of
//! bodies; it says so of `cuGraphExecUpdate` alone, which wants a second graph for each change.

use super::device::Device;
use super::memory::{DeviceMemory, memory};
use super::module::Parameters;
use crate::plan::{self, Argument, Node, Own};
use cotangent_jit::Error;

pub struct Table {
    memory: &'static DeviceMemory,
    address: u64,
    bytes: usize,
    /// Bytes of the counters.
    counters: usize,
    /// The rows as they are on the device.
    words: Vec<u64>,
}

impl Table {
    /// The table of a graph; `None` if no launch needs one.
    pub fn new(device: &Device, graph: &plan::Graph) -> Result<Option<Table>, Error> {
        let words: usize = rows(graph).map(<[Argument]>::len).sum();
        let counters = size_of::<u64>() * graph.counters;
        let bytes = counters + size_of::<u64>() * words;
        if bytes == 0 {
            return Ok(None);
        }
        let memory = memory(device.ordinal)?;
        let address = memory.take(bytes)?;
        Ok(Some(Table { memory, address, bytes, counters, words: Vec::new() }))
    }

    /// Writes the rows of a run, if they are others than those of the last.
    ///
    /// # Safety
    /// All launches of the graph are in the order of the device's queue.
    pub unsafe fn write(
        &mut self,
        device: &Device,
        graph: &plan::Graph,
        value: &dyn Fn(&Argument) -> u64,
    ) -> Result<(), Error> {
        let words: Vec<u64> = rows(graph).flatten().map(value).collect();
        if words == self.words {
            return Ok(());
        }
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        // After a failure the next run must write them again.
        self.words.clear();
        // SAFETY: the rows lie behind the counters; earlier launches, which may still read them,
        // are in the queue before this copy.
        unsafe { device.write(self.address + self.counters as u64, &bytes)? };
        self.words = words;
        Ok(())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.memory.give(self.address, self.bytes);
    }
}

/// The rows of all launches, in order.
fn rows(graph: &plan::Graph) -> impl Iterator<Item = &[Argument]> {
    graph.launches().into_iter().filter_map(|node| match node {
        Node::Guarded(guarded) => Some(&guarded.row[..]),
        _ => None,
    })
}

/// The parameters of launches under conditions, one launch after the other.
pub struct Rows<'a> {
    counters: u64,
    next: u64,
    /// By the numbers of the conditions that have them.
    pub handles: &'a mut [u64],
}

impl<'a> Rows<'a> {
    pub fn new(table: Option<&Table>, handles: &'a mut [u64]) -> Rows<'a> {
        let (address, counters) = table.map_or((0, 0), |t| (t.address, t.counters as u64));
        Rows { counters: address, next: address + counters, handles }
    }

    pub fn parameters(&mut self, launch: &plan::Guarded) -> Parameters {
        let mut all = Parameters::from_slice(&[self.next, self.counters]);
        self.next += (size_of::<u64>() * launch.row.len()) as u64;
        all.extend(launch.own.iter().map(|own| match own {
            Own::Value(n) => *n as u64,
            Own::Condition(n) => self.handles[*n],
            Own::Counter(n) => self.counters + (size_of::<u64>() * n) as u64,
        }));
        all
    }
}
