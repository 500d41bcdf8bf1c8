//! Whole matrices of derivatives: `jacfwd`, `jacrev`, `hessian`.

use super::function::{Func, Function, Sig};
use super::grad::check_floats;
use super::graph::{self, Graph};
use super::pytree::{Flat, Pytree};
use super::vmap::move_axis;
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::axis::BatchAxis;
use crate::core::primitive::Recur;
use crate::core::trace::eval;
use crate::prims::lax;
use crate::transforms::{Transforms, vjp};
use cotangent_jit::{DType, Error, err};

/// The Jacobian of `f` in its first argument, by forward mode: `jacfwd(f)(x)[i.., j..] = d f(x)[i..] / d x[j..]`. One pass
/// over all directions at once; cheaper than [`jacrev`] when results are larger than arguments.
///
/// `f` returns an array of floats; the result has the structure of the first argument, and at each leaf the axes of the
/// result before those of the leaf.
///
/// ```
/// use cotangent::prelude::*;
/// let j = jacfwd(|x: Array| &x * &x)(array![1.0, 2.0]);
/// assert_eq!(j.to_vec::<f32>(), [2.0, 0.0, 0.0, 4.0]);
/// ```
pub fn jacfwd<'f, F, S: Sig<'f>>(f: F) -> Func<'f, S, S::First>
where
    F: Function<'f, S, Array>,
{
    let f = f.erase();
    Func::new(f.name.of("jacfwd"), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        let columns = |inputs: &[Array], leaves: &[Aval]| forward(&graph, inputs, leaves);
        jacobian("jacfwd", &graph, args, &columns)
    })
}

/// The Jacobian of `f` in its first argument, by reverse mode: the same array as [`jacfwd`]'s; cheaper when arguments are
/// larger than results.
///
/// ```
/// use cotangent::prelude::*;
/// let j = jacrev(|x: Array| &x * &x)(array![1.0, 2.0]);
/// assert_eq!(j.to_vec::<f32>(), [2.0, 0.0, 0.0, 4.0]);
/// ```
pub fn jacrev<'f, F, S: Sig<'f>>(f: F) -> Func<'f, S, S::First>
where
    F: Function<'f, S, Array>,
{
    let f = f.erase();
    Func::new(f.name.of("jacrev"), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        let rows = |inputs: &[Array], leaves: &[Aval]| reverse(&graph, inputs, leaves);
        jacobian("jacrev", &graph, args, &rows)
    })
}

/// All second derivatives of `f` in its first argument, an array: forward mode over reverse mode.
/// `hessian(f)(x)[i.., j..] = d^2 f(x) / d x[i..] d x[j..]` for a scalar `f`.
///
/// ```
/// use cotangent::prelude::*;
/// let h = hessian(|x: Array| (&x * &x * &x).sum())(array![1.0, 2.0]);
/// assert_eq!(h.to_vec::<f32>(), [6.0, 0.0, 0.0, 12.0]);
/// ```
pub fn hessian<'f, F, S: Sig<'f, First = Array>>(f: F) -> Func<'f, S, Array>
where
    F: Function<'f, S, Array>,
{
    let f = f.erase();
    let name = f.name.of("hessian");
    jacfwd(jacrev(Func::<'f, S, Array>::of(f))).named(name.text())
}

type Parts<'a> = dyn Fn(&[Array], &[Aval]) -> Result<Vec<Array>, Error> + 'a;

fn jacobian<T: Pytree>(op: &str, graph: &Graph, args: Flat, parts: &Parts<'_>) -> Result<T, Error> {
    let (tree, leaves) = args.tree.child(0);
    check_floats(op, &args, |i| leaves.contains(&i))?;
    let out = graph.jaxpr.atom_aval(graph.jaxpr.outputs[0]);
    if !out.dtype.is_float() {
        return Err(err!(DType, "{op}: the function must return floats, got {out}"));
    }
    let types: Vec<Aval> = args.leaves[leaves].iter().map(Array::aval).collect();
    let outs = graph::apply_fn(graph.inputs(args.leaves), |inputs| parts(&inputs, &types))?;
    graph::result(&tree, outs)
}

/// One batch of tangents per leaf: the columns.
fn forward(graph: &Graph, inputs: &[Array], leaves: &[Aval]) -> Result<Vec<Array>, Error> {
    let t = Transforms::new();
    let out = graph.jaxpr.atom_aval(graph.jaxpr.outputs[0]);
    let jacobian_of = |(leaf, aval): (usize, &Aval)| {
        let (one, _) = t.jvp(&graph.jaxpr, &graph.mask(|i| i == leaf), &[true])?;
        let last = one.inputs.len() - 1;
        let mapped: Vec<bool> = (0..=last).map(|i| i == last).collect();
        let (all, _) = t.batch(&one, &BatchAxis::unnamed(aval.size()), &mapped, &[false, true])?;
        let mut given = inputs.to_vec();
        given.push(basis(aval)?);
        let columns = eval(&all, &given)?.pop().expect("the tangent");
        let columns = move_axis(&columns, 0, out.rank())?;
        lax::try_reshape(&columns, &joined(&out, aval))
    };
    leaves.iter().enumerate().map(jacobian_of).collect()
}

/// One batch of cotangents: the rows.
fn reverse(graph: &Graph, inputs: &[Array], leaves: &[Aval]) -> Result<Vec<Array>, Error> {
    let t = Transforms::new();
    let out = graph.jaxpr.atom_aval(graph.jaxpr.outputs[0]);
    let parts = vjp::vjp(&t, &graph.jaxpr, &graph.mask(|i| i < leaves.len()))?;
    let mut residuals = eval(&parts.forward, inputs)?.split_off(1);
    let last = residuals.len();
    let mapped: Vec<bool> = (0..=last).map(|i| i == last).collect();
    let (all, _) = t.batch(
        &parts.pullback,
        &BatchAxis::unnamed(out.size()),
        &mapped,
        &vec![true; leaves.len()],
    )?;
    residuals.push(basis(&out)?);
    let rows = eval(&all, &residuals)?;
    let shaped = |(row, aval): (Array, &Aval)| lax::try_reshape(&row, &joined(&out, aval));
    rows.into_iter().zip(leaves).map(shaped).collect()
}

fn joined(out: &Aval, leaf: &Aval) -> Vec<usize> {
    out.shape.iter().chain(&leaf.shape).copied().collect()
}

/// The unit vectors of a space of this type, stacked in front: `[size, shape..]`.
fn basis(aval: &Aval) -> Result<Array, Error> {
    let n = aval.size();
    let along = |axis| lax::try_iota(DType::I32, &[n, n], axis);
    let eye = lax::try_eq(&along(0)?, &along(1)?)?;
    let eye = lax::try_convert_element_type(&eye, aval.dtype)?;
    lax::try_reshape(&eye, &aval.batched(0, n).shape)
}
