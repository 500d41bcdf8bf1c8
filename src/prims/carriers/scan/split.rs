//! Partial evaluation of `scan`: a loop over what is known that stacks residuals, and a loop over the rest.
//!
//! A carry is unknown if any step makes it so (a fixpoint). Residuals of a step are of three kinds: what depends on
//! constants alone is computed once before the loop and not stacked; slices of known xs are read again from the xs
//! themselves; everything else is written by the known loop as an extra `ys`.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::{Ctx, PartialEval, Residual, Split};
use crate::core::trace::{bind, eval, trace};
use crate::prims::carriers::regroup::pick;
use crate::prims::carriers::scan::Scan;
use cotangent_jit::Error;
use std::sync::Arc;

pub fn partial_eval(scan: &Scan, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
    let (consts, carry, ys) = (scan.0.consts, scan.0.carry, scan.num_ys());
    let (hoisted, scan) = hoist(scan, ctx, &unknown[..consts])?;
    let Hoisted { before, fresh } = hoisted;
    // The new scan's consts: the old ones, then the hoisted values, which are known.
    let known_consts: Vec<bool> =
        unknown[..consts].iter().copied().chain(vec![false; fresh]).collect();
    let n_consts = consts + fresh;
    let mut moving = unknown[consts..consts + carry].to_vec();
    let xs_unknown = &unknown[consts + carry..];
    let split = loop {
        let mask: Vec<bool> = [&known_consts[..], &moving, xs_unknown].concat();
        let force: Vec<bool> = moving.iter().copied().chain(vec![false; ys]).collect();
        let split = ctx.recur.split(scan.body(), &mask, &force)?;
        if split.unknown_out[..carry] == moving[..] {
            break split;
        }
        moving.copy_from_slice(&split.unknown_out[..carry]);
    };
    let Split { known, unknown: late, unknown_out, residuals } = &*split;

    // The known loop: carries that stay known, their ys, then residuals; a residual that is the carry itself is stacked.
    let known_carry = moving.iter().filter(|u| !**u).count();
    let known_ys = unknown_out[carry..].iter().filter(|u| !**u).count();
    let input_avals = scan.body().in_avals();
    let mask: Vec<bool> = [&known_consts[..], &moving, xs_unknown].concat();
    let place_of = |i: usize| mask[..i].iter().filter(|u| !**u).count();
    let known_in: Vec<Aval> = pick(&input_avals, &mask, false).cloned().collect();
    let kinds: Vec<Kind> = residuals
        .iter()
        .map(|r| match r {
            Residual::Input(i) if *i < n_consts => Kind::Const(*i),
            Residual::Input(i) if *i >= n_consts + carry => Kind::Slice(*i),
            Residual::Input(i) => Kind::Stacked(input_avals[*i].clone(), Some(place_of(*i))),
            Residual::Computed(aval) => Kind::Stacked(aval.clone(), None),
        })
        .collect();
    let known_body = trace(&known_in, |args| {
        let mut outs = eval(known, &args)?;
        let mut computed = outs.split_off(known_carry + known_ys).into_iter();
        for kind in &kinds {
            match kind {
                Kind::Stacked(_, Some(place)) => outs.push(args[*place].clone()),
                Kind::Stacked(_, None) => outs.extend(computed.next()),
                Kind::Const(_) | Kind::Slice(_) => {}
            }
        }
        Ok(outs)
    })?;

    // The unknown loop: residuals that are consts, unknown consts; unknown carries; residual slices, unknown xs.
    let order = Order::of(&kinds, late.inputs.len(), &known_consts, &moving);
    let outputs: Vec<usize> = (0..late.outputs.len()).collect();
    let late_body = crate::prims::carriers::regroup::permuted(late, &order.inputs, &outputs);
    let late_scan = scan.with(Arc::new(late_body), order.consts, order.carry);

    let all_in = scan.in_avals();
    let outer: Vec<bool> = unknown.to_vec();
    let outer_known: Vec<Aval> = {
        let old: Vec<Aval> = [&all_in[..consts], &all_in[n_consts..]].concat();
        pick(&old, &outer, false).cloned().collect()
    };
    let old_known_consts = unknown[..consts].iter().filter(|u| !**u).count();
    // Carries that start known but become unknown: their initial value is a residual of its own.
    let started_known: Vec<usize> =
        (0..carry).filter(|i| moving[*i] && !unknown[consts + i]).collect();
    let position = |i: usize| unknown[..i].iter().filter(|u| !**u).count();
    let known_jaxpr = trace(&outer_known, |args| {
        let fresh_values = eval(&before, &args[..old_known_consts])?;
        let mut inputs: Vec<Array> = args[..old_known_consts].to_vec();
        inputs.extend(fresh_values.iter().cloned());
        for i in (0..carry).filter(|i| !moving[*i]) {
            inputs.push(args[position(consts + i)].clone());
        }
        inputs.extend(args[position(consts + carry)..].iter().cloned());
        let prim =
            scan.with(Arc::new(known_body.jaxpr.clone()), old_known_consts + fresh, known_carry);
        let mut outs = bind(prim, &inputs)?.into_vec();
        // Hoisted values that the unknown loop reads go over as computed residuals.
        for kind in &kinds {
            if let Kind::Const(i) = kind
                && *i >= consts
            {
                outs.push(fresh_values[i - consts].clone());
            }
        }
        Ok(outs)
    })?;

    // Residuals in the order in which the known part gives the computed ones.
    let mut all: Vec<Residual> = Vec::new();
    let mut at: Vec<usize> = vec![0; kinds.len()];
    let computed = |aval: &Aval| Residual::Computed(aval.clone());
    for (k, kind) in kinds.iter().enumerate() {
        if let Kind::Stacked(aval, _) = kind {
            at[k] = all.len();
            all.push(computed(&aval.batched(0, scan.0.length)));
        }
    }
    for (k, kind) in kinds.iter().enumerate() {
        match kind {
            Kind::Const(i) if *i >= consts => {
                at[k] = all.len();
                all.push(computed(&all_in[*i]));
            }
            Kind::Const(i) => {
                at[k] = all.len();
                all.push(Residual::Input(*i));
            }
            Kind::Slice(i) => {
                at[k] = all.len();
                all.push(Residual::Input(i - fresh));
            }
            Kind::Stacked(..) => {}
        }
    }
    let first_started = all.len();
    all.extend(started_known.iter().map(|i| Residual::Input(consts + i)));

    // The unknown part takes residuals, then unknown inputs; the loop wants its groups.
    let residual_avals = all.iter().map(|r| match r {
        Residual::Computed(a) => a.clone(),
        Residual::Input(i) => all_in[if *i < consts { *i } else { i + fresh }].clone(),
    });
    let old: Vec<Aval> = [&all_in[..consts], &all_in[n_consts..]].concat();
    let unknown_avals = pick(&old, &outer, true).cloned();
    let late_in: Vec<Aval> = residual_avals.chain(unknown_avals).collect();
    let (n_res, unknown_consts) = (all.len(), unknown[..consts].iter().filter(|u| **u).count());
    let unknown_carry = unknown[consts..consts + carry].iter().filter(|u| **u).count();
    let unknown_jaxpr = trace(&late_in, |args| {
        let (res, rest) = args.split_at(n_res);
        let mut inputs: Vec<Array> = Vec::new();
        let of = |want: fn(&Kind) -> bool| {
            kinds.iter().zip(&at).filter(move |(k, _)| want(k)).map(|(_, a)| res[*a].clone())
        };
        inputs.extend(of(|k| matches!(k, Kind::Const(_))));
        inputs.extend(rest[..unknown_consts].iter().cloned());
        let mut given = rest[unknown_consts..unknown_consts + unknown_carry].iter();
        let mut started = res[first_started..].iter();
        for i in (0..carry).filter(|i| moving[*i]) {
            let from = if unknown[consts + i] { given.next() } else { started.next() };
            inputs.push(from.expect("one per carry").clone());
        }
        inputs.extend(of(|k| !matches!(k, Kind::Const(_))));
        inputs.extend(rest[unknown_consts + unknown_carry..].iter().cloned());
        Ok(bind(late_scan.clone(), &inputs)?.into_vec())
    })?;
    Ok(PartialEval {
        known: Arc::new(known_jaxpr.jaxpr),
        unknown: Arc::new(unknown_jaxpr.jaxpr),
        unknown_out: unknown_out.clone(),
        residuals: all,
    })
}

