//! Scans that work lane by lane, as one kernel with time inside.
//!
//! ```text
//! for t { for lane { c[lane] = f(c[lane], x[t, lane]) } }
//!     -->  for lane { for t in order { ... } }
//! ```
//! Then a few lanes run through all of time with their carries in registers, threads share the
//! lanes, and nothing is called per step. A step can become such a kernel if it is one group over
//! the lanes, after values with short axes are split into components, and if each lane reads only
//! what it wrote itself.
//!
//! A `while` whose lanes end separately is of this kind if it runs as long as any element of one
//! carry, `active`, holds, and every other carry is chosen by `active` between a new value and
//! itself. Then the carries of a lane that has ended do not change, and neither does its test: the
//! lane need not run on because others do.
//!
//! The device says from which sizes on this is faster ([`Tuning`]). Not here: machine code of such
//! a kernel.

use super::assign::{Overwrite, Placed};
use super::components;
use super::flatten::Flat;
use super::group::grouped::{Alone, GROUP_LIMIT, Grouped, Item};
use super::group::grouping::Level;
use super::program::ProgramBuilder;
use super::value::{Arg, Def, Place, squeeze};
use super::writer::Launch;
use crate::core::aval::Shape;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::{Base, Lowering, ScanParts, WhileParts};
use cotangent_jit::Error;
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::Tuning;
use cotangent_jit::build::operands;
use cotangent_jit::kernel::{BufferId, Combine, Kernel, Loop, Mode, Node, NodeId, Store};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{Step, View};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;

impl Placed {
    /// The loop of a scan as one launch, with its carries in place already. `None` if it cannot be
    /// one kernel.
    pub fn time_kernel(
        &self,
        program: &mut ProgramBuilder,
        parts: &ScanParts,
        args: &[Arg],
        dests: &[Place],
    ) -> Result<Option<Step>, Error> {
        let avals = parts.body.in_avals();
        let carry = avals[parts.consts..parts.consts + parts.carry].iter().map(|a| &a.shape[..]);
        let Some(lanes) = lanes(carry, program.tuning) else { return Ok(None) };
        let streamed = program.tuning.streamed_bytes;
        let timed = |(k, args)| with_time(k, args, self.grouped().depth(), parts.length, streamed);
        let launch = self.lane_kernel(program, &parts.body, &lanes, (args, dests), timed)?;
        Ok(launch.map(|(mut kernel, args)| {
            kernel.name = "scan".into();
            Step::Launch { kernel: program.kernel(kernel), args }
        }))
    }

    /// The body of a `while` as rounds of lanes that end separately: one launch, and how often it
    /// may run as long as the test holds. `None` if the loop cannot be one kernel.
    pub fn rounds_kernel(
        &self,
        program: &mut ProgramBuilder,
        parts: &WhileParts,
        args: &[Arg],
        dests: &[Place],
    ) -> Result<Option<(Step, Option<usize>)>, Error> {
        let Some(active) = any_of(parts)? else { return Ok(None) };
        let avals = parts.body.in_avals();
        let carry = &avals[parts.body_consts..];
        let lanes = Shape::from_slice(&carry[active].shape);
        let fits = lanes.iter().product::<usize>() >= program.tuning.least_lanes
            && carry.iter().all(|a| a.shape.starts_with(&lanes));
        let most = program.tuning.rounds;
        let rounds = match parts.limit {
            None => Some((most, None)),
            Some(limit) => {
                let divides = |n: &usize| limit.is_multiple_of(*n);
                let rounds = (1..=most.min(limit)).rev().find(divides);
                rounds.map(|n| (n, Some(limit / n)))
            }
        };
        let Some((rounds, launches)) = rounds.filter(|_| fits) else { return Ok(None) };
        let ends = |launch| with_rounds(launch, &dests[active], rounds);
        let launch = self.lane_kernel(program, &parts.body, &lanes, (args, dests), ends)?;
        Ok(launch.map(|(mut kernel, args)| {
            kernel.name = "while".into();
            (Step::Launch { kernel: program.kernel(kernel), args }, launches)
        }))
    }

    /// The kernel of a body that is one group over these lanes, after `then` has changed it.
    fn lane_kernel(
        &self,
        program: &mut ProgramBuilder,
        body: &Jaxpr,
        lanes: &[usize],
        (args, dests): (&[Arg], &[Place]),
        then: impl FnOnce(Launch) -> Option<Launch>,
    ) -> Result<Option<Launch>, Error> {
        if body.eqns.len() > GROUP_LIMIT {
            return Ok(None);
        }
        let mut flat = Flat::new(body)?;
        flat.merge_pads();
        flat.add_updates();
        if !flat.eqns().iter().all(|e| by_points(&e.lowering)) {
            return Ok(None);
        }
        let Some(flat) = components::split(flat, lanes) else { return Ok(None) };
        let mark = program.mark();
        let level = Level { depth: self.grouped().depth() + 1, nested: true };
        let grouped = Grouped::new(program, flat, args.to_vec(), dests, level);
        let region = Placed::new(program, grouped, Overwrite::Always);
        let launch = match region.only_group(&squeeze(lanes)) {
            Some(item) => region.group_kernel(item)?,
            None => None,
        };
        let launch = launch.filter(|(k, args)| lane_by_lane(k, args)).and_then(then);
        if launch.is_none() {
            program.rewind(mark);
        }
        Ok(launch)
    }

