//! Loops and branches. Carries live in the place of the final carry; `xs` are read and `ys` written where they lie.

use super::flatten::Vals;
use super::region::Region;
use super::value::{self, Arg, Def, Place, RootId};
use super::{Cx, lower_region};
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::{ScanParts, WhileParts};
use cotangent_jit::affine::Affine;
use cotangent_jit::program::Step;
use cotangent_jit::{DType, Error};
use std::sync::Arc;

impl Region {
    /// The carry as the body sees it.
    fn carry(&self, root: RootId, v: super::flatten::ValId) -> Arg {
        let len = self.roots[root.index()].len;
        let at = value::dense(self.flat.shape(v));
        Arg::Strided { place: self.place(root).clone(), len, at }
    }

    pub fn scan(
        &self,
        cx: &mut Cx,
        inputs: &Vals,
        roots: &[RootId],
        parts: &ScanParts,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let (consts, rest) = inputs.split_at(parts.consts);
        let (carry, xs) = rest.split_at(parts.carry);
        for (v, root) in carry.iter().zip(roots) {
            self.copy_to(cx, *v, self.place(*root), steps);
        }
        if parts.length == 0 {
            return Ok(());
        }
        let mut args: Vec<Arg> = consts.iter().map(|v| self.arg(*v)).collect();
        let (body, fresh) = self.hoist(cx, &parts.body, &args, steps)?;
        args.extend(fresh);
        let parts = &ScanParts { body, consts: args.len(), ..parts.clone() };
        args.extend(carry.iter().zip(roots).map(|(v, root)| self.carry(*root, *v)));
        args.extend(xs.iter().map(|v| match self.def(*v) {
            Def::Strided { root, at } => {
                let shape = self.flat.shape(*v);
                let row = Affine { offset: at.offset, strides: at.strides[1..].into() };
                match self.strided_arg(*root, &row, &shape[1..]) {
                    Arg::Strided { place, len, at: row } => {
                        let place = self.step_along(place, at.stride(0), parts);
                        Arg::Strided { place, len, at: row }
                    }
                    other => other,
                }
            }
            Def::Splat(s) => Arg::Splat(*s),
            Def::Inline { .. } => unreachable!("scanned values are in memory"),
        }));
        let mut dests: Vec<Place> =
            roots[..parts.carry].iter().map(|r| self.place(*r).clone()).collect();
        dests.extend(roots[parts.carry..].iter().map(|r| {
            let row = self.roots[r.index()].len / parts.length;
            self.step_along(self.place(*r).clone(), row as i64, parts)
        }));
        if let Some(step) = self.time_kernel(cx, parts, &args, &dests)? {
            steps.push(step);
            return Ok(());
        }
        let body = lower_region(cx, &parts.body, args, &dests, self.depth + 1)?;
        if !body.is_empty() {
            steps.push(Step::Loop { trips: parts.length, body });
        }
        Ok(())
    }

    /// The place that moves by `stride` elements with the time of a scan that is about to be entered.
    fn step_along(&self, mut place: Place, stride: i64, parts: &ScanParts) -> Place {
        let base = &mut place.base;
        if stride == 0 {
            return place;
        }
        base.strides.resize(self.depth + 1, 0);
        if parts.reverse {
            base.offset += stride * (parts.length as i64 - 1);
            base.strides[self.depth] = -stride;
        } else {
            base.strides[self.depth] = stride;
        }
        place
    }

    pub fn while_loop(
        &self,
        cx: &mut Cx,
        inputs: &Vals,
        roots: &[RootId],
        parts: &WhileParts,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let (consts, carry) = inputs.split_at(parts.test_consts + parts.body_consts);
        let (test_consts, body_consts) = consts.split_at(parts.test_consts);
        for (v, root) in carry.iter().zip(roots) {
            self.copy_to(cx, *v, self.place(*root), steps);
        }
        let given = |consts: &[super::flatten::ValId]| -> Vec<Arg> {
            consts.iter().map(|v| self.arg(*v)).collect()
        };
        let with_carry = |mut args: Vec<Arg>| -> Vec<Arg> {
            args.extend(carry.iter().zip(roots).map(|(v, root)| self.carry(*root, *v)));
            args
        };
        let mut body_args = given(body_consts);
        let (body, fresh) = self.hoist(cx, &parts.body, &body_args, steps)?;
        body_args.extend(fresh);
        let parts = &WhileParts { body, body_consts: body_args.len(), ..parts.clone() };
        let body_args = with_carry(body_args);
        let holds = cx.temp(DType::Bool, 1);
        let dest = std::slice::from_ref(&holds);
        let test =
            lower_region(cx, &parts.test, with_carry(given(test_consts)), dest, self.depth + 1)?;
        let dests: Vec<Place> = roots.iter().map(|r| self.place(*r).clone()).collect();
        if let Some((launch, limit)) = self.rounds_kernel(cx, parts, &body_args, &dests)? {
            steps.push(Step::While { test, holds: holds.view(), body: vec![launch], limit });
            return Ok(());
        }
        let body = lower_region(cx, &parts.body, body_args, &dests, self.depth + 1)?;
        steps.push(Step::While { test, holds: holds.view(), body, limit: parts.limit });
        Ok(())
    }

    pub fn cond(
        &self,
        cx: &mut Cx,
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
                steps.extend(lower_region(cx, &arms[n as usize], args(), &dests, self.depth)?);
            }
            Def::Strided { root, at } => {
                let index = self.place(*root).shifted(at.offset).view();
                let arms: Result<Vec<Vec<Step>>, Error> = (arms.iter())
                    .map(|arm| lower_region(cx, arm, args(), &dests, self.depth))
                    .collect();
                steps.push(Step::Branch { index, arms: arms? });
            }
            Def::Inline { .. } => unreachable!("the index of a branch is in memory"),
        }
        Ok(())
    }
}
