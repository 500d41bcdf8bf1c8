//! Executables by the structure of their jaxprs: bounded, least recently used ones go first.
//!
//! Nothing is compiled under the lock: two threads that need the same thing at the same time both compile it.

use super::device;
use super::executable::Executable;
use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use cotangent_jit::Error;
use cotangent_jit::backend::CompileOptions;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// How many executables are kept unless [`set_cache_size`] says otherwise.
const CAPACITY: usize = 4096;

struct Entry {
    jaxpr: Arc<Jaxpr>,
    executable: Arc<Executable>,
    used: u64,
}

struct Cache {
    entries: FxHashMap<u64, SmallVec<[Entry; 1]>>,
    stats: CacheStats,
    clock: u64,
}

/// What the cache of executables holds and did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CacheStats {
    /// Executables held.
    pub entries: usize,
    /// Most there may be.
    pub capacity: usize,
    /// Requests served.
    pub hits: u64,
    /// Requests that compiled.
    pub misses: u64,
    /// Executables given up for room.
    pub evicted: u64,
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(|| {
    let stats = CacheStats { capacity: CAPACITY, ..CacheStats::default() };
    Mutex::new(Cache { entries: FxHashMap::default(), stats, clock: 0 })
});

/// Goes up when what other caches took from here must be forgotten.
static GENERATION: AtomicU64 = AtomicU64::new(0);

fn locked<R>(f: impl FnOnce(&mut Cache) -> R) -> R {
    f(&mut CACHE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The executable of a jaxpr on the default device; compiled if no equal one is there.
pub fn cached(jaxpr: &Jaxpr, name: &str) -> Result<Arc<Executable>, Error> {
    let mut hasher = FxHasher::default();
    jaxpr.hash(&mut hasher);
    let key = hasher.finish();
    if let Some(found) = locked(|c| c.find(key, jaxpr)) {
        return Ok(found);
    }
    let options = CompileOptions::default();
    let executable = Arc::new(Executable::compile(jaxpr, name, device::DEFAULT, &options)?);
    let evicted = locked(|c| c.insert(key, Arc::new(jaxpr.clone()), executable.clone()));
    // Code memory is freed outside the lock.
    drop(evicted);
    Ok(executable)
}

/// Runs a jaxpr through the cache, without a check of its outputs. Inputs that nobody else holds may be
/// overwritten.
pub fn run_cached(jaxpr: &Jaxpr, inputs: Vec<Array>) -> Result<Vec<Array>, Error> {
    let mut outputs = cached(jaxpr, "main")?.run(inputs)?;
    set_weakness(jaxpr, &mut outputs);
    Ok(outputs)
}

/// Gives the outputs of a shared executable the weakness that they have in this jaxpr.
pub fn set_weakness(jaxpr: &Jaxpr, outputs: &mut [Array]) {
    for (output, atom) in outputs.iter_mut().zip(&jaxpr.outputs) {
        output.set_weak(jaxpr.atom_aval(*atom).weak);
    }
}

/// What the cache holds and did so far.
pub fn cache_stats() -> CacheStats {
    locked(|c| c.stats)
}

/// How many executables are held.
pub fn cache_size() -> usize {
    cache_stats().entries
}

/// How many executables may be held.
pub fn set_cache_size(capacity: usize) {
    let evicted = locked(|c| {
        c.stats.capacity = capacity.max(1);
        c.evict()
    });
    drop(evicted);
}

/// Forgets all executables. Those in use live on until nobody uses them.
pub fn clear_caches() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let all = locked(|c| {
        c.stats = CacheStats { capacity: c.stats.capacity, ..CacheStats::default() };
        std::mem::take(&mut c.entries)
    });
    drop(all);
}

/// Changes whenever [`clear_caches`] was called.
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

impl Cache {
    fn find(&mut self, key: u64, jaxpr: &Jaxpr) -> Option<Arc<Executable>> {
        self.clock += 1;
        let clock = self.clock;
        let found = self.entries.get_mut(&key)?.iter_mut().find(|e| *e.jaxpr == *jaxpr)?;
        found.used = clock;
        self.stats.hits += 1;
        Some(found.executable.clone())
    }

    fn insert(&mut self, key: u64, jaxpr: Arc<Jaxpr>, executable: Arc<Executable>) -> Vec<Entry> {
        self.stats.misses += 1;
        let used = self.clock;
        self.entries.entry(key).or_default().push(Entry { jaxpr, executable, used });
        self.stats.entries += 1;
        self.evict()
    }

    /// Makes room for an eighth more than is needed, so that the search for the oldest pays off.
    fn evict(&mut self) -> Vec<Entry> {
        let CacheStats { entries, capacity, .. } = self.stats;
        if entries <= capacity {
            return Vec::new();
        }
        let excess = entries - capacity + capacity / 8;
        let mut ages: Vec<u64> = self.entries.values().flatten().map(|e| e.used).collect();
        let (_, last, _) = ages.select_nth_unstable(excess - 1);
        let last = *last;
        let mut gone = Vec::with_capacity(excess);
        self.entries.retain(|_, same| {
            let mut n = 0;
            while n < same.len() {
                if same[n].used <= last && gone.len() < excess {
                    gone.push(same.swap_remove(n));
                } else {
                    n += 1;
                }
            }
            !same.is_empty()
        });
        self.stats.entries -= gone.len();
        self.stats.evicted += gone.len() as u64;
        gone
    }
}
