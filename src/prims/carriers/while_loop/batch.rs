//! Batching of `while`.
//!
//! If the test reads no batched value, the loop keeps its one test. Otherwise the lanes end
//! separately: the loop runs while the test of any lane is true, and a select chooses every carry
//! in each lane, so a lane that has ended keeps its values. A loop with effects runs lane by lane,
//! because the batched loop would repeat the effects in lanes that have ended. A checked loop runs
//! lane by lane for the same reason.
//!
//! The select is enough for values and tangents. In reverse mode, a zero cotangent times an
//! infinite derivative would be NaN. So in a loop that has a limit, a lane that has ended computes
//! on the values of a lane that is active.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::WhileParts;
use crate::core::mode::is_checked;
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
    let mut carried = given.carry.to_vec();
    let (mut new_body, mut new_test, lanes) = loop {
        let mask = [given.body_consts, &carried].concat();
        let (new_body, out) = ctx.recur.batch(body, ctx.axis, &mask, &carried)?;
        if out != carried {
            carried = out;
            continue;
        }
        let mask = [given.test_consts, &carried].concat();
        let (new_test, lanes) = ctx.recur.batch(test, ctx.axis, &mask, &[false])?;
        if !lanes[0] || !carried.contains(&false) {
            break (new_body, new_test, lanes[0]);
        }
        // The lanes end separately, so every carry is batched.
        carried.fill(true);
    };
    let consts = test_consts + body_consts;
    for (i, is_batched) in carried.iter().enumerate() {
        if *is_batched && !given.carry[i] {
            inputs[consts + i] = broadcast_batch(&inputs[consts + i], size, 0)?;
        }
    }
    if !lanes {
        let prim = w.with((new_test, *test_consts), (new_body, *body_consts))?;
        return Ok((bind(prim, &inputs)?, front(&carried)));
    }
    let effects = w.bodies().effects();
    if effects.contains(Effects::ORDERED) && effects.contains(Effects::ONCE) {
        return Err(err!(
            Transform,
            "while: the body has an ordered io_callback, and the test differs between lanes: the \
             lanes of vmap have no order among each other; pass ordered: false, or loop with scan"
        ));
    }
    let names_axis = |b: &Jaxpr| ctx.axis.name.as_ref().is_some_and(|n| b.mentions(n));
    let checked = is_checked() && !names_axis(body) && !names_axis(test);
    if !effects.is_none() || checked {
        // Effects and failures must not occur in a lane that has ended.
        let lane = |i: usize| batched[i] || (i >= consts && carried[i - consts]);
        let lanes: Vec<bool> = (0..inputs.len()).map(lane).collect();
        return lane_by_lane(Arc::new(w.clone()), size, &inputs, &front(&lanes));
    }

    // The loop also carries the mask of active lanes. The test is true if any lane is active. The
    // body takes the constants of the test, its own constants, the mask and the carry.
    let types: Vec<Aval> = inputs.iter().map(|x| x.aval().strong()).collect();
    let g = w.inputs(&types);
    let active = Aval::new([size], DType::Bool);
    let mask_and_carry: Vec<Aval> = std::iter::once(&active).chain(g.carry).cloned().collect();
    let any = trace(&mask_and_carry, |args| Ok(vec![lax::try_reduce_or(&args[0], &[0])?]))?;
    let safe = limit.is_some() && size > 0;
    let in_avals = [g.test_consts, g.body_consts, &mask_and_carry].concat();
    let step = trace(&in_avals, |args| {
        let (for_test, rest) = args.split_at(*test_consts);
        let (for_body, rest) = rest.split_at(*body_consts);
        let (active, carry) = (&rest[0], &rest[1..]);
        let mask = given.body_consts.iter().copied().chain(vec![true; carry.len()]);
        let mut args = [for_body, carry].concat();
        if safe {
            let first = first_active(active)?;
            for (x, batched) in args.iter_mut().zip(mask) {
                if batched {
                    *x = choose(active, x, &lane(x, &first)?)?;
                }
            }
        }
        let stepped = eval(&new_body, &args)?;
        let carry: Vec<Array> = stepped
            .iter()
            .zip(carry)
            .map(|(new, old)| choose(active, new, old))
            .collect::<Result<_, Error>>()?;
        let mut outs = eval(&new_test, &[for_test, &carry].concat())?;
        outs.extend(carry);
        Ok(outs)
    })?;
    let g = w.inputs(&inputs);
    let active = eval(&new_test, &[g.test_consts, g.carry].concat())?;
    inputs.splice(consts..consts, active);
    new_test = Arc::new(any.jaxpr);
    new_body = Arc::new(step.jaxpr);
    let mut outs = bind(w.with((new_test, 0), (new_body, consts))?, &inputs)?.into_vec();
    outs.remove(0);
    Ok((outs.into(), front(&carried)))
}

/// `new` in lanes that are active, `old` in the others.
fn choose(active: &Array, new: &Array, old: &Array) -> Result<Array, Error> {
    let which = lax::try_broadcast_in_dim(active, new.shape(), &[0])?;
    lax::try_select_n(&which, &[old, new])
}

/// The number of the first active lane. At least one lane is active whenever the body runs.
fn first_active(active: &Array) -> Result<Array, Error> {
    lax::try_argmax(&lax::try_convert_element_type(active, DType::I32)?, 0)
}

/// The values of lane `index` in every lane. The function is linear in `x`, because a carry may be
/// a tangent. The cotangents that it transposes are the zeros of lanes that have ended.
fn lane(x: &Array, index: &Array) -> Result<Array, Error> {
    let mut sizes = x.to_shape();
    sizes[0] = 1;
    let row = try_slice_at(x, &starts_at(x, index, 0), &sizes)?;
    let row = lax::try_squeeze(&row, &[0])?;
    let axes: Vec<usize> = (1..x.ndim()).collect();
    lax::try_broadcast_in_dim(&row, x.shape(), &axes)
}
