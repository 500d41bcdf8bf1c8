//! Partial evaluation of `scan`: a known loop, which stacks residuals, and an unknown loop.
//!
//! ```text
//! before:   known consts -> hoisted        depends on known constants only; runs once
//! known:    known consts, hoisted | known carry | known xs
//!           -> known carry | known ys, stacked residuals
//! unknown:  const residuals, unknown consts | unknown carry | sliced residuals, unknown xs
//!           -> unknown carry | unknown ys
//! ```
//! A carry is unknown if it is unknown in any step. A residual of a step has one of three
//! [`Source`]s.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::ScanParts;
use crate::core::primitive::{Ctx, PartialEval, Prim, Residual, Split};
use crate::core::trace::{bind, eval, trace};
use crate::prims::carriers::regroup::{all, count, fixpoint, none, permuted, pick};
use crate::prims::carriers::scan::Scan;
use crate::prims::carriers::scan::groups::Groups;
use cotangent_jit::Error;
use std::sync::Arc;

pub fn partial_eval(scan: &Scan, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
    let parts = SplitScan::new(scan, ctx, scan.inputs(unknown))?;
    let residuals = parts.residuals();
    Ok(PartialEval {
        known: parts.known_part()?,
        unknown: parts.unknown_part(&residuals)?,
        unknown_out: parts.split.unknown_out.clone(),
        residuals,
    })
}

/// The source of a residual of a step.
enum Source {
    /// The constant of this number. It is not stacked.
    Const(usize),
    /// The input of this number, which is a slice of an `x`. The unknown loop slices `x` again.
    Slice(usize),
    /// The known loop writes the residual as one more `y`, of this type. If the residual is a carry
    /// at the beginning of the step, `input` is its number among the known inputs of the body.
    Stacked { aval: Aval, input: Option<usize> },
}

impl Source {
    fn is_const(&self) -> bool {
        matches!(self, Source::Const(_))
    }
}

/// A scan split in two.
struct SplitScan {
    /// The scan with the hoisted values as its last constants.
    scan: Scan,
    /// The number of constants of the primitive itself.
    own_consts: usize,
    hoisted: Hoisted,
    /// The mask of unknown inputs of the primitive itself.
    given: Groups<bool>,
    /// The mask of inputs of `scan` that are unknown in any step.
    unknown: Groups<bool>,
    /// The body of `scan`, split.
    split: Arc<Split>,
    /// One per residual of `split`.
    sources: Vec<Source>,
}

impl SplitScan {
    fn new(scan: &Scan, ctx: &Ctx, given: Groups<bool>) -> Result<SplitScan, Error> {
        let own_consts = scan.0.consts;
        let (hoisted, scan) = hoist(scan, ctx, &given.consts)?;
        let consts = [&given.consts[..], &none(hoisted.count)].concat();
        let start = Groups { consts, ..given.clone() };
        let (carry, ys) = (scan.0.carry, none(scan.num_ys()));
        let (split, carried) = fixpoint(&start.carry, |carried| {
            let mask = start.with_carry(carried).all();
            let split = ctx.recur.split(scan.body(), &mask, &[carried, &ys].concat())?;
            let next = split.unknown_out[..carry].to_vec();
            Ok((split, next))
        })?;
        let unknown = start.with_carry(&carried);
        let avals = scan.body().in_avals();
        let (mask, consts) = (unknown.all(), scan.0.consts);
        let source = |r: &Residual| match r {
            Residual::Input(i) if *i < consts => Source::Const(*i),
            Residual::Input(i) if *i >= consts + carry => Source::Slice(*i),
            Residual::Input(i) => {
                Source::Stacked { aval: avals[*i].clone(), input: Some(i - count(&mask[..*i])) }
            }
            Residual::Computed(aval) => Source::Stacked { aval: aval.clone(), input: None },
        };
        let sources = split.residuals.iter().map(source).collect();
        Ok(SplitScan { scan, own_consts, hoisted, given, unknown, split, sources })
    }

    /// The number of an input of the primitive itself, from its number among the inputs of `scan`.
    fn own_input(&self, i: usize) -> usize {
        if i < self.own_consts { i } else { i - self.hoisted.count }
    }

    /// The types of the inputs of the primitive itself.
    fn own_avals(&self) -> Groups<Aval> {
        let mut avals = self.scan.inputs(&self.scan.in_avals());
        avals.consts.truncate(self.own_consts);
        avals
    }

