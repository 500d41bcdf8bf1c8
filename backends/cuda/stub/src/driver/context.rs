//! The objects of a device: memory, modules, functions, streams, events.

use super::clock::Clock;
use super::counters::Counter;
use super::history::History;
use super::settings::Shared;
use super::stream::{Item, LEGACY, Stream};
use super::work::Work;
use crate::code::{Answer, Code};
use cotangent_cuda_emulator::{Device, Module};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The shared memory of a block without asking for more.
pub const PLAIN_SHARED: u32 = 48 << 10;
/// The shared memory of a block that asks for more.
pub const MOST_SHARED: u32 = 227 << 10;

#[derive(Clone, Debug)]
pub struct Function {
    pub module: u64,
    pub code: Arc<Module>,
    pub entry: Arc<str>,
    /// The most dynamic shared memory that a launch may ask for.
    pub most_dynamic: u32,
}

#[derive(Debug, Default)]
pub struct Event {
    pub timing: bool,
    /// The stream and the number of the last record.
    pub recorded: Option<(u64, u64)>,
    /// All that is done when that record is.
    pub clock: Clock,
    /// Emulated nanoseconds at that record.
    pub time: Option<u64>,
    /// The capture in which it was recorded last, and the nodes before it.
    pub captured: Option<(u64, Vec<usize>)>,
}

/// A context that a fault has ended.
#[derive(Clone, Copy, Debug)]
pub struct Poison {
    pub code: Code,
    /// Whether a call that waits has told the host.
    pub surfaced: bool,
}

pub struct Context {
    pub ordinal: usize,
    pub device: Device,
    pub poison: Option<Poison>,
    pub modules: BTreeMap<u64, Arc<Module>>,
    pub functions: BTreeMap<u64, Function>,
    pub streams: BTreeMap<u64, Stream>,
    pub events: BTreeMap<u64, Event>,
    /// What the host knows to be done.
    pub host: Clock,
    /// The streams that are gone.
    pub retired: Clock,
    pub history: History,
    /// Blocks that enqueued work will free.
    pub freeing: BTreeSet<u64>,
    /// Blocks that were allocated in the order of a stream.
    pub pooled: BTreeMap<u64, u64>,
    /// The most bytes of such blocks so far.
    pub pooled_high: u64,
    pub threshold: u64,
    /// Emulated nanoseconds.
    pub time: u64,
    pub limits: BTreeMap<u32, usize>,
}

impl Context {
    pub fn new(shared: &mut Shared, ordinal: usize) -> Context {
        // Each context has addresses of its own, so that one of an earlier context is found.
        let mut device = Device::numbered(shared.number(), shared.random.next());
        device.set_capacity(shared.settings.capacity);
        device.set_budget(shared.settings.budget);
        let legacy = Stream { blocking: true, ..Stream::default() };
        Context {
            ordinal,
            device,
            poison: None,
            modules: BTreeMap::new(),
            functions: BTreeMap::new(),
            streams: BTreeMap::from([(LEGACY, legacy)]),
            events: BTreeMap::new(),
            host: Clock::default(),
            retired: Clock::default(),
            history: History::default(),
            freeing: BTreeSet::new(),
            pooled: BTreeMap::new(),
            pooled_high: 0,
            threshold: 0,
            time: 0,
            limits: BTreeMap::new(),
        }
    }

    /// Refuses every call behind a fault that the host knows of.
    pub fn check(&self) -> Answer {
        match self.poison {
            Some(Poison { code, surfaced: true }) => Err(code),
            _ => Ok(()),
        }
    }

    /// Tells the host of a fault.
    pub fn surface(&mut self) -> Answer {
        match &mut self.poison {
            Some(poison) => {
                poison.surfaced = true;
                Err(poison.code)
            }
            None => Ok(()),
        }
    }

    pub fn stream(&mut self, handle: u64) -> Answer<&mut Stream> {
        let found = self.streams.get_mut(&handle).filter(|s| !s.destroyed);
        found.ok_or(Code::INVALID_HANDLE)
    }

    pub fn event(&mut self, handle: u64) -> Answer<&mut Event> {
        self.events.get_mut(&handle).ok_or(Code::INVALID_HANDLE)
    }

    pub fn function(&mut self, handle: u64) -> Answer<&mut Function> {
        self.functions.get_mut(&handle).ok_or(Code::INVALID_HANDLE)
    }

    pub fn allocate(&mut self, shared: &mut Shared, bytes: u64) -> Answer<u64> {
        if bytes == 0 {
            return Err(Code::INVALID_VALUE);
        }
        if shared.fails_allocation() {
            return Err(Code::OUT_OF_MEMORY);
        }
        let address = self.device.allocate(bytes).map_err(|_| Code::OUT_OF_MEMORY)?;
        shared.counters.one(Counter::Allocations);
        Ok(address)
    }

    /// Refuses bytes that do not lie in one block.
    pub fn check_range(&mut self, address: u64, bytes: u64) -> Answer {
        if bytes == 0 {
            return Ok(());
        }
        let (base, size) = self.device.block_of(address).map_err(|_| Code::INVALID_VALUE)?;
        match bytes <= size - (address - base) {
            true => Ok(()),
            false => Err(Code::INVALID_VALUE),
        }
    }

    /// Refuses what is not the beginning of a block that nobody frees.
    pub fn check_block(&mut self, address: u64) -> Answer {
        let (base, _) = self.device.block_of(address).map_err(|_| Code::INVALID_VALUE)?;
        match base == address && !self.freeing.contains(&address) {
            true => Ok(()),
            false => Err(Code::INVALID_VALUE),
        }
    }

    /// What a stream is ordered behind when it gets its next piece of work.
    pub fn order(&mut self, handle: u64) -> Answer<&mut Stream> {
        let mut clock = self.host.clone();
        let blocking = self.stream(handle)?.blocking;
        if handle == LEGACY {
            let others = self.streams.values().filter(|s| s.blocking);
            others.for_each(|s| clock.join(&s.clock));
        } else if blocking {
            clock.join(&self.streams[&LEGACY].clock);
        }
        let stream = self.stream(handle)?;
        stream.clock.join(&clock);
        Ok(stream)
    }

    /// Puts work at the end of a queue. Gives its number there.
    pub fn enqueue(&mut self, handle: u64, work: Work) -> Answer<u64> {
        let dead = self.poison.is_some();
        let stream = self.order(handle)?;
        let clock = stream.clock.clone();
        stream.enqueued += 1;
        let tick = stream.enqueued;
        stream.clock.raise(handle, tick);
        stream.queue.push_back(Item { tick, clock, work });
        if dead {
            stream.clear();
        }
        Ok(tick)
    }
}
