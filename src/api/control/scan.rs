//! `scan`: a loop over slices.

use super::body::{Body, Loop, pair};
use super::checkpoints::{self, Checkpoints};
use crate::api::pytree::{Flat, Pytree, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::lowering::ScanParts;
use crate::core::source::{in_name_of, raise};
use crate::prims::lax;
use crate::prims::rules::numbers::holds;
use cotangent_jit::{DType, Error, err, plural};
use std::sync::Arc;

/// How a [`scan_with`] runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScanOptions {
    /// From the last slice to the first.
    pub reverse: bool,
    /// Number of steps; needed when there are no xs to count.
    pub length: Option<usize>,
    /// Where reverse mode restarts, to keep less.
    pub checkpoints: Checkpoints,
    /// Steps that one round of the compiled loop executes (0 counts as 1): more code for fewer
    /// rounds, the same values.
    pub unroll: usize,
}

/// `carry, y[t] = step(carry, xs[t])` for every slice along axis 0 of `xs`: returns the final carry
/// and the stacked ys.
///
/// The step is traced once and compiled to one loop, so time to compile does not depend on the
/// number of steps. The carry keeps its structure, shapes and dtypes. Differentiable in all inputs;
/// reverse mode stacks what the step's derivative needs, or recomputes it if the step is wrapped in
/// `checkpoint`; [`Checkpoints`] keep O(√n) or O(log n) of it.
///
/// ```
/// use cotangent::prelude::*;
/// let sums =
///     |xs: Array| scan(|c: Array, x: Array| { let s = c + x; (s.clone(), s) },
///         Array::from(0.0), xs);
/// let (total, partial) = sums(array![1.0, 2.0, 3.0]);
/// assert_eq!(total.item::<f32>(), 6.0);
/// assert_eq!(partial.to_vec::<f32>(), [1.0, 3.0, 6.0]);
/// ```
///
/// # Several arguments, any pytree
///
/// Carry, slices and results are pytrees: a tuple for several, `()` for none.
///
/// ```
/// use cotangent::prelude::*;
/// let (xs, ys) = (array![1.0, 2.0, 3.0], array![4.0, 5.0, 6.0]);
/// let step = |(dot, n): (Array, Array), (x, y): (Array, Array)| ((dot + x * y, n + 1), ());
/// let ((dot, n), ()) = scan(step, (zeros(()), zeros_dtype((), DType::I32)), (xs, ys));
/// assert_eq!((dot.item::<f32>(), n.item::<i32>()), (32.0, 3));
/// ```
///
/// # Borrowed captures
///
/// The step takes its arguments by value and may borrow and capture anything: captured arrays
/// become constants of the loop, traced ones too, and derivatives flow to them.
///
/// ```
/// use cotangent::prelude::*;
/// // x[t + 1] = w x[t], differentiated in w.
/// let last = |w: Array, x: Array| {
///     let options = ScanOptions { length: Some(3), ..Default::default() };
///     scan_with(|x: Array, ()| (&w * x, ()), x, (), options).0
/// };
/// assert_eq!(grad(last)(array![2.0].sum(), array![1.0].sum()).item::<f32>(), 12.0);
/// ```
///
/// # With other transforms
///
/// A scan is one operation of every transform: its gradient is two loops, its batch one loop over
/// batches.
///
/// ```
/// use cotangent::prelude::*;
/// let total = |xs: Array| scan(|c: Array, x: Array| (c + x.sin(), ()), zeros(()), xs).0;
/// let rows = jit(vmap(grad(total)));
/// assert_eq!(rows(array![[0.0, 0.0], [0.0, 0.0]]).to_vec::<f32>(), [1.0; 4]);
/// // Steps that are computed again in reverse mode, to keep less.
/// let frugal = |xs: Array| {
///     let step = |c: Array, x: Array| checkpoint(|c: Array, x: Array| c + x.sin())(c, x);
///     scan(|c: Array, x: Array| (step(c, x), ()), zeros(()), xs).0
/// };
/// assert_eq!(grad(frugal)(array![0.0, 0.0]).to_vec::<f32>(), [1.0, 1.0]);
/// ```
///
/// # Pitfalls
///
/// - The types of the step's arguments must be written: `|c: Array, x: Array|`.
/// - The carry keeps its shape and dtype: a carry of `i32` to which the step adds floats, or one of
///   `f32` to which it adds an `f64` array, is refused. Start with `zeros(())`, end with `astype`
///   where needed.
/// - A value used twice is cloned: `(s.clone(), s)`.
/// - Axis 0 of `xs` counts steps; [`Array::swapaxes`](Array::swapaxes) brings another one there.
/// - Values inside are tracers without elements; a Rust `if` on them is a [`cond`](super::cond).
///
/// See also [`fori_loop`](super::fori_loop), [`while_loop`](super::while_loop),
/// [`map`](super::map), [`associative_scan`](super::associative_scan) (in logarithmic depth),
/// [`Array::cumsum`](Array::cumsum), [`checkpoint`](crate::api::checkpoint::checkpoint()).
#[track_caller]
pub fn scan<C: Pytree, X: Pytree, Y: Pytree>(
    step: impl Fn(C, X) -> (C, Y),
    init: C,
    xs: X,
) -> (C, Y) {
    raise(try_scan(step, init, xs, ScanOptions::default()))
}

