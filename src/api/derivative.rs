//! Derivatives as maps: `jvp` (forward), `vjp` (reverse), `linearize`, `linear_transpose`.

use super::function::{Callee, Func, Function, Own, Sig, calling};
use super::graph::{self, Graph, avals};
use super::pytree::{Flat, Pytree, TreeDef, same_structure};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::Recur;
use crate::core::source::raise;
use crate::prims::array::promotion::promote;
use crate::prims::lax;
use crate::stage::placement::site_of;
use crate::transforms::{Transforms, vjp};
use cotangent_jit::{Error, Scalar, err};
use std::sync::Arc;

/// The value of `f` and its derivative along `tangents`: `(f(x), J f(x) t)`.
///
/// Primals and tangents are tuples of the arguments, alike in structure, shapes and dtypes. Leaves
/// of ints and bools have no derivative; their tangents are not looked at. Panics if the two differ
/// ([`try_jvp`] returns the error).
///
/// ```
/// use cotangent::prelude::*;
/// let (y, dy) = jvp(|x: Array| &x * &x, (array![3.0],), (array![1.0],));
/// assert_eq!((y.item::<f32>(), dy.item::<f32>()), (9.0, 6.0));
/// ```
///
/// # Several arguments, any pytree
///
/// ```
/// use cotangent::prelude::*;
/// let f = |w: Array, (x, y): (Array, Array)| { let z = w * x + y; (z.square(), z) };
/// let primals = (array![2.0], (array![3.0], array![1.0]));
/// let tangents = (array![1.0], (array![0.0], array![1.0]));
/// let ((value, z), (_, dz)) = jvp(f, primals, tangents);
/// assert_eq!([value, z, dz].map(|x| x.item::<f32>()), [49.0, 7.0, 4.0]);
/// ```
///
/// # Borrowed arguments
///
/// A closure of references; primals and tangents are given by value, since they are returned as
/// such.
///
/// ```
/// use cotangent::prelude::*;
/// let times = |x: &Array, y: &Array| x * y;
/// let (_, dy) = jvp(times, (array![3.0], array![4.0]), (array![1.0], array![0.0]));
/// assert_eq!(dy.item::<f32>(), 4.0);
/// ```
///
/// # With other transforms
///
/// A column of the Jacobian costs about one evaluation, whatever the number of results. Forward
/// over reverse is the product of a Hessian with a vector.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| (&x * &x * &x).sum();
/// let hvp = jit(|x: Array, v: Array| jvp(grad(f), (x,), (v,)).1);
/// assert_eq!(hvp(array![1.0, 2.0], array![1.0, 0.0]).to_vec::<f32>(), [6.0, 0.0]);
/// // Several directions at once.
/// let along = |v: Array| jvp(|x: Array| x.square(), (array![1.0, 2.0],), (v,)).1;
/// assert_eq!(vmap(along)(eye(2)).to_vec::<f32>(), [2.0, 0.0, 0.0, 4.0]);
/// ```
///
/// # Pitfalls
///
/// - Primals and tangents are tuples, also of one argument: `(x,)`.
/// - A tangent has the dtype of its primal: `array![1.0]` beside `f32`, not `array![1]`.
/// - The types of the closure's arguments must be written; what it captures is borrowed, `x * &s`.
/// - Functions with a [`custom_vjp`](super::custom::custom_vjp) alone have no forward mode.
///
/// See also [`vjp()`], [`linearize`] (many directions from one point),
/// [`jacfwd`](super::jacobian::jacfwd), [`jet`](super::jet::jet()) (higher orders),
/// [`function`](super::function) (closures at length).
#[doc(alias = "forward_ad")]
#[track_caller]
pub fn jvp<'f, F, S: Sig<'f>, R: Pytree>(f: F, primals: S::Args, tangents: S::Args) -> (R, R)
where
    F: Function<'f, S, R>,
{
    raise(try_jvp(f, primals, tangents))
}

/// Returns the error of [`jvp`] instead of panicking.
#[track_caller]
pub fn try_jvp<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    primals: S::Args,
    tangents: S::Args,
) -> Result<(R, R), Error>
where
    F: Function<'f, S, R>,
{
    calling(|| jvp_of(f.erase(), Flat::of(primals), Flat::of(tangents)))
}

