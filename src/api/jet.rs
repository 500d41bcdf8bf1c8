//! `jet`: derivatives of any order along a curve, in one pass.

use super::derivative::{check_like, differentiable};
use super::function::{Callee, Function, Sig, calling};
use super::graph::{self, avals};
use super::pytree::{Flat, Pytree};
use crate::core::array::Array;
use crate::core::primitive::Recur;
use crate::core::source::raise;
use crate::prims::lax;
use crate::stage::placement::site_of;
use crate::transforms::Transforms;
use cotangent_jit::{Error, Scalar};

/// The value of `f` and its derivatives along a curve: if `x(t)` starts at `primals` with
/// derivatives `series[k] = x⁽ᵏ⁺¹⁾(0)`, and `y(t) = f(x(t))`, gives `(y(0), [y'(0), y''(0), ..])`,
/// as many as there are in `series`.
///
/// Primals and every element of `series` are tuples of the arguments, alike in structure, shapes
/// and dtypes; leaves of ints and bools have no derivatives, and theirs are not looked at. These
/// are derivatives, not divided by factorials. The straight curve `[v, 0, 0, ..]` gives `fᵏ`
/// applied to `v` k times; work grows as a polynomial in the order, where nested
/// [`jvp`](super::derivative::jvp) doubles it with each. Panics if structures or types differ
/// ([`try_jet`] returns the error), and where forward mode does.
///
/// ```
/// use cotangent::prelude::*;
/// let (x, one, zero) = (array![0.0], array![1.0], array![0.0]);
/// let (y, series) = jet(|x: Array| x.sin(), (x,), vec![(one,), (zero.clone(),), (zero,)]);
/// let derivatives: Vec<f32> = series.iter().map(|s| s.item()).collect();
/// assert_eq!((y.item::<f32>(), &derivatives[..]), (0.0, &[1.0, 0.0, -1.0][..]));
/// ```
#[track_caller]
pub fn jet<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    primals: S::Args,
    series: Vec<S::Args>,
) -> (R, Vec<R>)
where
    F: Function<'f, S, R>,
{
    raise(try_jet(f, primals, series))
}

/// Returns the error of [`jet`] instead of panicking.
#[track_caller]
pub fn try_jet<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    primals: S::Args,
    series: Vec<S::Args>,
) -> Result<(R, Vec<R>), Error>
where
    F: Function<'f, S, R>,
{
    let series = series.into_iter().map(Flat::of).collect();
    calling(|| jet_of(f.erase(), Flat::of(primals), series))
}

fn jet_of<R: Pytree>(
    f: Callee<'_, R>,
    primals: Flat,
    mut series: Vec<Flat>,
) -> Result<(R, Vec<R>), Error> {
    let order = series.len();
    let types = avals(&primals.leaves);
    for (k, terms) in series.iter_mut().enumerate() {
        check_like("jet", &format!("series[{k}]"), &primals.tree, &types, terms)?;
    }
    let graph = graph::trace(&f, &primals.tree, &types, site_of(&primals.leaves))?;
    let outs = graph.jaxpr.outputs.len();
    let floats = differentiable(&types);
    let mask = graph.mask(|i| floats[i]);
    let nonzero: Vec<bool> = mask.iter().flat_map(|m| std::iter::repeat_n(*m, order)).collect();
    let jaxpr = match order {
        0 => graph.jaxpr.clone(),
        _ => Transforms::new().jet(&graph.jaxpr, order, &nonzero, &vec![true; outs * order])?.0,
    };
    // Derivatives become coefficients and back: x_k = x⁽ᵏ⁾ / k!
    let factorials: Vec<f64> = (1..=order)
        .scan(1.0, |f, k| {
            *f *= k as f64;
            Some(*f)
        })
        .collect();
    let given: Vec<Array> = (0..floats.len())
        .filter(|i| floats[*i])
        .flat_map(|i| series.iter().map(move |s| s.leaves[i].clone()))
        .collect();
    let start = graph.inputs(primals.leaves);
    let n = start.len();
    let inputs: Vec<Array> = start.into_iter().chain(given).collect();
    let mut results = graph::apply_fn(inputs, |mut args| {
        for (i, x) in args.iter_mut().skip(n).enumerate() {
            *x = scaled(x, 1.0 / factorials[i % order])?;
        }
        let mut results = crate::core::trace::eval(&jaxpr, &args)?;
        for (i, y) in results.iter_mut().skip(outs).enumerate() {
            *y = scaled(y, factorials[i % order])?;
        }
        Ok(results)
    })?;
    let coefficients = results.split_off(outs);
    let value = graph::result(&graph.out_tree, results)?;
    let of_order = |k: usize| {
        let leaves = (0..outs).map(|o| coefficients[o * order + k].clone()).collect();
        graph::result(&graph.out_tree, leaves)
    };
    Ok((value, (0..order).map(of_order).collect::<Result<_, Error>>()?))
}

fn scaled(x: &Array, by: f64) -> Result<Array, Error> {
    match Scalar::from_f64(x.dtype(), by) {
        Some(s) if by != 1.0 && x.dtype().is_inexact() => {
            lax::try_mul(x, &Array::strong_literal(s))
        }
        _ => Ok(x.clone()),
    }
}
