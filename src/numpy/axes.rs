//! Axes and sizes as arguments: of any int type, one or many, negative ones counted from the end.

use crate::core::aval::{Aval, Shape};
use cotangent_jit::{Error, err, plural};
use smallvec::{SmallVec, smallvec};

/// Ints given as axes or sizes: `1`, `[2, -1]`, `&[0, 1]`, `vec![..]`, `x.shape()`, `()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of axes or sizes",
    label = "expected ints: `1`, `[2, -1]`, `&[0, 1]`, a `Vec` of ints, `x.shape()` or `()`",
    note = "ints are `i32`, `i64`, `usize` or `isize`; sizes and axes are known while tracing: an \
            `Array` cannot give them"
)]
pub trait Ints {
    fn ints(self) -> SmallVec<[i64; 4]>;
}

impl Ints for () {
    fn ints(self) -> SmallVec<[i64; 4]> {
        SmallVec::new()
    }
}

/// A number of any int type of Rust; one beyond i64 becomes the greatest, which is no axis and no
/// size.
pub(super) fn saturated(i: i128) -> i64 {
    i.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

macro_rules! ints {
    ($($t:ty)*) => {$(
        impl Ints for $t {
            fn ints(self) -> SmallVec<[i64; 4]> {
                smallvec![saturated(self as i128)]
            }
        }

        impl<const N: usize> Ints for [$t; N] {
            fn ints(self) -> SmallVec<[i64; 4]> {
                self.iter().map(|i| saturated(*i as i128)).collect()
            }
        }

        impl<const N: usize> Ints for &[$t; N] {
            fn ints(self) -> SmallVec<[i64; 4]> {
                self.iter().map(|i| saturated(*i as i128)).collect()
            }
        }

        impl Ints for &[$t] {
            fn ints(self) -> SmallVec<[i64; 4]> {
                self.iter().map(|i| saturated(*i as i128)).collect()
            }
        }

        impl Ints for Vec<$t> {
            fn ints(self) -> SmallVec<[i64; 4]> {
                self.iter().map(|i| saturated(*i as i128)).collect()
            }
        }

        impl Ints for &Vec<$t> {
            fn ints(self) -> SmallVec<[i64; 4]> {
                self.iter().map(|i| saturated(*i as i128)).collect()
            }
        }
    )*};
}

ints!(i32 i64 isize usize);

impl Ints for &Shape {
    fn ints(self) -> SmallVec<[i64; 4]> {
        self.iter().map(|i| saturated(*i as i128)).collect()
    }
}

impl Ints for Shape {
    fn ints(self) -> SmallVec<[i64; 4]> {
        (&self).ints()
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
