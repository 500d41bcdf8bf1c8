//! `while_loop`: a loop that ends by a test.

use super::body::{Body, Loop};
use crate::api::pytree::{Flat, Pytree, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::lowering::WhileParts;
use crate::core::source::{in_name_of, raise};
use crate::prims::carriers::while_loop as while_prim;
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

/// What the test of a loop returns: a `bool[]`, an [`Array`].
#[diagnostic::on_unimplemented(
    message = "the test of a loop returns an `Array`, a `bool[]` that is computed in every round, \
               got `{Self}`",
    label = "this loop has a test that returns `{Self}`",
    note = "write `|x: Array| x.lt(3.0)`: the test is traced once, so that a `bool` of Rust would \
            hold for ever"
)]
pub trait LoopTest: Pytree {}

impl LoopTest for Array {}

/// `while test(x) { x = body(x) }`, from `init`: the first `x` of which the test, a `bool[]`, does
/// not hold.
///
/// Test and body are traced once and compiled to one loop. The carry keeps its structure, shapes
/// and dtypes. Under `vmap` lanes end separately: those that have ended keep their values while
/// others go on. Differentiable forwards (`jvp`, `jacfwd`); reverse mode needs a limit
/// ([`while_loop_bounded`]), a known number of rounds ([`scan`](super::scan),
/// [`fori_loop`](super::fori_loop)), or the equation that the result solves. Panics if test or body
/// return other types ([`try_while_loop`] returns the error).
///
/// ```
/// use cotangent::prelude::*;
/// // The square root by Newton's method.
/// let sqrt = |a: Array| while_loop(
///     |x: Array| (&x * &x - &a).abs().gt(1e-5 * &a),
///     |x: Array| 0.5 * (&x + &a / &x),
///     a.clone(),
/// );
/// assert!((sqrt(Array::from(2.0)).item::<f32>() - 2f32.sqrt()).abs() < 1e-5);
/// let (_, slope) = jvp(sqrt, (Array::from(4.0),), (Array::from(1.0),));
/// assert!((slope.item::<f32>() - 0.25).abs() < 1e-4);
/// ```
///
/// # Several values, borrowed captures
///
/// The carry is one pytree, a tuple for several values. Test and body take it by value and may
/// borrow what they capture (`&a` above). A count ends what may not converge.
///
/// ```
/// use cotangent::prelude::*;
/// let halvings = |a: Array| while_loop(
///     |(x, n): (Array, Array)| x.gt(1.0).logical_and(&n.lt(100)),
///     |(x, n)| (0.5 * x, n + 1),
///     (a, zeros_dtype((), DType::I32)),
/// );
/// let (x, n) = halvings(array![10.0].sum());
/// assert_eq!((x.item::<f32>(), n.item::<i32>()), (0.625, 4));
/// ```
///
/// # With other transforms
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| while_loop(|x: Array| x.lt(100.0), |x: Array| &x * &x, x);
/// // Each lane ends by its own test; compiled.
/// assert_eq!(jit(vmap(f))(array![2.0, 11.0]).to_vec::<f32>(), [256.0, 121.0]);
/// // Forward mode; reverse mode takes a limit.
/// assert_eq!(jvp(f, (array![11.0].sum(),), (array![1.0].sum(),)).1.item::<f32>(), 22.0);
/// let g = |x: Array| while_loop_bounded(8, |x: Array| x.lt(100.0), |x: Array| &x * &x, x);
/// assert_eq!(grad(g)(array![11.0].sum()).item::<f32>(), 22.0);
/// ```
///
/// # Pitfalls
///
/// - The test returns one `bool`: reduce with [`Array::any`](Array::any) or
///   [`Array::all`](Array::all).
/// - The carry keeps its shapes and dtypes: a count begins as an int,
///   `zeros_dtype((), DType::I32)`.
/// - The types of the arguments must be written. What is used twice is borrowed, `&x * &x`.
/// - NaN compares false: a loop `while error > tolerance` ends at NaN.
/// - Values are tracers without elements: Rust's `while` is for numbers that Rust knows.
///
/// See also [`fori_loop`](super::fori_loop), [`scan`](super::scan),
/// [`custom_root`](super::custom_root) (the derivative of what a loop solves),
/// [`root`](crate::root).
#[track_caller]
pub fn while_loop<C: Pytree, T: LoopTest>(
    test: impl Fn(C) -> T,
    body: impl Fn(C) -> C,
    init: C,
) -> C {
    raise(try_while_loop(test, body, init))
}

/// Returns the error of [`while_loop`] instead of panicking.
#[track_caller]
pub fn try_while_loop<C: Pytree, T: LoopTest>(
    test: impl Fn(C) -> T,
    body: impl Fn(C) -> C,
    init: C,
) -> Result<C, Error> {
    in_name_of("while_loop", || run("while_loop", None, test, body, init))
}

/// [`while_loop`] of at most `limit` rounds, which is differentiable in reverse mode, too, to any
/// order.
///
/// Without derivatives it ends as early as a [`while_loop`]. A gradient keeps what it needs of
/// `limit` rounds, those after the end being zeros that cost one branch each; so the limit should
/// not be far above the rounds that there are.
///
/// ```
/// use cotangent::prelude::*;
/// // x, x^2, x^4 ... until above 100.
/// let f = |x: Array| while_loop_bounded(8, |x: Array| x.le(100.0), |x: Array| &x * &x, x);
/// let (y, slope) = value_and_grad(f)(Array::from(2.0));
/// assert_eq!((y.item::<f32>(), slope.item::<f32>()), (256.0, 8.0 * 128.0));
/// ```
#[track_caller]
pub fn while_loop_bounded<C: Pytree, T: LoopTest>(
    limit: usize,
    test: impl Fn(C) -> T,
    body: impl Fn(C) -> C,
    init: C,
) -> C {
    raise(try_while_loop_bounded(limit, test, body, init))
}

/// Returns the error of [`while_loop_bounded`] instead of panicking.
#[track_caller]
pub fn try_while_loop_bounded<C: Pytree, T: LoopTest>(
    limit: usize,
    test: impl Fn(C) -> T,
    body: impl Fn(C) -> C,
    init: C,
) -> Result<C, Error> {
    in_name_of("while_loop_bounded", || run("while_loop_bounded", Some(limit), test, body, init))
}

#[track_caller]
fn run<C: Pytree, T: LoopTest>(
    op: &'static str,
    limit: Option<usize>,
    test: impl Fn(C) -> T,
    body: impl Fn(C) -> C,
    init: C,
) -> Result<C, Error> {
    let mut init = Flat::of(init);
    let names = Loop { op, closure: "the body", returns: "it", skip: 0 };
    let body = names.body(&mut init, |init| Body::trace(init, &body))?;
    let test = Body::trace(&init, &test)?;
    let got = test.jaxpr.out_avals();
    if got != [Aval::scalar(DType::Bool)] {
        return Err(err!(
            DType,
            "{op}: the test should return bool[], got {}; compare numbers, and reduce arrays with \
             all or any",
            got[0]
        ));
    }
    let inputs = [&test.captured[..], &body.captured, &init.leaves].concat();
    let parts = WhileParts {
        test_consts: test.captured.len(),
        body_consts: body.captured.len(),
        test: Arc::new(test.jaxpr),
        body: Arc::new(body.jaxpr),
        limit,
    };
    try_tree_unflatten(&init.tree, while_prim::while_loop(parts, &inputs)?)
}
