//! Queues of work.

use super::clock::Clock;
use super::work::Work;
use std::collections::VecDeque;

/// The legacy stream, by which name every context knows its own.
pub const LEGACY: u64 = 0;

/// A piece of work in its queue.
#[derive(Debug)]
pub struct Item {
    /// Its number in the stream, from one.
    pub tick: u64,
    /// What must be done before it.
    pub clock: Clock,
    pub work: Work,
}

#[derive(Debug, Default)]
pub struct Stream {
    /// Whether it is ordered with the legacy stream.
    pub blocking: bool,
    pub queue: VecDeque<Item>,
    /// The pieces of work that were enqueued, and those that are done.
    pub enqueued: u64,
    pub completed: u64,
    /// What the next piece of work will be ordered behind.
    pub clock: Clock,
    /// Whether a function of the host is running.
    pub busy: bool,
    /// No handle names it any more; it goes when its work is done.
    pub destroyed: bool,
    /// The capture that it takes part in, and the nodes that its next node comes behind.
    pub capture: Option<(u64, Vec<usize>)>,
    pub priority: i32,
}

impl Stream {
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Drops what is enqueued.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.completed = self.enqueued;
    }
}
