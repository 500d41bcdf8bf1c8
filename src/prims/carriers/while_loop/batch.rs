//! Batching of `while`.
//!
//! As long as the test reads nothing that is batched, the loop keeps its one test. Otherwise lanes end separately: the loop
//! runs while any lane's test holds, and every carry is chosen lane by lane, so that a lane that has ended keeps its values
//! whatever the body makes of them. A loop with effects runs lane by lane, one after the other, for they would happen in
//! lanes that have ended, too; so does one that is checked.
//!
//! Choosing is enough for values and tangents. A cotangent of zero, though, times an infinite derivative would be NaN; so in
//! a loop that reverse mode can go through, a lane that has ended computes on the values of one that has not.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::hazard::is_checked;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::WhileParts;
use crate::core::primitive::{BatchResult, Ctx, Effects};
use crate::core::trace::{bind, eval, trace};
use crate::prims::carriers::regroup::{axes_in_front, front};
use crate::prims::carriers::scan::lane_by_lane;
use crate::prims::carriers::while_loop::While;
use crate::prims::carriers::with_bodies::WithBodies;
use crate::prims::lax;
use crate::prims::places::dynamic_slice::{starts_at, try_slice_at};
use crate::prims::rules::batching::broadcast_batch;
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

pub(in crate::prims) fn batch(
    w: &While,
    ctx: &Ctx,
    inputs: &[Array],
    axes: &[Option<usize>],
) -> BatchResult {
    let WhileParts { test, body, test_consts, body_consts, limit } = w.parts();
    let size = ctx.batch_size;
    let (mut inputs, batched) = axes_in_front(inputs, axes)?;
    let given = w.inputs(&batched);
    let mut moving = given.carry.to_vec();
    let (mut new_body, mut new_test, lanes) = loop {
        let mask = [given.body_consts, &moving].concat();
        let (new_body, out) = ctx.recur.batch(body, ctx.axis, &mask, &moving)?;
        if out != moving {
            moving = out;
            continue;
        }
        let mask = [given.test_consts, &moving].concat();
        let (new_test, lanes) = ctx.recur.batch(test, ctx.axis, &mask, &[false])?;
        if !lanes[0] || !moving.contains(&false) {
            break (new_body, new_test, lanes[0]);
        }
        // Lanes end separately, so every carry differs between them.
        moving.fill(true);
    };
    let consts = test_consts + body_consts;
    for (i, moves) in moving.iter().enumerate() {
        if *moves && !given.carry[i] {
            inputs[consts + i] = broadcast_batch(&inputs[consts + i], size, 0)?;
        }
    }
    if !lanes {
        let prim = w.with((new_test, *test_consts), (new_body, *body_consts))?;
        return Ok((bind(prim, &inputs)?, front(&moving)));
    }
    let effects = w.bodies().effects();
    if effects.contains(Effects::ORDERED) && effects.contains(Effects::ONCE) {
        return Err(err!(
            Transform,
            "while: the body has an ordered io_callback, and the test differs between lanes: the lanes of vmap have no order among each other; pass ordered: false, or loop with scan"
        ));
    }
    let talks = |b: &Jaxpr| ctx.axis.name.as_ref().is_some_and(|n| b.mentions(n));
    let checked = is_checked() && !talks(body) && !talks(test);
    if !effects.is_none() || checked {
        // What a lane that has ended would do must not happen, nor may what goes wrong there count.
        let lane = |i: usize| batched[i] || (i >= consts && moving[i - consts]);
        let lanes: Vec<bool> = (0..inputs.len()).map(lane).collect();
        return lane_by_lane(Arc::new(w.clone()), size, &inputs, &front(&lanes));
    }

    // The loop carries which lanes are active. Test: is any? Body: consts of the test, consts, active, carry.
    let types: Vec<Aval> = inputs.iter().map(|x| x.aval().strong()).collect();
    let g = w.inputs(&types);
    let active = Aval::new([size], DType::Bool);
    let carried: Vec<Aval> = std::iter::once(&active).chain(g.carry).cloned().collect();
    let any = trace(&carried, |args| Ok(vec![lax::try_reduce_or(&args[0], &[0])?]))?;
    let safe = limit.is_some() && size > 0;
    let in_avals = [g.test_consts, g.body_consts, &carried].concat();
    let step = trace(&in_avals, |args| {
        let (tested, rest) = args.split_at(*test_consts);
        let (kept, rest) = rest.split_at(*body_consts);
        let (active, carry) = (&rest[0], &rest[1..]);
        let mask = given.body_consts.iter().copied().chain(vec![true; carry.len()]);
        let mut args = [kept, carry].concat();
        if safe {
            let leader = leader(active)?;
            for (x, batched) in args.iter_mut().zip(mask) {
                if batched {
                    *x = choose(active, x, &lane(x, &leader)?)?;
                }
            }
        }
        let made = eval(&new_body, &args)?;
        let carry: Vec<Array> = made
            .iter()
            .zip(carry)
            .map(|(new, old)| choose(active, new, old))
            .collect::<Result<_, Error>>()?;
        let mut outs = eval(&new_test, &[tested, &carry].concat())?;
        outs.extend(carry);
        Ok(outs)
    })?;
    let g = w.inputs(&inputs);
    let begin = eval(&new_test, &[g.test_consts, g.carry].concat())?;
    inputs.splice(consts..consts, begin);
    new_test = Arc::new(any.jaxpr);
    new_body = Arc::new(step.jaxpr);
    let mut outs = bind(w.with((new_test, 0), (new_body, consts))?, &inputs)?.into_vec();
    outs.remove(0);
    Ok((outs.into(), front(&moving)))
}

/// `new` in lanes that are active, `old` in the others.
fn choose(active: &Array, new: &Array, old: &Array) -> Result<Array, Error> {
    let which = lax::try_broadcast_in_dim(active, new.shape(), &[0])?;
    lax::try_select_n(&which, &[old, new])
}

/// The first active lane. There is one whenever a body runs.
fn leader(active: &Array) -> Result<Array, Error> {
    lax::try_argmax(&lax::try_convert_element_type(active, DType::I32)?, 0)
}

/// The values of one lane in every lane. Linear, for a carry may be a tangent; cotangents that come back this way are the
/// zeros of lanes that have ended.
fn lane(x: &Array, leader: &Array) -> Result<Array, Error> {
    let mut sizes = x.to_shape();
    sizes[0] = 1;
    let row = try_slice_at(x, &starts_at(x, leader, 0), &sizes)?;
    let row = lax::try_squeeze(&row, &[0])?;
    let axes: Vec<usize> = (1..x.ndim()).collect();
    lax::try_broadcast_in_dim(&row, x.shape(), &axes)
}
