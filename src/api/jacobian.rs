//! Whole matrices of derivatives: `jacfwd`, `jacrev`, `hessian`.

use super::function::{Callee, Differentiable, Func, Function, Sig};
use super::grad::{check_complex, check_floats};
use super::graph::{self, Graph};
use super::pytree::{Flat, Nest, Pytree};
use super::vmap::move_axis;
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::axis::BatchAxis;
use crate::core::jaxpr::{Atom, Jaxpr};
use crate::core::primitive::Recur;
use crate::core::trace::eval;
use crate::prims::lax;
use crate::transforms::{Transforms, vjp};
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

/// The Jacobian of `f` in its first argument, by forward mode:
/// `jacfwd(f)(x)[i.., j..] = d f(x)[i..] / d x[j..]`. One pass over all directions at once; cheaper
/// than [`jacrev`] when results are larger than arguments.
///
/// `f` returns a pytree of floats or complex numbers; the result has its structure, with a tree
/// like the first argument, whose leaves are floats, in place of each array ([`Nest`]), and at each
/// leaf the axes of the result before those of the argument's leaf.
///
/// ```
/// use cotangent::prelude::*;
/// let j = jacfwd(|x: Array| &x * &x)(array![1.0, 2.0]);
/// assert_eq!(j.to_vec::<f32>(), [2.0, 0.0, 0.0, 4.0]);
/// let f = |(x, y): (Array, Array)| vec![&x * y, x];
/// let j: Vec<(Array, Array)> = jacfwd(f)((array![2.0], array![3.0]));
/// assert_eq!((j[0].0.item::<f32>(), j[0].1.item::<f32>(), j[1].1.item::<f32>()), (3.0, 2.0, 0.0));
/// ```
pub fn jacfwd<'f, F, S: Sig<'f>, R: Nest>(f: F) -> Func<'f, S, R::With<S::First>>
where
    F: Function<'f, S, R>,
{
    jacfwd_as("jacfwd", f.erase())
}

/// [`jacfwd`] as messages of `op`.
fn jacfwd_as<'f, S: Sig<'f>, R: Nest>(
    op: &'static str,
    f: Callee<'f, R>,
) -> Func<'f, S, R::With<S::First>> {
    Func::new(f.name.of(op), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        let columns = |inputs: &[Array], leaves: &[Aval]| forward(&graph, inputs, leaves);
        jacobian(op, &graph, args, &columns)
    })
}

/// The Jacobian of `f` in its first argument, by reverse mode: the same arrays as [`jacfwd`]'s;
/// cheaper when arguments are larger than results.
///
/// ```
/// use cotangent::prelude::*;
/// let j = jacrev(|x: Array| &x * &x)(array![1.0, 2.0]);
/// assert_eq!(j.to_vec::<f32>(), [2.0, 0.0, 0.0, 4.0]);
/// ```
#[doc(alias = "jacobian")]
pub fn jacrev<'f, F, S: Sig<'f>, R: Nest>(f: F) -> Func<'f, S, R::With<S::First>>
where
    F: Function<'f, S, R>,
{
    jacrev_as("jacrev", f.erase())
}

/// [`jacrev`] as messages of `op`.
fn jacrev_as<'f, S: Sig<'f>, R: Nest>(
    op: &'static str,
    f: Callee<'f, R>,
) -> Func<'f, S, R::With<S::First>> {
    Func::new(f.name.of(op), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        let rows = |inputs: &[Array], leaves: &[Aval]| reverse(&graph, inputs, leaves);
        jacobian(op, &graph, args, &rows)
    })
}

/// All second derivatives of `f` in its first argument: forward mode over reverse mode.
/// `hessian(f)(x)[i.., j..] = d^2 f(x) / d x[i..] d x[j..]` for a scalar `f`.
///
/// Of an argument that is a pytree there is one such array for each pair of leaves: the argument's
/// tree, with such a tree in place of each leaf ([`Nest`]).
///
/// ```
/// use cotangent::prelude::*;
/// let h = hessian(|x: Array| (&x * &x * &x).sum())(array![1.0, 2.0]);
/// assert_eq!(h.to_vec::<f32>(), [6.0, 0.0, 0.0, 12.0]);
/// let ((xx, xy), (_, yy)) =
///     hessian(|(x, y): (Array, Array)| &x * &x * y)((array!(2.0), array!(3.0)));
/// assert_eq!([xx, xy, yy].map(|h| h.item::<f32>()), [6.0, 4.0, 0.0]);
/// ```
///
/// Of a struct each leaf is a [`Tree`](super::pytree::Tree), which gives its leaves by their path.
///
/// ```
/// use cotangent::prelude::*;
/// #[derive(Pytree)]
/// struct Line { w: Array, b: Array }
/// let loss = |p: Line| (p.w * 3.0 + p.b).square();
/// let h = hessian(loss)(Line { w: Array::from(1.0), b: Array::from(2.0) });
/// let entry = |path: &str| h.get(path).unwrap().item::<f32>();
/// assert_eq!([entry(".w.w"), entry(".w.b"), entry(".b.b")], [18.0, 6.0, 2.0]);
/// ```
pub fn hessian<'f, F, S: Sig<'f>, R: Differentiable>(
    f: F,
) -> Func<'f, S, <S::First as Nest>::With<S::First>>
where
    F: Function<'f, S, R>,
    S::First: Nest,
{
    let f = f.erase().returning_array();
    let name = f.name.of("hessian");
    let gradient: Func<'f, S, S::First> = jacrev_as("hessian", f);
    jacfwd_as::<S, S::First>("hessian", gradient.erase()).named(name.text())
}