fn jvp_of<R: Pytree>(f: Callee<'_, R>, primals: Flat, mut tangents: Flat) -> Result<(R, R), Error> {
    let types = avals(&primals.leaves);
    check_like("jvp", "tangents", &primals.tree, &types, &mut tangents)?;
    let graph = graph::trace(&f, &primals.tree, &types, site_of(&primals.leaves))?;
    let floats = differentiable(&types);
    let force = vec![true; graph.jaxpr.outputs.len()];
    let mask = graph.mask(|i| floats[i]);
    let (jaxpr, _) = Transforms::new().jvp(&graph.jaxpr, &mask, &force)?;
    let mut inputs = graph.inputs(primals.leaves);
    inputs.extend(keep(tangents.leaves, &floats));
    let mut outs = graph::apply(&jaxpr, inputs)?;
    let dots = outs.split_off(force.len());
    Ok((graph::result(&graph.out_tree, outs)?, graph::result(&graph.out_tree, dots)?))
}

/// From a cotangent of a result `R` to cotangents of arguments `A`.
pub type Pullback<R, A> = Func<'static, (Own<R>,), A>;

/// The value of `f` and its pullback, from a cotangent of the value to cotangents of the arguments
/// (a tuple): `(f(x), ct -> ct^T J f(x))`.
///
/// The pullback holds what it needs of the forward computation, and can be called any number of
/// times.
///
/// ```
/// use cotangent::prelude::*;
/// let (y, pullback) = vjp(|x: Array, y: Array| x * y, (array![3.0], array![4.0]));
/// let (dx, dy) = pullback(array![1.0]);
/// assert_eq!((y.item::<f32>(), dx.item::<f32>(), dy.item::<f32>()), (12.0, 4.0, 3.0));
/// ```
///
/// # Several arguments, any pytree
///
/// The cotangent has the structure of the value, and the pullback gives a tuple like the arguments.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |(w, b): (Array, Array), x: Array| (&w * &x, w + b);
/// let (_, pullback) = vjp(f, ((array![2.0], array![1.0]), array![3.0]));
/// let ((dw, db), dx) = pullback((array![1.0], array![10.0]));
/// assert_eq!([dw, db, dx].map(|x| x.item::<f32>()), [13.0, 10.0, 2.0]);
/// ```
///
/// # Borrowed arguments
///
/// ```
/// use cotangent::prelude::*;
/// let (x, y) = (array![3.0], array![4.0]);
/// let (_, pullback) = vjp(|x: &Array, y: &Array| x * y, (x.clone(), y.clone()));
/// assert_eq!(pullback(array![1.0]).0.item::<f32>(), 4.0);
/// ```
///
/// # With other transforms
///
/// A row of the Jacobian costs a few evaluations, whatever the number of arguments. Rows of all are
/// one `vmap` of the pullback.
///
/// ```
/// use cotangent::prelude::*;
/// let (_, pullback) = vjp(|x: Array| x.square(), (array![1.0, 2.0],));
/// let (rows,) = vmap(|ct: Array| pullback(ct))(eye(2));
/// assert_eq!(rows.to_vec::<f32>(), [2.0, 0.0, 0.0, 4.0]);
/// let g = jit(|x: Array| {
///     let (y, pullback) = vjp(|x: Array| x.sin(), (x,));
///     pullback(ones_like(&y)).0
/// });
/// assert_eq!(g(array![0.0]).item::<f32>(), 1.0);
/// ```
///
/// # Pitfalls
///
/// - Arguments are a tuple, also a single one: `(x,)`; so is what the pullback gives.
/// - A cotangent has shape and dtype of the value: [`ones_like`](crate::numpy::create::ones_like).
/// - The pullback keeps what the backward pass needs; drop it to free that.
/// - The types of the closure's arguments must be written; what it captures is borrowed, `x * &s`.
///
/// See also [`grad`](super::grad::grad) (of scalars), [`jacrev`](super::jacobian::jacrev), [`jvp`],
/// [`linear_transpose`], [`custom_vjp`](super::custom::custom_vjp).
#[track_caller]
pub fn vjp<'f, F, S: Sig<'f>, R: Pytree>(f: F, primals: S::Args) -> (R, Pullback<R, S::Args>)
where
    F: Function<'f, S, R>,
{
    raise(try_vjp(f, primals))
}