/// Where a residual of a step comes from.
enum Kind {
    /// The body's const of this number.
    Const(usize),
    /// The body's x of this (input) number.
    Slice(usize),
    /// An extra output of the known body: a value of this type, perhaps its known input of this place.
    Stacked(Aval, Option<usize>),
}

/// How the unknown body's inputs (residuals; unknown consts, carries, xs) regroup.
struct Order {
    inputs: Vec<usize>,
    consts: usize,
    carry: usize,
}

impl Order {
    fn of(kinds: &[Kind], inputs: usize, consts: &[bool], carry: &[bool]) -> Order {
        let r = kinds.len();
        let count = |m: &[bool]| m.iter().filter(|u| **u).count();
        let (c, k) = (count(consts), count(carry));
        let of = |want: bool| (0..r).filter(move |i| matches!(kinds[*i], Kind::Const(_)) == want);
        let constants: Vec<usize> = of(true).chain(r..r + c).collect();
        let n = constants.len();
        let order =
            constants.into_iter().chain(r + c..r + c + k).chain(of(false)).chain(r + c + k..inputs);
        Order { inputs: order.collect(), consts: n, carry: k }
    }
}

/// What the body computes from known constants alone, taken out of the loop.
struct Hoisted {
    /// From the known consts to the hoisted values.
    before: Arc<Jaxpr>,
    fresh: usize,
}

