//! `grad`, `value_and_grad` and their forms with an auxiliary output or a choice of arguments.

use super::function::{Callee, Differentiable, DifferentiableWithAux, Func, Function, Sig};
use super::graph::{self, Graph, argument};
use super::pytree::{Flat, Pytree, TreeDef};
use super::wrt::{Choice, Source};
use crate::core::array::Array;
use crate::transforms::{Transforms, vjp};
use cotangent_jit::{Error, err};

/// The gradient of a scalar function in its first argument: `grad(f)(x)[i] = d f(x) / d x[i]`.
///
/// `f` returns a float scalar. The gradient has the structure, shapes and dtypes of the first
/// argument, whose leaves must be floats or complex numbers; in `x + iy` it is `∂f/∂x - i ∂f/∂y`.
/// Panics otherwise; [`Func::try_call`] returns the error.
///
/// ```
/// use cotangent::prelude::*;
/// let g = grad(|x: Array| (&x * &x * &x).sum());
/// assert_eq!(g(array![1.0, 2.0]).to_vec::<f32>(), [3.0, 12.0]);
/// ```
///
/// # Several arguments, any pytree
///
/// The gradient is in the first argument. Its leaves may be in tuples, vectors, maps, or structs
/// that derive `Pytree`. [`grad_wrt`] chooses other arguments.
///
/// ```
/// use cotangent::prelude::*;
/// let loss = |(w, b): (Array, Array), x: Array| (w * x + b).square().sum();
/// let (dw, db) = grad(loss)((array![1.0], array![0.5]), array![2.0]);
/// assert_eq!((dw.item::<f32>(), db.item::<f32>()), (10.0, 5.0));
/// // In the second argument, and in both.
/// let f = |x: Array, y: Array| (x * y.sin()).sum();
/// assert_eq!(grad_wrt(f, Arg::<1>)(array![2.0], array![0.0]).item::<f32>(), 2.0);
/// let (dx, dy) = grad_wrt(f, (Arg::<0>, Arg::<1>))(array![2.0], array![0.0]);
/// assert_eq!((dx.item::<f32>(), dy.item::<f32>()), (0.0, 2.0));
/// ```
///
/// # Borrowed arguments
///
/// A closure of references is called with references; all arguments are owned, or all borrowed.
///
/// ```
/// use cotangent::prelude::*;
/// let g = grad(|w: &Array, x: &Array| (w * x).sum());
/// let (w, x) = (array![1.0, 2.0], array![3.0, 4.0]);
/// assert_eq!(g(&w, &x).to_vec::<f32>(), [3.0, 4.0]);
/// ```
///
/// # The value, and something beside it
///
/// [`value_and_grad`] returns the value, too, at no cost; [`grad_aux`] and [`value_and_grad_aux`]
/// pass on whatever a function returns beside its scalar.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| { let y = x.sin(); (y.sum(), y) };
/// let ((value, y), dx) = value_and_grad_aux(f)(array![0.0]);
/// assert_eq!((value.item::<f32>(), y.item::<f32>(), dx.item::<f32>()), (0.0, 0.0, 1.0));
/// ```
///
/// # With other transforms
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| (&x * &x * &x).sum();
/// // The second derivative; the gradient of every row; all of it compiled.
/// assert_eq!(grad(|x: Array| grad(f)(x).sum())(array![2.0]).item::<f32>(), 12.0);
/// let rows = jit(vmap(grad(f)));
/// assert_eq!(rows(array![[1.0], [2.0]]).to_vec::<f32>(), [3.0, 12.0]);
/// ```
///
/// # Pitfalls
///
/// - The types of a closure's arguments must be written: `|x: Array|`.
/// - What the closure captures is borrowed, `x * &s`, or a clone moved in; `x * s` moves `s` away.
/// - The result must be a float scalar: end in `sum()` or `mean()`; of a vector take
///   [`jacrev`](super::jacobian::jacrev) or [`vjp`](super::derivative::vjp()).
/// - A value inside is a tracer, which has no elements: `x.item()` is for outside.
/// - Numbers of the program take the dtype of the array beside them (`2.0 * x` is `f32`); an array
///   of `f64` beside `f32` makes the result `f64`.
/// - Ints have no derivative: `array![1, 2]` is `i32`, `array![1.0, 2.0]` is `f32`.
///
/// [`function`](super::function) shows closures that transforms take at length. A mask after a
/// function with an infinite derivative gives NaN: mask its operand. See also
/// [`jvp`](super::derivative::jvp) (forward mode), [`hessian`](super::jacobian::hessian),
/// [`custom_vjp`](super::custom::custom_vjp), [`checkpoint`](super::checkpoint::checkpoint()),
/// [`lax::stop_gradient`](crate::lax::stop_gradient).
#[doc(alias = "backward")]
#[rustfmt::skip] // The compiler shows the first line to a user who passes `argnums`.
pub fn grad<'f, F, S: Sig<'f>, R: Differentiable>(f: F) -> Func<'f, S, S::First> // or `grad_wrt`
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("grad"), move |args| {
        let mut pieces = differentiate("grad", &f, args, &[0], Value::Dropped)?;
        pieces.first()
    })
}

