//! Functions of ints: greatest common divisors, least common multiples.

use super::fallible::methods;
use crate::api::control::try_while_loop;
use crate::core::array::Array;
use crate::prims::array::broadcast_shapes::broadcast_arrays;
use crate::prims::array::literal::{Operand, together};
use crate::prims::array::operators::counted;
use crate::prims::lax;
use crate::prims::rules::numbers::number;
use cotangent_jit::{DType, Error, err};

methods! {
    //! # Divisors of ints

    /// The greatest common divisor, elementwise and broadcast; of 0 and `n` it is `|n|`. Ints; no
    /// derivative. The one that a signed dtype does not have, that of its least int and itself or
    /// 0, wraps to the least int, as in NumPy.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![12, 7, 0].gcd(18).to_vec::<i32>(), [6, 1, 18]);
    /// ```
    fn gcd, try_gcd(self, other: impl Operand) -> Array {
        let (x, y, dtype) = sizes("gcd", self, &other)?;
        lax::try_convert_element_type(&euclid(x, y)?, dtype)
    }

    /// The least common multiple, elementwise and broadcast; 0 where one is 0. Ints (wrapping); no
    /// derivative.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![4, 7, 0].lcm(6).to_vec::<i32>(), [12, 42, 0]);
    /// ```
    fn lcm, try_lcm(self, other: impl Operand) -> Array {
        let (x, y, dtype) = sizes("lcm", self, &other)?;
        let divisor = euclid(x.clone(), y.clone())?;
        let none = divisor.try_eq(0)?;
        let share = lax::try_div(&y, &none.try_select(1, divisor)?)?;
        let multiple = none.try_select(0, lax::try_mul(&x, &share)?)?;
        lax::try_convert_element_type(&multiple, dtype)
    }
}

/// The magnitudes of ints of one shape as unsigned ints, which have that of the least int, too; and
/// the dtype of the ints.
fn sizes(op: &str, x: &dyn Operand, y: &dyn Operand) -> Result<(Array, Array, DType), Error> {
    let mut both = together(op, &[x, y], false)?;
    broadcast_arrays(op, &mut both)?;
    let shape = both.iter().map(Array::to_shape).max_by_key(|s| s.len()).unwrap_or_default();
    if let Some(odd) = both.iter().find(|x| x.dtype().is_inexact()) {
        return Err(err!(DType, "{op}: expected ints, got {}; convert it with astype", odd.aval()));
    }
    let dtype = counted(&both[0])?.dtype();
    let unsigned = dtype.bit_pattern().expect("an int");
    // The magnitude of the least int wraps to that int, whose bits are the unsigned magnitude.
    let size = |x: &Array| {
        let size = lax::try_convert_element_type(&counted(x)?.try_abs()?, unsigned)?;
        size.try_broadcast_to(&shape)
    };
    Ok((size(&both[0])?, size(&both[1])?, dtype))
}

/// `(x, y)` becomes `(y, x mod y)` until nothing is left.
fn euclid(x: Array, y: Array) -> Result<Array, Error> {
    let zero = number(0.0, x.dtype());
    let axes: Vec<usize> = (0..x.ndim()).collect();
    let (x, _) = try_while_loop(
        |(_, y): (Array, Array)| lax::reduce_or(&lax::ne(&y, &zero), &axes),
        |(x, y): (Array, Array)| {
            let condition = lax::ne(&y, &zero);
            let rest = lax::select_n(&condition, &[&y, &lax::rem(&x, &y)]);
            (lax::select_n(&condition, &[&x, &y]), rest)
        },
        (x, y),
    )?;
    Ok(x)
}
