//! Large arrays that are written and not read again soon: their stores bypass the caches, so that
//! a line is not read from memory only to be overwritten, and nothing else is evicted for it.
//!
//! It pays beyond the size of the last cache, about a quarter of the time of `a x + y`; below, the
//! next kernel would have found the array there. Such stores need aligned places; the kernel looks
//! at the addresses once, at its entry, and has both forms.

use crate::plan::nest::Nest;
use cotangent_jit::kernel::{BufferId, Node, Store};

/// The bytes of a cache line.
pub const ALIGNMENT: usize = 64;
/// Elements that fill whole lines.
pub const ELEMENTS: usize = 16;
/// Arrays from this size on are taken to be larger than the last cache.
pub const LEAST_BYTES: usize = 32 << 20;

/// The buffers of a nest whose stores, of so many lanes, can bypass the caches wherever the buffer
/// itself is aligned.
pub fn stores(nest: &Nest, lanes: usize) -> Vec<BufferId> {
    let k = &nest.kernel;
    let Some((v, _)) = nest.vector else { return Vec::new() };
    if nest.ragged || !nest.clips.is_empty() || nest.tile.is_some() || !k.reductions.is_empty() {
        return Vec::new();
    }
    let read = |b: BufferId| {
        let of = |n: &Node| match n {
            Node::Load { buffer, .. } | Node::Gather { buffer, .. } => *buffer == b,
            _ => false,
        };
        k.nodes.iter().any(of) || k.stores.iter().filter(|s| s.buffer == b).count() > 1
    };
    let fits = |s: &&Store| {
        let buffer = &k.buffers[s.buffer.0 as usize];
        let size = buffer.dtype.size();
        let aligned = |elements: i64| (elements * size as i64) % ALIGNMENT as i64 == 0;
        let lines = (0..k.loops.len()).all(|n| n == v || aligned(s.at.stride(n)));
        s.offset.is_none()
            && s.combine.is_none()
            && buffer.len * size >= LEAST_BYTES
            && size >= 4
            && s.at.stride(v) == 1
            && aligned(s.at.offset)
            && lines
            && (lanes * size).is_multiple_of(32)
            && !read(s.buffer)
    };
    k.stores.iter().filter(fits).map(|s| s.buffer).collect()
}
