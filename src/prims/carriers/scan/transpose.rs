//! Transposition of `scan`: a scan in the other direction.
//!
//! ```text
//! forward:   carry', y = body(r, c, carry, s, x)            linear in c, carry, x
//! backward:  carry_ct, c_ct, x_ct = body^T(r, s, carry_ct', y_ct)
//! ```
//! `r` are constant residuals, and `s` are sliced residuals. `c_ct` is summed over the steps.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::lowering::ScanParts;
use crate::core::primitive::{Ctx, Operand, Tangent, TransposeResult};
use crate::core::trace::{bind, eval, trace};
use crate::prims::carriers::regroup::{nonzero, pick};
use crate::prims::carriers::scan::Scan;
use crate::prims::lax;
use crate::prims::rules::zeros::{instantiate, zeros};
use cotangent_jit::{Error, err};
use std::sync::Arc;

pub fn transpose(
    scan: &Scan,
    ctx: &Ctx,
    cotangents: &[Tangent],
    inputs: &[Operand],
) -> TransposeResult {
    let (consts, carry) = (scan.0.consts, scan.0.carry);
    let mut linear: Vec<bool> = inputs.iter().map(Operand::is_linear).collect();
    if linear[consts..consts + carry].contains(&false) {
        carries_become_linear(scan, ctx, &linear)?;
        linear[consts..consts + carry].fill(true);
    }
    let (lin_consts, lin_xs) = (&linear[..consts], &linear[consts + carry..]);
    let avals = scan.body().in_avals();
    let ys_nonzero = nonzero(&cotangents[carry..]);
    let count = |m: &[bool], want: bool| m.iter().filter(|b| **b == want).count();
    let (r, c) = (count(lin_consts, false), count(lin_consts, true));
    let (s, x) = (count(lin_xs, false), count(lin_xs, true));
    let y = count(&ys_nonzero, true);

    // The transposed body is `r s ct_carry ct_y -> ct_c ct_carry ct_x`. It returns all cotangents.
    let mask: Vec<bool> = vec![true; carry].into_iter().chain(ys_nonzero.clone()).collect();
    let force = vec![true; c + carry + x];
    let (body, _) = ctx.recur.transpose(scan.body(), &linear, &mask, &force)?;
    // In the new scan, the constants are r, the carry is ct_c ct_carry, the xs are s ct_y, and the
    // ys are ct_x. The carry adds up the cotangents of the constants.
    let carried = [
        pick(&avals[..consts], lin_consts, true).map(Aval::strong).collect::<Vec<_>>(),
        avals[consts..consts + carry].iter().map(Aval::strong).collect(),
    ]
    .concat();
    let body_avals = scan.body().out_avals();
    let in_avals: Vec<Aval> = [
        pick(&avals[..consts], lin_consts, false).cloned().collect(),
        carried.clone(),
        pick(&avals[consts + carry..], lin_xs, false).cloned().collect::<Vec<_>>(),
        pick(&body_avals[carry..], &ys_nonzero, true).map(Aval::strong).collect(),
    ]
    .concat();
    let step = trace(&in_avals, |args| {
        let (residuals, rest) = args.split_at(r);
        let (sums, rest) = rest.split_at(c);
        let (ct_carry, rest) = rest.split_at(carry);
        let (slices, ct_ys) = rest.split_at(s);
        let inputs = [residuals, slices, ct_carry, ct_ys].concat();
        let mut outs = eval(&body, &inputs)?;
        for (out, sum) in outs.iter_mut().zip(sums) {
            *out = lax::add_any(sum, out);
        }
        Ok(outs)
    })?;
    debug_assert_eq!(step.jaxpr.inputs.len(), r + c + carry + s + y);
    let parts = ScanParts {
        body: Arc::new(step.jaxpr.compact()),
        consts: r,
        carry: c + carry,
        length: scan.0.length,
        reverse: !scan.0.reverse,
        unroll: scan.0.unroll,
    };
    let known = |ops: &[Operand]| ops.iter().filter_map(|o| o.known().cloned()).collect::<Vec<_>>();
    let args: Vec<Array> = [
        known(&inputs[..consts]),
        carried[..c].iter().map(zeros).collect(),
        cotangents[..carry].iter().map(instantiate).collect(),
        known(&inputs[consts + carry..]),
        pick(&cotangents[carry..], &ys_nonzero, true).filter_map(|t| t.value().cloned()).collect(),
    ]
    .concat();
    let outs = bind(Arc::new(Scan::new(parts)?), &args)?;
    // The outputs are in the order of the linear inputs: constants, carry, xs.
    let mut outs = outs.into_iter();
    let cotangent = |(o, l): (&Operand, &bool)| {
        let ct = l.then(|| outs.next().expect("one per linear input"));
        match (o, ct) {
            (Operand::Linear(_), Some(ct)) => Tangent::Value(ct),
            _ => Tangent::Zero(o.aval()),
        }
    };
    Ok(inputs.iter().zip(&linear).map(cotangent).collect())
}

/// Checks that every carry is linear, or becomes linear in some step. A carry may start from a
/// known value, which is often the zeros of a zero tangent. The loop is then affine in its linear
/// inputs, and the transpose does not depend on the known initial value.
fn carries_become_linear(scan: &Scan, ctx: &Ctx, linear: &[bool]) -> Result<(), Error> {
    let carries = scan.0.consts..scan.0.consts + scan.0.carry;
    let mut mask = linear.to_vec();
    loop {
        let force = vec![false; scan.body().outputs.len()];
        let reached = ctx.recur.split(scan.body(), &mask, &force)?.unknown_out.clone();
        let before = mask.clone();
        mask[carries.clone()].iter_mut().zip(&reached).for_each(|(m, r)| *m |= r);
        if mask == before {
            break;
        }
    }
    if mask[carries].contains(&false) {
        return Err(err!(
            Transform,
            "scan: cannot transpose a loop that carries both linear and known values; linearize \
             it first"
        ));
    }
    Ok(())
}
