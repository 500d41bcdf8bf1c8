//! Steps of loops and branches. A carry lies in the place of the final carry. `xs` are read and
//! `ys` are written where they lie.
//!
//! Not here: loops that become one kernel (`time`).

use super::assign::Placed;
use super::flatten::{ValId, Vals};
use super::program::ProgramBuilder;
use super::value::{self, Arg, Def, Place, RootId};
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::{ScanParts, WhileParts};
use crate::core::trace::{eval, trace};
use cotangent_jit::affine::Affine;
use cotangent_jit::program::Step;
use cotangent_jit::{DType, Error};
use std::sync::Arc;

/// The steps of a scan that one round of its loop takes.
#[derive(Clone, Copy)]
struct Rounds {
    steps: usize,
    /// The first step of the first round.
    first: usize,
    /// Steps from one round to the next. 0 if there is only one round, outside of a loop.
    every: usize,
}

impl Rounds {
    fn of(steps: usize, first: usize) -> Rounds {
        Rounds { steps, first, every: steps }
    }
}

/// One step of a round.
struct Round {
    /// Slices of xs.
    args: Vec<Arg>,
    /// Places of the carry and of slices of ys.
    dests: Vec<Place>,
}

/// Several steps as one body, from constants, carry and the slices of each step to carry and the
/// results of each step.
fn unrolled(parts: &ScanParts, steps: usize) -> Result<Jaxpr, Error> {
    let avals = parts.body.in_avals();
    let (fixed, slices) = avals.split_at(parts.consts + parts.carry);
    let all: Vec<Aval> =
        fixed.iter().chain(slices.iter().cycle().take(slices.len() * steps)).cloned().collect();
    let traced = trace(&all, |args| {
        let (consts, rest) = args.split_at(parts.consts);
        let (carry, xs) = rest.split_at(parts.carry);
        let (mut carry, mut ys) = (carry.to_vec(), Vec::new());
        for n in 0..steps {
            let xs = &xs[n * slices.len()..][..slices.len()];
            let mut outs = eval(&parts.body, &[consts, &carry, xs].concat())?;
            ys.extend(outs.split_off(parts.carry));
            carry = outs;
        }
        Ok([carry, ys].concat())
    })?;
    Ok(traced.jaxpr)
}

impl Placed {
    /// The carry as an input of the body.
    fn carry(&self, root: RootId, v: ValId) -> Arg {
        let len = self.root(root).len;
        let at = value::dense(self.flat().shape(v));
        Arg::Strided { place: self.place(root).clone(), len, at }
    }

    pub fn scan(
        &self,
        program: &mut ProgramBuilder,
        inputs: &Vals,
        roots: &[RootId],
        parts: &ScanParts,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let (consts, rest) = inputs.split_at(parts.consts);
        let (carry, xs) = rest.split_at(parts.carry);
        for (v, root) in carry.iter().zip(roots) {
            self.copy_to(program, *v, self.place(*root), steps);
        }
        if parts.length == 0 {
            return Ok(());
        }
        let mut fixed: Vec<Arg> = consts.iter().map(|v| self.arg(*v)).collect();
        let (body, fresh) = self.hoist(program, &parts.body, &fixed, steps)?;
        fixed.extend(fresh);
        let parts = &ScanParts { body, consts: fixed.len(), ..parts.clone() };
        fixed.extend(carry.iter().zip(roots).map(|(v, root)| self.carry(*root, *v)));
        let round = self.one_round(xs, roots, parts, Rounds::of(1, 0));
        let args = [&fixed[..], &round.args].concat();
        if let Some(step) = self.time_kernel(program, parts, &args, &round.dests)? {
            steps.push(step);
            return Ok(());
        }
        let unroll = parts.unroll.clamp(1, parts.length);
        let (trips, rest) = (parts.length / unroll, parts.length % unroll);
        let body = self.round(
            program,
            (&fixed, xs),
            roots,
            parts,
            Rounds::of(unroll, 0),
            self.grouped().depth() + 1,
        )?;
        if !body.is_empty() {
            steps.push(Step::Loop { trips, body });
        }
        if rest > 0 {
            let last = Rounds { steps: rest, first: trips * unroll, every: 0 };
            steps.extend(self.round(
                program,
                (&fixed, xs),
                roots,
                parts,
                last,
                self.grouped().depth(),
            )?);
        }
        Ok(())
    }

    /// The steps of one round in one region. `fixed` are constants and carry as inputs of the body.
    fn round(
        &self,
        program: &mut ProgramBuilder,
        (fixed, xs): (&[Arg], &[ValId]),
        roots: &[RootId],
        parts: &ScanParts,
        rounds: Rounds,
        depth: usize,
    ) -> Result<Vec<Step>, Error> {
        let mut args = fixed.to_vec();
        let mut dests = Vec::new();
        for n in 0..rounds.steps {
            let at = Rounds { first: rounds.first + n, ..rounds };
            let step = self.one_round(xs, roots, parts, at);
            args.extend(step.args);
            // The carry lies in the same place in each step.
            dests.extend_from_slice(&step.dests[if n == 0 { 0 } else { parts.carry }..]);
        }
        match rounds.steps {
            1 => program.nested_steps(&parts.body, args, &dests, depth),
            n => program.nested_steps(&unrolled(parts, n)?, args, &dests, depth),
        }
    }

