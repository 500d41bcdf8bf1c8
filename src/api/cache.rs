//! What is kept per structure, types and statics of the arguments: graphs of jitted functions,
//! rules' primitives.
//!
//! A lookup is a read lock, one comparison, and where there are several keys one hash over small
//! tokens; nothing is allocated.

use super::pytree::{Flat, TreeDef};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::axis::AxisEnv;
use crate::core::mode::{Mode, mode};
use crate::core::trace::{home_of_trace, is_tracing};
use crate::stage::device::place_or_process;
use crate::stage::placement::{Site, site};
use cotangent_jit::Error;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// How many keys one function keeps; the one not used for longest goes first.
const CAPACITY: usize = 512;

pub(crate) struct Cache<V> {
    entries: RwLock<Vec<Arc<Entry<V>>>>,
    clock: AtomicU64,
}

pub(crate) struct Entry<V> {
    hash: u64,
    pub key: Key,
    pub value: V,
    used: AtomicU64,
}

/// Structure, static values and types (weakness included) of arguments, the device, the named axes
/// in force, whether checks are to be made, and the precision of products.
#[derive(Clone)]
pub(crate) struct Key {
    pub tree: TreeDef,
    pub avals: Vec<Aval>,
    /// The device that the trace is for; none if the trace needs no device.
    pub site: Option<Site>,
    /// The mapped axes that collectives can speak of.
    pub axes: AxisEnv,
    /// Whether the trace is made for checks, and the precision of its products.
    pub mode: Mode,
}

impl Key {
    pub fn of(args: &Flat, site: Option<Site>) -> Key {
        Key {
            tree: args.tree.clone(),
            avals: super::graph::avals(&args.leaves),
            site,
            axes: AxisEnv::current(),
            mode: mode(),
        }
    }

    fn fits(&self, args: &Flat, site: Option<Site>) -> bool {
        self.site == site
            && self.avals.len() == args.leaves.len()
            && self.avals.iter().zip(&args.leaves).all(|(k, a)| same_type(k, a))
            && self.tree == args.tree
            && self.axes.is_current()
            && self.mode == mode()
    }
}

/// The device of a call with these arguments. Inside a trace it is the one that the trace is for.
pub(crate) fn site_of_call(args: &Flat) -> Result<Option<Site>, Error> {
    if is_tracing() {
        // A trace that runs nothing needs no device.
        return Ok(place_or_process(home_of_trace()).and_then(Site::of).ok());
    }
    site(&args.leaves).map(Some)
}

fn same_type(aval: &Aval, array: &Array) -> bool {
    let shape = array.shape();
    // Compared one by one: shapes are too short for a call of memcmp.
    aval.dtype == array.dtype()
        && aval.weak == array.is_weak()
        && aval.shape.len() == shape.len()
        && aval.shape.iter().zip(shape).all(|(a, b)| a == b)
}

fn hash(args: &Flat) -> u64 {
    let mut hasher = FxHasher::default();
    args.tree.hash(&mut hasher);
    for leaf in &args.leaves {
        let shape = leaf.shape();
        let head = (leaf.dtype() as u64) << 32 | (leaf.is_weak() as u64) << 16 | shape.len() as u64;
        hasher.write_u64(head);
        shape.iter().for_each(|n| hasher.write_usize(*n));
    }
    hasher.finish()
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        Cache { entries: RwLock::default(), clock: AtomicU64::new(0) }
    }
}

impl<V> Cache<V> {
    pub fn get(&self, args: &Flat, site: Option<Site>) -> Option<Arc<Entry<V>>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        // One key is the rule; then there is nothing to tell apart by hashes and no order to keep.
        if let [only] = &entries[..] {
            return only.key.fits(args, site).then(|| only.clone());
        }
        let hash = hash(args);
        let found = entries.iter().find(|e| e.hash == hash && e.key.fits(args, site))?;
        found.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(found.clone())
    }

    /// Keeps a value; of two threads that made one for the same key, the first wins.
    pub fn insert(&self, args: &Flat, key: Key, value: V) -> Arc<Entry<V>> {
        let hash = hash(args);
        let used = AtomicU64::new(self.clock.fetch_add(1, Ordering::Relaxed));
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = entries.iter().find(|e| e.hash == hash && e.key.fits(args, key.site)) {
            return found.clone();
        }
        if entries.len() >= CAPACITY {
            let age = |e: &Arc<Entry<V>>| e.used.load(Ordering::Relaxed);
            let oldest = (0..entries.len()).min_by_key(|i| age(&entries[*i])).expect("not empty");
            entries.swap_remove(oldest);
        }
        let entry = Arc::new(Entry { hash, key, value, used });
        entries.push(entry.clone());
        entry
    }

    /// Something of each value, in the order in which they came.
    pub fn values<T>(&self, of: impl Fn(&V) -> T) -> Vec<T> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|entry| of(&entry.value)).collect()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let all =
            std::mem::take(&mut *self.entries.write().unwrap_or_else(PoisonError::into_inner));
        drop(all);
    }

    /// An entry that is not kept: what it holds is good for one call only.
    pub fn once(key: Key, value: V) -> Arc<Entry<V>> {
        Arc::new(Entry { hash: 0, key, value, used: AtomicU64::new(0) })
    }

    /// The key to which these arguments are nearest: of the same structure, if there is one; the
    /// latest of those.
    pub fn nearest(&self, tree: &TreeDef) -> Option<Key> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let used = |e: &Arc<Entry<V>>| (e.key.tree == *tree, e.used.load(Ordering::Relaxed));
        entries.iter().max_by_key(|e| used(e)).map(|e| e.key.clone())
    }
}
