//! Sequences: differences, gradients, integrals, convolutions, interpolation, polynomials.

use super::axes::axis_of;
use super::fallible::{functions, methods};
use super::finfo::finfo;
use super::math::float;
use super::numbers::expect_real;
use super::order::take_in;
use crate::core::array::Array;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax::{self, Borders, Mode};
use crate::prims::rules::numbers::number;
use cotangent_jit::{DType, Error, err};
use std::f64::consts::PI;

/// Which part of a convolution is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Wherever the sequences touch: `n + m - 1` elements.
    Full,
    /// As many elements as the longer sequence has, the middle ones.
    Same,
    /// Where the shorter lies within the longer one: `n - m + 1` elements.
    Valid,
}

/// Neighbours along an axis: all but the last, all but the first.
fn neighbours(x: &Array, axis: usize) -> Result<(Array, Array), Error> {
    let n = x.shape()[axis];
    let part = |from: usize, to: usize| lax::try_slice_in_dim(x, from, to, axis);
    Ok((part(0, n.saturating_sub(1))?, part(n.min(1), n)?))
}

methods! {
    //! # Differences, integrals, convolutions

    /// The `n`-th differences of neighbours along an axis: `y[i] = x[i + 1] - x[i]`, so often.
    /// Bools: whether they differ.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 4, 9].diff(1, -1).to_vec::<i32>(), [3, 5]);
    /// ```
    fn diff, try_diff(self, n: usize, axis: isize) -> Array {
        let axis = axis_of("diff", axis as i64, &self.aval())?;
        let mut x = self.clone();
        // Nothing is left after as many times as there are elements.
        for _ in 0..n.min(self.shape()[axis]) {
            let (a, b) = neighbours(&x, axis)?;
            x = if x.dtype().is_bool() { lax::try_ne(&b, &a)? } else { lax::try_sub(&b, &a)? };
        }
        Ok(x)
    }

    /// The differences of neighbours in row-major order.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 4], [9, 9]].ediff1d().to_vec::<i32>(), [3, 5, 0]);
    /// ```
    fn ediff1d, try_ediff1d(self) -> Array { self.try_ravel()?.try_diff(1, 0) }

    /// Slopes along an axis between points that far apart: halved differences of the neighbours of
    /// each point, at the ends the one difference there is.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, 2.0, 4.0].gradient(1.0, 0).to_vec::<f32>(), [1.0, 1.5, 2.0]);
    /// ```
    fn gradient, try_gradient(self, spacing: impl Operand, axis: isize) -> Array {
        let both = promoted("gradient", &[self, &spacing], true)?;
        let (x, spacing) = (&both[0], &both[1]);
        let axis = axis_of("gradient", axis as i64, &x.aval())?;
        let n = x.shape()[axis];
        if n < 2 {
            let got = x.aval();
            return Err(err!(Shape, "gradient: expected two points along axis {axis}, got {got}"));
        }
        let part = |from: usize, to: usize| lax::try_slice_in_dim(x, from, to, axis);
        let first = part(1, 2)? - part(0, 1)?;
        let last = part(n - 1, n)? - part(n - 2, n - 1)?;
        let inner = (part(2, n)? - part(0, n - 2)?) * 0.5;
        Ok(lax::try_concatenate(&[first, inner, last], axis)? / spacing)
    }

    /// The integral along the last axis by the trapezoidal rule, between points that far apart:
    /// `d ∑ (y[i] + y[i + 1]) / 2`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, 2.0, 3.0].trapezoid(2.0).item::<f32>(), 8.0);
    /// ```
    #[doc(alias = "trapz")]
    fn trapezoid, try_trapezoid(self, spacing: impl Operand) -> Array {
        let both = promoted("trapezoid", &[self, &spacing], true)?;
        let axis = axis_of("trapezoid", -1, &self.aval())?;
        let (a, b) = neighbours(&both[0], axis)?;
        let gaps = both[1].shape().last().copied().unwrap_or(1);
        if gaps != 1 && gaps != a.shape()[axis] {
            return Err(err!(
                Shape,
                "trapezoid: expected one spacing, or {} between the points of {}, got {}",
                a.shape()[axis],
                self.aval(),
                both[1].aval()
            ));
        }
        Ok((&both[1] * (b + a)).try_sum_axis(-1)? * 0.5)
    }

    /// The integral along the last axis by the trapezoidal rule, at these points.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, 3.0].trapezoid_at(&array![0.0, 2.0]).item::<f32>(), 4.0);
    /// ```
    fn trapezoid_at, try_trapezoid_at(self, points: impl Operand) -> Array {
        let points = &points.to_array();
        if points.shape().last() != self.shape().last() {
            return Err(err!(
                Shape,
                "trapezoid_at: expected one point for each element along the last axis of {}, got \
                 {}",
                self.aval(),
                points.aval()
            ));
        }
        self.try_trapezoid(points.try_diff(1, -1)?)
    }

    /// The convolution of two vectors: `out[k] = ∑ᵢ self[i] v[k - i]`. Ints as floats.
    ///
    /// ```
    /// use cotangent::{numpy::series::Part, prelude::*};
    /// let y = array![1, 2, 3].convolve(&array![1, 1], Part::Full);
    /// assert_eq!(y.to_vec::<f32>(), [1.0, 3.0, 5.0, 3.0]);
    /// ```
    fn convolve, try_convolve(self, v: impl Operand, part: Part) -> Array {
        let v = &v.to_array();
        let (x, y) = vectors("convolve", self, v)?;
        let (x, y) = if x.size() < y.size() { (y, x) } else { (x, y) };
        slide(&x, &y.try_flip(0)?, part)
    }

    /// The correlation of two vectors: `out[k] = ∑ᵢ self[i + k] conj(v[i])`, as NumPy orders it.
    /// Ints as floats.
    ///
    /// ```
    /// use cotangent::{numpy::series::Part, prelude::*};
    /// let y = array![1, 2, 3].correlate(&array![0, 1], Part::Valid);
    /// assert_eq!(y.to_vec::<f32>(), [2.0, 3.0]);
    /// ```
    fn correlate, try_correlate(self, v: impl Operand, part: Part) -> Array {
        let v = &v.to_array();
        let (x, y) = vectors("correlate", self, v)?;
        let y = y.try_conj()?;
        if x.size() < y.size() {
            return slide(&y, &x, part)?.try_flip(0);
        }
        slide(&x, &y, part)
    }

    /// Angles along an axis with jumps of more than half a turn taken out, by whole turns of 2π.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![0.0, 3.0, 6.0 - 6.2831855].unwrap_phase(-1);
    /// assert!(x.allclose(array![0.0, 3.0, 6.0]));
    /// ```
    #[doc(alias = "unwrap")]
    fn unwrap_phase, try_unwrap_phase(self, axis: isize) -> Array {
        expect_real("unwrap_phase", self)?;
        let axis = axis_of("unwrap_phase", axis as i64, &self.aval())?;
        let x = float(self)?;
        let step = x.try_diff(1, axis as isize)?;
        let within = (&step + PI).try_remainder(2.0 * PI)? - PI;
        let edge = within.try_eq(-PI)?.try_logical_and(&step.try_gt(0.0)?)?;
        let within = edge.try_select(PI, within)?;
        let jump = step.try_abs()?.try_lt(PI)?.try_select(0.0, within - &step)?;
        let (_, rest) = neighbours(&x, axis)?;
        let n = x.shape()[axis];
        let first = lax::try_slice_in_dim(&x, 0, n.min(1), axis)?;
        lax::try_concatenate(&[first, rest + jump.try_cumsum(axis as isize)?], axis)
    }
}

