//! The steps of random programs that carry bodies: call, cond, scan, checkpoint, custom_jvp, and
//! transforms of a body.

use super::bench::{Bench, int, ramp};
use super::recipe::{Op, Step};
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::axis::{AxisEnv, BatchAxis};
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::lowering::ScanParts;
use cotangent::core::primitive::{Ctx, Recur, Tangent};
use cotangent::core::trace::{bind, eval, trace};
use cotangent::prelude::{Checkpoints, ScanOptions, scan_with};
use cotangent::prims::carriers::call::call;
use cotangent::prims::carriers::checkpoint::checkpoint;
use cotangent::prims::carriers::cond::cond;
use cotangent::prims::carriers::custom_jvp::{CustomJvp, JvpRule};
use cotangent::prims::carriers::custom_vjp::{BwdRule, CustomVjp, FwdRule};
use cotangent::prims::carriers::custom_vmap::{CustomVmap, VmapRule};
use cotangent::prims::carriers::policy::Policy;
use cotangent::prims::carriers::regroup::{nonzero, spread, values};
use cotangent::prims::carriers::scan::scan;
use cotangent::prims::lax;
use cotangent::prims::rules::zeros::instantiate;
use cotangent::transforms::Transforms;
use cotangent::transforms::vjp::vjp;
use std::sync::Arc;

impl Bench {
    pub fn body_step(&mut self, s: &Step) {
        let operands = self.operands(s);
        let avals: Vec<Aval> = operands.iter().map(|a| a.aval().strong()).collect();
        let outs = match s.op {
            Op::Call => call("f", self.body(&avals, &s.body, None), &operands),
            Op::Checkpoint => {
                let body = self.body(&avals, &s.body, None);
                checkpoint(body, &policy(s.body.len()), &operands)
            }
            Op::Cond => self.cond(s, &avals, &operands),
            Op::Scan => self.scan(s, &avals, &operands),
            Op::While | Op::BoundedWhile => self.while_step(s, &avals, &operands),
            Op::Lanes => self.lanes(s, &avals, &operands),
            Op::Map => self.map_step(s, &avals, &operands),
            Op::CustomJvp => {
                let body = self.body(&avals, &s.body, None);
                let prim = CustomJvp::new("g", body.clone(), own_rule(body));
                bind(Arc::new(prim), &operands).map(|o| o.into_vec())
            }
            Op::CustomVjp => {
                let body = self.body(&avals, &s.body, None);
                let (fwd, bwd) = own_reverse_rules(&body);
                let mut prim = CustomVjp::new("h", body.clone(), fwd, bwd);
                // With a rule for each mode, or for reverse mode only.
                if s.body.len().is_multiple_of(2) {
                    prim = prim.both_ways(CustomJvp::new("h", body.clone(), own_rule(body)));
                }
                bind(Arc::new(prim), &operands).map(|o| o.into_vec())
            }
            Op::CustomVmap => {
                // The rule is not told the name of the axis, so the body speaks of none.
                let body = AxisEnv::default().within(|| self.body(&avals, &s.body, None));
                let prim = match s.c & 1 {
                    0 => CustomVmap::new("k", body.clone(), own_batch_rule(body)),
                    _ => CustomVmap::sequential("k", body),
                };
                bind(Arc::new(prim), &operands).map(|o| o.into_vec())
            }
            _ => self.transformed(s, &avals, &operands),
        };
        for out in outs.expect("a body step is well typed") {
            match out.dtype() {
                d if d == self.dtype => self.keep_damped(&out),
                DType::I32 => self.keep_int(lax::rem(&out, &int(7))),
                _ => self.keep(out, 0.0),
            }
        }
    }

    /// Keeps the sine of a number of any size, of a complex one that of its parts.
    fn keep_damped(&mut self, x: &Array) {
        let y = self.damped(x);
        self.keep(y, if self.complex() { 1.5 } else { 1.0 });
    }

    pub(super) fn damped(&self, x: &Array) -> Array {
        match self.complex() {
            true => lax::complex(&lax::sin(&lax::real(x)), &lax::sin(&lax::imag(x))),
            false => lax::sin(x),
        }
    }

