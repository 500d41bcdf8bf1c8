//! The cost of a point with one of the loops vectorised, and the number of lanes of that loop. The
//! choice of the loop lives in `nest`.

use crate::plan::lanes::{Bits, Vectors};
use crate::plan::loops::SHORT;
use crate::plan::steps::steps;
use crate::plan::strided::{LARGE, joins, loop_of_rows};
use crate::plan::weights;
use cotangent_jit::DType;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferType, Kernel, Mode, Node};
use cotangent_jit::op::ScalarOp;

/// The cost of a store of which each point writes to a cache line of its own, though another loop
/// would fill the line.
const LINE_PER_LANE: f64 = 8.0;
/// The least points of the loop that fills it.
const LINE_POINTS: usize = 16;

/// Returns whether a store is strided along loop `v` and contiguous along another parallel loop.
fn scatters_lines(k: &Kernel, at: &Affine, v: usize) -> bool {
    let fills = |n: usize| {
        k.loops[n].mode == Mode::Parallel && k.loops[n].extent >= LINE_POINTS && at.stride(n) == 1
    };
    at.stride(v).unsigned_abs() > 1 && (0..k.loops.len()).any(|n| n != v && fills(n))
}

/// The cost of a node in scalar code that is computed before a short loop.
const SCALAR_NODE: f64 = 1.5;

/// Returns whether a node costs an instruction of its own.
fn steps_alone(node: &Node) -> bool {
    matches!(node, Node::Op { .. } | Node::Gather { .. })
}

/// The short parallel loop along which a kernel gathers rows, if there is one.
fn short_loop(k: &Kernel, live: &[bool], bits: &[u64]) -> Option<usize> {
    let gathered = |u: usize| {
        (k.nodes.iter().enumerate()).any(|(n, node)| {
            live[n] && matches!(node, Node::Gather { .. }) && bits[n] >> u & 1 == 1
        })
    };
    let parallel = k.reductions.is_empty() && k.loops.iter().all(|l| l.mode == Mode::Parallel);
    let short = |u: &usize| (2..=SHORT).contains(&k.loops[*u].extent) && gathered(*u);
    (0..k.loops.len()).filter(|_| parallel && k.loops.len() > 1).find(short)
}

/// The cost of one point, in rough instructions, with loop `v` innermost and in full vectors; and
/// the cost of one point in scalar form.
pub fn cost(
    k: &Kernel,
    types: &[DType],
    live: &[bool],
    bits: &[u64],
    v: usize,
    vectors: Vectors,
) -> (f64, f64) {
    let (mut vector_cost, mut scalar_cost) = (0.0, 0.0);
    let steps = steps(k, types, bits, v);
    let rows = if vectors.wide() { loop_of_rows(k, live, v, vectors) } else { None };
    let access = Access { k, v, vectors, rows };
    // The instructions of one register of lanes of so many bytes, per point.
    let per = |bytes: usize| bytes as f64 / vectors.bytes as f64;
    let wide = vectors.wide();
    let short = short_loop(k, live, bits);
    for (n, node) in k.nodes.iter().enumerate().filter(|(n, _)| live[*n]) {
        if bits[n] >> v & 1 == 0 {
            if short == Some(v) && bits[n] != 0 && steps_alone(node) {
                // The node is computed once per run through this short loop.
                let once = SCALAR_NODE / k.loops[v].extent as f64;
                (vector_cost, scalar_cost) = (vector_cost + once, scalar_cost + once);
            }
            continue;
        }
        let (lanes, scalar) = match node {
            Node::Load { at, guard, buffer, .. } => {
                let plain = access.load(at, &k.buffers[buffer.0 as usize], guard.is_empty());
                let guarded = guard.iter().any(|r| r.at.stride(v) != 0);
                let masks = if wide { 4.0 * per(8) * guard.len() as f64 } else { 0.7 };
                let lanes = if guarded { plain.max(per(16)) + masks } else { plain };
                (lanes, 1.0 + guard.len() as f64 * 2.0)
            }
            Node::Gather { at, .. } if steps[at.0 as usize] == Some(1) => (per(16), 4.0),
            Node::Gather { buffer, .. } => match k.buffers[buffer.0 as usize].dtype.size() {
                4 | 8 if wide => (2.5, 4.0),
                1 | 2 if wide => (3.0, 4.0),
                _ => (5.0, 4.0),
            },
            Node::Counter(_) => (per(8), 0.1),
            Node::Op { op: ScalarOp::Convert(DType::I32 | DType::U32), args }
                if steps[args[0].0 as usize].is_some() =>
            {
                (per(8), 0.5)
            }
            // The op is a part of a position.
            Node::Op { .. } if steps[n].is_some() => (per(5), 0.5),
            Node::Op { op, args } => {
                let d = types[args[args.len() - 1].0 as usize];
                let uniform = args.len() > 1 && bits[args[1].0 as usize] >> v & 1 == 0;
                (weights::in_lanes(*op, d, types[n], uniform, vectors), weights::scalar(*op, d))
            }
            Node::Constant(_) => (0.0, 0.0),
        };
        // A short loop that goes inside of the vector loop computes the node once (see `shorts`).
        let inside = short.filter(|u| *u != v && bits[n] >> u & 1 == 0);
        let share = inside.map_or(1.0, |u| 1.0 / k.loops[u].extent as f64);
        vector_cost += lanes * share;
        scalar_cost += scalar * share;
    }
    for s in &k.stores {
        vector_cost += match s.offset {
            None if scatters_lines(k, &s.at, v) => LINE_PER_LANE,
            None => access.store(&s.at, &k.buffers[s.buffer.0 as usize]),
            Some(o) if steps[o.0 as usize].is_some_and(|step| step + s.at.stride(v) == 1) => {
                per(16)
            }
            Some(_) if wide => 6.0,
            Some(_) => 4.0,
        };
        scalar_cost += match s.offset {
            None if scatters_lines(k, &s.at, v) => LINE_PER_LANE,
            None => 1.0,
            Some(_) => 3.0,
        };
    }
    for r in &k.reductions {
        vector_cost += per(r.accumulator.size().max(4));
        if types[r.value.0 as usize] != r.accumulator {
            vector_cost += per(8);
        }
        // In a scalar fold, each op waits for the one before.
        scalar_cost += 3.0;
    }
    (vector_cost, scalar_cost)
}

