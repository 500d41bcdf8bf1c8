//! Memory of the CPU: 64-byte aligned blocks, kept for reuse by size class.
//!
//! Sizes are rounded up to classes an eighth of a power of two apart. Every thread keeps a few
//! blocks of each class up to a megabyte, so allocating and freeing touches no lock; beyond that,
//! and for larger blocks, there is one shared, bounded store per class. On large arrays fresh
//! memory costs six times as much as the arithmetic, so reuse pays. Large blocks ask the system for
//! huge pages: small pages cost a tenth of the bandwidth and more.
//!
//! This is one of the few files with `unsafe`. Buffers with an owner live in
//! `cotangent_jit::buffer`.

use cotangent_jit::backend::MemoryStats;
use cotangent_jit::buffer::{Buffer, Memory};
use cotangent_jit::program::Placement;
use cotangent_jit::{Error, err};
use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub const ALIGN: usize = 64;
/// The size and alignment of a huge page.
const HUGE_PAGE: usize = 2 << 20;
/// Blocks from this size on lie in huge pages.
const HUGE_BYTES: usize = 2 * HUGE_PAGE;
/// Classes are `(8 + c % 8) << (3 + c / 8)` bytes: 64, 72, ... 120, 128, 144, ...
const CLASSES: usize = 8 * 40;
/// Threads keep blocks up to this size themselves.
const LOCAL_BYTES: usize = 1 << 20;
/// At most this many bytes per thread and class, and at least one block.
const LOCAL_CLASS_BYTES: usize = 1 << 18;
const LOCAL_COUNT: usize = 16;
/// Bytes in the shared store.
const SHARED_BYTES: usize = 2 << 30;
/// The most by which a thread's count of live bytes may differ from its share of the global count,
/// from which the peak is read.
const UNREPORTED: i64 = 1 << 16;

/// The class of a size, and the size that its blocks have.
fn class(bytes: usize) -> (usize, usize) {
    let bytes = bytes.max(ALIGN);
    let shift = (usize::BITS - 1 - bytes.leading_zeros()) as usize - 3;
    let steps = (bytes + (1 << shift) - 1) >> shift;
    // `steps` is 8..=16; 16 is the first class of the next power.
    ((shift - 3) * 8 + steps - 8, steps << shift)
}

/// The counts of one thread. Only that thread writes them, so it needs no locked instructions.
#[derive(Default)]
struct Counts {
    live: AtomicI64,
    cached: AtomicI64,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct Local {
    blocks: Vec<Vec<*mut u8>>,
    counts: Arc<Counts>,
    unreported: i64,
}

pub struct HostMemory {
    shared: Mutex<Shared>,
    threads: Mutex<Vec<Arc<Counts>>>,
    live: AtomicI64,
    peak: AtomicUsize,
}

struct Shared {
    blocks: Vec<Vec<*mut u8>>,
    bytes: usize,
    /// The counts of threads that ended.
    retired: (i64, i64, u64, u64),
}

// SAFETY: the pointers are free blocks owned by the store.
unsafe impl Send for Shared {}

static MEMORY: HostMemory = HostMemory {
    shared: Mutex::new(Shared { blocks: Vec::new(), bytes: 0, retired: (0, 0, 0, 0) }),
    threads: Mutex::new(Vec::new()),
    live: AtomicI64::new(0),
    peak: AtomicUsize::new(0),
};

/// The process's memory.
pub fn memory() -> &'static HostMemory {
    &MEMORY
}

fn locked<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    static LOCAL: UnsafeCell<Local> = UnsafeCell::new(Local::new());
}

impl Local {
    fn new() -> Local {
        let counts = Arc::new(Counts::default());
        locked(&MEMORY.threads).push(counts.clone());
        Local { blocks: Vec::new(), counts, unreported: 0 }
    }

    fn count(&mut self, bytes: i64, cached: i64, hit: bool, miss: bool) {
        let add = |c: &AtomicI64, by: i64| c.store(c.load(Relaxed).wrapping_add(by), Relaxed);
        let one = |c: &AtomicU64| c.store(c.load(Relaxed) + 1, Relaxed);
        add(&self.counts.live, bytes);
        if cached != 0 {
            add(&self.counts.cached, cached);
        }
        if hit {
            one(&self.counts.hits);
        }
        if miss {
            one(&self.counts.misses);
        }
        self.unreported += bytes;
        if self.unreported.abs() >= UNREPORTED {
            self.report();
        }
    }

    #[cold]
    fn report(&mut self) {
        let live = MEMORY.live.fetch_add(self.unreported, Relaxed) + self.unreported;
        self.unreported = 0;
        MEMORY.peak.fetch_max(live.max(0) as usize, Relaxed);
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.report();
        let mut shared = locked(&MEMORY.shared);
        for (class, blocks) in self.blocks.iter_mut().enumerate() {
            for block in blocks.drain(..) {
                let bytes = class_bytes(class);
                add_cached(&self.counts, -(bytes as i64));
                // SAFETY: the block is free, of this class, and ours alone.
                unsafe { shared.put(block, class, bytes) };
            }
        }
        let c = &self.counts;
        let r = &mut shared.retired;
        r.0 += c.live.load(Relaxed);
        r.1 += c.cached.load(Relaxed);
        r.2 += c.hits.load(Relaxed);
        r.3 += c.misses.load(Relaxed);
        drop(shared);
        locked(&MEMORY.threads).retain(|t| !Arc::ptr_eq(t, &self.counts));
    }
}