/// As [`grad`], with the value before the gradient.
///
/// ```
/// use cotangent::prelude::*;
/// let (y, dy) = value_and_grad(|x: Array| &x * &x)(array![3.0].sum());
/// assert_eq!((y.item::<f32>(), dy.item::<f32>()), (9.0, 6.0));
/// ```
///
/// A step of gradient descent, with borrowed arguments, compiled:
///
/// ```
/// use cotangent::prelude::*;
/// let loss = |w: &Array, x: &Array, y: &Array| (x.matmul(w) - y).square().mean();
/// let step = jit(|w: &Array, x: &Array, y: &Array| {
///     let (value, dw) = value_and_grad(loss)(w, x, y);
///     (w - 0.1 * dw, value)
/// });
/// let (x, y) = (array![[1.0, 0.0], [0.0, 1.0]], array![1.0, -1.0]);
/// let (w, first) = step(&zeros([2]), &x, &y);
/// let (_, second) = step(&w, &x, &y);
/// assert!(second.item::<f32>() < first.item::<f32>());
/// ```
///
/// With something beside the value: [`value_and_grad_aux`]; in other arguments than the first:
/// [`value_and_grad_wrt`]. Batched, `vmap(value_and_grad(f))` gives the values and the gradients of
/// all examples. Pitfalls are those of [`grad`]; most of all the function must end in a scalar, and
/// what it captures is borrowed (`&s`).
pub fn value_and_grad<'f, F, S: Sig<'f>, R: Differentiable>(f: F) -> Func<'f, S, (R, S::First)>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("value_and_grad"), move |args| {
        let mut pieces = differentiate("value_and_grad", &f, args, &[0], Value::Kept)?;
        Ok((pieces.value()?, pieces.first()?))
    })
}

/// The gradient in the chosen arguments.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array, y: Array| (x * y.sin()).sum();
/// let (dx, dy) = grad_wrt(f, (Arg::<0>, Arg::<1>))(array![2.0], array![0.0]);
/// assert_eq!((dx.item::<f32>(), dy.item::<f32>()), (0.0, 2.0));
/// ```
#[doc(alias = "argnums")]
pub fn grad_wrt<'f, F, S: Sig<'f>, C: Choice<S::Args>, R: Differentiable>(
    f: F,
    wrt: C,
) -> Func<'f, S, C::Chosen>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("grad"), move |args| {
        let mut pieces = differentiate("grad", &f, args, &wrt.arguments(), Value::Dropped)?;
        wrt.build(&mut pieces)
    })
}

