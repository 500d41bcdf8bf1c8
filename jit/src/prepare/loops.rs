//! Fewer and longer loops, and the loops that a node depends on.
//!
//! `before -> after`, meaning unchanged:
//! - a loop of one point is dropped;
//! - two loops of one mode that every index walks as one become one. Reduce loops must be
//!   neighbours, so that their points keep their order, and the order of combination must stay;
//! - a gather at a position that is affine in the counters becomes a load.
//!
//! The choice of a loop to vectorise does not live here: it depends on the device. The order of
//! reduce loops lives in [`order`](crate::order).

use crate::Scalar;
use crate::affine::Affine;
use crate::kernel::{BufferType, Cut, Kernel, Mode, Node, NodeId, Order};
use crate::op::ScalarOp;
use smallvec::SmallVec;

/// The kernel without loops of one point and with its parallel and its reduce loops coalesced.
pub fn simplify(kernel: &Kernel) -> Kernel {
    let mut k = kernel.clone();
    if k.loops.last().is_some_and(|l| l.extent == 1) {
        // The loop runs once, whatever its condition says.
        k.condition = None;
    }
    plain_gathers(&mut k);
    drop_single_points(&mut k);
    coalesce(&mut k);
    k
}

/// Gathers at affine positions inside of a buffer that the kernel only reads become loads.
fn plain_gathers(k: &mut Kernel) {
    if !k.nodes.iter().any(|n| matches!(n, Node::Gather { .. })) {
        return;
    }
    let extents: Vec<usize> = k.loops.iter().map(|l| l.extent).collect();
    let mut known: Vec<Option<Affine>> = Vec::with_capacity(k.nodes.len());
    for n in 0..k.nodes.len() {
        known.push(affine(&k.nodes[n], &known));
        let Node::Gather { buffer, at } = k.nodes[n] else { continue };
        let Some(at) = known[at.0 as usize].clone().filter(|_| !k.writes(buffer)) else {
            continue;
        };
        let BufferType { dtype, len } = k.buffers[buffer.0 as usize];
        let inside = |(low, high): (i64, i64)| low >= 0 && high < len as i64;
        if at.range(&extents).is_some_and(inside) {
            let (guard, fill) = (SmallVec::new(), Scalar::zero(dtype));
            k.nodes[n] = Node::Load { buffer, at, guard, fill };
        }
    }
}

/// The value of a node of sums and multiples of counters, if it is so small that nothing wraps.
fn affine(node: &Node, known: &[Option<Affine>]) -> Option<Affine> {
    let of = |n: &NodeId| known[n.0 as usize].as_ref();
    let found = match node {
        Node::Counter(n) => Affine::counter(*n),
        Node::Constant(s) => Affine::constant(s.to_i64()?),
        Node::Op { op: ScalarOp::Add, args } => of(&args[0])?.add(of(&args[1])?),
        Node::Op { op: ScalarOp::Mul, args } => match (of(&args[0])?, of(&args[1])?) {
            (by, a) | (a, by) if by.strides.is_empty() => a.scale(by.offset),
            _ => return None,
        },
        _ => return None,
    };
    let small = |x: i64| x.unsigned_abs() < 1 << 31;
    (small(found.offset) && found.strides.iter().all(|s| small(*s))).then_some(found)
}

/// Replaces every affine function of the kernel.
pub fn map_affines(k: &mut Kernel, f: impl Fn(&Affine) -> Affine) {
    for node in &mut k.nodes {
        if let Node::Load { at, guard, .. } = node {
            *at = f(at);
            for range in guard {
                range.at = f(&range.at);
            }
        }
    }
    for s in &mut k.stores {
        s.at = f(&s.at);
    }
    for r in &mut k.reductions {
        r.at = f(&r.at);
    }
}

/// Every affine function of the kernel.
fn affines(k: &Kernel) -> Vec<&Affine> {
    let mut all: Vec<&Affine> = Vec::new();
    for node in &k.nodes {
        if let Node::Load { at, guard, .. } = node {
            all.push(at);
            all.extend(guard.iter().map(|r| &r.at));
        }
    }
    all.extend(k.stores.iter().map(|s| &s.at));
    all.extend(k.reductions.iter().map(|r| &r.at));
    all
}