    /// A body that gives two floats, of these shapes if there are any asked for; else also ints and
    /// a bool that it made.
    pub(super) fn body(
        &self,
        avals: &[Aval],
        steps: &[Step],
        shapes: Option<&[Aval]>,
    ) -> Arc<Jaxpr> {
        let traced = trace(avals, |args| {
            let mut bench = self.inside(&args);
            let outs = match shapes {
                None => [bench.results(steps, 2), bench.others()].concat(),
                Some(shapes) => {
                    let outs = bench.results(steps, shapes.len());
                    // Damped, so that a loop stays small.
                    let fit = |(o, a): (Array, &Aval)| bench.damped(&bench.shaped(&o, &a.shape));
                    outs.into_iter().zip(shapes).map(fit).collect()
                }
            };
            Ok(outs)
        });
        Arc::new(traced.expect("a body is well typed").jaxpr)
    }

    fn cond(
        &mut self,
        s: &Step,
        avals: &[Aval],
        operands: &[Array],
    ) -> Result<Vec<Array>, cotangent::Error> {
        let shapes = [avals[0].clone(), Aval::scalar(self.dtype)];
        let (first, second) = s.body.split_at(s.body.len() / 2);
        let mut branches: Vec<Arc<Jaxpr>> =
            [first, second].iter().map(|b| self.body(avals, b, Some(&shapes))).collect();
        if s.b & 4 == 0 {
            branches.push(self.body(avals, &s.body, Some(&shapes)));
        }
        cond(&self.int(s.b, &[]), branches, operands)
    }

    /// The first operand is carried, a second one is constant, others are what is scanned over.
    fn scan(
        &mut self,
        s: &Step,
        avals: &[Aval],
        operands: &[Array],
    ) -> Result<Vec<Array>, cotangent::Error> {
        let length = [3, 1, 0, 2][s.b as usize / 8 % 4];
        let mut consts = Vec::new();
        let mut xs = Vec::new();
        for (i, x) in operands.iter().enumerate().skip(1) {
            if (s.b as usize >> i) & 1 == 0 {
                consts.push(x.clone());
            } else {
                let mut shape = x.to_shape();
                shape.insert(0, length);
                let kept: Vec<usize> = (1..shape.len()).collect();
                let rows = lax::broadcast_in_dim(x, &shape, &kept);
                // Rows that differ, if they are floats.
                let varied = x.dtype() == self.dtype;
                xs.push(if varied {
                    self.damped(&lax::mul(&rows, &ramp(self.dtype, &shape)))
                } else {
                    rows
                });
            }
        }
        // Two floats, and a counter that steps like others may be indexed by.
        let counts = s.c & 2 == 2;
        let mut carried = vec![avals[0].clone(), Aval::scalar(self.dtype)];
        let mut init = vec![operands[0].clone(), self.float_of(s.c, &[]).0];
        if counts {
            carried.push(Aval::scalar(DType::I32));
            init.push(self.int(s.a, &[]));
        }
        let types: Vec<Aval> = consts
            .iter()
            .map(|c| c.aval().strong())
            .chain(carried.iter().cloned())
            .chain(xs.iter().map(|x| x.aval().strong().unbatched(0)))
            .collect();
        let floats = [carried[0].clone(), carried[1].clone(), Aval::new([2], self.dtype)];
        let mut body = self.body(&types, &s.body, Some(&floats));
        if counts {
            let traced = trace(&types, |args| {
                let mut outs = eval(&body, &args)?;
                let counter = &args[consts.len() + 2];
                outs.insert(2, lax::add(counter, &int(1)));
                outs.push(lax::mul(counter, &int(2)));
                Ok(outs)
            })?;
            body = Arc::new(traced.jaxpr);
        }
        let (consts_len, carry) = (consts.len(), carried.len());
        if s.c & 8 == 8 {
            // As a user writes it, restarting somewhere in reverse mode.
            let step = |c: Vec<Array>, x: Vec<Array>| {
                let args = [&consts[..], &c, &x].concat();
                let mut outs = eval(&body, &args).expect("a body is well typed");
                let ys = outs.split_off(carry);
                (outs, ys)
            };
            let checkpoints =
                [Checkpoints::Every(2), Checkpoints::Sqrt, Checkpoints::Log { branches: 2 }];
            let options = ScanOptions {
                reverse: s.c & 1 == 1,
                length: Some(length),
                checkpoints: checkpoints[s.c as usize / 16 % 3],
                ..ScanOptions::default()
            };
            let (last, ys) = scan_with(step, init, xs, options);
            return Ok([last, ys].concat());
        }
        let parts = ScanParts {
            body,
            consts: consts_len,
            carry,
            length,
            reverse: s.c & 1 == 1,
            unroll: 1 + s.c as usize / 32 % 3,
        };
        scan(parts, &[&consts[..], &init, &xs].concat())
    }

