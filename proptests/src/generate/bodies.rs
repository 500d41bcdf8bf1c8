//! The steps of random programs that carry bodies: call, cond, scan, checkpoint, custom_jvp, and transforms of a body.

use super::bench::Bench;
use super::recipe::{Op, Step};
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::lowering::ScanParts;
use cotangent::core::primitive::{Ctx, Recur};
use cotangent::core::trace::{bind, eval, trace};
use cotangent::prims::call::call;
use cotangent::prims::checkpoint::checkpoint;
use cotangent::prims::cond::cond;
use cotangent::prims::custom_jvp::{CustomJvp, JvpRule};
use cotangent::prims::lax;
use cotangent::prims::scan::scan;
use cotangent::transforms::Transforms;
use std::sync::Arc;

impl Bench {
    pub fn body_step(&mut self, s: &Step) {
        let operands = self.operands(s);
        let avals: Vec<Aval> = operands.iter().map(|a| a.aval().strong()).collect();
        let outs = match s.op {
            Op::Call => call("f", self.body(&avals, &s.body, None), &operands),
            Op::Checkpoint => checkpoint(self.body(&avals, &s.body, None), &operands),
            Op::Cond => self.cond(s, &avals, &operands),
            Op::Scan => self.scan(s, &avals, &operands),
            Op::CustomJvp => {
                let body = self.body(&avals, &s.body, None);
                let prim = CustomJvp::new("g", body.clone(), own_rule(body));
                bind(Arc::new(prim), &operands).map(|o| o.into_vec())
            }
            _ => self.transformed(s, &avals, &operands),
        };
        for out in outs.expect("a body step is well typed") {
            if out.dtype() == self.dtype {
                self.keep(lax::sin(&out), 1.0);
            }
        }
    }

    /// A body that gives two floats, of these shapes if there are any asked for.
    fn body(&self, avals: &[Aval], steps: &[Step], shapes: Option<&[Aval]>) -> Arc<Jaxpr> {
        let traced = trace(avals, |args| {
            let bench = Bench::new(self.dtype, &args);
            let outs = match shapes {
                None => bench.results(steps, 2),
                Some(shapes) => {
                    let helper = Bench::new(self.dtype, &args);
                    let outs = bench.results(steps, shapes.len());
                    // Damped, so that a loop stays small.
                    let fit = |(o, a): (Array, &Aval)| lax::sin(&helper.shaped(&o, &a.shape));
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
                    lax::cos(&lax::mul(&rows, &ramp(self, &shape)))
                } else {
                    rows
                });
            }
        }
        let carried = [avals[0].clone(), Aval::scalar(self.dtype)];
        let init = [operands[0].clone(), self.float_of(s.c, &[]).0];
        let types: Vec<Aval> = consts
            .iter()
            .map(|c| c.aval().strong())
            .chain(carried.iter().cloned())
            .chain(xs.iter().map(|x| x.aval().strong().unbatched(0)))
            .collect();
        let outs = [carried[0].clone(), carried[1].clone(), Aval::new([2], self.dtype)];
        let body = self.body(&types, &s.body, Some(&outs));
        let parts =
            ScanParts { body, consts: consts.len(), carry: 2, length, reverse: s.c & 1 == 1 };
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
        if s.b & 1 == 0 {
            let (moved, _) = t.jvp(&body, &floats, &force)?;
            let tangents =
                operands.iter().zip(&floats).filter(|(_, f)| **f).map(|(x, _)| lax::cos(x));
            let args: Vec<Array> = operands.iter().cloned().chain(tangents).collect();
            return match s.c & 1 {
                0 => eval(&moved, &args),
                _ => call("jvp_f", moved, &args),
            };
        }
        let (wide, _) = t.batch(&body, 2, &floats, &force)?;
        let doubled = |(x, f): (&Array, &bool)| match f {
            true => {
                let rows = lax::expand_dims(x, &[0]);
                lax::concatenate(&[rows.clone(), lax::sin(&rows)], 0)
            }
            false => x.clone(),
        };
        let args: Vec<Array> = operands.iter().zip(&floats).map(doubled).collect();
        eval(&wide, &args)
    }
}

/// `1, 1.1, 1.2, ..` along axis 0.
fn ramp(bench: &Bench, shape: &[usize]) -> Array {
    let steps = lax::iota(bench.dtype, shape, 0);
    lax::add(&lax::mul(&steps, &bench.literal(0.1)), &bench.literal(1.0))
}

/// The rule that a body has of itself.
fn own_rule(body: Arc<Jaxpr>) -> Arc<JvpRule> {
    Arc::new(move |ctx: &Ctx, primals: &[Array], tangents: &[Array]| {
        let floats: Vec<bool> = primals.iter().map(|p| p.dtype().is_inexact()).collect();
        let (moved, _) = ctx.recur.jvp(&body, &floats, &vec![true; body.outputs.len()])?;
        let given = tangents.iter().zip(&floats).filter(|(_, f)| **f).map(|(t, _)| t.clone());
        let args: Vec<Array> = primals.iter().cloned().chain(given).collect();
        let mut outs = eval(&moved, &args)?;
        let tangents = outs.split_off(body.outputs.len());
        Ok((outs, tangents))
    })
}