/// Keeps the loops at these positions, in this order. The other loops must have one point. Reduce
/// loops must keep their order, unless the order of combination is chosen afterwards.
pub fn choose_loops(k: &mut Kernel, keep: &[usize]) {
    let place = |of: usize| keep.iter().position(|n| *n == of);
    let cut = k.order.cut.and_then(|c| Some(Cut { of: place(c.of)?, ..c }));
    k.order = Order { cut, ..k.order };
    k.loops = keep.iter().map(|n| k.loops[*n]).collect();
    map_affines(k, |a| Affine::new(a.offset, keep.iter().map(|n| a.stride(*n))));
    for node in &mut k.nodes {
        if let Node::Counter(n) = node {
            *node = match keep.iter().position(|o| o == n) {
                Some(new) => Node::Counter(new),
                None => Node::Constant(Scalar::from(0i64)),
            };
        }
    }
}

fn drop_single_points(k: &mut Kernel) {
    // The innermost reduce loop deals points among lanes.
    let deals = k.innermost_reduce().filter(|_| k.order.lanes > 1);
    let kept = |n: &usize| k.loops[*n].extent != 1 || deals == Some(*n);
    let keep: Vec<usize> = (0..k.loops.len()).filter(kept).collect();
    if keep.len() < k.loops.len() {
        choose_loops(k, &keep);
    }
}

/// Coalesces neighbouring loops of one mode, sequential ones included. Lowering does this, so that
/// a printed kernel has as few loops as possible.
pub fn coalesce_neighbours(k: &mut Kernel) {
    for outer in (0..k.loops.len().saturating_sub(1)).rev() {
        if walk_as_one(k, outer, outer + 1) {
            merge(k, outer, outer + 1);
        }
    }
}

/// Coalesces any two parallel loops, wherever they stand, and neighbouring reduce loops.
fn coalesce(k: &mut Kernel) {
    loop {
        let pair = (0..k.loops.len())
            .flat_map(|a| (0..k.loops.len()).map(move |b| (a, b)))
            .filter(|&(a, b)| match k.loops[a].mode {
                Mode::Parallel => a != b,
                Mode::Reduce => a + 1 == b,
                Mode::Sequential => false,
            })
            .find(|&(a, b)| walk_as_one(k, a, b));
        let Some((a, b)) = pair else { return };
        merge(k, a, b);
    }
}

/// Whether every index of the kernel walks loop `a` around loop `b` as one loop, and reductions
/// combine as before if the two become one.
fn walk_as_one(k: &Kernel, a: usize, b: usize) -> bool {
    let counted = |n: usize| k.nodes.contains(&Node::Counter(n));
    let n = k.loops[b].extent as i64;
    k.loops[a].mode == k.loops[b].mode
        && affines(k).iter().all(|f| f.stride(a) == f.stride(b) * n)
        && !counted(a)
        && !counted(b)
        && (k.loops[a].mode != Mode::Reduce || combines_as_one(k, a, b))
}

/// Whether reductions combine in the same order if reduce loop `a` and loop `b`, immediately
/// inside of it, become one.
fn combines_as_one(k: &Kernel, a: usize, b: usize) -> bool {
    let Order { lanes, cut } = k.order;
    let uncut = cut.is_none_or(|c| c.of != a && c.of != b);
    uncut && (k.innermost_reduce() != Some(b) || k.loops[b].extent.is_multiple_of(lanes))
}

/// Makes loops `a` and `b` one, in the place of `b`.
fn merge(k: &mut Kernel, a: usize, b: usize) {
    k.loops[b].extent *= k.loops[a].extent;
    let keep: Vec<usize> = (0..k.loops.len()).filter(|n| *n != a).collect();
    choose_loops(k, &keep);
    trim_affines(k);
}

/// Drops trailing strides of zero, so that equal functions of the counters are equal values.
pub(crate) fn trim_affines(k: &mut Kernel) {
    map_affines(k, |at| {
        let used = at.strides.iter().rposition(|s| *s != 0).map_or(0, |last| last + 1);
        Affine::new(at.offset, at.strides[..used].iter().copied())
    });
}