/// The cost of accesses in lanes along loop `v`, per point.
struct Access<'k> {
    k: &'k Kernel,
    v: usize,
    vectors: Vectors,
    /// The loop of tiles, if there would be any.
    rows: Option<usize>,
}

impl Access<'_> {
    fn load(&self, at: &Affine, buffer: &BufferType, plain: bool) -> f64 {
        let d = buffer.dtype;
        match at.stride(self.v) {
            0 | 1 => self.consecutive(at, d),
            -1 if !d.is_bool() && !self.vectors.wide() => d.size() as f64 / 8.0,
            _ if !self.vectors.wide() => 1.6,
            _ => {
                let alone = if d.size() < 4 { 2.8 } else { 2.3 };
                let step = at.stride(self.v);
                let rich = d.size() >= 4 || self.vectors.rich();
                if d.is_bool() || !plain {
                    return alone;
                }
                let alone = match joins(step, 1, self.vectors) && rich {
                    true => 2.0 * step as f64 * d.size().max(4) as f64 / self.vectors.bytes as f64,
                    false => alone,
                };
                self.in_tile(at, buffer).map_or(alone, |tile| tile.min(alone))
            }
        }
    }

    fn store(&self, at: &Affine, buffer: &BufferType) -> f64 {
        let d = buffer.dtype;
        match at.stride(self.v) {
            0 | 1 => self.consecutive(at, d),
            -1 if !d.is_bool() && !self.vectors.wide() => d.size() as f64 / 8.0,
            _ if self.vectors.wide() => {
                let tile = self.in_tile(at, buffer).filter(|_| !d.is_bool());
                tile.map_or(4.0, |tile| tile.min(4.0))
            }
            _ => 1.6,
        }
    }

    fn consecutive(&self, at: &Affine, d: DType) -> f64 {
        if at.stride(self.v) == 0 {
            return 0.05;
        }
        let bools = if d.is_bool() { 4.0 } else { 1.0 };
        let registers = d.size().max(4) as f64 / self.vectors.bytes as f64 * bools;
        // Without mask registers, what is left of narrow elements moves one by one.
        let extent = self.k.loops[self.v].extent;
        let alone = self.vectors.wide() && !self.vectors.rich() && d.size() < 4;
        let left = if alone { extent % (self.vectors.bytes / 4) } else { 0 };
        registers + ONE_BY_ONE * left as f64 / extent as f64
    }

    /// The cost of a point of an access in a tile, if it has one (see `tiles`).
    fn in_tile(&self, at: &Affine, buffer: &BufferType) -> Option<f64> {
        let (d, len) = (buffer.dtype, buffer.len);
        let u = self.rows.filter(|u| at.stride(*u).abs() == 1)?;
        let (extent, each) = (self.k.loops[u].extent, self.vectors.bytes / d.size().max(4));
        let (points, lanes) = (extent.min(each) as f64, each as f64);
        let op = if self.vectors.rich() { 1.0 } else { 2.0 };
        let moves = if joins(at.stride(self.v), extent, self.vectors) {
            points + points * (points - 1.0) * op
        } else {
            // A row seldom ends with a cache line.
            let afar = if len * d.size() >= LARGE { LINE_PER_LANE * lanes } else { 0.0 };
            lanes + lanes.max(points * lanes.log2()) * op + afar * points / extent as f64
        };
        Some((moves + 2.0 * points) / (points * lanes))
    }
}

