//! Checks the invariants that [`kernel`](crate::kernel) states. Types, hash-consing, bounds,
//! reductions and the end of loops are checked here. Which points may share an element (invariants
//! 4 and 5) is checked in `alias.rs`.

use super::alias;
use super::fault::{Fault, fault};
use crate::affine::Affine;
use crate::domain::Domain;
use crate::kernel::{
    BufferId, Cut, INVARIANTS, Kernel, MOST_LANES, Mode, Node, NodeId, Order, Store,
};
use crate::print::Line;
use crate::{DType, Error};
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};

pub(super) fn check(kernel: &Kernel) -> Result<(), Error> {
    let mut types = Vec::with_capacity(kernel.nodes.len());
    faults(kernel, &mut types).map_err(|f| report(kernel, &types, &f))
}

fn report(kernel: &Kernel, types: &[DType], fault: &Fault<Line>) -> Error {
    let listed = std::iter::once(Line::Head).chain(kernel.lines());
    let lines = listed.map(|line| (line == fault.at, line));
    fault.error(&format!("kernel {}", kernel.name), &INVARIANTS, lines, |line| {
        let indent = if line == Line::Head { "" } else { "  " };
        format!("{indent}{}", kernel.line(line, types))
    })
}

fn faults(kernel: &Kernel, types: &mut Vec<DType>) -> Result<(), Fault<Line>> {
    loops(kernel)?;
    let all = Domain::new(kernel.loops.iter().map(|l| l.extent));
    nodes(kernel, types, all.as_ref())?;
    stores(kernel, types, all.as_ref())?;
    reductions(kernel, types)?;
    order(kernel)?;
    condition(kernel, types)?;
    alias::check(kernel)
}

/// Invariant 6 for loops: the reduce loops are the innermost ones.
fn loops(kernel: &Kernel) -> Result<(), Fault<Line>> {
    let first = kernel.loops.iter().position(|l| l.mode == Mode::Reduce);
    let after = first.unwrap_or(kernel.loops.len());
    match kernel.loops[after..].iter().position(|l| l.mode != Mode::Reduce) {
        Some(n) => Err(fault(6, Line::Loop(after + n), "a loop that reduces encloses it")),
        None => Ok(()),
    }
}

/// Invariants 1 and 2 of nodes.
fn nodes(
    kernel: &Kernel,
    types: &mut Vec<DType>,
    domain: Option<&Domain>,
) -> Result<(), Fault<Line>> {
    let mut known: FxHashMap<u64, usize> = FxHashMap::default();
    known.reserve(kernel.nodes.len());
    for (n, node) in kernel.nodes.iter().enumerate() {
        let line = Line::Node(n);
        let dtype = match node {
            Node::Constant(value) => value.dtype(),
            Node::Counter(l) if *l < kernel.loops.len() => DType::I64,
            Node::Counter(l) => return Err(fault(1, line, format!("there is no loop {l}"))),
            Node::Load { buffer, at, guard, fill } => {
                let (dtype, len) = typed_buffer(kernel, *buffer, line)?;
                if fill.dtype() != dtype {
                    let how = format!("expected a fill of type {dtype}, got {fill:?}");
                    return Err(fault(1, line, how));
                }
                known_counters(kernel, at, line)?;
                guard.iter().try_for_each(|r| known_counters(kernel, &r.at, line))?;
                if let Some(bounds) = domain.and_then(|d| d.guarded_bounds(at, guard)) {
                    inside(2, line, bounds, len)?;
                }
                dtype
            }
            Node::Gather { buffer, at } => {
                index(types, *at, line)?;
                typed_buffer(kernel, *buffer, line)?.0
            }
            Node::Op { op, args } => {
                let operands: SmallVec<[DType; 3]> =
                    args.iter().map(|a| earlier(types, *a, line)).collect::<Result<_, _>>()?;
                op.result(&operands).ok_or_else(|| {
                    fault(1, line, format!("{} does not take {operands:?}", op.name()))
                })?
            }
        };
        types.push(dtype);
        let mut hasher = FxHasher::default();
        node.hash(&mut hasher);
        let mut key = hasher.finish();
        while let Some(&other) = known.get(&key) {
            if kernel.nodes[other] == *node {
                return Err(fault(1, line, format!("the graph has this node already, v{other}")));
            }
            key = key.wrapping_add(1);
        }
        known.insert(key, n);
    }
    Ok(())
}

