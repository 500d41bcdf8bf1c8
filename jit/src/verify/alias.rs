//! Invariants 4 and 5 of kernels: which points may access one element. Buffers that share memory
//! are checked together, so the same code decides whether a launch may bind two buffers of a kernel
//! to one slot. Bounds do not live here.

use super::fault::{Fault, fault};
use crate::affine::Affine;
use crate::build::operands;
use crate::domain::{Domain, injective, same, same_strides};
use crate::kernel::{BufferId, Kernel, Loop, Mode, Node, NodeId};
use crate::print::Line;
use rustc_hash::FxHashMap;

/// A store or a reduction of a kernel.
struct Write<'a> {
    buffer: BufferId,
    at: &'a Affine,
    offset: Option<NodeId>,
    line: Line,
    /// The element is folded, and written once per point of the outer loops.
    reduction: bool,
}

pub(super) fn check(kernel: &Kernel) -> Result<(), Fault<Line>> {
    grouped(kernel, |id| id)
}

/// Returns whether these two buffers may be the same memory.
pub(super) fn may_share(kernel: &Kernel, a: BufferId, b: BufferId) -> Result<(), String> {
    grouped(kernel, |id| if id == b { a } else { id }).map_err(|f| f.how)
}

/// Returns whether the kernel runs in order: no two points run at the same time.
fn in_order(kernel: &Kernel) -> bool {
    kernel.loops.iter().all(|l| l.extent <= 1 || l.mode == Mode::Sequential)
}

fn grouped(kernel: &Kernel, memory: impl Fn(BufferId) -> BufferId) -> Result<(), Fault<Line>> {
    if in_order(kernel) || kernel.loops.iter().any(|l| l.extent == 0 && l.mode != Mode::Reduce) {
        return Ok(());
    }
    let stores = kernel.stores.iter().enumerate().map(|(n, s)| Write {
        buffer: memory(s.buffer),
        at: &s.at,
        offset: s.offset,
        line: Line::Store(n),
        reduction: false,
    });
    let reductions = kernel.reductions.iter().enumerate().map(|(n, r)| Write {
        buffer: memory(r.buffer),
        at: &r.at,
        offset: None,
        line: Line::Reduction(n),
        reduction: true,
    });
    let mut writes: Vec<Write> = stores.chain(reductions).collect();
    if writes.iter().any(|w| w.offset.is_some()) {
        uniform_offsets(kernel, &writes)?;
    }
    writes.iter().try_for_each(|w| own_elements(kernel, w))?;
    // The sort is stable, so a message names the later of two writes.
    writes.sort_by_key(|w| w.buffer);
    for group in writes.chunk_by(|a, b| a.buffer == b.buffer).filter(|g| g.len() > 1) {
        apart(kernel, group)?;
    }
    loads(kernel, &writes, memory)
}

/// Invariant 4 for stores with an offset: the offset is one number for all points. With different
/// offsets any two points might store to one element.
fn uniform_offsets(kernel: &Kernel, writes: &[Write]) -> Result<(), Fault<Line>> {
    let varies_with_loops = |at: &Affine| {
        kernel.loops.iter().enumerate().any(|(n, l)| l.extent > 1 && at.stride(n) != 0)
    };
    let mut varies = Vec::with_capacity(kernel.nodes.len());
    for node in &kernel.nodes {
        let own = match node {
            Node::Counter(n) => kernel.loops[*n].extent > 1,
            Node::Load { at, guard, .. } => {
                varies_with_loops(at) || guard.iter().any(|r| varies_with_loops(&r.at))
            }
            _ => false,
        };
        varies.push(own || operands(node).iter().any(|a| varies[a.0 as usize]));
    }
    for write in writes {
        if let Some(v) = write.offset
            && varies[v.0 as usize]
        {
            let how = format!("v{} is not the same at all points: make every loop sequential", v.0);
            return Err(fault(4, write.line, how));
        }
    }
    Ok(())
}

/// The loops that a write runs over, with its strides. Reduce loops count as parallel ones for a
/// store, and do not count for a reduction.
fn strides<'a>(kernel: &'a Kernel, write: &'a Write) -> impl Iterator<Item = (i64, Loop)> + 'a {
    let over = |l: &Loop| !(write.reduction && l.mode == Mode::Reduce);
    let loops = kernel.loops.iter().enumerate().filter(move |(_, l)| over(l));
    loops.map(|(n, l)| (write.at.stride(n), *l))
}

fn own_elements(kernel: &Kernel, write: &Write) -> Result<(), Fault<Line>> {
    if injective(strides(kernel, write)) {
        return Ok(());
    }
    let how =
        "points meet at an element: give every loop a stride of its own, or make all sequential";
    Err(fault(4, write.line, how))
}

/// Invariant 4 for two writes to one buffer: they belong to the same point, or never write to one
/// element.
fn apart(kernel: &Kernel, group: &[Write]) -> Result<(), Fault<Line>> {
    let outer = |l: &Loop| if l.mode == Mode::Reduce { l.extent.max(1) } else { l.extent };
    let Some(domain) = Domain::new(kernel.loops.iter().map(outer)) else { return Ok(()) };
    let mut sorted: Vec<((i128, i128), &Write)> =
        group.iter().map(|w| (domain.bounds(w.at), w)).collect();
    sorted.sort_by_key(|(bounds, _)| *bounds);
    for (n, (bounds, a)) in sorted.iter().enumerate() {
        let rivals =
            sorted[n + 1..].iter().take_while(|(b, _)| b.0 <= bounds.1 || a.offset.is_some());
        for (_, b) in rivals {
            let meet = if a.offset != b.offset || !same_strides(a.at, b.at) {
                true
            } else if same(a.at, b.at) {
                a.reduction != b.reduction
            } else {
                // The choice between the two writes is one more loop.
                let which = Loop { extent: 2, mode: Mode::Parallel };
                let apart = b.at.offset.wrapping_sub(a.at.offset);
                !injective(strides(kernel, a).chain([(apart, which)]))
            };
            if meet {
                let how = "another store to this buffer may meet it at an element";
                return Err(fault(4, b.line, how));
            }
        }
    }
    Ok(())
}

/// Invariant 5: an element that is written is loaded only at the point that writes it.
fn loads(
    kernel: &Kernel,
    writes: &[Write],
    memory: impl Fn(BufferId) -> BufferId,
) -> Result<(), Fault<Line>> {
    let mut written = vec![false; kernel.buffers.len()];
    for w in writes {
        written[w.buffer.0 as usize] = true;
    }
    let is_written = |id: &BufferId| written[memory(*id).0 as usize];
    let mut places: Option<FxHashMap<(BufferId, i64), Vec<&Affine>>> = None;
    for (n, node) in kernel.nodes.iter().enumerate() {
        match node {
            Node::Gather { buffer, .. } if is_written(buffer) => {
                return Err(fault(5, Line::Node(n), "a gather may read any element"));
            }
            Node::Load { buffer, at, .. } if is_written(buffer) => {
                let places = places.get_or_insert_with(|| {
                    let mut places: FxHashMap<_, Vec<&Affine>> = FxHashMap::default();
                    for w in writes.iter().filter(|w| w.offset.is_none()) {
                        places.entry((w.buffer, w.at.offset)).or_default().push(w.at);
                    }
                    places
                });
                let stored = places.get(&(memory(*buffer), at.offset));
                if !stored.is_some_and(|s| s.iter().any(|s| same(s, at))) {
                    return Err(fault(5, Line::Node(n), "no store has this index"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