/// The instructions that move an element between a lane and memory by way of the frame.
const ONE_BY_ONE: f64 = 6.0;
/// The instructions that start a loop and end it.
const START: f64 = 6.0;
/// The instructions of an iteration of a loop of scalars besides those of its point.
const STEP: f64 = 2.0;

/// The cost of a point of a loop of this extent, with the costs of a point in full vectors and in
/// scalars; and whether vectors pay. `least` is the number of lanes of 128 bits.
pub fn of_loop(
    (vector, scalar): (f64, f64),
    extent: usize,
    lanes: usize,
    least: usize,
    vectors: Vectors,
) -> (f64, bool) {
    if vectors.wide() {
        let scalar = scalar + STEP + START / extent as f64;
        // Lanes beyond the end are computed as well.
        let full = least * vectors.bytes / Vectors::LEAST.bytes;
        let computed = (extent.div_ceil(full) * full) as f64 / extent as f64;
        let masked = vector * computed + START / extent as f64;
        return (masked.min(scalar), masked < scalar);
    }
    let pays = extent >= lanes && vector < scalar;
    let rest = (extent % lanes) as f64 / extent as f64;
    (if pays { vector + rest * (scalar - vector) } else { scalar }, pays)
}

/// The largest number of ops, over all groups of lanes, of a body that is emitted once per group.
const GROUPED: usize = 24;
/// The most registers of partial results that stay in registers.
const MOST_PARTIALS: usize = 16;

/// How the `lanes` that fold points of loop `v` are computed: so many at once, and whether the
/// partial results of all of them stay in registers. `None` if they fill no register.
pub fn group(
    k: &Kernel,
    types: &[DType],
    live: &[bool],
    bits: &[u64],
    v: usize,
    lanes: usize,
) -> Option<(usize, bool)> {
    let (width, body) = width_and_body(k, types, live, bits, v);
    let least = least_width(k, types, live, bits, v);
    if lanes < least {
        return None;
    }
    let width = width.max(least).min(lanes);
    let registers = |d: DType| lanes * d.size().max(4) / 16;
    let partials: usize = k.reductions.iter().map(|r| registers(r.accumulator)).sum();
    let groups = lanes / width;
    let held = groups == 1 || body * groups <= GROUPED && partials <= MOST_PARTIALS;
    Some((width, held))
}

/// The number of lanes of a loop over these types. A small body gets several registers per value,
/// to hide latencies.
pub fn width(k: &Kernel, types: &[DType], live: &[bool], bits: &[u64], v: usize) -> usize {
    width_and_body(k, types, live, bits, v).0
}

/// The number of lanes, and the number of ops of a point.
fn width_and_body(
    k: &Kernel,
    types: &[DType],
    live: &[bool],
    bits: &[u64],
    v: usize,
) -> (usize, usize) {
    let varying = |n: usize| live[n] && bits[n] >> v & 1 == 1;
    let mut narrow = false;
    let mut wide = false;
    let mut body = 0;
    // Positions seldom become lanes.
    let steps = steps(k, types, bits, v);
    for n in (0..types.len()).filter(|n| varying(*n) && steps[*n].is_none()) {
        body += 1;
        match Bits::of(types[n]) {
            Some(Bits::B32) => narrow = true,
            Some(Bits::B64) => wide = true,
            None => {}
        }
    }
    for s in &k.stores {
        narrow |= Bits::of(k.buffers[s.buffer.0 as usize].dtype) == Some(Bits::B32);
    }
    for r in &k.reductions {
        narrow |= Bits::of(k.buffers[r.buffer.0 as usize].dtype) == Some(Bits::B32);
        wide |= r.accumulator.size() == 8;
        body += 1;
    }
    let bools = !narrow && !wide;
    let least = if narrow || bools { 4 } else { 2 };
    let reducing = !k.reductions.is_empty();
    let registers = match body {
        0..=4 if reducing => 4,
        0..=10 => 2,
        _ => 1,
    };
    (least * if narrow && wide && !reducing { 1 } else { registers }, body)
}

/// The number of lanes of one register of the narrowest type.
pub fn least_width(k: &Kernel, types: &[DType], live: &[bool], bits: &[u64], v: usize) -> usize {
    let wide = (0..types.len())
        .filter(|n| live[*n] && bits[*n] >> v & 1 == 1)
        .all(|n| types[n].size() == 8)
        && k.stores.iter().all(|s| k.buffers[s.buffer.0 as usize].dtype.size() == 8)
        && k.reductions.iter().all(|r| k.buffers[r.buffer.0 as usize].dtype.size() == 8);
    if wide { 2 } else { 4 }
}