/// The value and the gradient in the chosen arguments.
#[doc(alias = "argnums")]
pub fn value_and_grad_wrt<'f, F, S: Sig<'f>, C: Choice<S::Args>, R: Differentiable>(
    f: F,
    wrt: C,
) -> Func<'f, S, (R, C::Chosen)>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("value_and_grad"), move |args| {
        let mut pieces = differentiate("value_and_grad", &f, args, &wrt.arguments(), Value::Kept)?;
        Ok((pieces.value()?, wrt.build(&mut pieces)?))
    })
}

/// As [`grad`], for a function that returns its scalar and something else beside it, which is
/// passed on.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| { let y = x.sin(); (y.sum(), y) };
/// let (dx, y) = grad_aux(f)(array![0.0]);
/// assert_eq!((dx.item::<f32>(), y.item::<f32>()), (1.0, 0.0));
/// ```
#[doc(alias = "has_aux")]
pub fn grad_aux<'f, F, S: Sig<'f>, R: DifferentiableWithAux>(
    f: F,
) -> Func<'f, S, (S::First, R::Aux)>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("grad"), move |args| {
        let mut pieces = differentiate("grad", &f, args, &[0], Value::Kept)?;
        let result: R = pieces.value()?;
        Ok((pieces.first()?, result.aux()))
    })
}

/// As [`value_and_grad`], for a function that returns its scalar and something else beside it:
/// `((value, aux), gradient)`.
#[doc(alias = "has_aux")]
pub fn value_and_grad_aux<'f, F, S: Sig<'f>, R: DifferentiableWithAux>(
    f: F,
) -> Func<'f, S, (R, S::First)>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("value_and_grad"), move |args| {
        let mut pieces = differentiate("value_and_grad", &f, args, &[0], Value::Kept)?;
        Ok((pieces.value()?, pieces.first()?))
    })
}

/// The derivative of a holomorphic function: `grad_holomorphic(f)(z)[i] = d f(z) / d z[i]`,
/// complex.
///
/// `f` returns a complex scalar, and the leaves of its first argument are complex. Whether `f` is
/// holomorphic nobody checks: of another one this is `∂Re(f)/∂x - i ∂Re(f)/∂y`.
///
/// ```
/// use cotangent::prelude::*;
/// let z = Array::from(Complex::new(1.0f32, 2.0));
/// let dz = grad_holomorphic(|z: Array| &z * &z)(z);
/// assert_eq!(dz.item::<Complex<f32>>(), Complex::new(2.0, 4.0));
/// ```
#[doc(alias = "holomorphic")]
pub fn grad_holomorphic<'f, F, S: Sig<'f>, R: Differentiable>(f: F) -> Func<'f, S, S::First>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("grad_holomorphic"), move |args| {
        let mut pieces = differentiate("grad_holomorphic", &f, args, &[0], Value::Dropped)?;
        pieces.first()
    })
}

/// Value and gradients as leaves.
struct Pieces {
    out_tree: TreeDef,
    values: Vec<Array>,
    /// Per chosen argument.
    gradients: Vec<(usize, TreeDef, Vec<Array>)>,
}

impl Pieces {
    fn value<R: Pytree>(&mut self) -> Result<R, Error> {
        graph::result(&self.out_tree, std::mem::take(&mut self.values))
    }

    fn first<T: Pytree>(&mut self) -> Result<T, Error> {
        let (tree, leaves) = self.argument(0);
        graph::result(&tree, leaves)
    }
}

impl Source for Pieces {
    fn argument(&mut self, n: usize) -> (TreeDef, Vec<Array>) {
        let found = self.gradients.iter().find(|(i, _, _)| *i == n).expect("a chosen argument");
        (found.1.clone(), found.2.clone())
    }
}

/// Whether what the function returns is asked for beside the gradients.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Kept,
    Dropped,
}

