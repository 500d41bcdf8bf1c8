//! `fori_loop`: a loop over a range of numbers, known or computed.

use super::body::{Body, Loop, pair};
use crate::api::pytree::{Flat, Pytree, Token, TreeDef, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::lowering::{ScanParts, WhileParts};
use crate::core::source::{in_name_of, raise};
use crate::core::trace::{eval, trace};
use crate::prims::array::literal::Operand;
use crate::prims::array::number::Number;
use crate::prims::carriers::scan as scan_prim;
use crate::prims::carriers::while_loop as while_prim;
use crate::prims::lax;
use crate::prims::rules::numbers::holds;
use cotangent_jit::{DType, Error, Scalar, err};
use std::fmt;
use std::ops::{Range, RangeInclusive, RangeTo, RangeToInclusive};
use std::sync::Arc;

/// The range of a [`fori_loop`].
#[derive(Clone, Debug)]
pub enum Bounds {
    /// Numbers of rounds known while tracing: the loop is a scan.
    Static(Range<i64>),
    /// Scalars of one integer dtype: the loop is a while.
    Computed { from: Array, to: Array },
}

/// What a [`fori_loop`] runs over: ints of any type of Rust (`5`, `0..n`, `1..=n`, `..n`), or
/// integer scalar arrays (`&n`, `..&n`, `&from..&to`), or a pair of one each (`(0, &n)`).
#[diagnostic::on_unimplemented(
    message = "`fori_loop` takes a range or a count, got `{Self}`",
    label = "expected `n`, `0..n`, `..n`, `&n` or `(from, to)`, of ints or integer scalar arrays",
    note = "write `fori_loop(0..n, |i: Array, x: Array| .., init)`: both bounds in one range"
)]
pub trait LoopBounds {
    fn bounds(self) -> Result<Bounds, Error>;
}

fn small(n: impl TryInto<i64> + Copy + fmt::Display) -> Result<i64, Error> {
    let wrong = |_| err!(Value, "fori_loop: expected bounds that fit i64, got {n}");
    n.try_into().map_err(wrong)
}

fn fixed(from: i64, to: i64) -> Result<Bounds, Error> {
    Ok(Bounds::Static(from..to))
}

macro_rules! ints {
    ($($t:ty)*) => {$(
        /// From 0.
        impl LoopBounds for $t {
            fn bounds(self) -> Result<Bounds, Error> {
                fixed(0, small(self)?)
            }
        }

        impl LoopBounds for Range<$t> {
            fn bounds(self) -> Result<Bounds, Error> {
                fixed(small(self.start)?, small(self.end)?)
            }
        }

        impl LoopBounds for RangeTo<$t> {
            fn bounds(self) -> Result<Bounds, Error> {
                fixed(0, small(self.end)?)
            }
        }

        impl LoopBounds for RangeInclusive<$t> {
            fn bounds(self) -> Result<Bounds, Error> {
                fixed(small(*self.start())?, small(i128::from(small(*self.end())?) + 1)?)
            }
        }

        impl LoopBounds for RangeToInclusive<$t> {
            fn bounds(self) -> Result<Bounds, Error> {
                (0..=self.end).bounds()
            }
        }
    )*};
}

ints!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

macro_rules! arrays {
    ($($t:ty)*) => {$(
        /// From 0.
        impl LoopBounds for $t {
            fn bounds(self) -> Result<Bounds, Error> {
                (..self).bounds()
            }
        }

        impl LoopBounds for Range<$t> {
            fn bounds(self) -> Result<Bounds, Error> {
                computed(self.start.to_array(), self.end.to_array())
            }
        }

        impl LoopBounds for RangeTo<$t> {
            fn bounds(self) -> Result<Bounds, Error> {
                computed(Array::literal(0i32.into()), self.end.to_array())
            }
        }
    )*};
}

arrays!(Array & Array);

/// From the first to the second: `(0, &n)`, `(&from, 10)`.
impl<A: Operand, B: Operand> LoopBounds for (A, B) {
    fn bounds(self) -> Result<Bounds, Error> {
        let int = |n: Option<Number>| n.and_then(Number::int);
        match (int(self.0.number()), int(self.1.number())) {
            (Some(from), Some(to)) => fixed(small(from)?, small(to)?),
            _ => computed(self.0.to_array(), self.1.to_array()),
        }
    }
}