/// Returns the error of [`vjp()`] instead of panicking.
#[track_caller]
pub fn try_vjp<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    primals: S::Args,
) -> Result<(R, Pullback<R, S::Args>), Error>
where
    F: Function<'f, S, R>,
{
    calling(|| vjp_of(f.erase(), Flat::of(primals)))
}

fn vjp_of<R: Pytree, A: Pytree>(
    f: Callee<'_, R>,
    primals: Flat,
) -> Result<(R, Pullback<R, A>), Error> {
    let types = avals(&primals.leaves);
    let graph = graph::trace(&f, &primals.tree, &types, site_of(&primals.leaves))?;
    let floats = differentiable(&types);
    let mask = graph.mask(|i| floats[i]);
    let parts = vjp::vjp(&Transforms::new(), &graph.jaxpr, &mask)?;
    let name = f.name.of("vjp");
    let tree = primals.tree;
    let mut outs = graph::apply(&parts.forward, graph.inputs(primals.leaves))?;
    let residuals = outs.split_off(graph.jaxpr.outputs.len());
    let value = graph::result(&graph.out_tree, outs)?;
    let out_types = graph.jaxpr.out_avals();
    let pullback = move |ct: Flat| {
        let mut ct = only_child(ct);
        check_like("vjp", "cotangents", &graph.out_tree, &out_types, &mut ct)?;
        let inputs = residuals.iter().cloned().chain(ct.leaves).collect();
        let cts = graph::apply(&parts.pullback, inputs)?;
        graph::result(&tree, spread(cts, &floats, &types)?)
    };
    Ok((value, Func::new(name, pullback)))
}

/// The value of `f` and its derivative there as a linear function of the arguments' tangents.
///
/// The nonlinear part is computed once; the linear function holds what it needs of it.
///
/// ```
/// use cotangent::prelude::*;
/// let (y, derivative) = linearize(|x: Array| x.sin(), (array![0.0],));
/// assert_eq!((y.item::<f32>(), derivative(array![2.0]).item::<f32>()), (0.0, 2.0));
/// ```
#[track_caller]
pub fn linearize<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    primals: S::Args,
) -> (R, Func<'static, S::Owned, R>)
where
    F: Function<'f, S, R>,
{
    raise(try_linearize(f, primals))
}

/// Returns the error of [`linearize`] instead of panicking.
#[track_caller]
pub fn try_linearize<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    primals: S::Args,
) -> Result<(R, Func<'static, S::Owned, R>), Error>
where
    F: Function<'f, S, R>,
{
    calling(|| linearize_of(f.erase(), Flat::of(primals)))
}

fn linearize_of<S: Sig<'static>, R: Pytree>(
    f: Callee<'_, R>,
    primals: Flat,
) -> Result<(R, Func<'static, S, R>), Error> {
    let types = avals(&primals.leaves);
    let graph = graph::trace(&f, &primals.tree, &types, site_of(&primals.leaves))?;
    let floats = differentiable(&types);
    let mask = graph.mask(|i| floats[i]);
    let parts = vjp::linearize(&Transforms::new(), &graph.jaxpr, &mask)?;
    let tree = primals.tree;
    let mut outs = graph::apply(&parts.forward, graph.inputs(primals.leaves))?;
    let residuals = outs.split_off(graph.jaxpr.outputs.len());
    let value = graph::result(&graph.out_tree, outs)?;
    let linear = move |mut tangents: Flat| {
        check_like("linearize", "tangents", &tree, &types, &mut tangents)?;
        let tangents = keep(tangents.leaves, &floats);
        let inputs = residuals.iter().cloned().chain(tangents).collect();
        graph::result(&graph.out_tree, graph::apply(&parts.linear, inputs)?)
    };
    Ok((value, Func::new(f.name.of("linearize"), linear)))
}

