//! `cond` and `switch`: one of several branches.

use super::body::{Body, together};
use crate::api::pytree::{Flat, Pytree, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::source::{in_name_of, raise};
use crate::prims::array::literal::Operand;
use crate::prims::carriers::cond as cond_prim;
use crate::prims::lax;
use crate::prims::places::index_arithmetic::moved_into;
use cotangent_jit::{DType, Error, err};

/// `on_true(operands)` where `predicate`, a `bool[]`, holds, else `on_false(operands)`. Only one of
/// them runs, unless the predicate is batched by `vmap`: then both run and the result is selected.
///
/// The predicate is an array or a `bool` of Rust. Both branches return the same structure, shapes
/// and dtypes. Derivatives flow through the branch taken.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| cond(x.gt(0.0), |x| x.sin(), |x| x * 2.0, x.clone());
/// assert_eq!(grad(f)(array![-1.0].sum()).item::<f32>(), 2.0);
/// ```
///
/// # Several operands, several results
///
/// Operands are one pytree, as are results: a tuple for several. Both branches return the same.
///
/// ```
/// use cotangent::prelude::*;
/// let ordered = |x: Array, y: Array| {
///     cond(x.le(&y), |(x, y): (Array, Array)| (x, y), |(x, y)| (y, x), (x.clone(), y.clone()))
/// };
/// let (low, high) = ordered(array![3.0].sum(), array![1.0].sum());
/// assert_eq!((low.item::<f32>(), high.item::<f32>()), (1.0, 3.0));
/// ```
///
/// # Borrowed captures
///
/// Branches may borrow and capture: what they capture becomes an operand, and derivatives flow to
/// it.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array, s: Array| cond(x.gt(0.0), |()| &x * &s, |()| -&x, ());
/// let both = grad_wrt(f, (Arg::<0>, Arg::<1>))(array![2.0].sum(), array![5.0].sum());
/// assert_eq!((both.0.item::<f32>(), both.1.item::<f32>()), (5.0, 2.0));
/// ```
///
/// # With other transforms
///
/// Compiled, one branch runs. Batched, the predicate may differ between lanes: then both run, and
/// the result of each lane is selected.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| cond(x.gt(0.0), |x: Array| x.sin(), |x| 2.0 * x, x.clone());
/// let slopes = jit(vmap(grad(f)));
/// assert_eq!(slopes(array![0.0, -1.0]).to_vec::<f32>(), [2.0, 2.0]);
/// ```
///
/// # Pitfalls
///
/// - The predicate is one `bool`: `x.gt(0.0)` of a scalar. To choose element by element use
///   [`Array::select`](Array::select).
/// - Both branches return one structure, one shape and one dtype; `astype` and `broadcast_to` help.
/// - A predicate that Rust knows (a `bool`) needs no `cond`: write `if`.
/// - The types of a branch's argument must be written in the first branch at least.
/// - `if x.item::<f32>() > 0.0` cannot stand in its place in a trace: `x` is a tracer there,
///   without elements.
/// - What both branches need is borrowed (`&s`), or goes in as an operand.
///
/// See also [`switch`] (several branches), [`while_loop`](super::while_loop),
/// [`Array::select`](Array::select).
#[track_caller]
pub fn cond<A: Pytree, R: Pytree>(
    predicate: impl Operand,
    on_true: impl FnOnce(A) -> R,
    on_false: impl FnOnce(A) -> R,
    operands: A,
) -> R {
    raise(try_cond(predicate, on_true, on_false, operands))
}

/// Returns the error of [`cond`] instead of panicking.
#[track_caller]
pub fn try_cond<A: Pytree, R: Pytree>(
    predicate: impl Operand,
    on_true: impl FnOnce(A) -> R,
    on_false: impl FnOnce(A) -> R,
    operands: A,
) -> Result<R, Error> {
    in_name_of("cond", || {
        let predicate = &predicate.to_array();
        if predicate.aval() != Aval::scalar(DType::Bool) {
            let cure = match predicate.ndim() {
                0 => "compare it, as in x.gt(0.0)",
                _ => "to choose element by element use select",
            };
            return Err(err!(
                DType,
                "cond: the predicate should be bool[], got {}; {cure}",
                predicate.aval()
            ));
        }
        let index = lax::try_convert_element_type(predicate, DType::I32)?;
        let args = Flat::of(operands);
        let branches = vec![Body::trace(&args, on_false)?, Body::trace(&args, on_true)?];
        choose("cond", &index, branches, args.leaves)
    })
}

/// `branches[index](operands)`, `index` a scalar of any int dtype or an int, moved into range.
/// As [`cond`] otherwise.
///
/// ```
/// use cotangent::prelude::*;
/// let branches: [fn(Array) -> Array; 3] = [|x| x.sin(), |x| x.cos(), |x| x];
/// let y = switch(2, &branches, array![1.5]);
/// assert_eq!(y.to_vec::<f32>(), [1.5]);
/// ```
#[track_caller]
pub fn switch<A: Pytree, R: Pytree, F: Fn(A) -> R>(
    index: impl Operand,
    branches: &[F],
    operands: A,
) -> R {
    raise(try_switch(index, branches, operands))
}

/// Returns the error of [`switch`] instead of panicking.
#[track_caller]
pub fn try_switch<A: Pytree, R: Pytree, F: Fn(A) -> R>(
    index: impl Operand,
    branches: &[F],
    operands: A,
) -> Result<R, Error> {
    in_name_of("switch", || {
        let index = &index.to_array();
        if index.ndim() > 0 || !index.dtype().is_int() {
            let got = index.aval();
            return Err(err!(DType, "switch: the index should be a scalar int, got {got}"));
        }
        // The branch is chosen in i32, in which a wide index would be another one.
        let index = match index.dtype() {
            d if d.is_narrow() || d == DType::I32 => {
                lax::try_convert_element_type(index, DType::I32)?
            }
            _ => {
                let last = i32::try_from(branches.len().saturating_sub(1)).unwrap_or(i32::MAX);
                moved_into(index, 0, last.into(), DType::I32)?
            }
        };
        let args = Flat::of(operands);
        let bodies: Result<Vec<Body>, Error> =
            branches.iter().map(|f| Body::trace(&args, f)).collect();
        choose("switch", &index, bodies?, args.leaves)
    })
}

#[track_caller]
fn choose<R: Pytree>(
    op: &str,
    index: &Array,
    bodies: Vec<Body>,
    args: Vec<Array>,
) -> Result<R, Error> {
    let Some(first) = bodies.first() else {
        return Err(err!(Value, "{op}: expected at least one branch, got none"));
    };
    // `cond` has its branches in the order of the predicate's values.
    let name = |i: usize| match (op, i) {
        ("cond", 0) => "on_false".to_string(),
        ("cond", _) => "on_true".to_string(),
        _ => format!("branch {i}"),
    };
    let out_tree = first.out_tree.clone();
    for (i, b) in bodies.iter().enumerate() {
        if b.out_tree != out_tree {
            return Err(err!(
                Tree,
                "{op}: branches return different structures: {} {out_tree:?}, {} {:?}",
                name(0),
                name(i),
                b.out_tree
            ));
        }
        let (expected, got) = (first.jaxpr.out_avals(), b.jaxpr.out_avals());
        for (n, ((path, e), g)) in out_tree.paths().iter().zip(&expected).zip(&got).enumerate() {
            if e != g {
                let entry = wider(first, b, n);
                return Err(err!(
                    Shape,
                    "{op}: branches return different types at `result{path}`: {} gives {e}, {} \
                     gives {g}; convert or broadcast one of them{entry}",
                    name(0),
                    name(i)
                ));
            }
        }
    }
    // Every branch takes what any branch captured.
    let (captured, branches) = together(&bodies);
    let operands: Vec<Array> = captured.into_iter().chain(args).collect();
    let leaves = cond_prim::cond(index, branches, &operands)?;
    try_tree_unflatten(&out_tree, leaves)
}

/// Where the wider dtype of two branches comes in.
fn wider(a: &Body, b: &Body, output: usize) -> String {
    let [x, y] = [a, b].map(|body| body.jaxpr.out_avals()[output].dtype);
    if x.size() > y.size() { a.entry(output, y) } else { b.entry(output, x) }
}