    /// The slices of the first step of each round, and the places of its results.
    fn one_round(
        &self,
        xs: &[ValId],
        roots: &[RootId],
        parts: &ScanParts,
        rounds: Rounds,
    ) -> Round {
        let slices = xs.iter().map(|v| match self.def(*v) {
            Def::Strided { root, at } => {
                let shape = self.flat().shape(*v);
                let row = Affine { offset: at.offset, strides: at.strides[1..].into() };
                match self.strided_arg(*root, &row, &shape[1..]) {
                    Arg::Strided { place, len, at: row } => {
                        let place = self.step_along(place, at.stride(0), parts, rounds);
                        Arg::Strided { place, len, at: row }
                    }
                    other => other,
                }
            }
            Def::Splat(s) => Arg::Splat(*s),
            Def::Inline { .. } => unreachable!("scanned values are in memory"),
        });
        let slices = slices.collect();
        let mut dests: Vec<Place> =
            roots[..parts.carry].iter().map(|r| self.place(*r).clone()).collect();
        dests.extend(roots[parts.carry..].iter().map(|r| {
            let row = self.root(*r).len / parts.length;
            self.step_along(self.place(*r).clone(), row as i64, parts, rounds)
        }));
        Round { args: slices, dests }
    }

    /// The place that moves by `stride` elements with the time of the scan that the caller is about
    /// to enter.
    fn step_along(&self, mut place: Place, stride: i64, parts: &ScanParts, at: Rounds) -> Place {
        let base = &mut place.base;
        if stride == 0 {
            return place;
        }
        let (first, every) = (at.first as i64, at.every as i64);
        let (start, by) = match parts.reverse {
            true => (parts.length as i64 - 1 - first, -every),
            false => (first, every),
        };
        base.offset += stride * start;
        if by != 0 {
            base.strides.resize(self.grouped().depth() + 1, 0);
            base.strides[self.grouped().depth()] = stride * by;
        }
        place
    }

    pub fn while_loop(
        &self,
        program: &mut ProgramBuilder,
        inputs: &Vals,
        roots: &[RootId],
        parts: &WhileParts,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let (consts, carry) = inputs.split_at(parts.test_consts + parts.body_consts);
        let (test_consts, body_consts) = consts.split_at(parts.test_consts);
        for (v, root) in carry.iter().zip(roots) {
            self.copy_to(program, *v, self.place(*root), steps);
        }
        let given =
            |consts: &[ValId]| -> Vec<Arg> { consts.iter().map(|v| self.arg(*v)).collect() };
        let with_carry = |mut args: Vec<Arg>| -> Vec<Arg> {
            args.extend(carry.iter().zip(roots).map(|(v, root)| self.carry(*root, *v)));
            args
        };
        let mut body_args = given(body_consts);
        let (body, fresh) = self.hoist(program, &parts.body, &body_args, steps)?;
        body_args.extend(fresh);
        let parts = &WhileParts { body, body_consts: body_args.len(), ..parts.clone() };
        let body_args = with_carry(body_args);
        let holds = program.temp(DType::Bool, 1);
        let dest = std::slice::from_ref(&holds);
        let test = program.nested_steps(
            &parts.test,
            with_carry(given(test_consts)),
            dest,
            self.grouped().depth() + 1,
        )?;
        let dests: Vec<Place> = roots.iter().map(|r| self.place(*r).clone()).collect();
        if let Some((launch, limit)) = self.rounds_kernel(program, parts, &body_args, &dests)? {
            steps.push(Step::While { test, holds: holds.view(), body: vec![launch], limit });
            return Ok(());
        }
        let body =
            program.nested_steps(&parts.body, body_args, &dests, self.grouped().depth() + 1)?;
        steps.push(Step::While { test, holds: holds.view(), body, limit: parts.limit });
        Ok(())
    }

    pub fn cond(
        &self,
        program: &mut ProgramBuilder,
        inputs: &Vals,
        roots: &[RootId],
        arms: &[Arc<Jaxpr>],
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let dests: Vec<Place> = roots.iter().map(|r| self.place(*r).clone()).collect();
        let args = || inputs[1..].iter().map(|v| self.arg(*v)).collect();
        match self.def(inputs[0]) {
            Def::Splat(s) => {
                let n = s.to_i64().unwrap_or(0).clamp(0, arms.len() as i64 - 1);
                steps.extend(program.nested_steps(
                    &arms[n as usize],
                    args(),
                    &dests,
                    self.grouped().depth(),
                )?);
            }
            Def::Strided { root, at } => {
                let index = self.place(*root).shifted(at.offset).view();
                let arms: Result<Vec<Vec<Step>>, Error> = (arms.iter())
                    .map(|arm| program.nested_steps(arm, args(), &dests, self.grouped().depth()))
                    .collect();
                steps.push(Step::Branch { index, arms: arms? });
            }
            Def::Inline { .. } => unreachable!("the index of a branch is in memory"),
        }
        Ok(())
    }
}
