//! Scans that work lane by lane, as one kernel with time inside.
//!
//! ```text
//! for t { for lane { c[lane] = f(c[lane], x[t, lane]) } }  -->  for lane { for t in order { ... } }
//! ```
//! Then a few lanes run through all of time with their carries in registers, threads share the lanes, and nothing is
//! called per step. It is open to a step that is one group over the lanes (after values with short axes are split into
//! components) and reads of what it writes only what the same lane wrote.
//!
//! Not here: what the backend makes of such a kernel.

use super::Cx;
use super::components;
use super::emit::Launch;
use super::flatten::Flat;
use super::group::GROUP_LIMIT;
use super::region::{Item, Region};
use super::value::{Arg, Def, Place, squeeze};
use crate::core::aval::Shape;
use crate::core::lowering::{Base, Lowering, ScanParts};
use cotangent_jit::Error;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Kernel, Loop, Mode, Node};
use cotangent_jit::program::{Step, View};
use smallvec::SmallVec;

/// Fewer lanes are better off with all of them in the registers of one driver.
const LEAST_LANES: usize = 16;
/// Axes of at most this many elements are components of a lane.
const SHORT: usize = 8;
/// With more bytes than this read and written over time, rows are better streamed one after the other.
const STREAMED: usize = 1 << 20;

impl Region {
    /// The loop of a scan as one launch, its carries already in place; `None` if it is not of that kind.
    pub fn time_kernel(
        &self,
        cx: &mut Cx,
        parts: &ScanParts,
        args: &[Arg],
        dests: &[Place],
    ) -> Result<Option<Step>, Error> {
        let avals = parts.body.in_avals();
        let carry = avals[parts.consts..parts.consts + parts.carry].iter().map(|a| &a.shape[..]);
        let Some(lanes) = lanes(carry) else { return Ok(None) };
        if parts.body.eqns.len() > GROUP_LIMIT {
            return Ok(None);
        }
        let mut flat = Flat::new(&parts.body)?;
        flat.merge_pads();
        if !flat.eqns.iter().all(|e| by_points(&e.lowering)) {
            return Ok(None);
        }
        let Some(flat) = components::split(flat, &lanes) else { return Ok(None) };
        let (slots, constants) = (cx.slots.len(), cx.constants.len());
        let depth = self.depth + 1;
        let mut region = Region::of(cx, flat, args.to_vec(), depth, true, true);
        region.assign(cx, dests);
        let launch = match region.only_group(&squeeze(&lanes)) {
            Some(item) => region.group_kernel(item)?,
            None => None,
        };
        let timed = launch.and_then(|(k, args)| with_time(k, args, self.depth, parts.length));
        let Some((mut kernel, args)) = timed else {
            if cx.constants.len() == constants {
                cx.slots.truncate(slots);
            }
            return Ok(None);
        };
        kernel.name = "scan".into();
        let kernel = cx.kernel(kernel);
        Ok(Some(Step::Launch { kernel, args }))
    }

    /// The group that is all there is to do, if it is over this domain.
    fn only_group(&self, domain: &[usize]) -> Option<usize> {
        let mut only = None;
        for (n, item) in self.items.iter().enumerate() {
            match item {
                Item::Group(g)
                    if only.is_none() && g.sinks.is_empty() && g.domain[..] == *domain =>
                {
                    only = Some(n);
                }
                Item::Group(_) => return None,
                Item::Alone { eqn, inputs, .. } => {
                    let lowering = &self.flat.eqns[*eqn].lowering;
                    let Lowering::Assemble { base: Base::Nothing, pieces } = lowering else {
                        return None;
                    };
                    let written = pieces.iter().all(|p| match self.def(inputs[p.input]) {
                        Def::Strided { root, .. } => self.roots[root.index()].part.is_some(),
                        _ => false,
                    });
                    if !written {
                        return None;
                    }
                }
            }
        }
        only.filter(|_| self.last.is_empty())
    }
}

