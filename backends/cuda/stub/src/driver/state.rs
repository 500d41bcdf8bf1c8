//! All of the driver, and its lock.

use super::capture::Capture;
use super::clock::Clock;
use super::context::Context;
use super::graph::Graph;
use super::object::Object;
use super::plan::Plan;
use super::random::Random;
use super::settings::{Settings, Shared};
use super::stream::LEGACY;
use crate::code::{Answer, Code};
use crate::pointer::Pages;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

/// A device's primary context, as long as somebody retains it.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    pub context: Option<u64>,
    pub retained: u32,
    pub flags: u32,
    /// The handle of its memory pool.
    pub pool: u64,
}

/// An instantiated graph.
#[derive(Clone, Debug)]
pub struct Exec {
    pub plan: Arc<Plan>,
    /// The context of its last launch, and what is done when that is.
    pub last: (u64, Clock),
}

pub struct Driver {
    pub shared: Shared,
    pub initialised: bool,
    pub slots: Vec<Slot>,
    pub contexts: BTreeMap<u64, Context>,
    pub graphs: BTreeMap<u64, Graph>,
    /// The graph and the place of each node.
    pub nodes: BTreeMap<u64, (u64, usize)>,
    pub execs: BTreeMap<u64, Exec>,
    pub captures: BTreeMap<u64, Capture>,
    /// Those of the library for products of matrices.
    pub objects: BTreeMap<u64, Object>,
    /// By node: the bodies of a condition, where the caller may read their handles.
    pub bodies: BTreeMap<u64, Box<[u64]>>,
    pub pinned: BTreeMap<usize, Pages>,
    pub registered: BTreeMap<usize, usize>,
}

static DRIVER: LazyLock<Mutex<Driver>> =
    LazyLock::new(|| Mutex::new(Driver::new(Settings::from_environment())));

/// Tells threads that wait that a function of the host is back.
pub static CHANGED: Condvar = Condvar::new();

/// The driver, for this thread alone until the guard is dropped.
pub fn lock() -> MutexGuard<'static, Driver> {
    DRIVER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Driver {
    fn new(settings: Settings) -> Driver {
        Driver {
            shared: Shared::new(settings),
            initialised: false,
            slots: Vec::new(),
            contexts: BTreeMap::new(),
            graphs: BTreeMap::new(),
            nodes: BTreeMap::new(),
            execs: BTreeMap::new(),
            captures: BTreeMap::new(),
            objects: BTreeMap::new(),
            bodies: BTreeMap::new(),
            pinned: BTreeMap::new(),
            registered: BTreeMap::new(),
        }
    }

    pub fn initialise(&mut self) -> Answer {
        if self.shared.settings.devices == 0 {
            return Err(Code::NO_DEVICE);
        }
        while self.slots.len() < self.shared.settings.devices {
            let pool = self.shared.handle();
            self.slots.push(Slot { pool, ..Slot::default() });
        }
        self.initialised = true;
        Ok(())
    }

    pub fn slot(&mut self, ordinal: i32) -> Answer<&mut Slot> {
        let slot = usize::try_from(ordinal).ok().and_then(|n| self.slots.get_mut(n));
        slot.ok_or(Code::INVALID_DEVICE)
    }

    /// A context and what all share.
    pub fn context(&mut self, handle: u64) -> Answer<(&mut Shared, &mut Context)> {
        let context = self.contexts.get_mut(&handle);
        Ok((&mut self.shared, context.ok_or(Code::CONTEXT_IS_DESTROYED)?))
    }

    pub fn retain(&mut self, ordinal: i32) -> Answer<u64> {
        if let Some(context) = self.slot(ordinal)?.context {
            self.slot(ordinal)?.retained += 1;
            return Ok(context);
        }
        let handle = self.shared.handle();
        let context = Context::new(&mut self.shared, ordinal as usize);
        self.contexts.insert(handle, context);
        let slot = self.slot(ordinal)?;
        (slot.context, slot.retained) = (Some(handle), 1);
        Ok(handle)
    }

    /// Releases a context once. The last release destroys it with all that it holds.
    pub fn release(&mut self, ordinal: i32) -> Answer {
        let slot = self.slot(ordinal)?;
        let Some(context) = slot.context else { return Err(Code::INVALID_CONTEXT) };
        slot.retained -= 1;
        if slot.retained == 0 {
            slot.context = None;
            self.contexts.remove(&context);
            self.captures.retain(|_, c| c.context != context);
        }
        Ok(())
    }

    /// Destroys the context of a device. Those who retain it find a new one under its device.
    pub fn reset(&mut self, ordinal: i32) -> Answer {
        let slot = self.slot(ordinal)?;
        if slot.context.is_some() {
            slot.retained = 1;
            self.release(ordinal)?;
        }
        Ok(())
    }

    /// The context of a stream, and the stream's name there. The legacy stream is that of the
    /// current context.
    pub fn stream(&self, current: u64, stream: u64) -> Answer<(u64, u64)> {
        match stream {
            0 | 1 => Ok((current, LEGACY)),
            // A legacy stream per thread is not built.
            2 => Err(Code::NOT_SUPPORTED),
            _ => {
                let holds = |c: &Context| c.streams.get(&stream).is_some_and(|s| !s.destroyed);
                let found = self.contexts.iter().find(|(_, c)| holds(c));
                found.map(|(handle, _)| (*handle, stream)).ok_or(Code::INVALID_HANDLE)
            }
        }
    }

    pub fn context_of_event(&self, event: u64) -> Answer<u64> {
        let found = self.contexts.iter().find(|(_, c)| c.events.contains_key(&event));
        found.map(|(handle, _)| *handle).ok_or(Code::INVALID_HANDLE)
    }

    pub fn context_of_function(&self, function: u64) -> Answer<u64> {
        let found = self.contexts.iter().find(|(_, c)| c.functions.contains_key(&function));
        found.map(|(handle, _)| *handle).ok_or(Code::INVALID_HANDLE)
    }

    /// Fails a launch: now, or as a fault that the host finds when it waits.
    pub fn fail_launch(&mut self, context: u64, code: Code) -> Answer {
        if !code.is_sticky() {
            return Err(code);
        }
        let (shared, context) = self.context(context)?;
        context.end(shared, code);
        Ok(())
    }

    pub fn exec(&mut self, handle: u64) -> Answer<&mut Exec> {
        self.execs.get_mut(&handle).ok_or(Code::INVALID_HANDLE)
    }

    /// Whether all of these bytes of the host are pinned.
    pub fn is_pinned(&self, address: usize, bytes: usize) -> bool {
        let within = |start: usize, size: usize| {
            address.checked_sub(start).is_some_and(|at| at <= size && size - at >= bytes)
        };
        let pages = self.pinned.range(..=address).next_back();
        let pages = pages.is_some_and(|(start, p)| within(*start, p.bytes()));
        let registered = self.registered.range(..=address).next_back();
        pages || registered.is_some_and(|(start, size)| within(*start, *size))
    }
}

/// What tests set while contexts live.
impl Driver {
    pub fn reseed(&mut self, seed: u64) {
        self.shared.settings.seed = seed;
        self.shared.random = Random::new(seed);
    }

    pub fn set_capacity(&mut self, bytes: u64) {
        self.shared.settings.capacity = bytes;
        self.contexts.values_mut().for_each(|c| c.device.set_capacity(bytes));
    }

    pub fn set_budget(&mut self, instructions: u64) {
        self.shared.settings.budget = instructions;
        self.contexts.values_mut().for_each(|c| c.device.set_budget(instructions));
    }
}
