//! The cache of executables, by the structure of their jaxprs, the device and the options of
//! compilation. If it is full, it drops those that were not used for the longest time.
//!
//! Nothing is compiled under the lock: two threads that need the same executable at the same time
//! both compile it.
//!
//! Not here: how an executable runs (`executable`).

use super::executable::Executable;
use super::placement::site;
use super::subnormals::compile_options;
use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use cotangent_jit::Error;
use cotangent_jit::backend::CompileOptions;
use cotangent_jit::program::Placement;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Number of executables that are kept, unless [`set_cache_size`] sets another.
const CAPACITY: usize = 4096;

struct Entry {
    jaxpr: Arc<Jaxpr>,
    place: Placement,
    options: CompileOptions,
    executable: Arc<Executable>,
    used: u64,
}

struct Cache {
    entries: FxHashMap<u64, SmallVec<[Entry; 1]>>,
    stats: CacheStats,
    clock: u64,
}

/// Statistics of the cache of executables.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CacheStats {
    /// Executables held.
    pub entries: usize,
    /// The most executables that it may hold.
    pub capacity: usize,
    /// Requests served.
    pub hits: u64,
    /// Requests that compiled.
    pub misses: u64,
    /// Executables dropped to make room.
    pub evicted: u64,
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(|| {
    let stats = CacheStats { capacity: CAPACITY, ..CacheStats::default() };
    Mutex::new(Cache { entries: FxHashMap::default(), stats, clock: 0 })
});

/// Goes up when other caches must forget the executables that they took from here.
static GENERATION: AtomicU64 = AtomicU64::new(0);

fn locked<R>(f: impl FnOnce(&mut Cache) -> R) -> R {
    f(&mut CACHE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The executable of a jaxpr on a device. It is compiled unless the cache has an equal one.
pub fn cached(jaxpr: &Jaxpr, name: &str, place: Placement) -> Result<Arc<Executable>, Error> {
    let options = compile_options();
    let mut hasher = FxHasher::default();
    (jaxpr, place, options).hash(&mut hasher);
    let key = hasher.finish();
    if let Some(found) = locked(|c| c.find(key, jaxpr, (place, options))) {
        return Ok(found);
    }
    let executable = Arc::new(Executable::compile(jaxpr, name, place, &options)?);
    let entry = |used| Entry {
        jaxpr: Arc::new(jaxpr.clone()),
        place,
        options,
        executable: executable.clone(),
        used,
    };
    let evicted = locked(|c| c.insert(key, entry));
    // Code memory is freed outside the lock.
    drop(evicted);
    Ok(executable)
}

/// Runs a jaxpr through the cache, without a check of its outputs. An input without another owner
/// may be overwritten.
pub fn run_cached(jaxpr: &Jaxpr, inputs: Vec<Array>) -> Result<Vec<Array>, Error> {
    let mut outputs = cached(jaxpr, "main", site(&inputs)?.place())?.run("main", inputs)?;
    set_weakness(jaxpr, &mut outputs);
    Ok(outputs)
}

/// Gives the outputs of a shared executable the weakness that they have in this jaxpr.
pub fn set_weakness(jaxpr: &Jaxpr, outputs: &mut [Array]) {
    for (output, atom) in outputs.iter_mut().zip(&jaxpr.outputs) {
        output.set_weak(jaxpr.atom_aval(*atom).weak);
    }
}

/// The statistics of the cache so far.
pub fn cache_stats() -> CacheStats {
    locked(|c| c.stats)
}

/// Number of executables in the cache.
pub fn cache_size() -> usize {
    cache_stats().entries
}

/// Sets the number of executables that the cache may hold.
pub fn set_cache_size(capacity: usize) {
    let evicted = locked(|c| {
        c.stats.capacity = capacity.max(1);
        c.evict()
    });
    drop(evicted);
}

/// Forgets all executables. One that is in use lives until its last use ends.
pub fn clear_caches() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let all = locked(|c| {
        c.stats = CacheStats { capacity: c.stats.capacity, ..CacheStats::default() };
        std::mem::take(&mut c.entries)
    });
    drop(all);
}

/// A number that changes with each call of [`clear_caches`].
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

impl Cache {
    fn find(
        &mut self,
        key: u64,
        jaxpr: &Jaxpr,
        how: (Placement, CompileOptions),
    ) -> Option<Arc<Executable>> {
        self.clock += 1;
        let clock = self.clock;
        let fits = |e: &&mut Entry| (e.place, e.options) == how && *e.jaxpr == *jaxpr;
        let found = self.entries.get_mut(&key)?.iter_mut().find(fits)?;
        found.used = clock;
        self.stats.hits += 1;
        Some(found.executable.clone())
    }

    /// Adds an entry, which is given the time of its use.
    fn insert(&mut self, key: u64, entry: impl FnOnce(u64) -> Entry) -> Vec<Entry> {
        self.stats.misses += 1;
        let entry = entry(self.clock);
        self.entries.entry(key).or_default().push(entry);
        self.stats.entries += 1;
        self.evict()
    }

    /// Makes room for an eighth more than is needed, so that the search for the oldest entries is
    /// rare.
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
