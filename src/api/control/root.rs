//! `custom_root`: a root of a function, differentiated by the implicit function theorem.

use super::body::{Body, check_floats, same_types, together};
use super::linear_solve::{Matvec, solved, transposed};
use crate::api::pytree::{Flat, Pytree, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::primitive::Recur;
use crate::core::source::{in_name_of, raise};
use crate::prims::carriers::linear_solve::{LinearSolve, Side};
use crate::prims::carriers::regroup::with_inputs;
use crate::prims::carriers::root::{Root, root};
use crate::transforms::Transforms;
use cotangent_jit::Error;
use std::sync::Arc;

/// The `x` with `f(x) = 0`, which `solve(f, guess)` finds, differentiated as such: with `p` what
/// `f` captures, `df/dx dx = - df/dp dp`, a linear system that `tangent_solve(df/dx, rhs)` solves.
///
/// `f` takes and returns pytrees of floats like `guess`. `solve` may be anything, a
/// [`while_loop`](super::while_loop) too: no derivative looks inside it, nor into `tangent_solve`,
/// which is also called with the transpose of `df/dx`, in reverse mode. For scalars
/// `|slope, y| y / slope(1)` solves it. Any order, both modes, batches. The derivative in `guess`
/// is zero. Inside `solve` and `tangent_solve`, transforms of the functions that they are handed
/// work as anywhere (`jvp(f, ..)`, `jacfwd(f)`). Panics if structures or types differ
/// ([`try_custom_root`] returns the error).
///
/// ```
/// use cotangent::prelude::*;
/// // The cube root by Newton's method: x^3 = a.
/// let cbrt = |a: Array| custom_root(
///     |x: Array| &x * &x * &x - &a,
///     |f, x| while_loop(
///         |x: Array| f(x).abs().gt(1e-5),
///         |x: Array| {
///             let (value, slope) = jvp(f, (x.clone(),), (ones_like(&x),));
///             x - value / slope
///         },
///         x,
///     ),
///     |slope, y| &y / slope(ones_like(&y)),
///     Array::from(1.5),
/// );
/// assert!((cbrt(Array::from(8.0)).item::<f32>() - 2.0).abs() < 1e-5);
/// assert!((grad(cbrt)(Array::from(8.0)).item::<f32>() - 1.0 / 12.0).abs() < 1e-5);
/// ```
#[track_caller]
pub fn custom_root<X: Pytree>(
    f: impl Fn(X) -> X + Sync,
    solve: impl Fn(&(dyn Fn(X) -> X + Sync), X) -> X,
    tangent_solve: impl Fn(Matvec<X>, X) -> X,
    guess: X,
) -> X {
    raise(try_custom_root(f, solve, tangent_solve, guess))
}

/// Returns the error of [`custom_root`] instead of panicking.
#[track_caller]
pub fn try_custom_root<X: Pytree>(
    f: impl Fn(X) -> X + Sync,
    solve: impl Fn(&(dyn Fn(X) -> X + Sync), X) -> X,
    tangent_solve: impl Fn(Matvec<X>, X) -> X,
    guess: X,
) -> Result<X, Error> {
    in_name_of("custom_root", || {
        const OP: &str = "custom_root";
        let guess = Flat::of(guess);
        check_floats(OP, "guess", &guess)?;
        let residual = Body::trace(&guess, &f)?;
        same_types(OP, "f", "guess", &guess, &residual)?;
        let found = Body::trace(&guess, |x: X| solve(&f, x))?;
        same_types(OP, "solve", "guess", &guess, &found)?;

        // df/dx at x: from what f captured, x and v to df/dx v.
        let n = guess.leaves.len();
        let captured = residual.captured.len();
        let t = Transforms::new();
        let mask: Vec<bool> = (0..captured + n).map(|i| i >= captured).collect();
        let (moved, _) = t.jvp(&Arc::new(residual.jaxpr.clone()), &mask, &vec![true; n])?;
        let used: Vec<bool> = (0..2 * n).map(|i| i >= n).collect();
        let (small, have) = t.dce(&moved, &used)?;
        let all = vec![true; have.len()];
        let slope = Body {
            jaxpr: with_inputs(&small, &have, &all, &moved.in_avals()),
            captured: residual.captured.clone(),
            out_tree: guess.tree.clone(),
        };
        let x: Vec<Aval> = guess.leaves.iter().map(|x| x.aval().strong()).collect();
        let forward = solved(OP, &guess.tree, &slope, &x, &x, &tangent_solve)?;
        same_types(OP, "tangent_solve", "guess", &guess, &forward)?;
        let (slope_t, back) =
            transposed(OP, &guess.tree, &slope, &x, &guess.leaves, &tangent_solve)?;
        same_types(OP, "tangent_solve", "guess", &guess, &back)?;

        let (consts, jaxprs) = together(&[residual, found, slope, forward, slope_t, back]);
        let [f, solve, rest @ ..] = &jaxprs[..] else { unreachable!("six bodies") };
        let side = |i: usize| Side { matvec: rest[i].clone(), solve: rest[i + 1].clone() };
        let tangent = LinearSolve::new(consts.len() + n, side(0), side(2))?;
        let prim = Root::new(consts.len(), f.clone(), solve.clone(), tangent)?;
        let inputs: Vec<Array> = [&consts[..], &guess.leaves].concat();
        try_tree_unflatten(&guess.tree, root(prim, &inputs)?)
    })
}
