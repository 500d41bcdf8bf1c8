//! Partial evaluation and transposition of `while`.
//!
//! Without a limit, the number of iterations is not known, so no value of an iteration can become a
//! residual: the known part is the loop over the known carries, the unknown part runs the whole
//! loop again, and there is no transpose. With a limit, the loop becomes a scan of `limit` steps,
//! each of which does nothing once the test is false. The rules of `scan` then apply.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::{ScanParts, WhileParts};
use crate::core::primitive::{Ctx, Operand, PartialEval, Tangent, TransposeResult};
use crate::core::trace::{bind, eval, trace};
use crate::prims::carriers::checkpoint;
use crate::prims::carriers::cond;
use crate::prims::carriers::regroup;
use crate::prims::carriers::regroup::{
    all_unknown, count, fixpoint, input_cotangents, known_alone, linear_inputs, none, nonzero,
    operands, permuted, pick,
};
use crate::prims::carriers::scan;
use crate::prims::carriers::while_loop::While;
use crate::prims::lax;
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

pub(in crate::prims) fn partial_eval(
    w: &While,
    ctx: &Ctx,
    unknown: &[bool],
) -> Result<PartialEval, Error> {
    if w.parts().limit.is_some() {
        let none = vec![false; w.num_carry()];
        let split = ctx.recur.split(&scan_form(w)?, unknown, &none)?;
        return Ok(PartialEval {
            known: split.known.clone(),
            unknown: split.unknown.clone(),
            unknown_out: split.unknown_out.clone(),
            residuals: split.residuals.clone(),
        });
    }
    let rerun = all_unknown(Arc::new(w.clone()), &w.in_avals(), unknown)?;
    let WhileParts { test, body, .. } = w.parts();
    let given = w.inputs(unknown);
    let (split, carried) = fixpoint(given.carry, |carried| {
        let split = ctx.recur.split(body, &[given.body_consts, carried].concat(), carried)?;
        let next = split.unknown_out.clone();
        Ok((split, next))
    })?;
    let test_mask = [given.test_consts, &carried].concat();
    let tested = ctx.recur.split(test, &test_mask, &[false])?;
    if tested.unknown_out[0] || !carried.contains(&false) {
        return Ok(rerun);
    }

    // The known part loops over the known carries. The unknown part loops over all carries.
    let known_of = |j: &Jaxpr, mask: &[bool]| -> Vec<Aval> {
        pick(&j.in_avals(), mask, false).cloned().collect()
    };
    let known_test = known_alone(ctx, &tested, &known_of(test, &test_mask))?;
    let mask = [given.body_consts, &carried].concat();
    let known_body = known_alone(ctx, &split, &known_of(body, &mask))?;
    let consts = |mask: &[bool]| mask.len() - count(mask);
    let prim =
        w.with((known_test, consts(given.test_consts)), (known_body, consts(given.body_consts)))?;
    let known_in: Vec<Aval> = pick(&w.in_avals(), unknown, false).cloned().collect();
    let num_consts = consts(given.test_consts) + consts(given.body_consts);
    let known = trace(&known_in, |args| {
        let carries = (0..carried.len()).filter(|i| !given.carry[*i]).zip(&args[num_consts..]);
        let known_carry = carries.filter(|(i, _)| !carried[*i]).map(|(_, x)| x.clone());
        let inputs: Vec<Array> = args[..num_consts].iter().cloned().chain(known_carry).collect();
        Ok(bind(prim.clone(), &inputs)?.into_vec())
    })?;
    let inputs: Vec<usize> = (0..rerun.unknown.inputs.len()).collect();
    let outputs: Vec<usize> = (0..carried.len()).filter(|i| carried[*i]).collect();
    Ok(PartialEval {
        known: Arc::new(known.jaxpr),
        unknown: Arc::new(permuted(&rerun.unknown, &inputs, &outputs)),
        unknown_out: carried,
        residuals: rerun.residuals,
    })
}

pub(in crate::prims) fn transpose(
    w: &While,
    ctx: &Ctx,
    cotangents: &[Tangent],
    inputs: &[Operand],
) -> TransposeResult {
    if w.parts().limit.is_none() {
        return Err(err!(
            Transform,
            "while: reverse mode needs to know how many rounds there are at most; use scan, \
             fori_loop over a range of ints, while_loop_bounded with a limit, or custom_root \
             where the loop looks for a fixed point, or differentiate forwards with jvp"
        ));
    }
    let (mut args, linear) = operands(inputs);
    let (form, force) = (scan_form(w)?, none(linear_inputs(inputs)));
    let (body, mask) = checkpoint::backward(ctx, &form, &linear, &nonzero(cotangents), &force)?;
    args.extend(regroup::values(cotangents));
    Ok(input_cotangents(inputs, &mask, eval(&body, &args)?))
}

/// The loop as a scan over `limit` steps. The scan also carries the result of the test. A step
/// after the test has become false costs one branch.
pub(in crate::prims) fn scan_form(w: &While) -> Result<Arc<Jaxpr>, Error> {
    if let Some(form) = w.scan_form.get() {
        return Ok(form.clone());
    }
    let WhileParts { test, body, test_consts, body_consts, limit } = w.parts().clone();
    let length = limit.unwrap_or(0);
    let consts = test_consts + body_consts;
    let avals = w.in_avals();
    let run = |args: &[Array]| -> Result<Vec<Array>, Error> {
        let g = w.inputs(args);
        let carry = eval(&body, &[g.body_consts, g.carry].concat())?;
        let mut outs = eval(&test, &[g.test_consts, &carry].concat())?;
        outs.extend(carry);
        Ok(outs)
    };
    let skip = |args: &[Array]| -> Result<Vec<Array>, Error> {
        let inactive = Array::strong_literal(false.into());
        Ok(std::iter::once(inactive).chain(args[consts..].iter().cloned()).collect())
    };
    let step = trace(&avals, |args| run(&args))?;
    let skipped = trace(&avals, |args| skip(&args))?;
    let branches = vec![Arc::new(skipped.jaxpr), Arc::new(step.jaxpr)];
    let mut step_avals = avals.clone();
    step_avals.insert(consts, Aval::scalar(DType::Bool));
    let step = trace(&step_avals, |mut args| {
        let active = args.remove(consts);
        let index = lax::try_convert_element_type(&active, DType::I32)?;
        cond::cond(&index, branches.clone(), &args)
    })?;
    let parts = ScanParts {
        body: Arc::new(step.jaxpr),
        consts,
        carry: 1 + w.num_carry(),
        length,
        reverse: false,
        unroll: 1,
    };
    let whole = trace(&avals, |mut args| {
        let g = w.inputs(&args);
        let active = eval(&test, &[g.test_consts, g.carry].concat())?;
        args.splice(consts..consts, active);
        let mut outs = scan::scan(parts.clone(), &args)?;
        outs.remove(0);
        Ok(outs)
    })?;
    Ok(w.scan_form.get_or_init(|| Arc::new(whole.jaxpr)).clone())
}