/// [`scan`] with options. (For a number of steps alone there is [`scan_n`].)
///
/// ```
/// use cotangent::prelude::*;
/// let options = ScanOptions { length: Some(10), ..Default::default() };
/// let (x, ()) = scan_with(|x: Array, ()| (x * 2.0, ()), Array::from(1.0), (), options);
/// assert_eq!(x.item::<f32>(), 1024.0);
/// ```
#[doc(alias = "unroll")]
#[track_caller]
pub fn scan_with<C: Pytree, X: Pytree, Y: Pytree>(
    step: impl Fn(C, X) -> (C, Y),
    init: C,
    xs: X,
    options: ScanOptions,
) -> (C, Y) {
    raise(try_scan(step, init, xs, options))
}

/// Returns the error of [`scan_with`] instead of panicking.
#[track_caller]
pub fn try_scan<C: Pytree, X: Pytree, Y: Pytree>(
    step: impl Fn(C, X) -> (C, Y),
    init: C,
    xs: X,
    options: ScanOptions,
) -> Result<(C, Y), Error> {
    in_name_of("scan", || try_scan_as("scan", step, init, xs, options))
}

/// `carry, y[i] = step(carry, i)` for `i` from 0 to `n - 1`: returns the final carry and the
/// stacked ys. A [`scan`] that has no xs, but counts.
///
/// `i` is an `i32[]`, as in [`fori_loop`](super::fori_loop) (an `i64[]` if `n` is beyond i32), and
/// `n` is known while tracing. Otherwise as `scan`: one compiled loop, differentiable in the
/// initial carry and in what the step captures, in both modes. With `n` being 0 the carry is
/// `init`, and the ys have no entries. Panics if the carry changes its structure, a shape or a
/// dtype ([`try_scan_n`] returns the error).
///
/// ```
/// use cotangent::prelude::*;
/// // Numbers of Fibonacci.
/// let step = |(a, b): (Array, Array), i: Array| ((b.clone(), a + b), i);
/// let ((a, _), steps) = scan_n(step, (Array::from(0), Array::from(1)), 10);
/// assert_eq!(a.item::<i32>(), 55);
/// assert_eq!(steps, arange(10));
/// ```
#[track_caller]
pub fn scan_n<C: Pytree, Y: Pytree>(
    step: impl Fn(C, Array) -> (C, Y),
    init: C,
    n: usize,
) -> (C, Y) {
    raise(try_scan_n(step, init, n))
}

/// Returns the error of [`scan_n`] instead of panicking.
#[track_caller]
pub fn try_scan_n<C: Pytree, Y: Pytree>(
    step: impl Fn(C, Array) -> (C, Y),
    init: C,
    n: usize,
) -> Result<(C, Y), Error> {
    in_name_of("scan_n", || {
        let dtype = if holds(DType::I32, n as i128) { DType::I32 } else { DType::I64 };
        let numbers = lax::try_iota(dtype, &[n], 0)?;
        try_scan_as("scan_n", step, init, numbers, ScanOptions::default())
    })
}

/// A scan under the name of what it is part of.
#[track_caller]
pub(super) fn try_scan_as<C: Pytree, X: Pytree, Y: Pytree>(
    op: &'static str,
    step: impl Fn(C, X) -> (C, Y),
    init: C,
    xs: X,
    options: ScanOptions,
) -> Result<(C, Y), Error> {
    let mut init = Flat::of(init);
    let xs = Flat::of(xs);
    let length = length_of(op, &xs, options.length)?;
    let tree = pair(&init.tree, &xs.tree);
    let slices = xs.leaves.iter().map(|x| x.aval().unbatched(0));
    let slices: Vec<Aval> = slices.collect();
    let names = Loop { op, closure: "the step", returns: "(carry, y)", skip: 1 };
    let body = names.body(&mut init, |init| {
        let avals: Vec<Aval> =
            init.leaves.iter().map(Array::aval).chain(slices.iter().cloned()).collect();
        Body::of(&tree, &avals, |(c, x): (C, X)| step(c, x))
    })?;
    let n = init.leaves.len();
    let inputs: Vec<Array> = [&body.captured[..], &init.leaves, &xs.leaves].concat();
    let parts = ScanParts {
        body: Arc::new(body.jaxpr),
        consts: body.captured.len(),
        carry: n,
        length,
        reverse: options.reverse,
        unroll: options.unroll.max(1),
    };
    try_tree_unflatten(&body.out_tree, checkpoints::scan(parts, options.checkpoints, &inputs)?)
}

pub(super) fn length_of(op: &str, xs: &Flat, given: Option<usize>) -> Result<usize, Error> {
    let mut found = given.map(|n| (n, "length".to_owned()));
    for (x, path) in xs.leaves.iter().zip(xs.tree.paths()) {
        let name = format!("xs{path}");
        let Some(n) = x.shape().first().copied() else {
            return Err(err!(
                Shape,
                "{op}: `{name}` is a scalar, {}, with no axis to step along; capture it, or put it \
                 into the carry",
                x.aval()
            ));
        };
        match &found {
            None => found = Some((n, name)),
            Some((m, other)) if *m != n => {
                return Err(err!(
                    Shape,
                    "{op}: `{other}` has {steps}, `{name}` ({}) has {n}",
                    x.aval(),
                    steps = plural(m, "step")
                ));
            }
            Some(_) => {}
        }
    }
    found.map(|(n, _)| n).ok_or_else(|| {
        err!(
            Value,
            "{op}: there are no xs to count the steps; give ScanOptions {{ length: Some(n) }}, \
             or count them with scan_n"
        )
    })
}