/// Invariants 1 and 3 of stores.
fn stores(kernel: &Kernel, types: &[DType], domain: Option<&Domain>) -> Result<(), Fault<Line>> {
    for (n, store) in kernel.stores.iter().enumerate() {
        let line = Line::Store(n);
        let (dtype, len) = typed_buffer(kernel, store.buffer, line)?;
        value(types, store.value, dtype, line)?;
        known_counters(kernel, &store.at, line)?;
        if let Some(combine) = store.combine
            && combine.op().result(&[dtype, dtype]) != Some(dtype)
        {
            return Err(fault(1, line, format!("{} does not take {dtype}", combine.name())));
        }
        match (store.offset, domain) {
            (Some(offset), _) => index(types, offset, line)?,
            (None, Some(domain)) => inside(3, line, domain.bounds(&store.at), len)?,
            (None, None) => {}
        }
    }
    Ok(())
}

/// Invariants 1, 3, 6 and 7 of reductions.
fn reductions(kernel: &Kernel, types: &[DType]) -> Result<(), Fault<Line>> {
    // A reduction over no points is stored, too: it gives the identity.
    let outer = |mode, extent| if mode == Mode::Reduce { 1 } else { extent };
    let domain = Domain::new(kernel.loops.iter().map(|l| outer(l.mode, l.extent)));
    let reduces = kernel.loops.iter().any(|l| l.mode == Mode::Reduce);
    for (n, r) in kernel.reductions.iter().enumerate() {
        let line = Line::Reduction(n);
        let (dtype, len) = typed_buffer(kernel, r.buffer, line)?;
        value(types, r.value, dtype, line)?;
        known_counters(kernel, &r.at, line)?;
        if !reduces {
            return Err(fault(6, line, "there are no reduce loops"));
        }
        let inner = |n: &usize| kernel.loops[*n].mode == Mode::Reduce && r.at.stride(*n) != 0;
        if let Some(n) = (0..kernel.loops.len()).find(inner) {
            return Err(fault(6, line, format!("its index moves with the reduce loop i{n}")));
        }
        if let Some(domain) = &domain {
            inside(3, line, domain.bounds(&r.at), len)?;
        }
        let acc = r.accumulator;
        if r.combine.op().result(&[acc, acc]) != Some(acc) {
            return Err(fault(1, line, format!("{} does not take {acc}", r.combine.name())));
        }
        if acc != dtype && acc != r.combine.accumulator(dtype) {
            return Err(fault(7, line, format!("{dtype} is not folded in {acc}")));
        }
    }
    Ok(())
}

/// Invariant 9: the order of combination.
fn order(kernel: &Kernel) -> Result<(), Fault<Line>> {
    let Order { lanes, cut } = kernel.order;
    let bad = |how: String| Err(fault(9, Line::Order, how));
    if !lanes.is_power_of_two() || lanes > MOST_LANES {
        return bad(format!("expected a power of two up to {MOST_LANES} as lanes, got {lanes}"));
    }
    if kernel.order != Order::SEQUENTIAL && kernel.reductions.is_empty() {
        return match scatter_order(kernel) {
            Some(how) => bad(how),
            None => Ok(()),
        };
    }
    if let Some(Cut { of, length }) = cut {
        if kernel.loops.get(of).is_none_or(|l| l.mode != Mode::Reduce) {
            return bad(format!("i{of} is not a reduce loop"));
        }
        let inner = kernel.innermost_reduce() == Some(of);
        if length == 0 || inner && !length.is_multiple_of(lanes) {
            return bad(format!("{lanes} lanes do not fold chunks of {length}"));
        }
    }
    if kernel.order != Order::SEQUENTIAL && kernel.combines_whole_numbers() {
        return bad("complex products and extremes are folded in order".to_string());
    }
    Ok(())
}