/// Vectors in the dtype in which they meet.
fn vectors(op: &str, x: &Array, y: &Array) -> Result<(Array, Array), Error> {
    if let Some(odd) = [x, y].into_iter().find(|x| x.ndim() != 1 || x.size() == 0) {
        return Err(err!(Shape, "{op}: expected vectors that are not empty, got {}", odd.aval()));
    }
    let mut both = promoted(op, &[x, y], true)?;
    let y = both.swap_remove(1);
    Ok((both.swap_remove(0), y))
}

/// Products of the shorter vector with the part of the longer one that it lies on, summed.
fn slide(x: &Array, y: &Array, part: Part) -> Result<Array, Error> {
    let m = y.size() as i64;
    let edges = match part {
        Part::Full => (m - 1, m - 1),
        Part::Same => (m / 2, m - m / 2 - 1),
        Part::Valid => (0, 0),
    };
    let row = |x: &Array| lax::try_reshape(x, &[1, 1, x.size()]);
    let borders = Borders::Explicit([edges].into_iter().collect());
    lax::try_conv(&row(x)?, &row(y)?, &[1], borders)?.try_ravel()
}

/// The line through two points at `x`: the value of one of them, and from there along the slope;
/// the value alone where `x` lies outside of all points.
fn between(
    x: &Array,
    [low, high]: [Array; 2],
    [start, stop]: [Array; 2],
    outside: &Array,
) -> Result<Array, Error> {
    // From the right point where `x` is that one, and where nothing is left of the distance to the
    // other.
    let at_high = x.try_eq(&high)?;
    let at_low = x.try_eq(&low)?.try_logical_and(&at_high.try_logical_not()?)?;
    let endless = start.try_is_inf()?.try_logical_or(&low.try_is_inf()?)?;
    let endless = endless.try_logical_and(&at_low.try_logical_not()?)?;
    let from_high = at_high.try_logical_or(&endless)?;
    let (near, value) = (from_high.try_select(&high, &low)?, from_high.try_select(&stop, &start)?);

    let fixed = outside.try_logical_or(&x.try_eq(&near)?.try_logical_and(&x.try_is_inf()?)?)?;
    let distance = fixed.try_select(0.0, x - near)?;
    let width = high - low;
    let flat = width.try_abs()?.try_le(number(0.0, width.dtype()))?.try_logical_or(&fixed)?;
    let width = flat.try_select(1.0, width)?;
    let level = start.try_is_inf()?.try_logical_and(&start.try_eq(&stop)?)?;
    let rise = level.try_logical_or(&flat)?.try_select(0.0, stop - start)?;

    // At a point a slope that is not finite changes nothing but the derivative. So the value is 0
    // times finite factors whose product is that slope; nothing is computed from the slope there.
    let known = |x: &Array| lax::try_stop_gradient(x);
    let sharp = lax::try_div(&known(&rise)?, &known(&width)?)?;
    let odd = sharp.try_is_finite()?.try_logical_not()?;
    let odd = odd.try_logical_and(&distance.try_eq(0.0)?)?;
    let slope = odd.try_select(0.0, rise)? / width;
    let most = number(finfo(x.dtype()).map_or(1.0, |f| f.max), x.dtype());
    let slope = odd.try_select(most.try_copysign(&sharp)?, slope)?;
    Ok(value + distance * slope * odd.try_select(most, 1.0)?)
}

