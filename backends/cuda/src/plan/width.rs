//! How many neighbouring points a thread takes.
//!
//! One access moves two or four neighbours if they begin at a multiple of their bytes for every
//! value of the other counters.

use super::accesses::accesses;
use super::target::Target;
use cotangent_jit::kernel::{Kernel, Mode, Node};

/// Most bytes of one access.
const MOST_BYTES: usize = 16;

/// The width for a kernel of parallel loops, whose buffers begin at multiples of these numbers of
/// bytes.
pub fn width(k: &Kernel, alignment: &[usize], target: Target) -> usize {
    let Some(last) = k.loops.len().checked_sub(1) else { return 1 };
    let parallel = k.loops.iter().all(|l| l.mode == Mode::Parallel);
    let offset = k.stores.iter().any(|s| s.offset.is_some());
    if !parallel || offset {
        return 1;
    }
    let fits = |w: usize| {
        k.points() / w >= target.threads
            && k.loops[last].extent.is_multiple_of(w)
            && accesses(k)
                .iter()
                .any(|(at, size, _)| at.stride(last) == 1 && size * w <= MOST_BYTES)
            && k.stores.iter().all(|s| {
                s.at.stride(last) == 1 && aligned(k, last, &s.at, s.buffer.0 as usize, w, alignment)
            })
    };
    [4, 2].into_iter().find(|w| fits(*w)).unwrap_or(1)
}

/// Whether an access of `w` neighbours along loop `last` begins at a multiple of its bytes.
pub fn aligned(
    k: &Kernel,
    last: usize,
    at: &cotangent_jit::affine::Affine,
    buffer: usize,
    w: usize,
    alignment: &[usize],
) -> bool {
    let size = k.buffers[buffer].dtype.size();
    let base = alignment.get(buffer).copied().unwrap_or(size);
    let multiple = |s: i64| s.unsigned_abs().is_multiple_of(w as u64);
    let others = (0..k.loops.len()).filter(|n| *n != last);
    size * w <= MOST_BYTES
        && base.is_multiple_of(size * w)
        && at.stride(last) == 1
        && multiple(at.offset)
        && others.clone().all(|n| k.loops[n].extent <= 1 || multiple(at.stride(n)))
}

/// Whether the guard of a load is the same for neighbours along this loop.
pub fn guard_is_common(node: &Node, last: usize) -> bool {
    match node {
        Node::Load { guard, .. } => guard.iter().all(|r| r.at.stride(last) == 0),
        _ => true,
    }
}