fn computed(mut from: Array, mut to: Array) -> Result<Bounds, Error> {
    for (what, x) in [("start", &from), ("end", &to)] {
        if x.ndim() > 0 || !x.dtype().is_int() {
            return Err(err!(
                DType,
                "fori_loop: the {what} of the range should be an int scalar such as i32[], got {}",
                x.aval()
            ));
        }
    }
    // A number beyond the other bound's dtype keeps its own, and is refused below.
    let gives_way = |x: &Array, dtype: DType| match x.as_literal().and_then(Scalar::to_i64) {
        Some(n) => x.is_weak() && holds(dtype, n.into()),
        None => x.is_weak(),
    };
    if gives_way(&from, to.dtype()) {
        from = lax::try_convert_element_type(&from, to.dtype())?;
    } else if gives_way(&to, from.dtype()) {
        to = lax::try_convert_element_type(&to, from.dtype())?;
    }
    if from.dtype() != to.dtype() {
        return Err(err!(
            DType,
            "fori_loop: the range should start and end in one dtype, got {} and {}; cast one with \
             astype",
            from.aval(),
            to.aval()
        ));
    }
    Ok(Bounds::Computed { from, to })
}

/// `x = body(i, x)` for `i` in `range`, from `init`: a counted loop.
///
/// Over ints of Rust (`5`, `0..n`, `1..=n`, of any type) the number of rounds is known, the loop is
/// a [`scan`](super::scan) and differentiable in both modes. Over arrays (`&n`, `&from..&to`,
/// `(0, &n)`, integer scalars, traced or not) it is a [`while_loop`](super::while_loop):
/// differentiable forwards, and backwards with a limit ([`fori_loop_bounded`]). `i` has the dtype
/// of the bounds, `i32` for ints of Rust that it has, else `i64`. The carry keeps its structure,
/// shapes and dtypes. Panics if not ([`try_fori_loop`] returns the error).
///
/// The range is one argument: JAX's `fori_loop(0, n, ..)` is `fori_loop(0..n, ..)`, or
/// `fori_loop((0, &n), ..)` if an end is an array. [`scan_n`](super::scan_n) also collects
/// something of every step.
///
/// ```
/// use cotangent::prelude::*;
/// let x = fori_loop(0..5, |i, x: Array| x + i, Array::from(0));
/// assert_eq!(x.item::<i32>(), 10);
/// let sum = jit(|n: Array| fori_loop((1, n + 1), |i, x: Array| x + i, Array::from(0)));
/// assert_eq!(sum(Array::from(4)).item::<i32>(), 10);
/// ```
///
/// # Several values, borrowed captures
///
/// The carry is one pytree; the body may borrow what it captures, also traced arrays.
///
/// ```
/// use cotangent::prelude::*;
/// let fibonacci = |n: usize| {
///     let start = (zeros_dtype((), DType::I32), ones_dtype((), DType::I32));
///     fori_loop(0..n, |_, (a, b): (Array, Array)| (b.clone(), a + b), start).0
/// };
/// assert_eq!(fibonacci(10).item::<i32>(), 55);
/// let xs = array![1.0, 2.0, 4.0];
/// let sum = fori_loop(0..3, |i, s: Array| s + xs.index(&i), zeros(()));
/// assert_eq!(sum.item::<f32>(), 7.0);
/// ```
///
/// # With other transforms
///
/// ```
/// use cotangent::prelude::*;
/// let power = |x: Array| fori_loop(0..5, |_, y: Array| y * &x, ones(()));
/// let slopes = jit(vmap(grad(power)));
/// assert_eq!(slopes(array![1.0, 2.0]).to_vec::<f32>(), [5.0, 80.0]);
/// ```
///
/// # Pitfalls
///
/// - A range, not two numbers: `fori_loop(0..n, body, init)`.
/// - Index and carry come in this order, and their types must be written where Rust asks:
///   `|i, x: Array|`.
/// - The carry keeps its shapes and dtypes: `x / 2` of an int is an int, of a float a float.
/// - `i` is a traced int: index arrays by it with [`Array::index`](Array::index), not with `[i]`.
///
/// See also [`scan`](super::scan) (slices in, results out), [`while_loop`](super::while_loop).
#[track_caller]
#[rustfmt::skip] // The compiler shows the first line to a user who passes the bounds apart.
pub fn fori_loop<C: Pytree>( // `fori_loop(0..n, body, init)`
    range: impl LoopBounds,
    body: impl Fn(Array, C) -> C,
    init: C,
) -> C {
    raise(try_fori_loop(range, body, init))
}

/// Returns the error of [`fori_loop`] instead of panicking.
#[track_caller]
pub fn try_fori_loop<C: Pytree>(
    range: impl LoopBounds,
    body: impl Fn(Array, C) -> C,
    init: C,
) -> Result<C, Error> {
    in_name_of("fori_loop", || run("fori_loop", None, range.bounds()?, body, init))
}