/// The axes that all carries begin with, without short ones at the end; `None` if there are too few lanes.
fn lanes<'a>(mut carry: impl Iterator<Item = &'a [usize]>) -> Option<Shape> {
    let mut lanes = Shape::from_slice(carry.next()?);
    for shape in carry {
        let same = lanes.iter().zip(shape).take_while(|(a, b)| a == b).count();
        lanes.truncate(same);
    }
    let mut short = 1;
    while lanes.len() > 1
        && let Some(&n) = lanes.last()
        && n <= SHORT
        && short * n <= components::MOST
    {
        short *= n;
        lanes.pop();
    }
    (lanes.iter().product::<usize>() >= LEAST_LANES && !lanes.is_empty()).then_some(lanes)
}

/// Whether an equation of this kind can work point by point.
fn by_points(lowering: &Lowering) -> bool {
    matches!(
        lowering,
        Lowering::Elementwise(_)
            | Lowering::Indexed(_)
            | Lowering::View(_)
            | Lowering::Reshape
            | Lowering::Forward
            | Lowering::Constant(_)
            | Lowering::Assemble { .. }
            | Lowering::Reduce { .. }
    )
}

/// The kernel with counter `depth` of the program as a loop of its own, innermost and in order; `None` if the points of
/// a step would see each other's work, or if too much streams through.
fn with_time(
    mut kernel: Kernel,
    mut args: SmallVec<[View; 4]>,
    depth: usize,
    trips: usize,
) -> Option<Launch> {
    if kernel.loops.iter().any(|l| l.mode != Mode::Parallel) || !lane_by_lane(&kernel, &args) {
        return None;
    }
    let time = kernel.loops.len();
    kernel.loops.push(Loop { extent: trips, mode: Mode::Sequential });
    // By buffer: elements per step, and to add so that the first step is at the end of a reversed one.
    let mut moves: SmallVec<[(i64, i64); 8]> = SmallVec::new();
    let mut streamed = 0;
    for (view, buffer) in args.iter_mut().zip(&mut kernel.buffers) {
        let stride = view.at.stride(depth);
        let reach = stride * (trips as i64 - 1);
        moves.push((stride, (-reach).max(0)));
        if stride != 0 {
            view.at.offset += reach.min(0);
            view.at.strides[depth] = 0;
            while view.at.strides.last() == Some(&0) {
                view.at.strides.pop();
            }
            buffer.len += reach.unsigned_abs() as usize;
            streamed += buffer.len * buffer.dtype.size();
        }
    }
    let still = |id: BufferId| moves[id.0 as usize].0 == 0;
    let computed = kernel.nodes.iter().all(|n| match n {
        Node::Gather { buffer, .. } => still(*buffer),
        _ => true,
    });
    if streamed > STREAMED || !computed {
        return None;
    }
    let advance = |at: &mut Affine, id: BufferId| {
        let (stride, start) = moves[id.0 as usize];
        if stride != 0 {
            at.offset += start;
            at.strides.resize(time + 1, 0);
            at.strides[time] = stride;
        }
    };
    for node in &mut kernel.nodes {
        if let Node::Load { buffer, at, .. } = node {
            advance(at, *buffer);
        }
    }
    kernel.stores.iter_mut().for_each(|s| advance(&mut s.at, s.buffer));
    Some((kernel, args))
}

/// Whether every point reads, of what is written, only what is written at the point.
fn lane_by_lane(kernel: &Kernel, args: &[View]) -> bool {
    let own = |id: BufferId, at: &Affine| {
        kernel.stores.iter().any(|s| s.buffer == id && s.at == *at && s.offset.is_none())
    };
    let reads = kernel.nodes.iter().all(|n| match n {
        Node::Load { buffer, at, guard, .. } => {
            !kernel.writes(*buffer) || (guard.is_empty() && own(*buffer, at))
        }
        Node::Gather { buffer, .. } => !kernel.writes(*buffer),
        _ => true,
    });
    let plain = kernel.stores.iter().all(|s| s.offset.is_none() && s.combine.is_none());
    let written = |n: usize| kernel.writes(BufferId(n as u32));
    let alone = (0..args.len())
        .filter(|n| written(*n))
        .all(|n| (0..args.len()).all(|m| m == n || args[m].slot != args[n].slot));
    reads && plain && alone
}