    fn transformed(
        &mut self,
        s: &Step,
        avals: &[Aval],
        operands: &[Array],
    ) -> Result<Vec<Array>, cotangent::Error> {
        let t = Transforms::new();
        let body = self.body(avals, &s.body, None);
        let floats: Vec<bool> = avals.iter().map(|a| a.dtype.is_inexact()).collect();
        let force = vec![true; body.outputs.len()];
        if s.b & 1 == 0 && !s.has(Op::CustomVjp) {
            let (moved, _) = t.jvp(&body, &floats, &force)?;
            let tangents =
                operands.iter().zip(&floats).filter(|(_, f)| **f).map(|(x, _)| self.damped(x));
            let args: Vec<Array> = operands.iter().cloned().chain(tangents).collect();
            return match s.c & 1 {
                0 => eval(&moved, &args),
                _ => call("jvp_f", moved, &args),
            };
        }
        let (wide, _) = t.batch(&body, &BatchAxis::unnamed(2), &floats, &force)?;
        let doubled = |(x, f): (&Array, &bool)| match f {
            true => {
                let rows = lax::expand_dims(x, &[0]);
                lax::concatenate(&[rows.clone(), self.damped(&rows)], 0)
            }
            false => x.clone(),
        };
        let args: Vec<Array> = operands.iter().zip(&floats).map(doubled).collect();
        eval(&wide, &args)
    }
}

/// The reverse rules that a body has of itself: all inputs are residuals.
fn own_reverse_rules(body: &Arc<Jaxpr>) -> (Arc<FwdRule>, Arc<BwdRule>) {
    let (value, back) = (body.clone(), body.clone());
    let fwd = move |_: &Ctx, x: &[Array], _: &[bool]| Ok((eval(&value, x)?, x.to_vec()));
    let bwd = move |_: &Ctx, _: &[bool], x: &[Array], cts: &[Tangent]| {
        let floats: Vec<bool> = x.iter().map(|x| x.dtype().is_inexact()).collect();
        let parts = vjp(&Transforms::new(), &back, &floats)?;
        let mut residuals = eval(&parts.forward, x)?.split_off(back.outputs.len());
        residuals.extend(cts.iter().map(instantiate));
        let mut returned = eval(&parts.pullback, &residuals)?.into_iter();
        let all = x.iter().zip(&floats).map(|(x, f)| match f {
            true => Tangent::Value(returned.next().expect("one per float")),
            false => Tangent::Zero(x.aval()),
        });
        Ok(all.collect())
    };
    (Arc::new(fwd), Arc::new(bwd))
}

/// The batch of a body.
fn own_batch_rule(body: Arc<Jaxpr>) -> Arc<VmapRule> {
    Arc::new(move |ctx: &Ctx, size: usize, batched: &[bool], inputs: &[Array]| {
        let force = vec![false; body.outputs.len()];
        let (wide, has) = ctx.recur.batch(&body, &BatchAxis::unnamed(size), batched, &force)?;
        Ok(Some((eval(&wide, inputs)?, has)))
    })
}

/// The rule that a body has of itself.
fn own_rule(body: Arc<Jaxpr>) -> Arc<JvpRule> {
    Arc::new(move |ctx: &Ctx, _: &CustomJvp, primals: &[Array], tangents: &[Tangent]| {
        let n = body.outputs.len();
        let (moved, mask) = ctx.recur.jvp(&body, &nonzero(tangents), &vec![false; n])?;
        let args: Vec<Array> = primals.iter().cloned().chain(values(tangents)).collect();
        let mut outs = eval(&moved, &args)?;
        let tangents = outs.split_off(n);
        Ok((outs, spread(&mask, tangents, &body.out_avals())))
    })
}

/// One policy or another, so that random bodies meet all of them.
fn policy(n: usize) -> Policy {
    match n % 4 {
        0 => Policy::nothing(),
        1 => Policy::everything(),
        2 => Policy::dots(),
        _ => Policy::dots().or(Policy::anything_except_names(["none"])),
    }
}