/// [`fori_loop`] of at most `limit` rounds, so that it is differentiable in reverse mode over
/// computed bounds, too.
///
/// ```
/// use cotangent::prelude::*;
/// let power =
///     |x: Array, n: Array| fori_loop_bounded(10, ..n, |_, y: Array| y * &x, Array::from(1.0));
/// assert_eq!(grad(power)(Array::from(2.0), Array::from(3)).item::<f32>(), 12.0);
/// ```
#[track_caller]
pub fn fori_loop_bounded<C: Pytree>(
    limit: usize,
    range: impl LoopBounds,
    body: impl Fn(Array, C) -> C,
    init: C,
) -> C {
    raise(try_fori_loop_bounded(limit, range, body, init))
}

/// Returns the error of [`fori_loop_bounded`] instead of panicking.
#[track_caller]
pub fn try_fori_loop_bounded<C: Pytree>(
    limit: usize,
    range: impl LoopBounds,
    body: impl Fn(Array, C) -> C,
    init: C,
) -> Result<C, Error> {
    in_name_of("fori_loop_bounded", || {
        run("fori_loop_bounded", Some(limit), range.bounds()?, body, init)
    })
}

/// The ints below `length`. From a start below 0 there may be more of them than i32 has from 0 on;
/// as i32 they wrap, and the sum with the start does so back.
fn count(length: usize, dtype: DType) -> Result<Array, Error> {
    let wide = if holds(dtype, length as i128) { dtype } else { DType::I64 };
    lax::try_convert_element_type(&lax::try_iota(wide, &[length], 0)?, dtype)
}

#[track_caller]
fn run<C: Pytree>(
    op: &'static str,
    limit: Option<usize>,
    bounds: Bounds,
    body: impl Fn(Array, C) -> C,
    init: C,
) -> Result<C, Error> {
    let mut init = Flat::of(init);
    let (dtype, start) = match &bounds {
        Bounds::Static(range) => {
            let narrow =
                holds(DType::I32, range.start.into()) && holds(DType::I32, range.end.into());
            let dtype = if narrow { DType::I32 } else { DType::I64 };
            (dtype, Array::strong_literal(Scalar::from_bits(dtype, range.start as u128)))
        }
        Bounds::Computed { from, .. } => (from.dtype(), from.clone()),
    };
    let counter = Aval::scalar(dtype);
    let mut number = TreeDef::default();
    number.push(Token::Leaf);
    let tree = pair(&number, &init.tree);
    let names = Loop { op, closure: "the body", returns: "it", skip: 0 };
    let body = names.body(&mut init, |init| {
        let carry = init.leaves.iter().map(Array::aval);
        let avals: Vec<Aval> = std::iter::once(counter.clone()).chain(carry).collect();
        Body::of(&tree, &avals, |(i, c): (Array, C)| body(i, c))
    })?;
    let (consts, carry) = (body.captured.len(), init.leaves.len());
    let leaves = match bounds {
        Bounds::Static(range) => {
            let n = i128::from(range.end) - i128::from(range.start);
            let n = usize::try_from(n.max(0)).unwrap_or(usize::MAX);
            let length = limit.map_or(n, |limit| limit.min(n));
            // The counter is the one x of the scan.
            let numbers = lax::try_add(&count(length, dtype)?, &start)?;
            let order: Vec<usize> =
                (0..consts).chain(consts + 1..consts + 1 + carry).chain([consts]).collect();
            let outputs: Vec<usize> = (0..carry).collect();
            let step =
                Arc::new(crate::prims::carriers::regroup::permuted(&body.jaxpr, &order, &outputs));
            let parts = ScanParts { body: step, consts, carry, length, reverse: false, unroll: 1 };
            let inputs = [&body.captured[..], &init.leaves, &[numbers]].concat();
            scan_prim::scan(parts, &inputs)?
        }
        Bounds::Computed { from, to } => {
            let carried: Vec<Aval> = body.jaxpr.in_avals()[consts..].to_vec();
            let tested: Vec<Aval> = std::iter::once(&counter).chain(&carried).cloned().collect();
            let test = trace(&tested, |x| Ok(vec![lax::try_lt(&x[1], &x[0])?]))?;
            let one = Array::strong_literal(Scalar::one(dtype));
            let step = trace(&body.jaxpr.in_avals(), |x| {
                let mut outs = vec![lax::try_add(&x[consts], &one)?];
                outs.extend(eval(&body.jaxpr, &x)?);
                Ok(outs)
            })?;
            let parts = WhileParts {
                test: Arc::new(test.jaxpr),
                body: Arc::new(step.jaxpr),
                test_consts: 1,
                body_consts: consts,
                limit,
            };
            let inputs = [&[to], &body.captured[..], &[from], &init.leaves].concat();
            while_prim::while_loop(parts, &inputs)?.split_off(1)
        }
    };
    try_tree_unflatten(&init.tree, leaves)
}