/// The transpose of a linear `f`, for arguments of the types of `example`: from a cotangent of the
/// result to cotangents of the arguments (a tuple). An error if `f` is not linear in them.
///
/// ```
/// use cotangent::prelude::*;
/// let transposed = linear_transpose(|x: Array| x * 3.0, (array![0.0],));
/// assert_eq!(transposed(array![2.0]).0.item::<f32>(), 6.0);
/// ```
#[track_caller]
pub fn linear_transpose<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    example: S::Args,
) -> Func<'static, (Own<R>,), S::Args>
where
    F: Function<'f, S, R>,
{
    raise(try_linear_transpose(f, example))
}

/// Returns the error of [`linear_transpose`] instead of panicking.
#[track_caller]
pub fn try_linear_transpose<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    example: S::Args,
) -> Result<Func<'static, (Own<R>,), S::Args>, Error>
where
    F: Function<'f, S, R>,
{
    calling(|| linear_transpose_of(f.erase(), Flat::of(example)))
}

fn linear_transpose_of<R: Pytree, A: Pytree>(
    f: Callee<'_, R>,
    example: Flat,
) -> Result<Pullback<R, A>, Error> {
    let types = avals(&example.leaves);
    super::grad::check_floats("linear_transpose", &example, |_| true)?;
    let graph = graph::trace(&f, &example.tree, &types, site_of(&example.leaves))?;
    let jaxpr = transposed(&f, &graph)?;
    let out_types = graph.jaxpr.out_avals();
    let run = move |ct: Flat| {
        let mut ct = only_child(ct);
        check_like("linear_transpose", "cotangents", &graph.out_tree, &out_types, &mut ct)?;
        graph::result(&example.tree, graph::apply(&jaxpr, graph.inputs(ct.leaves))?)
    };
    Ok(Func::new(f.name.of("linear_transpose"), run))
}

fn transposed<R>(f: &Callee<'_, R>, graph: &Graph) -> Result<Arc<Jaxpr>, Error> {
    let linear = graph.mask(|_| true);
    let all = vec![true; graph.jaxpr.outputs.len()];
    let force = vec![true; linear.iter().filter(|l| **l).count()];
    let (jaxpr, _) = Transforms::new()
        .transpose(&graph.jaxpr, &linear, &all, &force)
        .map_err(|e| e.context(format!("linear_transpose of {}", f.name.text())))?;
    Ok(jaxpr)
}

/// The argument of a function of one argument.
fn only_child(args: Flat) -> Flat {
    Flat { tree: args.tree.child(0).0, leaves: args.leaves }
}

pub(crate) fn differentiable(types: &[Aval]) -> Vec<bool> {
    types.iter().map(|a| a.dtype.is_inexact()).collect()
}

fn keep(leaves: Vec<Array>, mask: &[bool]) -> impl Iterator<Item = Array> {
    leaves.into_iter().zip(mask).filter(|(_, k)| **k).map(|(a, _)| a)
}

/// One cotangent per leaf: those of ints are zeros.
fn spread(cts: Vec<Array>, floats: &[bool], types: &[Aval]) -> Result<Vec<Array>, Error> {
    let mut cts = cts.into_iter();
    let one = |(float, aval): (&bool, &Aval)| match float {
        true => Ok(cts.next().expect("one per float leaf")),
        false => lax::try_full(&aval.shape, Scalar::zero(aval.dtype)),
    };
    floats.iter().zip(types).map(one).collect()
}

/// `given` must have this structure and these types, ints aside. Weak numbers take the dtype that
/// is expected.
pub(crate) fn check_like(
    op: &str,
    what: &str,
    tree: &TreeDef,
    types: &[Aval],
    given: &mut Flat,
) -> Result<(), Error> {
    same_structure(&format!("{op}: {what}"), tree, &given.tree)?;
    for (i, (expected, got)) in types.iter().zip(&mut given.leaves).enumerate() {
        let dtypes = [(expected.dtype, false), (got.dtype(), got.is_weak())];
        if got.is_weak() && expected.dtype.is_inexact() && promote(&dtypes).0 == expected.dtype {
            *got = lax::try_convert_element_type(got, expected.dtype)?;
        }
        if expected.dtype.is_inexact() && *expected != got.aval() {
            let path = &tree.paths()[i];
            let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
            return Err(err!(
                Shape,
                "{op}: {what}{place} should be {expected} like the primal, got {}",
                got.aval()
            ));
        }
    }
    Ok(())
}
