//! Loops of kernels: the parallel loop, and kernels of so few points that they have none. The order
//! of loops lives in `nest`.

use cotangent_jit::kernel::{Kernel, Loop, Mode};

/// Kernels of at most this many points are emitted point by point, unless that makes too many
/// nodes.
const UNROLLED: usize = 4;

/// The most points of a loop that goes inside of the vector loop (see `shorts`).
pub const SHORT: usize = 8;

/// Returns whether the kernel has so few points that it becomes scalar code.
pub fn few_points(k: &Kernel) -> bool {
    k.order.lanes == 1 && k.loops.iter().map(|l| l.extent.max(1)).product::<usize>() <= UNROLLED
}

/// A parallel loop.
pub fn parallel(extent: usize) -> Loop {
    Loop { extent, mode: Mode::Parallel }
}
