//! What is kept between calls: executables, memory, arrays; how much, and how to let it go.

use super::device::{Device, default_device};
use super::pytree::{Pytree, tree_map};
use crate::core::array::Array;
use crate::core::source::raise;
use crate::stage::cache;
use crate::stage::placement::Site;
use cotangent_jit::backend::MemoryStats;

pub use crate::core::live::{LiveArray, live_arrays, track_arrays};
pub use crate::stage::cache::CacheStats;

/// How many executables are held, and how often one was found, compiled or given up, since the
/// start or [`clear_caches`].
///
/// ```
/// use cotangent::prelude::*;
/// let before = jit_cache_stats().misses;
/// let f = jit(|x: Array| x * 1.25 + 7.5);
/// (f(array![1.0]), f(array![2.0]));
/// assert_eq!(jit_cache_stats().misses, before + 1);
/// ```
pub fn jit_cache_stats() -> CacheStats {
    cache::cache_stats()
}

/// How many executables may be held; those not used for longest go first.
pub fn set_jit_cache_size(executables: usize) {
    cache::set_cache_size(executables);
}

/// Forgets all executables and everything that was traced: the next call of a jitted function
/// traces and compiles again, and sees anew what its closure looks up.
pub fn clear_caches() {
    cache::clear_caches();
}

/// Bytes in use on the default device, the most there ever were, and what is kept for reuse.
/// [`Device::memory_stats`] tells it of any device. Panics if the environment names a default
/// device that does not exist.
///
/// ```
/// use cotangent::prelude::*;
/// let x = zeros([1000]);
/// assert!(memory_stats().live >= 4000);
/// # drop(x);
/// ```
#[track_caller]
pub fn memory_stats() -> MemoryStats {
    raise(default_device()).memory_stats()
}

/// Waits until the elements of all leaves are there, and gives the tree back: for fair clocks. It
/// waits for all work on the devices of the leaves. On the CPU a call returns when its work is
/// done, so there is nothing to wait for. What is being traced passes as it is. Panics with the
/// error of work that failed.
#[doc(alias = "synchronize")]
#[track_caller]
pub fn block_until_ready<T: Pytree>(tree: T) -> T {
    let mut devices: Vec<Device> = Vec::new();
    let tree = tree_map(
        |x: Array| {
            let site = Site::of_array(&x).map(|site| Device::of(site.place()));
            devices.extend(site.filter(|d| !devices.contains(d)));
            x
        },
        tree,
    );
    devices.iter().for_each(|d| raise(d.try_synchronize()));
    tree
}