/// The scan with hoisted values as extra constants.
fn hoist(scan: &Scan, ctx: &Ctx, unknown_consts: &[bool]) -> Result<(Hoisted, Scan), Error> {
    let body = scan.body();
    let consts = scan.0.consts;
    let mask: Vec<bool> =
        (0..body.inputs.len()).map(|i| i >= consts || unknown_consts[i]).collect();
    let split = ctx.recur.split(body, &mask, &vec![true; body.outputs.len()])?;
    let known_consts: Vec<usize> = (0..consts).filter(|i| !unknown_consts[*i]).collect();
    let fresh = split.residuals.iter().filter(|r| matches!(r, Residual::Computed(_))).count();
    // What has effects happens in every step: then all stays where it is.
    if fresh == 0 || !body.effects().is_none() {
        let inputs: Vec<Aval> =
            known_consts.iter().map(|i| body.aval(body.inputs[*i]).clone()).collect();
        let before = Arc::new(trace(&inputs, |_| Ok(Vec::new()))?.jaxpr);
        return Ok((Hoisted { before, fresh: 0 }, scan.clone()));
    }
    let avals = body.in_avals();
    let fresh_avals = split.residuals.iter().filter_map(|r| match r {
        Residual::Computed(a) => Some(a.clone()),
        Residual::Input(_) => None,
    });
    let inputs: Vec<Aval> = avals[..consts]
        .iter()
        .cloned()
        .chain(fresh_avals)
        .chain(avals[consts..].to_vec())
        .collect();
    let new_body = trace(&inputs, |args| {
        let mut computed = args[consts..consts + fresh].iter();
        let old = |i: usize| if i < consts { &args[i] } else { &args[i + fresh] };
        let residuals = split.residuals.iter().map(|r| match r {
            Residual::Input(i) => old(*i).clone(),
            Residual::Computed(_) => computed.next().expect("one per fresh value").clone(),
        });
        let unknown = (0..mask.len()).filter(|i| mask[*i]).map(|i| old(i).clone());
        let inputs: Vec<Array> = residuals.chain(unknown).collect();
        eval(&split.unknown, &inputs)
    })?;
    let parts = crate::core::lowering::ScanParts {
        body: Arc::new(new_body.jaxpr),
        consts: consts + fresh,
        ..scan.0.clone()
    };
    // All outputs were forced unknown, so the known part gives the hoisted values alone.
    Ok((Hoisted { before: split.known.clone(), fresh }, Scan::new(parts)?))
}
