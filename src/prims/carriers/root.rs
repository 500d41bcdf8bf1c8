//! `root`: a root of a function, found by a solver that the user gives. The derivative comes from
//! the function, not from the solver.
//!
//! ```text
//! f(p, x) = 0              df/dx dx = - df/dp dp
//! ```
//! The linear system is a `linear_solve`. So forward and reverse mode work to any order, and no
//! derivative differentiates the solver.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::prims::taylor::Forward;

use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Operand, Prim, Tangent, Taylor, TransposeResult, not_linear,
};
use crate::core::trace::{bind, eval};

use crate::prims::carriers::linear_solve::{LinearSolve, Side};
use crate::prims::carriers::regroup::{axes_in_front, check_inputs, front, nonzero, values};
use crate::prims::carriers::whole::Whole;
use crate::prims::carriers::with_bodies::{Bodies, WithBodies};
use crate::prims::cases::bodies::{INEXACT, body, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::lax;
use crate::prims::rules::batching::broadcast_batch;
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

/// `root[consts, f, solve, tangent] consts... guess... -> x...`: `solve(consts, guess)`, which is
/// an `x` with `f(consts, x) = 0`. `tangent` is a linear system with the matrix `df/dx`. Its
/// constants are `consts` and `x`.
#[derive(Clone, Debug)]
pub struct Root {
    pub consts: usize,
    pub f: Arc<Jaxpr>,
    pub solve: Arc<Jaxpr>,
    pub tangent: LinearSolve,
}

impl Root {
    /// `f`, `solve` and the system must take and return the types of `x`.
    pub fn new(
        consts: usize,
        f: Arc<Jaxpr>,
        solve: Arc<Jaxpr>,
        tangent: LinearSolve,
    ) -> Result<Root, Error> {
        let inputs = f.in_avals();
        let x = &inputs[consts.min(inputs.len())..];
        check_inputs("root, solve", &solve, &inputs)?;
        check_inputs("root, tangent", &tangent.forward.solve, &[&inputs[..], x].concat())?;
        for (name, got) in [("f", f.out_avals()), ("solve", solve.out_avals())] {
            if got != x {
                return Err(err!(
                    Shape,
                    "root: {name} should give {x:?}, as it takes, got {got:?}"
                ));
            }
        }
        Ok(Root { consts, f, solve, tangent })
    }
}

impl WithBodies for Root {
    const NAME: &'static str = "root";

    fn params(&self) -> Params {
        [
            ("consts", Param::Int(self.consts as i64)),
            ("f", Param::Jaxpr(self.f.clone())),
            ("solve", Param::Jaxpr(self.solve.clone())),
            ("tangent", Param::Jaxprs(self.tangent.jaxprs().to_vec())),
        ]
        .into_iter()
        .collect()
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies::Call(&self.solve)
    }

    /// The tangents of the guess, and of constants that only the solver reads, do not contribute.
    fn forward(&self, _: Forward, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let x = bind(Arc::new(self.clone()), primals)?;
        let (consts, dconsts) = (&primals[..self.consts], &tangents[..self.consts]);
        let dconsts_nonzero = nonzero(dconsts);
        let n = x.len();
        let mask = [&dconsts_nonzero[..], &vec![false; n]].concat();
        let (jvp, out) = ctx.recur.jvp(&self.f, &mask, &vec![false; n])?;
        if !out.contains(&true) {
            let zeros = x.iter().map(|x| Tangent::Zero(x.aval().strong())).collect();
            return Ok((x, zeros));
        }
        let args: Vec<Array> = consts.iter().chain(&x).cloned().chain(values(dconsts)).collect();
        let df = eval(&jvp, &args)?.split_off(n);
        let df = crate::prims::carriers::regroup::spread(&out, df, &self.solve.out_avals());
        let mut args: Vec<Array> = consts.iter().chain(&x).cloned().collect();
        for df in &df {
            args.push(lax::try_neg(&crate::prims::rules::zeros::instantiate(df))?);
        }
        let dx = bind(Arc::new(self.tangent.clone()), &args)?;
        Ok((x, dx.into_iter().map(Tangent::Value).collect()))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (mut inputs, batched) = axes_in_front(inputs, axes)?;
        for (x, is_batched) in inputs.iter_mut().zip(&batched).skip(self.consts) {
            if !is_batched {
                *x = broadcast_batch(x, ctx.batch_size, 0)?;
            }
        }
        let n = inputs.len() - self.consts;
        let mask = [&batched[..self.consts], &vec![true; n]].concat();
        let one = |j: &Arc<Jaxpr>| Ok(ctx.recur.batch(j, ctx.axis, &mask, &vec![true; n])?.0);
        let (f, solve): (Result<_, Error>, Result<_, Error>) = (one(&self.f), one(&self.solve));
        let tangent = self.tangent.batched(ctx, &mask)?;
        let prim = Root { consts: self.consts, f: f?, solve: solve?, tangent };
        Ok((bind(Arc::new(prim), &inputs)?, front(&vec![true; n])))
    }
}

impl Whole for Root {
    fn with_bodies(&self, jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        let tangent = LinearSolve::of(self.tangent.consts, &jaxprs[2..]);
        let (f, solve) = (jaxprs[0].clone(), jaxprs[1].clone());
        Arc::new(Root { consts: self.consts, f, solve, tangent })
    }
}

/// Finds a root. `inputs` are the constants, then a guess.
#[track_caller]
pub fn root(root: Root, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    Ok(bind(Arc::new(root), inputs)?.into_vec())
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "root", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let (consts, jaxprs) = (args.size("consts")?, args.jaxprs("tangent")?);
    let (f, solve) = (args.jaxpr("f")?, args.jaxpr("solve")?);
    let n = f.outputs.len();
    if jaxprs.len() != 4 {
        return Err(args.wrong("tangent", "four jaxprs", args.get("tangent")?));
    }
    let LinearSolve { forward, transposed, .. } = LinearSolve::of(consts + n, &jaxprs);
    let tangent = LinearSolve::new(consts + n, forward, transposed)?;
    Ok(Arc::new(Root::new(consts, f, solve, tangent)?))
}

/// `log(a)` as the root of `f(a, x) = exp(x) - a`, with `df/dx = exp(x)`.
fn case(d: DType) -> Case {
    let v = Aval::new([3], d);
    let two = [v.clone(), v.clone()];
    let three = [v.clone(), v.clone(), v];
    let f = body(&two, |x| vec![lax::sub(&lax::exp(&x[1]), &x[0])]);
    let solve = body(&two, |x| vec![lax::log(&x[0])]);
    let matvec = body(&three, |x| vec![lax::mul(&lax::exp(&x[1]), &x[2])]);
    let divided = body(&three, |x| vec![lax::div(&x[2], &lax::exp(&x[1]))]);
    let side = || Side { matvec: matvec.clone(), solve: divided.clone() };
    let tangent = LinearSolve::new(2, side(), side()).expect("the system of a case");
    let root = Root::new(1, f, solve, tangent).expect("the root of a case");
    Case::new(Arc::new(root), vec![numbers(d, 3), numbers(d, 3)])
}

fn cases() -> Vec<Case> {
    INEXACT.map(case).into()
}
