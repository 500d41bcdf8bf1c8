//! `linear_solve`: the solution of a linear system by a solver that the user gives. The derivative
//! comes from the system, not from the solver.
//!
//! ```text
//! A x = b              A dx = db - dA x              A^T ct b = ct x
//! ```
//! No derivative differentiates the solver. So the solver may be a loop without limit, a
//! factorisation or anything else.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::prims::taylor::Forward;

use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Operand, Prim, Tangent, Taylor, TransposeResult, not_linear,
};
use crate::core::trace::{bind, eval};
use crate::prims::rules::zeros::instantiate;

use crate::prims::carriers::regroup::{axes_in_front, check_inputs, front, nonzero, values};
use crate::prims::carriers::whole::Whole;
use crate::prims::carriers::with_bodies::{Bodies, WithBodies};
use crate::prims::cases::bodies::{INEXACT, body, filled, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::lax;
use crate::prims::rules::batching::broadcast_batch;
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

/// `linear_solve[consts, jaxprs] consts... b... -> x...`: `solve(consts, b)`, which is the `x` with
/// `matvec(consts, x) = b`. All bodies take the same constants. `x` and `b` have the same types.
#[derive(Clone, Debug)]
pub struct LinearSolve {
    pub consts: usize,
    pub forward: Side,
    /// The transposed system.
    pub transposed: Side,
}

/// A system and its solver: `consts, x -> b` and `consts, b -> x`.
#[derive(Clone, Debug)]
pub struct Side {
    pub matvec: Arc<Jaxpr>,
    pub solve: Arc<Jaxpr>,
}

impl LinearSolve {
    /// All bodies must take the same types, and return the types of their inputs after the
    /// constants.
    pub fn new(consts: usize, forward: Side, transposed: Side) -> Result<LinearSolve, Error> {
        let solve = LinearSolve { consts, forward, transposed };
        let inputs = solve.forward.matvec.in_avals();
        for (name, j) in
            ["matvec", "solve", "transposed matvec", "transposed solve"].iter().zip(solve.jaxprs())
        {
            check_inputs(&format!("linear_solve, {name}"), &j, &inputs)?;
            let (expected, got) = (&inputs[consts.min(inputs.len())..], j.out_avals());
            if got != expected {
                return Err(err!(
                    Shape,
                    "linear_solve: the {name} should give {expected:?}, as it takes, got {got:?}"
                ));
            }
        }
        Ok(solve)
    }

    pub(in crate::prims) fn jaxprs(&self) -> [Arc<Jaxpr>; 4] {
        let (f, t) = (&self.forward, &self.transposed);
        [&f.matvec, &f.solve, &t.matvec, &t.solve].map(Arc::clone)
    }

    pub(in crate::prims) fn of(consts: usize, jaxprs: &[Arc<Jaxpr>]) -> LinearSolve {
        let side = |i: usize| Side { matvec: jaxprs[i].clone(), solve: jaxprs[i + 1].clone() };
        LinearSolve { consts, forward: side(0), transposed: side(2) }
    }

    /// The primitive over a batch. `consts` says which constants are batched; all right sides and
    /// solutions are batched.
    pub(in crate::prims) fn batched(
        &self,
        ctx: &Ctx,
        consts: &[bool],
    ) -> Result<LinearSolve, Error> {
        let n = self.forward.solve.outputs.len();
        let mask = [consts, &vec![true; n]].concat();
        let one = |j: &Arc<Jaxpr>| Ok(ctx.recur.batch(j, ctx.axis, &mask, &vec![true; n])?.0);
        let all: Result<Vec<Arc<Jaxpr>>, Error> = self.jaxprs().iter().map(one).collect();
        Ok(LinearSolve::of(self.consts, &all?))
    }
}

impl WithBodies for LinearSolve {
    const NAME: &'static str = "linear_solve";

    fn params(&self) -> Params {
        [
            ("consts", Param::Int(self.consts as i64)),
            ("jaxprs", Param::Jaxprs(self.jaxprs().to_vec())),
        ]
        .into_iter()
        .collect()
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies::Call(&self.forward.solve)
    }

    fn forward(&self, _: Forward, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let x = bind(Arc::new(self.clone()), primals)?;
        let (consts, _) = primals.split_at(self.consts);
        let (dconsts, db) = tangents.split_at(self.consts);
        let dconsts_nonzero = nonzero(dconsts);
        let n = x.len();
        let mut rhs: Vec<Array> = Vec::new();
        if dconsts_nonzero.contains(&true) {
            // db - dA x
            let mask = [&dconsts_nonzero[..], &vec![false; n]].concat();
            let (matvec, _) = ctx.recur.jvp(&self.forward.matvec, &mask, &vec![true; n])?;
            let args: Vec<Array> =
                consts.iter().chain(&x).cloned().chain(values(dconsts)).collect();
            let da_x = eval(&matvec, &args)?.split_off(n);
            for (db, da_x) in db.iter().zip(&da_x) {
                rhs.push(match db.value() {
                    Some(db) => lax::try_sub(db, da_x)?,
                    None => lax::try_neg(da_x)?,
                });
            }
        } else {
            rhs.extend(db.iter().map(instantiate));
        }
        let dx = bind(Arc::new(self.clone()), &[consts, &rhs].concat())?;
        Ok((x, dx.into_iter().map(Tangent::Value).collect()))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let (consts, b) = inputs.split_at(self.consts);
        let known: Option<Vec<Array>> = consts.iter().map(|c| c.known().cloned()).collect();
        let Some(mut args) = known else { return not_linear(self) };
        args.extend(cotangents.iter().map(instantiate));
        let (forward, transposed) = (self.transposed.clone(), self.forward.clone());
        let back = LinearSolve { consts: self.consts, forward, transposed };
        let cts = bind(Arc::new(back), &args)?;
        let of_consts = consts.iter().map(|c| Tangent::Zero(c.aval()));
        let of_b = b.iter().zip(cts).map(|(b, ct)| match b {
            Operand::Linear(_) => Tangent::Value(ct),
            Operand::Known(x) => Tangent::Zero(x.aval()),
        });
        Ok(of_consts.chain(of_b).collect())
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (mut inputs, batched) = axes_in_front(inputs, axes)?;
        for (x, is_batched) in inputs.iter_mut().zip(&batched).skip(self.consts) {
            if !is_batched {
                *x = broadcast_batch(x, ctx.batch_size, 0)?;
            }
        }
        let prim = self.batched(ctx, &batched[..self.consts])?;
        let outs = bind(Arc::new(prim), &inputs)?;
        let axes = front(&vec![true; outs.len()]);
        Ok((outs, axes))
    }
}

impl Whole for LinearSolve {
    fn with_bodies(&self, jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        Arc::new(LinearSolve::of(self.consts, &jaxprs))
    }
}

/// Solves the system. `inputs` are the constants, then the right side.
#[track_caller]
pub fn linear_solve(solve: LinearSolve, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    Ok(bind(Arc::new(solve), inputs)?.into_vec())
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "linear_solve", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let (consts, jaxprs) = (args.size("consts")?, args.jaxprs("jaxprs")?);
    if jaxprs.len() != 4 {
        return Err(args.wrong("jaxprs", "four jaxprs", args.get("jaxprs")?));
    }
    let LinearSolve { forward, transposed, .. } = LinearSolve::of(consts, &jaxprs);
    Ok(Arc::new(LinearSolve::new(consts, forward, transposed)?))
}

/// `[[a, b], [-b, a + b]] x = y`, solved by Cramer's rule. The constants are a and b.
pub(in crate::prims) fn case_system(d: DType) -> LinearSolve {
    let (c, v) = (Aval::scalar(d), Aval::new([2], d));
    let types = [c.clone(), c, v];
    let entry = |x: &Array, i: usize| lax::reshape(&lax::slice_in_dim(x, i, i + 1, 0), &[]);
    let pair = |x: Array, y: Array| {
        vec![lax::concatenate(&[lax::reshape(&x, &[1]), lax::reshape(&y, &[1])], 0)]
    };
    let side = |sign: f64| {
        let scaled = move |b: &Array| match sign > 0.0 {
            true => b.clone(),
            false => lax::neg(b),
        };
        let matvec = body(&types, |args| {
            let (a, b) = (&args[0], scaled(&args[1]));
            let (x, y) = (entry(&args[2], 0), entry(&args[2], 1));
            let corner = lax::add(a, &args[1]);
            let first = lax::add(&lax::mul(a, &x), &lax::mul(&b, &y));
            let second = lax::sub(&lax::mul(&corner, &y), &lax::mul(&b, &x));
            pair(first, second)
        });
        let solve = body(&types, |args| {
            let (a, b) = (&args[0], scaled(&args[1]));
            let (x, y) = (entry(&args[2], 0), entry(&args[2], 1));
            let corner = lax::add(a, &args[1]);
            let det = lax::add(&lax::mul(a, &corner), &lax::mul(&b, &b));
            let first = lax::sub(&lax::mul(&corner, &x), &lax::mul(&b, &y));
            let second = lax::add(&lax::mul(a, &y), &lax::mul(&b, &x));
            pair(lax::div(&first, &det), lax::div(&second, &det))
        });
        Side { matvec, solve }
    };
    LinearSolve::new(2, side(1.0), side(-1.0)).expect("the system of a case")
}

fn cases() -> Vec<Case> {
    let case = |d| {
        let b = crate::prims::cases::bodies::number(d);
        let inputs = vec![filled(Aval::scalar(d)), b, numbers(d, 2)];
        Case::new(Arc::new(case_system(d)), inputs)
    };
    INEXACT.map(case).into()
}
