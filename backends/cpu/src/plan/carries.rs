//! The carries of a sequential loop inside of parallel ones: which elements stay in registers from
//! iteration to iteration. Their code lives in `emit`.

use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Kernel, Mode, Node};

/// Returns whether the innermost loop of the kernel is sequential and all others are parallel.
pub fn has_carry_loop(k: &Kernel) -> bool {
    let Some((last, lanes)) = k.loops.split_last() else { return false };
    let parallel = lanes.iter().all(|l| l.mode == Mode::Parallel);
    last.mode == Mode::Sequential && parallel && !lanes.is_empty() && k.reductions.is_empty()
}

/// Returns whether loop `n` is the innermost one, is sequential, and has at most parallel loops
/// around it.
pub fn is_carry_loop(k: &Kernel, n: usize) -> bool {
    let alone = k.loops.len() == 1 && k.loops[0].mode == Mode::Sequential;
    n + 1 == k.loops.len() && (has_carry_loop(k) || alone && k.reductions.is_empty())
}

/// The positions of carries: their buffer has plain loads and stores only, at positions that do not
/// vary with the innermost loop.
pub fn positions(k: &Kernel, live: &[bool]) -> Vec<(BufferId, Affine)> {
    let inner = k.loops.len() - 1;
    let mut held = vec![true; k.buffers.len()];
    let mut loads: Vec<(BufferId, Affine)> = Vec::new();
    for (node, _) in k.nodes.iter().zip(live).filter(|(_, live)| **live) {
        match node {
            Node::Load { buffer, at, guard, .. } => {
                held[buffer.0 as usize] &= guard.is_empty() && at.stride(inner) == 0;
                loads.push((*buffer, at.clone()));
            }
            Node::Gather { buffer, .. } => held[buffer.0 as usize] = false,
            _ => {}
        }
    }
    for s in &k.stores {
        let plain = s.offset.is_none() && s.combine.is_none() && s.at.stride(inner) == 0;
        // If a position is stored to but not loaded, the buffer holds no carries.
        held[s.buffer.0 as usize] &= plain && loads.contains(&(s.buffer, s.at.clone()));
    }
    loads.retain(|(buffer, _)| held[buffer.0 as usize] && k.writes(*buffer));
    loads
}

/// Returns whether every store of the kernel updates a carry.
pub fn holds_all(k: &Kernel, live: &[bool]) -> bool {
    let held = positions(k, live);
    k.stores.iter().all(|s| held.contains(&(s.buffer, s.at.clone())))
}
