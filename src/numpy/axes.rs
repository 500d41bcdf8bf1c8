//! Axes and sizes as arguments: of any int type, one or many, negative ones counted from the end.

use crate::core::arity::each_tuple;
use crate::core::aval::{Aval, Shape};
use cotangent_jit::{Error, err, plural};
use smallvec::{SmallVec, smallvec};

/// Ints given as axes or sizes: `1`, `[2, -1]`, `(2, n, -1)`, `&[0, 1]`, `vec![..]`, `x.shape()`;
/// `[]` and `()` for none.
///
/// Any int types. A tuple may mix them; an array of another int type than `i32` has 1 to 12
/// entries, so that `[]` has one meaning (a longer one is given as a slice).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of axes or sizes",
    label = "expected ints: `1`, `[2, -1]`, `(2, n)`, `&[0, 1]`, a `Vec`, `x.shape()` or `[]`",
    note = "a `[usize; N]` of any `N` is given as a slice, `&shape[..]`",
    note = "sizes and axes are known while tracing: an `Array` cannot give them"
)]
pub trait Ints {
    fn ints(self) -> SmallVec<[i64; 4]>;
}

/// A number of any int type of Rust, as an axis or a size.
#[diagnostic::on_unimplemented(
    message = "axes and sizes are ints, not `{Self}`",
    label = "not an int",
    note = "write `2`, `[2, 3]`, `(2, n)`, `&[2, 3]`, `x.shape()` or `[]`; cast with `as usize`"
)]
pub trait Int: Copy {
    /// The number, or the end of i64 that is nearest, which is no axis and no size.
    #[doc(hidden)]
    fn nearest_i64(self) -> i64;
}

/// An int type that a literal does not become by itself: all but `i32`. So `[]` can only be an
/// array of `i32`.
#[diagnostic::on_unimplemented(
    message = "axes and sizes are ints, not `{Self}`",
    label = "not an int",
    note = "write `2`, `[2, 3]`, `(2, n)`, `&[2, 3]`, `x.shape()` or `[]`; cast with `as usize`"
)]
pub trait TypedInt: Int {}

/// A number of any int type of Rust; one beyond i64 becomes the greatest, which is no axis and no
/// size.
pub(super) fn saturated(i: i128) -> i64 {
    i.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

macro_rules! int {
    ($($t:ty)*) => {$(
        impl Int for $t {
            fn nearest_i64(self) -> i64 {
                i64::try_from(self).unwrap_or(if self > 0 { i64::MAX } else { i64::MIN })
            }
        }

        impl Ints for $t {
            fn ints(self) -> SmallVec<[i64; 4]> {
                smallvec![self.nearest_i64()]
            }
        }
    )*};
}

int!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

macro_rules! typed {
    ($($t:ty)*) => {$(impl TypedInt for $t {})*};
}

typed!(i8 i16 i64 i128 isize u8 u16 u32 u64 u128 usize);

fn all<T: Int>(ints: &[T]) -> SmallVec<[i64; 4]> {
    ints.iter().map(|i| i.nearest_i64()).collect()
}

macro_rules! lists {
    ($([$($generics:tt)*] $t:ty;)*) => {$(
        impl<$($generics)*> Ints for $t {
            fn ints(self) -> SmallVec<[i64; 4]> {
                all(&self[..])
            }
        }
    )*};
}

lists! {
    [T: Int] &[T];
    [T: Int] Vec<T>;
    [T: Int] &Vec<T>;
    [const N: usize] [i32; N];
    [const N: usize] &[i32; N];
}

macro_rules! arrays {
    ($($n:literal)*) => {$(lists! { [T: TypedInt] [T; $n]; [T: TypedInt] &[T; $n]; })*};
}

arrays!(1 2 3 4 5 6 7 8 9 10 11 12);

impl Ints for () {
    fn ints(self) -> SmallVec<[i64; 4]> {
        SmallVec::new()
    }
}

macro_rules! tuples {
    ($($($t:ident $i:tt)+;)*) => {$(
        impl<$($t: Int),+> Ints for ($($t,)+) {
            fn ints(self) -> SmallVec<[i64; 4]> {
                smallvec![$(self.$i.nearest_i64()),+]
            }
        }
    )*};
}

each_tuple!(tuples);

impl Ints for &Shape {
    fn ints(self) -> SmallVec<[i64; 4]> {
        all(self)
    }
}

impl Ints for Shape {
    fn ints(self) -> SmallVec<[i64; 4]> {
        all(&self)
    }
}

/// An axis of `x`, counted from the end if negative.
pub(crate) fn axis_of(op: &str, axis: i64, x: &Aval) -> Result<usize, Error> {
    let rank = x.rank();
    axis_below(axis, rank).ok_or_else(|| {
        err!(
            Axis,
            "{op}: axis {axis} is out of range for {x}, which has {axes}",
            axes = plural(rank, "axis")
        )
    })
}

/// An axis below `rank`, counted from the end if negative.
pub(crate) fn axis_below(axis: i64, rank: usize) -> Option<usize> {
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_start).ok().filter(|a| *a < rank)
}

/// Distinct axes of `x`.
pub(crate) fn axes_of(op: &str, axes: impl Ints, x: &Aval) -> Result<Shape, Error> {
    let mut found = Shape::new();
    for axis in axes.ints() {
        let a = axis_of(op, axis, x)?;
        if found.contains(&a) {
            return Err(err!(Axis, "{op}: axis {axis} of {x} is given twice"));
        }
        found.push(a);
    }
    Ok(found)
}

/// Sizes of a shape.
pub(crate) fn sizes_of(op: &str, sizes: impl Ints) -> Result<Shape, Error> {
    let sizes = sizes.ints();
    let negative = |_| err!(Shape, "{op}: expected sizes of at least 0, got {sizes:?}");
    sizes.iter().map(|s| usize::try_from(*s).map_err(negative)).collect()
}