fn differentiate<R: Pytree>(
    op: &str,
    f: &Callee<'_, R>,
    args: Flat,
    wrt: &[usize],
    value: Value,
) -> Result<Pieces, Error> {
    let graph = graph::trace_flat(f, &args)?;
    let holomorphic = op == "grad_holomorphic";
    check_scalar(op, &graph, holomorphic)?;
    let mut chosen: Vec<(usize, TreeDef, std::ops::Range<usize>)> = Vec::new();
    for n in wrt {
        if chosen.iter().all(|(i, _, _)| i != n) {
            let (tree, leaves) = args.tree.child(*n);
            chosen.push((*n, tree, leaves));
        }
    }
    chosen.sort_by_key(|(n, _, _)| *n);
    let wanted = |leaf: usize| chosen.iter().any(|(_, _, leaves)| leaves.contains(&leaf));
    check_floats(op, &args, wanted)?;
    if holomorphic {
        check_complex(op, &args, wanted)?;
    }
    let mask = graph.mask(wanted);
    let mut jaxpr = vjp::value_and_grad(&Transforms::new(), &graph.jaxpr, &mask)?;
    let mut outputs = graph.jaxpr.outputs.len();
    if value == Value::Dropped {
        jaxpr.outputs.drain(..outputs);
        outputs = 0;
    }
    let mut values = graph::apply(&jaxpr, graph.inputs(args.leaves))?;
    let mut gradients = values.split_off(outputs).into_iter();
    let gradients = chosen
        .into_iter()
        .map(|(n, tree, leaves)| (n, tree, gradients.by_ref().take(leaves.len()).collect()))
        .collect();
    Ok(Pieces { out_tree: graph.out_tree, values, gradients })
}

fn check_scalar(op: &str, graph: &Graph, holomorphic: bool) -> Result<(), Error> {
    let Some(first) = graph.jaxpr.outputs.first() else {
        return Err(err!(Shape, "{op}: the function must return a scalar, got no array"));
    };
    let aval = graph.jaxpr.atom_aval(*first);
    if aval.rank() != 0 {
        return Err(err!(
            Shape,
            "{op}: the function must return a scalar, got {aval}; reduce it with sum or mean, or \
             use jacrev"
        ));
    }
    match (holomorphic, aval.dtype) {
        (true, d) if !d.is_complex() => Err(err!(
            DType,
            "{op}: the function must return a complex scalar, got {aval}; grad takes real ones"
        )),
        (false, d) if d.is_complex() => Err(err!(
            DType,
            "{op}: the function must return a real scalar, got {aval}; take its real, imag or abs, \
             use \
             grad_holomorphic if it is holomorphic, or else vjp"
        )),
        (false, d) if !d.is_float() => Err(err!(
            DType,
            "{op}: the function must return a float scalar, got {aval}; compute it with \
                 floats, into which astype converts"
        )),
        _ => Ok(()),
    }
}

/// Whether what a holomorphic function is differentiated in is complex.
pub(crate) fn check_complex(
    op: &str,
    args: &Flat,
    wanted: impl Fn(usize) -> bool,
) -> Result<(), Error> {
    let real = |(i, leaf): &(usize, &Array)| wanted(*i) && !leaf.dtype().is_complex();
    match args.leaves.iter().enumerate().find(real) {
        None => Ok(()),
        Some((i, leaf)) => Err(err!(
            DType,
            "{op}: expected complex arguments, got {} of {}; convert it with astype",
            leaf.aval(),
            argument(&args.tree, i)
        )),
    }
}

pub(crate) fn check_floats(
    op: &str,
    args: &Flat,
    wanted: impl Fn(usize) -> bool,
) -> Result<(), Error> {
    for (i, leaf) in args.leaves.iter().enumerate() {
        if wanted(i) && !leaf.dtype().is_inexact() {
            return Err(err!(
                DType,
                "{op}: {} is {}, which has no derivative; convert it to floats, or pass it in an \
                 argument that is not \
                 differentiated",
                argument(&args.tree, i),
                leaf.aval()
            ));
        }
    }
    Ok(())
}