fn add_cached(c: &Counts, by: i64) {
    c.cached.store(c.cached.load(Relaxed).wrapping_add(by), Relaxed);
}

fn class_bytes(class: usize) -> usize {
    (8 + class % 8) << (3 + class / 8)
}

fn layout(bytes: usize) -> Option<Layout> {
    let align = if bytes >= HUGE_BYTES { HUGE_PAGE } else { ALIGN };
    Layout::from_size_align(bytes, align).ok()
}

/// A fresh block, with huge pages if it is large and the system has them.
fn fresh(layout: Layout) -> Option<*mut u8> {
    // SAFETY: classes have at least 64 bytes.
    let block = unsafe { std::alloc::alloc(layout) };
    #[cfg(target_os = "linux")]
    if !block.is_null() && layout.align() == HUGE_PAGE {
        // SAFETY: the range is ours; this is advice about its pages, and leaves its contents. If
        // the system refuses, pages stay small.
        unsafe { libc::madvise(block.cast(), layout.size(), libc::MADV_HUGEPAGE) };
    }
    (!block.is_null()).then_some(block)
}

impl Shared {
    fn take(&mut self, class: usize, bytes: usize) -> Option<*mut u8> {
        let block = self.blocks.get_mut(class)?.pop()?;
        self.bytes -= bytes;
        Some(block)
    }

    /// # Safety
    /// The block is free, has `bytes` bytes and belongs to this class.
    unsafe fn put(&mut self, block: *mut u8, class: usize, bytes: usize) {
        if self.bytes + bytes > SHARED_BYTES {
            if let Some(layout) = layout(bytes) {
                // SAFETY: it came from `std::alloc::alloc` with this layout.
                unsafe { std::alloc::dealloc(block, layout) };
            }
            return;
        }
        if self.blocks.len() <= class {
            self.blocks.resize_with(CLASSES.max(class + 1), Vec::new);
        }
        self.bytes += bytes;
        self.blocks[class].push(block);
    }
}

/// A block as the store gives it.
pub struct Block {
    pub pointer: *mut u8,
    /// The bytes of its class.
    pub size: usize,
    /// It was in the store.
    pub reused: bool,
}

/// A block of the class of `bytes`, from this thread's blocks, the shared ones or the system.
pub fn take(bytes: usize) -> Result<*mut u8, Error> {
    Ok(taken::<true>(bytes)?.pointer)
}

/// A block that is not counted here as live, for a device that counts itself.
pub fn take_uncounted(bytes: usize) -> Result<Block, Error> {
    taken::<false>(bytes)
}

#[inline(always)]
fn taken<const COUNTED: bool>(bytes: usize) -> Result<Block, Error> {
    let (class, size) = class(bytes);
    let live = if COUNTED { size as i64 } else { 0 };
    let local = LOCAL.try_with(|local| {
        // SAFETY: this thread's own value; nothing called below comes back here.
        let local = unsafe { &mut *local.get() };
        if let Some(block) = local.blocks.get_mut(class).and_then(Vec::pop) {
            local.count(live, -(size as i64), COUNTED, false);
            return Some(block);
        }
        let block = locked(&MEMORY.shared).take(class, size);
        if COUNTED {
            local.count(live, 0, block.is_some(), block.is_none());
        }
        block
    });
    if let Ok(Some(pointer)) = local {
        return Ok(Block { pointer, size, reused: true });
    }
    let layout = layout(size).ok_or_else(|| err!(Device, "allocation of {bytes} bytes"))?;
    match fresh(layout) {
        Some(pointer) => Ok(Block { pointer, size, reused: false }),
        None => Err(err!(Device, "allocation of {bytes} bytes: out of memory")),
    }
}

/// Returns a block of `take` to the store.
///
/// # Safety
/// `block` came from `take(bytes)` and is not used any more.
pub unsafe fn give(block: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { given::<true>(block, bytes) };
}

/// Returns a block of `take_uncounted` to the store, and says how many bytes its class has.
///
/// # Safety
/// `block` came from `take_uncounted(bytes)` and is not used any more.
pub unsafe fn give_uncounted(block: *mut u8, bytes: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { given::<false>(block, bytes) }
}

