//! The list of arrays that hold memory, for the search for leaks. It is kept only while
//! [`track_arrays`] is on. The word of an array that tells its entry also tells whether it is
//! committed to its device.

use super::aval::Aval;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

static TRACKING: AtomicBool = AtomicBool::new(false);
static NEXT: AtomicU64 = AtomicU64::new(1);
static LIVE: Mutex<BTreeMap<u64, LiveArray>> = Mutex::new(BTreeMap::new());

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

/// What belongs to an array beside its elements: its number in the list, which is left when the
/// array is dropped, and whether the array is committed to its device.
///
/// It is one word, the number above a bit, because every operation allocates an array: eight more
/// bytes cost a tenth of the call of a small jitted function.
pub(crate) struct Tag(u64);

fn locked<R>(f: impl FnOnce(&mut BTreeMap<u64, LiveArray>) -> R) -> R {
    f(&mut LIVE.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Tag {
    /// Adds an entry to the list, if there is one.
    pub fn new(aval: &Aval, bytes: usize, committed: bool) -> Tag {
        let listed = TRACKING.load(Ordering::Relaxed);
        Tag(if listed { entry(aval, bytes) << 1 } else { 0 } | u64::from(committed))
    }

    pub fn committed(&self) -> bool {
        self.0 & 1 != 0
    }

    pub fn set_committed(&mut self, committed: bool) {
        self.0 = self.0 & !1 | u64::from(committed);
    }

    fn number(&self) -> u64 {
        self.0 >> 1
    }

    /// Sets the type of the array that now has the memory.
    pub fn retype(&self, aval: &Aval) {
        if self.number() != 0 {
            locked(|live| {
                if let Some(array) = live.get_mut(&self.number()) {
                    array.aval = aval.clone();
                }
            });
        }
    }
}

#[cold]
fn entry(aval: &Aval, bytes: usize) -> u64 {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let array = LiveArray { aval: aval.clone(), bytes, number };
    locked(|live| live.insert(number, array));
    number
}

impl Drop for Tag {
    fn drop(&mut self) {
        if self.number() != 0 {
            let gone = locked(|live| live.remove(&self.number()));
            drop(gone);
        }
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
