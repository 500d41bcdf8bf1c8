//! Functions of ints: greatest common divisors, least common multiples.

use super::fallible::methods;
use crate::api::control::try_while_loop;
use crate::core::array::Array;
use crate::prims::broadcasting::broadcast_arrays;
use crate::prims::lax;
use crate::prims::numbers::number;
use crate::prims::operand::{Operand, together};
use crate::prims::operators::counted;
use cotangent_jit::{Error, err};

methods! {
    /// The greatest common divisor, elementwise and broadcast; of 0 and `n` it is `|n|`. Ints; no derivative.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![12, 7, 0].gcd(18).to_vec::<i32>(), [6, 1, 18]);
    /// ```
    fn gcd, try_gcd(self, other: impl Operand) -> Array {
        let (x, y) = sizes("gcd", self, &other)?;
        euclid(x, y)
    }

    /// The least common multiple, elementwise and broadcast; 0 where one is 0. Ints (wrapping); no derivative.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![4, 7, 0].lcm(6).to_vec::<i32>(), [12, 42, 0]);
    /// ```
    fn lcm, try_lcm(self, other: impl Operand) -> Array {
        let (x, y) = sizes("lcm", self, &other)?;
        let divisor = euclid(x.clone(), y.clone())?;
        let none = divisor.try_equal(0)?;
        let share = lax::try_div(&y, &none.try_select(1, divisor)?)?;
        none.try_select(0, lax::try_mul(&x, &share)?)
    }
}

/// The magnitudes of ints of one shape.
fn sizes(op: &str, x: &dyn Operand, y: &dyn Operand) -> Result<(Array, Array), Error> {
    let mut both = together(op, &[x, y], false)?;
    broadcast_arrays(op, &mut both)?;
    let shape = both.iter().map(Array::to_shape).max_by_key(|s| s.len()).unwrap_or_default();
    if let Some(odd) = both.iter().find(|x| x.dtype().is_inexact()) {
        return Err(err!(DType, "{op}: expected ints, got {}; convert it with astype", odd.aval()));
    }
    let size = |x: &Array| counted(x)?.try_abs()?.try_broadcast_to(&shape);
    Ok((size(&both[0])?, size(&both[1])?))
}

/// `(x, y)` becomes `(y, x mod y)` until nothing is left.
fn euclid(x: Array, y: Array) -> Result<Array, Error> {
    let zero = number(0.0, x.dtype());
    let axes: Vec<usize> = (0..x.ndim()).collect();
    let (x, _) = try_while_loop(
        |(_, y): (Array, Array)| lax::reduce_or(&lax::ne(&y, &zero), &axes),
        |(x, y): (Array, Array)| {
            let goes_on = lax::ne(&y, &zero);
            let rest = lax::select_n(&goes_on, &[&y, &lax::rem(&x, &y)]);
            (lax::select_n(&goes_on, &[&x, &y]), rest)
        },
        (x, y),
    )?;
    Ok(x)
}
