//! `custom_linear_solve`: a solver of linear systems that derivatives do not look into.

use super::body::{Body, same_types, together};
use crate::api::pytree::{Flat, Pytree, TreeDef, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::Recur;
use crate::core::source::{in_name_of, raise};
use crate::core::trace::eval;
use crate::prims::carriers::linear_solve::{LinearSolve, Side, linear_solve};
use crate::transforms::Transforms;
use cotangent_jit::Error;
use std::sync::Arc;

/// A linear function of pytrees, as solvers are handed it. Closures that borrow it can be given to
/// transforms, which take `Send + Sync` closures.
pub type Matvec<'a, B> = &'a (dyn Fn(B) -> B + Sync);

/// The `x` with `matvec(x) = b`, which `solve(matvec, b)` finds, differentiated as such:
/// `A dx = db - dA x`, and backwards `A^T ct_b = ct_x`, which
/// `transpose_solve(transposed matvec, ct_x)` finds.
///
/// `matvec` is linear; `b`, `x` and what it returns are alike: any pytree of floats. The solvers
/// may be anything, a [`while_loop`](super::while_loop) too: no derivative looks inside them, and
/// both may be the same function. Arrays that the closures capture take part in derivatives through
/// `matvec`. Any order, both modes, batches. Panics if structures or types differ, or if `matvec`
/// is not linear ([`try_custom_linear_solve`] returns the error).
///
/// ```
/// use cotangent::{api::control::Matvec, prelude::*};
/// // Jacobi's method: the diagonal is divided by, the rest is iterated.
/// let solve = |a: Array, b: Array| {
///     let diagonal = array![4.0, 5.0];
///     let matvec = |x: Array| a.matmul(&x);
///     let jacobi = |matvec: Matvec<Array>, b: Array| {
///         let step = |x: Array| &x + (&b - matvec(x.clone())) / &diagonal;
///         let far = |x: Array| (matvec(x) - &b).abs().max().gt(1e-6);
///         while_loop(far, step, zeros_like(&b))
///     };
///     custom_linear_solve(matvec, b.clone(), jacobi, jacobi)
/// };
/// let (a, b) = (array![[4.0, 1.0], [2.0, 5.0]], array![6.0, 12.0]);
/// assert!((solve(a.clone(), b.clone()) - array![1.0, 2.0]).abs().max().item::<f32>() < 1e-5);
/// let db = grad_wrt(|a: Array, b: Array| solve(a, b).sum(), Arg::<1>)(a, b);
/// assert!((db - array![1.0 / 6.0, 1.0 / 6.0]).abs().max().item::<f32>() < 1e-5);
/// ```
#[track_caller]
pub fn custom_linear_solve<B: Pytree>(
    matvec: impl Fn(B) -> B + Sync,
    b: B,
    solve: impl Fn(Matvec<B>, B) -> B,
    transpose_solve: impl Fn(Matvec<B>, B) -> B,
) -> B {
    raise(try_custom_linear_solve(matvec, b, solve, transpose_solve))
}

/// Returns the error of [`custom_linear_solve`] instead of panicking.
#[track_caller]
pub fn try_custom_linear_solve<B: Pytree>(
    matvec: impl Fn(B) -> B + Sync,
    b: B,
    solve: impl Fn(Matvec<B>, B) -> B,
    transpose_solve: impl Fn(Matvec<B>, B) -> B,
) -> Result<B, Error> {
    in_name_of("custom_linear_solve", || {
        run("custom_linear_solve", matvec, b, &solve, Some(&transpose_solve))
    })
}

/// [`custom_linear_solve`] of a symmetric `matvec`: the transposed system is the same system.
///
/// ```
/// use cotangent::prelude::*;
/// let solve = |d: Array, b: Array| {
///     let matvec = |x: Array| &d * x;
///     custom_linear_solve_symmetric(matvec, b, |_, b: Array| b / &d)
/// };
/// let slope = grad(|d: Array, b: Array| solve(d, b).sum())(array![2.0], array![8.0]);
/// assert_eq!(slope.to_vec::<f32>(), [-2.0]);
/// ```
#[track_caller]
pub fn custom_linear_solve_symmetric<B: Pytree>(
    matvec: impl Fn(B) -> B + Sync,
    b: B,
    solve: impl Fn(Matvec<B>, B) -> B,
) -> B {
    raise(try_custom_linear_solve_symmetric(matvec, b, solve))
}

/// Returns the error of [`custom_linear_solve_symmetric`] instead of panicking.
#[track_caller]
pub fn try_custom_linear_solve_symmetric<B: Pytree>(
    matvec: impl Fn(B) -> B + Sync,
    b: B,
    solve: impl Fn(Matvec<B>, B) -> B,
) -> Result<B, Error> {
    in_name_of("custom_linear_solve_symmetric", || {
        run("custom_linear_solve", matvec, b, &solve, None)
    })
}

/// A solver: from a linear function and a right side to a solution.
pub(super) type Solver<'a, B> = &'a dyn Fn(Matvec<B>, B) -> B;

#[track_caller]
fn run<B: Pytree>(
    op: &str,
    matvec: impl Fn(B) -> B + Sync,
    b: B,
    solve: Solver<B>,
    transpose_solve: Option<Solver<B>>,
) -> Result<B, Error> {
    let b = Flat::of(b);
    super::body::check_floats(op, "b", &b)?;
    let applied = Body::trace(&b, &matvec)?;
    same_types(op, "matvec", "b", &b, &applied)?;
    let forward = Body::trace(&b, |b: B| solve(&matvec, b))?;
    same_types(op, "solve", "b", &b, &forward)?;
    let mut bodies = vec![applied, forward];
    if let Some(solve) = transpose_solve {
        let (applied, back) = transposed(op, &b.tree, &bodies[0], &[], &b.leaves, solve)?;
        same_types(op, "transpose_solve", "b", &b, &back)?;
        bodies.extend([applied, back]);
    }
    let (captured, jaxprs) = together(&bodies);
    let side = |i: usize| Side { matvec: jaxprs[i].clone(), solve: jaxprs[i + 1].clone() };
    let prim = LinearSolve::new(captured.len(), side(0), side(jaxprs.len() - 2))?;
    let leaves = linear_solve(prim, &[&captured[..], &b.leaves].concat())?;
    try_tree_unflatten(&b.tree, leaves)
}

/// The transpose of a linear body in its last inputs, as a body, and the system in it solved. The
/// first inputs, after what the body captured, are `at`: the solver's body takes them, too.
#[track_caller]
pub(super) fn transposed<B: Pytree>(
    op: &str,
    tree: &TreeDef,
    matvec: &Body,
    at: &[Aval],
    b: &[Array],
    solve: Solver<B>,
) -> Result<(Body, Body), Error> {
    let n = b.len();
    let known = matvec.jaxpr.inputs.len() - n;
    let linear: Vec<bool> = (0..known + n).map(|i| i >= known).collect();
    let jaxpr: Arc<Jaxpr> = Arc::new(matvec.jaxpr.clone());
    let told =
        |e: Error| e.context(format!("{op}: the transpose of matvec, which should be linear"));
    let (jaxpr, _) = Transforms::new()
        .transpose(&jaxpr, &linear, &vec![true; n], &vec![true; n])
        .map_err(told)?;
    let applied =
        Body { jaxpr: (*jaxpr).clone(), captured: matvec.captured.clone(), out_tree: tree.clone() };
    let avals: Vec<Aval> = b.iter().map(|b| b.aval().strong()).collect();
    let solved = solved(op, tree, &applied, at, &avals, solve)?;
    Ok((applied, solved))
}

/// A solver applied to a linear body and a right side: a body from `at` and the right side to the
/// solution.
#[track_caller]
pub(super) fn solved<B: Pytree>(
    op: &str,
    tree: &TreeDef,
    matvec: &Body,
    at: &[Aval],
    b: &[Aval],
    solve: Solver<B>,
) -> Result<Body, Error> {
    let types = [at, b].concat();
    Body::flat(&types, |leaves| {
        let (at, b) = leaves.split_at(at.len());
        let apply = |x: B| -> B {
            let x = Flat::of(x);
            let run = || -> Result<B, Error> {
                let expected = Flat { leaves: b.to_vec(), tree: tree.clone() };
                super::body::same_leaves(op, "matvec", &expected, &x)?;
                let inputs = [&matvec.captured[..], at, &x.leaves].concat();
                try_tree_unflatten(tree, eval(&matvec.jaxpr, &inputs)?)
            };
            raise(run())
        };
        Ok(solve(&apply, try_tree_unflatten(tree, b.to_vec())?))
    })
}