functions! {
    /// The piecewise linear function through the points `(xp, fp)`, `xp` rising, at `x`; beyond its
    /// ends constant. At a point it has the point's value, also beside an infinite one; of points
    /// with one `xp` that of the last.
    ///
    /// ```
    /// use cotangent::{numpy::series::interp, prelude::*};
    /// let y = interp(&array![0.5, 9.0], &array![0.0, 1.0], &array![2.0, 4.0]);
    /// assert_eq!(y.to_vec::<f32>(), [3.0, 4.0]);
    /// ```
    fn interp, try_interp(x: impl Operand, xp: impl Operand, fp: impl Operand) -> Array {
        let x = &x.to_array();
        let xp = &xp.to_array();
        let fp = &fp.to_array();
        for points in [x, xp] {
            expect_real("interp", points)?;
        }
        let n = xp.size();
        if xp.ndim() != 1 || fp.shape() != xp.shape() || n == 0 {
            let (a, b) = (xp.aval(), fp.aval());
            return Err(err!(Shape, "interp: expected points as two vectors of one size, got {a} \
                                    and {b}"));
        }
        if fp.dtype().is_complex() {
            let part = |values: Array| try_interp(x, xp, &values);
            return lax::try_complex(&part(fp.try_real()?)?, &part(fp.try_imag()?)?);
        }
        let all = promoted("interp", &[x, xp, fp], true)?;
        let (x, xp, fp) = (&all[0], &all[1], &all[2]);
        let last = n as i64 - 1;
        let right = xp.try_searchsorted_right(x)?.try_clip(1.min(last), last)?;
        let left = (&right - 1).try_maximum(0)?;
        let pick = |v: &Array, i: &Array| take_in("interp", v, i, 0, Mode::Clip);
        let ends = [x.try_lt(xp.try_index(0)?)?, x.try_gt(xp.try_index(-1)?)?];
        let outside = ends[0].try_logical_or(&ends[1])?;
        let (xs, values) = ([pick(xp, &left)?, pick(xp, &right)?], [pick(fp, &left)?, pick(fp,
            &right)?]);
        let y = ends[0].try_select(fp.try_index(0)?, between(x, xs, values, &outside)?)?;
        ends[1].try_select(fp.try_index(-1)?, y)
    }

    /// A polynomial at every point, its coefficients from the highest power down:
    /// `(p[0] x + p[1]) x + ..`.
    ///
    /// ```
    /// use cotangent::{numpy::series::polyval, prelude::*};
    /// assert_eq!(polyval(&array![2, 0, 1], &array![3, 4]).to_vec::<i32>(), [19, 33]);
    /// ```
    fn polyval, try_polyval(p: impl Operand, x: impl Operand) -> Array {
        let p = &p.to_array();
        let x = &x.to_array();
        if p.ndim() != 1 {
            return Err(err!(Shape, "polyval: expected a vector of coefficients, got {}", p.aval()));
        }
        let both = promoted("polyval", &[p, x], false)?;
        let (p, x) = (&both[0], &both[1]);
        let dtype = if p.dtype().is_bool() { DType::I32 } else { p.dtype() };
        let mut y = lax::try_full(x.shape(), cotangent_jit::Scalar::zero(dtype))?;
        for i in 0..p.size() {
            y = y * x + p.try_index(i)?;
        }
        Ok(y)
    }
}
