//! `nextafter`: the neighbour of a float in the direction of another float, composed of changes of
//! its bits.

use crate::core::array::Array;
use crate::prims::points::binary::{try_add, try_and, try_or, try_sub};
use crate::prims::points::compare::{try_eq, try_gt, try_lt, try_ne};
use crate::prims::points::convert::try_bitcast_convert_type;
use crate::prims::points::identity::try_stop_gradient;
use crate::prims::points::select::try_select_n;
use crate::prims::rules::apply::{composed, expect};
use cotangent_jit::{DType, Error, Scalar, err};

/// The next float from `x` toward `y`: `y` if they are equal, the least number with the sign of `y`
/// if `x` is 0, NaN if one is NaN.
///
/// Floats of one dtype and shape. No derivative. Panics where [`try_nextafter`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let next = lax::nextafter(&array![0.0], &array![-1.0]);
/// assert_eq!(next.item::<f32>(), -f32::from_bits(1));
/// ```
#[track_caller]
pub fn nextafter(x: &Array, y: &Array) -> Array {
    expect(try_nextafter(x, y))
}

/// Returns the error of [`nextafter`] instead of panicking.
///
/// Fails if the operands are not floats or do not fit.
#[track_caller]
pub fn try_nextafter(x: &Array, y: &Array) -> Result<Array, Error> {
    composed("nextafter", || {
        if !x.dtype().is_float() {
            return Err(err!(DType, "nextafter: expected floats, got {}; convert it", x.aval()));
        }
        let (x, y) = (&try_stop_gradient(x)?, &try_stop_gradient(y)?);
        let float = x.dtype();
        let int = match float.size() {
            2 => DType::I16,
            4 => DType::I32,
            _ => DType::I64,
        };
        let number = |i: i64| Array::strong_literal(Scalar::from_i64(int, i).expect("an int"));
        let zero = Array::strong_literal(Scalar::zero(float));
        let (bits, toward) = (try_bitcast_convert_type(x, int)?, try_bitcast_convert_type(y, int)?);
        // Whether the step from x to y leads away from zero.
        let away = try_eq(&try_lt(x, y)?, &try_gt(x, &zero)?)?;
        let one = number(1);
        let stepped = try_select_n(&away, &[&try_sub(&bits, &one)?, &try_add(&bits, &one)?])?;
        let sign = try_and(&toward, &number(1i64 << (int.bits() - 1)))?;
        let least = try_or(&sign, &one)?;
        let next = try_select_n(&try_eq(x, &zero)?, &[&stepped, &least])?;
        let next = try_bitcast_convert_type(&next, float)?;
        let next = try_select_n(&try_eq(x, y)?, &[&next, y])?;
        let nan = try_or(&try_ne(x, x)?, &try_ne(y, y)?)?;
        try_select_n(&nan, &[&next, &try_add(x, y)?])
    })
}