/// # Safety
/// `block` came from `taken::<COUNTED>(bytes)` and is not used any more.
#[inline(always)]
unsafe fn given<const COUNTED: bool>(block: *mut u8, bytes: usize) -> usize {
    let (class, size) = class(bytes);
    let live = if COUNTED { -(size as i64) } else { 0 };
    let kept = LOCAL.try_with(|local| {
        // SAFETY: this thread's own value; nothing called below comes back here.
        let local = unsafe { &mut *local.get() };
        if local.blocks.is_empty() {
            local.blocks.resize_with(CLASSES, Vec::new);
        }
        let most = (LOCAL_CLASS_BYTES / size).clamp(1, LOCAL_COUNT);
        if size <= LOCAL_BYTES && local.blocks[class].len() < most {
            local.blocks[class].push(block);
            local.count(live, size as i64, false, false);
            return true;
        }
        if COUNTED {
            local.count(live, 0, false, false);
        }
        false
    });
    if !matches!(kept, Ok(true)) {
        // SAFETY: free, and of this class by the caller's promise.
        unsafe { locked(&MEMORY.shared).put(block, class, size) };
    }
    size
}

/// Elements of working memory from the same store, for routines.
pub struct Scratch<T> {
    pointer: *mut T,
    len: usize,
}

impl<T: Copy + Default> Scratch<T> {
    /// `len` elements with default values.
    pub fn new(len: usize) -> Scratch<T> {
        let bytes = len * size_of::<T>();
        if bytes == 0 {
            return Scratch { pointer: std::ptr::NonNull::dangling().as_ptr(), len: 0 };
        }
        let pointer = take(bytes).unwrap_or_else(|e| panic!("{e}")).cast::<T>();
        // SAFETY: the block has room for `len` elements; no type here is aligned to more than 64.
        (0..len).for_each(|i| unsafe { pointer.add(i).write(T::default()) });
        Scratch { pointer, len }
    }
}

/// Working memory with unspecified contents, for generated code: nothing else may read it.
pub struct Unset {
    pointer: *mut u8,
    bytes: usize,
}

impl Unset {
    pub fn new(bytes: usize) -> Unset {
        Unset { pointer: take(bytes).unwrap_or_else(|e| panic!("{e}")), bytes }
    }

    pub fn pointer(&self) -> *mut u8 {
        self.pointer
    }
}

impl Drop for Unset {
    fn drop(&mut self) {
        // SAFETY: `new` took this block for these bytes.
        unsafe { give(self.pointer, self.bytes) }
    }
}

impl<T> std::ops::Deref for Scratch<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `new` wrote `len` elements, and they are ours.
        unsafe { std::slice::from_raw_parts(self.pointer, self.len) }
    }
}

impl<T> std::ops::DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.pointer, self.len) }
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        let bytes = self.len * size_of::<T>();
        if bytes > 0 {
            // SAFETY: `new` took this block for these bytes.
            unsafe { give(self.pointer.cast(), bytes) }
        }
    }
}

impl HostMemory {
    pub fn stats(&self) -> MemoryStats {
        let shared = locked(&self.shared);
        let (mut live, mut cached, mut hits, mut misses) = shared.retired;
        cached += shared.bytes as i64;
        drop(shared);
        for c in locked(&self.threads).iter() {
            live += c.live.load(Relaxed);
            cached += c.cached.load(Relaxed);
            hits += c.hits.load(Relaxed);
            misses += c.misses.load(Relaxed);
        }
        let live = live.max(0) as usize;
        let peak = self.peak.fetch_max(live, Relaxed).max(live);
        MemoryStats { live, peak, cached: cached.max(0) as usize, hits, misses }
    }
}

impl Memory for HostMemory {
    fn place(&self) -> Placement {
        Placement { backend: "cpu", ordinal: 0 }
    }

    fn allocate(&'static self, bytes: usize) -> Result<Buffer, Error> {
        let pointer =
            if bytes == 0 { std::ptr::without_provenance_mut(ALIGN) } else { take(bytes)? };
        // SAFETY: `take` gave this block for these bytes; for none, `free` does nothing.
        Ok(unsafe { Buffer::from_raw(pointer, bytes, self) })
    }

    unsafe fn free(&self, pointer: *mut u8, bytes: usize) {
        if bytes > 0 {
            // SAFETY: the caller's promise.
            unsafe { give(pointer, bytes) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_their_sizes() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, 123_456_789]) {
            let (c, size) = class(bytes);
            assert!(size >= bytes && size <= bytes.max(64) + bytes / 8 + 8, "{bytes}: {size}");
            assert_eq!(class_bytes(c), size, "{bytes}");
            assert_eq!(size % 8, 0);
        }
    }

    #[test]
    fn blocks_are_aligned_and_reused() {
        let a = memory().allocate(1000).unwrap();
        let first = a.pointer();
        assert_eq!(first as usize % ALIGN, 0);
        drop(a);
        assert_eq!(memory().allocate(1001).unwrap().pointer(), first);
        assert_eq!(memory().allocate(0).unwrap().bytes(), 0);
    }

    #[test]
    fn counts_add_up_across_threads() {
        let before = memory().stats();
        let big = memory().allocate(3 << 20).unwrap();
        assert!(memory().stats().live >= before.live.saturating_sub(1 << 20) + (3 << 20));
        assert!(memory().stats().peak >= 3 << 20);
        std::thread::spawn(move || drop(big)).join().unwrap();
        let again = memory().allocate(3 << 20).unwrap();
        assert!(memory().stats().hits > before.hits);
        drop(again);
    }
}