    /// The group that computes the whole region, if there is one over this domain.
    fn only_group(&self, domain: &[usize]) -> Option<usize> {
        let mut only = None;
        for (n, item) in self.grouped().items().iter().enumerate() {
            match item {
                Item::Group(g)
                    if only.is_none() && g.sinks.is_empty() && g.domain[..] == *domain =>
                {
                    only = Some(n);
                }
                Item::Group(_) => return None,
                Item::Alone(Alone { eqn, inputs, .. }) => {
                    let lowering = &self.flat().eqn(*eqn).lowering;
                    let Lowering::Assemble { base: Base::Nothing, pieces } = lowering else {
                        return None;
                    };
                    let written = pieces.iter().all(|p| match self.def(inputs[p.input]) {
                        Def::Strided { root, .. } => self.part(*root).is_some(),
                        _ => false,
                    });
                    if !written {
                        return None;
                    }
                }
            }
        }
        only.filter(|_| self.last_copies().is_empty())
    }
}

/// The axes that all carries begin with, without short ones at the end. `None` if there are too few
/// lanes.
fn lanes<'a>(mut carry: impl Iterator<Item = &'a [usize]>, tuning: Tuning) -> Option<Shape> {
    let mut lanes = Shape::from_slice(carry.next()?);
    for shape in carry {
        let same = lanes.iter().zip(shape).take_while(|(a, b)| a == b).count();
        lanes.truncate(same);
    }
    let mut short = 1;
    while lanes.len() > 1
        && let Some(&n) = lanes.last()
        && n <= tuning.short_axis
        && short * n <= components::MOST
    {
        short *= n;
        lanes.pop();
    }
    (lanes.iter().product::<usize>() >= tuning.least_lanes && !lanes.is_empty()).then_some(lanes)
}

/// Tells whether an equation of this kind can work point by point.
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

/// The kernel with counter `depth` of the program as a loop of its own, innermost and in order.
/// `None` if the points of a step would read each other's outputs, or if too many bytes are
/// streamed.
fn with_time(
    mut kernel: Kernel,
    mut args: SmallVec<[View; 4]>,
    depth: usize,
    trips: usize,
    most_streamed: usize,
) -> Option<Launch> {
    let time = kernel.loops.len();
    kernel.loops.push(Loop { extent: trips, mode: Mode::Sequential });
    // By buffer: elements per step, and the offset that puts the first step of a reversed scan at
    // the end.
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
    if streamed > most_streamed || !computed {
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

/// The carry of which a loop's test is true if any element is.
fn any_of(parts: &WhileParts) -> Result<Option<usize>, Error> {
    if parts.test.eqns.len() > 1 {
        return Ok(None);
    }
    let flat = Flat::new(&parts.test)?;
    let [eqn] = flat.eqns() else { return Ok(None) };
    let Lowering::Reduce { combine: Combine::Or, axes } = &eqn.lowering else { return Ok(None) };
    let whole = axes.len() == flat.shape(eqn.inputs[0]).len() && eqn.outputs[..] == *flat.outputs();
    let input = flat.inputs().iter().position(|v| *v == eqn.inputs[0]);
    Ok(input.and_then(|n| n.checked_sub(parts.test_consts)).filter(|_| whole))
}

/// The kernel with rounds of its own, which end for a lane when it stores false to `active`. `None`
/// if a lane that has ended would not keep its carries.
fn with_rounds((mut kernel, args): Launch, active: &Place, rounds: usize) -> Option<Launch> {
    let mut found = kernel.stores.iter().filter(|s| args[s.buffer.0 as usize] == active.view());
    let (condition, rest) = (found.next()?.clone(), found.next());
    let load = |buffer: BufferId, at: &Affine, node: NodeId| match kernel.node(node) {
        Node::Load { buffer: b, at: a, .. } => *b == buffer && a == at,
        _ => false,
    };
    let stays = |s: &Store| match kernel.node(s.value) {
        Node::Op { op: ScalarOp::Select, args } => {
            load(condition.buffer, &condition.at, args[0]) && load(s.buffer, &s.at, args[2])
        }
        _ => load(s.buffer, &s.at, s.value),
    };
    let others = || kernel.stores.iter().filter(|s| s.buffer != condition.buffer);
    if rest.is_some() || !others().all(stays) {
        return None;
    }
    // The test may depend on new values and on buffers that no store writes.
    let (mut open, mut seen) = (vec![condition.value], FxHashSet::default());
    while let Some(node) = open.pop() {
        if !seen.insert(node) || others().any(|s| s.value == node) {
            continue;
        }
        match kernel.node(node) {
            Node::Load { buffer, .. } | Node::Gather { buffer, .. } if kernel.writes(*buffer) => {
                return None;
            }
            node => open.extend(operands(node)),
        }
    }
    kernel.loops.push(Loop { extent: rounds, mode: Mode::Sequential });
    kernel.condition = Some(condition.value);
    Some((kernel, args))
}

/// Tells whether every point reads, of all written elements, only those that it writes itself.
fn lane_by_lane(kernel: &Kernel, args: &[View]) -> bool {
    if kernel.loops.iter().any(|l| l.mode != Mode::Parallel) {
        return false;
    }
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