    /// The body of the known loop. Its outputs are the known carries, the known ys, then the
    /// residuals that are stacked.
    fn known_body(&self) -> Result<Jaxpr, Error> {
        let avals = self.scan.inputs(&self.scan.body().in_avals());
        let outs = self.split.unknown_out.len() - count(&self.split.unknown_out);
        let traced = trace(&avals.pick(&self.unknown, false).all(), |args| {
            let mut outs_and_residuals = eval(&self.split.known, &args)?;
            let mut computed = outs_and_residuals.split_off(outs).into_iter();
            let mut outs = outs_and_residuals;
            for source in &self.sources {
                match source {
                    Source::Stacked { input: Some(i), .. } => outs.push(args[*i].clone()),
                    Source::Stacked { input: None, .. } => outs.extend(computed.next()),
                    Source::Const(_) | Source::Slice(_) => {}
                }
            }
            Ok(outs)
        })?;
        Ok(traced.jaxpr)
    }

    /// The known part of the primitive. It takes the known inputs and returns the known outputs,
    /// then the computed residuals.
    fn known_part(&self) -> Result<Arc<Jaxpr>, Error> {
        let body = Arc::new(self.known_body()?);
        let avals = self.own_avals().pick(&self.given, false);
        let [own_consts, carry, _] = avals.sizes();
        let still_known: Vec<bool> =
            pick(&self.unknown.carry, &self.given.carry, false).map(|unknown| !unknown).collect();
        let traced = trace(&avals.all(), |args| {
            let mut inputs = Groups::of(&args, own_consts, carry);
            let hoisted = eval(&self.hoisted.before, &inputs.consts)?;
            inputs.consts.extend(hoisted.iter().cloned());
            inputs.carry = pick(&inputs.carry, &still_known, true).cloned().collect();
            let [consts, carry, _] = inputs.sizes();
            let prim = self.scan.with(body.clone(), consts, carry);
            let mut outs = bind(prim, &inputs.all())?.into_vec();
            outs.extend(self.hoisted_residuals().map(|i| hoisted[i].clone()));
            Ok(outs)
        })?;
        Ok(Arc::new(traced.jaxpr))
    }

    /// The numbers of the hoisted values that the unknown loop reads.
    fn hoisted_residuals(&self) -> impl Iterator<Item = usize> + '_ {
        self.sources.iter().filter_map(|source| match source {
            Source::Const(i) => i.checked_sub(self.own_consts),
            _ => None,
        })
    }

    /// The numbers of the carries that are known at the beginning and become unknown.
    fn started_known(&self) -> impl Iterator<Item = usize> + '_ {
        let both = self.unknown.carry.iter().zip(&self.given.carry).enumerate();
        both.filter(|(_, (unknown, given))| **unknown && !**given).map(|(i, _)| i)
    }

    /// The numbers of the sources in the order of the residuals of the primitive: the stacked
    /// residuals come first, in the order in which the known loop returns them.
    fn order_of_sources(&self) -> Vec<usize> {
        let stacked = |k: &usize| matches!(self.sources[*k], Source::Stacked { .. });
        let (first, rest): (Vec<usize>, Vec<usize>) = (0..self.sources.len()).partition(stacked);
        [first, rest].concat()
    }

    /// The residuals of the primitive: one per source, then the initial values of the carries that
    /// become unknown.
    fn residuals(&self) -> Vec<Residual> {
        let avals = self.scan.in_avals();
        let of_source = |k: &usize| match &self.sources[*k] {
            Source::Stacked { aval, .. } => Residual::Computed(aval.batched(0, self.scan.0.length)),
            Source::Const(i) if *i >= self.own_consts => Residual::Computed(avals[*i].clone()),
            Source::Const(i) | Source::Slice(i) => Residual::Input(self.own_input(*i)),
        };
        let order = self.order_of_sources();
        let started = self.started_known().map(|i| Residual::Input(self.own_consts + i));
        order.iter().map(of_source).chain(started).collect()
    }

    /// The unknown loop. The split body takes all residuals first. The scan takes each residual in
    /// its group.
    fn unknown_loop(&self) -> Prim {
        let (body, residuals) = (&self.split.unknown, self.sources.len());
        let unknown = Groups::positions(residuals, self.unknown.count(true));
        let (consts, slices) = (0..residuals).partition(|k| self.sources[*k].is_const());
        let inputs = Groups { consts, carry: Vec::new(), xs: slices }.concat(&unknown);
        let [consts, carry, _] = inputs.sizes();
        let outputs: Vec<usize> = (0..body.outputs.len()).collect();
        self.scan.with(Arc::new(permuted(body, &inputs.all(), &outputs)), consts, carry)
    }

    /// The unknown part of the primitive. It takes the residuals, then the unknown inputs, and
    /// returns the unknown outputs.
    fn unknown_part(&self, residuals: &[Residual]) -> Result<Arc<Jaxpr>, Error> {
        let unknown_loop = self.unknown_loop();
        let own = self.own_avals();
        let all_own = own.all();
        let residual_avals = residuals.iter().map(|r| match r {
            Residual::Computed(a) => a.clone(),
            Residual::Input(i) => all_own[*i].clone(),
        });
        let unknown = own.pick(&self.given, true);
        let [unknown_consts, unknown_carry, _] = unknown.sizes();
        let order = self.order_of_sources();
        let traced = trace(&residual_avals.chain(unknown.all()).collect::<Vec<_>>(), |args| {
            let (residuals, given) = args.split_at(residuals.len());
            let (of_sources, started) = residuals.split_at(self.sources.len());
            let of = |consts: bool| -> Vec<Array> {
                let wanted = (0..order.len()).filter(|k| self.sources[*k].is_const() == consts);
                let place = |k| order.iter().position(|o| *o == k).expect("a permutation");
                wanted.map(|k| of_sources[place(k)].clone()).collect()
            };
            let given = Groups::of(given, unknown_consts, unknown_carry);
            let mut started = started.iter();
            let mut given_carry = given.carry.iter();
            let carry = pick(&self.given.carry, &self.unknown.carry, true).map(|given| {
                let from = if *given { given_carry.next() } else { started.next() };
                from.expect("one per carry").clone()
            });
            let carry: Vec<Array> = carry.collect();
            let inputs = Groups { consts: of(true), carry: Vec::new(), xs: of(false) };
            let inputs = inputs.concat(&given.with_carry(&carry));
            Ok(bind(unknown_loop.clone(), &inputs.all())?.into_vec())
        })?;
        Ok(Arc::new(traced.jaxpr))
    }
}