/// As [`jacfwd`], of a holomorphic function: `f` takes and returns complex numbers, and so are the
/// derivatives.
///
/// ```
/// use cotangent::prelude::*;
/// let z = array![Complex::new(1.0, 2.0)];
/// let j = jacfwd_holomorphic(|z: Array| &z * &z)(z);
/// assert_eq!(j.to_vec::<Complex<f32>>(), [Complex::new(2.0, 4.0)]);
/// ```
pub fn jacfwd_holomorphic<'f, F, S: Sig<'f>, R: Nest>(f: F) -> Func<'f, S, R::With<S::First>>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("jacfwd_holomorphic"), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        let columns = |inputs: &[Array], leaves: &[Aval]| forward(&graph, inputs, leaves);
        jacobian("jacfwd_holomorphic", &graph, args, &columns)
    })
}

/// As [`jacrev`], of a holomorphic function: `f` takes and returns complex numbers, and so are the
/// derivatives.
pub fn jacrev_holomorphic<'f, F, S: Sig<'f>, R: Nest>(f: F) -> Func<'f, S, R::With<S::First>>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("jacrev_holomorphic"), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        let rows = |inputs: &[Array], leaves: &[Aval]| reverse(&graph, inputs, leaves);
        jacobian("jacrev_holomorphic", &graph, args, &rows)
    })
}

type Parts<'a> = dyn Fn(&[Array], &[Aval]) -> Result<Vec<Array>, Error> + 'a;

fn jacobian<T: Pytree>(op: &str, graph: &Graph, args: Flat, parts: &Parts<'_>) -> Result<T, Error> {
    let (tree, leaves) = args.tree.child(0);
    check_floats(op, &args, |i| leaves.contains(&i))?;
    let outs = graph.jaxpr.out_avals();
    let complex = args.leaves[leaves.clone()].iter().find(|a| a.dtype().is_complex());
    let holomorphic = op.ends_with("_holomorphic");
    let place = |i: usize| {
        let path = &graph.out_tree.paths()[i];
        if path.is_empty() { String::new() } else { format!(" at {path}") }
    };
    if holomorphic {
        check_complex(op, &args, |i| leaves.contains(&i))?;
    } else if let (true, Some(z)) = (op == "jacfwd", complex) {
        // Two directions per complex number do not fit into one column.
        return Err(err!(
            DType,
            "jacfwd: expected real arguments, got {}; use jacfwd_holomorphic, or jacrev if results \
             are real",
            z.aval()
        ));
    }
    for (i, out) in outs.iter().enumerate() {
        let (is_complex, place) = (out.dtype.is_complex(), || place(i));
        let wrong = match op {
            _ if holomorphic && is_complex => continue,
            _ if holomorphic => format!("complex numbers, got {out}{}", place()),
            "jacrev" if is_complex => format!(
                "real numbers, got {out}{}; use jacrev_holomorphic, or jacfwd if arguments are \
                 real",
                place()
            ),
            _ if out.dtype.is_inexact() => continue,
            _ => format!("floats, got {out}{}", place()),
        };
        return Err(err!(DType, "{op}: the function must return {wrong}"));
    }
    let types: Vec<Aval> = args.leaves[leaves].iter().map(Array::aval).collect();
    let outs = graph::apply_fn(graph.inputs(args.leaves), |inputs| parts(&inputs, &types))?;
    graph::result(&graph.out_tree.with_leaves(&tree), outs)
}

/// One batch of tangents per leaf: the columns of all results.
fn forward(graph: &Graph, inputs: &[Array], leaves: &[Aval]) -> Result<Vec<Array>, Error> {
    let t = Transforms::new();
    let outs = graph.jaxpr.out_avals();
    let n = outs.len();
    let columns_of = |(leaf, aval): (usize, &Aval)| {
        let (one, _) = t.jvp(&graph.jaxpr, &graph.mask(|i| i == leaf), &vec![true; n])?;
        let last = one.inputs.len() - 1;
        let mapped: Vec<bool> = (0..=last).map(|i| i == last).collect();
        let force: Vec<bool> = (0..2 * n).map(|i| i >= n).collect();
        let (all, _) = t.batch(&one, &BatchAxis::unnamed(aval.size()), &mapped, &force)?;
        let mut given = inputs.to_vec();
        given.push(basis(aval)?);
        let columns = eval(&all, &given)?.split_off(n);
        let shaped = |(columns, out): (Array, &Aval)| {
            lax::try_reshape(&move_axis(&columns, 0, out.rank())?, &joined(out, aval))
        };
        columns.into_iter().zip(&outs).map(shaped).collect::<Result<Vec<_>, Error>>()
    };
    let columns: Vec<Vec<Array>> =
        leaves.iter().enumerate().map(columns_of).collect::<Result<_, Error>>()?;
    Ok((0..n).flat_map(|out| columns.iter().map(move |leaf| leaf[out].clone())).collect())
}

/// One batch of cotangents per result: the rows. What the results share is merged afterwards.
fn reverse(graph: &Graph, inputs: &[Array], leaves: &[Aval]) -> Result<Vec<Array>, Error> {
    let t = Transforms::new();
    let wrt = graph.mask(|i| i < leaves.len());
    let rows_of = |output: &Atom| {
        let single = Arc::new(Jaxpr { outputs: vec![*output], ..(*graph.jaxpr).clone() });
        let out = single.atom_aval(*output);
        let parts = vjp::vjp(&t, &single, &wrt)?;
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
        rows.into_iter().zip(leaves).map(shaped).collect::<Result<Vec<_>, Error>>()
    };
    let rows: Vec<Vec<Array>> =
        graph.jaxpr.outputs.iter().map(rows_of).collect::<Result<_, Error>>()?;
    Ok(rows.into_iter().flatten().collect())
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
