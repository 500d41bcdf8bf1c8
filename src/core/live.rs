//! The list of arrays that hold memory, for the search for leaks. It is kept only while
//! [`track_arrays`] is on.

use super::aval::Aval;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

static TRACKING: AtomicBool = AtomicBool::new(false);
static NEXT: AtomicU64 = AtomicU64::new(1);
static LIVE: Mutex<BTreeMap<NonZeroU64, LiveArray>> = Mutex::new(BTreeMap::new());

/// An array that has an owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveArray {
    pub aval: Aval,
    /// Bytes of its own. There are none if it shows the elements of another array under another
    /// shape.
    pub bytes: usize,
    /// Counts arrays in the order in which they were made, from the start of the process.
    pub number: u64,
}

/// An array's entry in the list. It is removed when the array is dropped.
pub(crate) struct Ticket(NonZeroU64);

fn locked<R>(f: impl FnOnce(&mut BTreeMap<NonZeroU64, LiveArray>) -> R) -> R {
    f(&mut LIVE.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Ticket {
    /// Adds an entry to the list, if there is one.
    pub fn take(aval: &Aval, bytes: usize) -> Option<Ticket> {
        if !TRACKING.load(Ordering::Relaxed) {
            return None;
        }
        let number = NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed))?;
        let array = LiveArray { aval: aval.clone(), bytes, number: number.get() };
        locked(|live| live.insert(number, array));
        Some(Ticket(number))
    }

    /// Sets the type of the array that now has the memory.
    pub fn retype(&self, aval: &Aval) {
        locked(|live| {
            if let Some(array) = live.get_mut(&self.0) {
                array.aval = aval.clone();
            }
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let gone = locked(|live| live.remove(&self.0));
        drop(gone);
    }
}

/// Starts or stops the list of [`live_arrays`]. Arrays made while it is off are never on it.
pub fn track_arrays(on: bool) {
    TRACKING.store(on, Ordering::Relaxed);
}

/// The arrays of all threads that were made since [`track_arrays`] was turned on and that still
/// have an owner, oldest first. Literals and values being traced hold no memory.
pub fn live_arrays() -> Vec<LiveArray> {
    locked(|live| live.values().cloned().collect())
}