/// For each node, the loops that it depends on: bit `n` stands for loop `n`. The kernel has at most
/// 60 loops.
pub fn dependence(k: &Kernel) -> Vec<u64> {
    let of = |a: &Affine| {
        a.strides.iter().enumerate().filter(|(_, s)| **s != 0).fold(0u64, |m, (n, _)| m | 1 << n)
    };
    let everything = (1u64 << k.loops.len()) - 1;
    let sequential = k.loops.iter().any(|l| l.mode == Mode::Sequential);
    let mut bits: Vec<u64> = Vec::with_capacity(k.nodes.len());
    for node in &k.nodes {
        let mask = match node {
            Node::Constant(_) => 0,
            Node::Counter(n) => 1 << n,
            // A sequential loop reads anew, in every iteration, what it loads from a buffer that it
            // writes.
            Node::Load { buffer, .. } | Node::Gather { buffer, .. }
                if sequential && k.writes(*buffer) =>
            {
                everything
            }
            Node::Load { at, guard, .. } => guard.iter().fold(of(at), |m, r| m | of(&r.at)),
            Node::Gather { at, .. } => bits[at.0 as usize],
            Node::Op { args, .. } => args.iter().fold(0, |m, a| m | bits[a.0 as usize]),
        };
        bits.push(mask);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::build::KernelBuilder;
    use crate::kernel::{Combine, Loop};

    /// `b[i, 0, j] = a[i, 0, j] + bias[0]` over loops of these extents, `a` dense.
    fn map(extents: [usize; 3], bias: [i64; 3]) -> Kernel {
        let loops = extents.map(|extent| Loop { extent, mode: Mode::Parallel });
        let mut b = KernelBuilder::new("map", loops);
        let points = extents.iter().product();
        let (x, c, y) = (
            b.buffer(DType::F32, points),
            b.buffer(DType::F32, points),
            b.buffer(DType::F32, points),
        );
        let dense = Affine::new(0, [(extents[1] * extents[2]) as i64, extents[2] as i64, 1]);
        let (v, w) = (b.load(x, dense.clone()), b.load(c, Affine::new(0, bias)));
        let v = b.op(crate::op::ScalarOp::Add, &[v, w]);
        b.store_at(y, dense, v);
        b.finish()
    }

    fn extents(k: &Kernel) -> Vec<usize> {
        k.loops.iter().map(|l| l.extent).collect()
    }

    #[test]
    fn loops_that_every_index_walks_as_one_become_one() {
        assert_eq!(extents(&simplify(&map([2, 1, 3], [0; 3]))), [6]);
        // The bias does not vary in the first two loops, so the third stays on its own.
        assert_eq!(extents(&simplify(&map([2, 4, 3], [0, 0, 1]))), [8, 3]);
        assert_eq!(extents(&simplify(&map([2, 4, 3], [1, 0, 0]))), [2, 12]);
    }

    /// `y[i0] = sum of x[these strides]`, of which the first loop is parallel.
    fn sum(extents: &[usize], strides: &[i64], order: Order) -> Kernel {
        let mode = |n| if n == 0 { Mode::Parallel } else { Mode::Reduce };
        let loops = extents.iter().enumerate().map(|(n, e)| Loop { extent: *e, mode: mode(n) });
        let mut b = KernelBuilder::new("sum", loops);
        let (x, y) = (b.buffer(DType::F32, 1 << 16), b.buffer(DType::F32, extents[0]));
        let v = b.load(x, Affine::new(0, strides.iter().copied()));
        b.order(order);
        b.reduce(y, Affine::counter(0), Combine::Sum, v);
        b.finish()
    }

    #[test]
    fn reduce_loops_become_one_only_if_their_points_keep_their_order() {
        let lanes = |lanes| Order { lanes, cut: None };
        let of = |e: &[usize], s: &[i64], order| extents(&simplify(&sum(e, s, order)));
        assert_eq!(of(&[2, 3, 8], &[24, 8, 1], lanes(1)), [2, 24]);
        assert_eq!(of(&[2, 3, 8], &[24, 8, 1], lanes(8)), [2, 24]);
        // The second row would start in lane 8.
        assert_eq!(of(&[2, 3, 8], &[24, 8, 1], lanes(16)), [2, 3, 8]);
        // The walk as one loop would run through columns.
        assert_eq!(of(&[2, 8, 3], &[24, 1, 8], lanes(1)), [2, 8, 3]);
        // A loop between them, which deals its one point to lane 0.
        assert_eq!(of(&[2, 3, 1], &[3, 1, 0], lanes(8)), [2, 3, 1]);
        assert_eq!(of(&[2, 3, 1], &[3, 1, 0], lanes(1)), [2, 3]);
    }

    #[test]
    fn the_loop_that_is_cut_keeps_its_number() {
        let cut = |of| Order { lanes: 8, cut: Some(Cut { of, length: 8 }) };
        let k = simplify(&sum(&[1, 4, 3, 32], &[0, 96, 32, 1], cut(3)));
        assert_eq!((extents(&k), k.order), (vec![12, 32], cut(1)));
        let k = simplify(&sum(&[1, 4, 1, 32], &[0, 32, 32, 1], cut(2)));
        assert_eq!((extents(&k), k.order), (vec![128], Order { lanes: 8, cut: None }));
    }

    #[test]
    fn nodes_depend_on_the_loops_of_their_operands() {
        let k = map([2, 4, 3], [0, 1, 0]);
        assert_eq!(dependence(&k), [0b111, 0b010, 0b111]);
    }
}