/// What is wrong with the lanes and chunks of a kernel without reductions.
fn scatter_order(kernel: &Kernel) -> Option<String> {
    let Order { lanes, cut } = kernel.order;
    let copies = |s: &Store| {
        let dtype = kernel.buffers[s.buffer.0 as usize].dtype;
        s.combine.is_some_and(|c| c.takes_copies(dtype))
    };
    if !kernel.scatter().is_some_and(copies) {
        return Some("a kernel without reductions that combines no copies runs in order".into());
    }
    if lanes > 1 && kernel.loops.len() > 1 {
        return Some(format!("{lanes} lanes of a scatter with {} loops", kernel.loops.len()));
    }
    match cut {
        Some(Cut { of, .. }) if of > 0 => Some(format!("i{of} is not the outermost loop")),
        Some(Cut { length, .. }) if length == 0 || !length.is_multiple_of(lanes) => {
            Some(format!("{lanes} lanes do not fold chunks of {length}"))
        }
        _ => None,
    }
}

/// Invariant 8: the condition and the loop that it ends.
fn condition(kernel: &Kernel, types: &[DType]) -> Result<(), Fault<Line>> {
    let Some(holds) = kernel.condition else { return Ok(()) };
    let line = Line::Condition;
    match earlier(types, holds, line)? {
        DType::Bool => {}
        d => return Err(fault(8, line, format!("expected a bool, got {d}"))),
    }
    let last = kernel.loops.len().wrapping_sub(1);
    if kernel.loops.last().is_none_or(|l| l.mode != Mode::Sequential) {
        return Err(fault(8, line, "the innermost loop does not run in order"));
    }
    let unfit = |s: &Store| s.offset.is_some() || s.combine.is_some() || s.at.stride(last) != 0;
    match kernel.stores.iter().position(unfit) {
        Some(n) => Err(fault(8, Line::Store(n), "it folds, or moves with the innermost loop")),
        None => Ok(()),
    }
}

fn typed_buffer(kernel: &Kernel, id: BufferId, line: Line) -> Result<(DType, usize), Fault<Line>> {
    let buffer = kernel.buffers.get(id.0 as usize);
    let missing = || fault(1, line, format!("there is no buffer {}", id.0));
    buffer.map(|b| (b.dtype, b.len)).ok_or_else(missing)
}

fn earlier(types: &[DType], id: NodeId, line: Line) -> Result<DType, Fault<Line>> {
    let missing = || fault(1, line, format!("v{} is not an earlier node", id.0));
    types.get(id.0 as usize).copied().ok_or_else(missing)
}

fn index(types: &[DType], id: NodeId, line: Line) -> Result<(), Fault<Line>> {
    match earlier(types, id, line)? {
        DType::I64 => Ok(()),
        d => Err(fault(1, line, format!("expected an i64 index, got {d}"))),
    }
}

fn value(types: &[DType], id: NodeId, expected: DType, line: Line) -> Result<(), Fault<Line>> {
    match earlier(types, id, line)? {
        d if d == expected => Ok(()),
        d => Err(fault(1, line, format!("expected a value of type {expected}, got {d}"))),
    }
}

fn known_counters(kernel: &Kernel, at: &Affine, line: Line) -> Result<(), Fault<Line>> {
    match (kernel.loops.len()..at.strides.len()).find(|n| at.stride(*n) != 0) {
        Some(n) => Err(fault(1, line, format!("there is no loop {n}"))),
        None => Ok(()),
    }
}

fn inside(
    invariant: usize,
    line: Line,
    bounds: (i128, i128),
    len: usize,
) -> Result<(), Fault<Line>> {
    let (low, high) = bounds;
    if low >= 0 && high < len as i128 || low > high {
        return Ok(());
    }
    Err(fault(
        invariant,
        line,
        format!("the index runs from {low} to {high}, the buffer has {len}"),
    ))
}