/// The computation that depends on known constants only, moved out of the loop.
struct Hoisted {
    /// It takes the known constants and returns the hoisted values.
    before: Arc<Jaxpr>,
    count: usize,
}

/// Moves the computation that depends on known constants only out of the loop. Also returns the
/// scan with the hoisted values as its last constants.
fn hoist(scan: &Scan, ctx: &Ctx, unknown_consts: &[bool]) -> Result<(Hoisted, Scan), Error> {
    let body = scan.body();
    let avals = scan.inputs(&body.in_avals());
    let [consts, carry, xs] = avals.sizes();
    let mask = Groups { consts: unknown_consts.to_vec(), carry: all(carry), xs: all(xs) };
    let split = ctx.recur.split(body, &mask.all(), &all(body.outputs.len()))?;
    let computed = |r: &Residual| match r {
        Residual::Computed(a) => Some(a.clone()),
        Residual::Input(_) => None,
    };
    let hoisted: Vec<Aval> = split.residuals.iter().filter_map(computed).collect();
    // An effect occurs in every step, so nothing is hoisted out of a body with effects.
    if hoisted.is_empty() || !body.effects().is_none() {
        let known: Vec<Aval> = pick(&avals.consts, unknown_consts, false).cloned().collect();
        let before = Arc::new(trace(&known, |_| Ok(Vec::new()))?.jaxpr);
        return Ok((Hoisted { before, count: 0 }, scan.clone()));
    }
    let count = hoisted.len();
    let inputs = Groups { consts: [&avals.consts[..], &hoisted].concat(), ..avals };
    let new_body = trace(&inputs.all(), |args| {
        let mut args = Groups::of(&args, consts + count, carry);
        let mut hoisted = args.consts.split_off(consts).into_iter();
        let old = args.all();
        let residual = |r: &Residual| match r {
            Residual::Input(i) => old[*i].clone(),
            Residual::Computed(_) => hoisted.next().expect("one per hoisted value"),
        };
        let residuals: Vec<Array> = split.residuals.iter().map(residual).collect();
        eval(&split.unknown, &[residuals, args.pick(&mask, true).all()].concat())
    })?;
    let body = Arc::new(new_body.jaxpr);
    let parts = ScanParts { body, consts: consts + count, ..scan.0.clone() };
    // All outputs were forced unknown, so the known part returns only the hoisted values.
    Ok((Hoisted { before: split.known.clone(), count }, Scan::new(parts)?))
}
