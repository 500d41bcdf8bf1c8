//! Comparisons, predicates and choices as methods: `x.lt(0.0)`, `x.is_nan()`, `mask.select(a, b)`.
//!
//! Operands broadcast and promote as with the operators. Rust's `==` gives one bool
//! (`prims::array::equality`), and arrays have no `<`.

use super::axes::saturated;
use super::fallible::{functions, methods};
use crate::core::array::Array;
use crate::core::trace::eager;
use crate::prims::array::broadcast_shapes;
use crate::prims::array::literal::{Operand, together, written_int};
use crate::prims::lax;
use crate::prims::rules::numbers;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::SmallVec;

macro_rules! comparisons {
    ($(#![$heading:meta])* $($(#[$doc:meta])* $name:ident, $try:ident = $f:ident;)*) => {
        methods! {$(#![$heading])* $(
            $(#[$doc])*
            ///
            /// Elementwise and broadcast, to bool; complex numbers by their real parts, then by
            /// their imaginary ones. No derivative.
            fn $name, $try(self, other: impl Operand) -> Array {
                let operands = comparable(stringify!($name), self, &other)?;
                ordered(&operands[0], &operands[1], lax::$f)
            }
        )*}
    };
}

/// Operands of a comparison. An int that the array's dtype does not have compares with its elements
/// all the same.
fn comparable(name: &str, x: &Array, other: &dyn Operand) -> Result<SmallVec<[Array; 3]>, Error> {
    match written_int(other) {
        Some(n) if x.dtype().is_int() && !x.is_weak() && !numbers::holds(x.dtype(), n) => {
            // What no u64 is lies below 0, and half of a u64 above.
            let wide = match x.dtype() {
                DType::U64 => {
                    let one = Array::strong_literal(Scalar::one(DType::U64));
                    lax::try_shift_right_logical(x, &one)?
                }
                _ => x.clone(),
            };
            let wide = lax::try_convert_element_type(&wide, DType::I64)?;
            Ok([wide, Array::strong_literal(Scalar::from(saturated(n)))].into_iter().collect())
        }
        _ => match other.array() {
            Some(y) if apart(x, y) => {
                let mut both: SmallVec<[Array; 3]> = [x.clone(), y.clone()].into_iter().collect();
                broadcast_shapes::broadcast_arrays(name, &mut both)?;
                Ok(both)
            }
            _ => together(name, &[x, other], false),
        },
    }
}

/// A comparison, which looks at the second of two parts only where the first ones are equal.
///
/// The comparison is no pointer, because callers are generic: a crate that uses this one as a
/// shared library cannot link a pointer to a `track_caller` function (see [`Operand::to_array`]).
pub(super) fn ordered(
    x: &Array,
    y: &Array,
    compare: impl Fn(&Array, &Array) -> Result<Array, Error>,
) -> Result<Array, Error> {
    if !x.dtype().is_complex() && !apart(x, y) {
        return compare(x, y);
    }
    let ([x, second], [y, other]) = (parts(x)?, parts(y)?);
    lax::try_select_n(&lax::try_eq(&x, &y)?, &[&compare(&x, &y)?, &compare(&second, &other)?])
}

/// The real and the imaginary part; of an int whether it is below 0, as -1 or 0, and its bits as
/// u64.
fn parts(x: &Array) -> Result<[Array; 2], Error> {
    let below = match x.dtype() {
        d if d.is_complex() => return Ok([lax::try_real(x)?, lax::try_imag(x)?]),
        d if d.is_signed() => lax::try_min(&lax::try_sign(x)?, &numbers::number(0.0, d))?,
        d => lax::try_full(x.shape(), Scalar::zero(d))?,
    };
    let first = lax::try_convert_element_type(&below, DType::I32)?;
    Ok([first, lax::try_convert_element_type(x, DType::U64)?])
}

/// u64 and a signed dtype: they meet in floats only, which lack digits.
pub(super) fn apart(x: &Array, y: &Array) -> bool {
    let one = |x: &Array, y: &Array| x.dtype() == DType::U64 && y.dtype().is_signed();
    !x.is_weak() && !y.is_weak() && (one(x, y) || one(y, x))
}

methods! {
    //! # Compare for equality

    /// Whether the elements are equal; false of NaN. (`x == y` asks about whole arrays, and gives
    /// one bool.)
    ///
    /// Elementwise and broadcast, to bool. No derivative.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].eq(2), array![false, true, false]);
    /// ```
    #[doc(alias = "equal")]
    fn eq, try_eq(self, other: impl Operand) -> Array {
        let operands = comparable("eq", self, &other)?;
        let [x, y] = [&operands[0], &operands[1]];
        if apart(x, y) { ordered(x, y, lax::try_eq) } else { lax::try_eq(x, y) }
    }

    /// Whether the elements differ; true of NaN.
    ///
    /// Elementwise and broadcast, to bool. No derivative.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].ne(2), array![true, false, true]);
    /// ```
    #[doc(alias = "not_equal")]
    fn ne, try_ne(self, other: impl Operand) -> Array {
        let operands = comparable("ne", self, &other)?;
        let [x, y] = [&operands[0], &operands[1]];
        if apart(x, y) { ordered(x, y, lax::try_ne) } else { lax::try_ne(x, y) }
    }
}

comparisons! {
    //! # Compare by order

    /// Whether `self < other`.
    #[doc(alias = "less")]
    lt, try_lt = try_lt;
    /// Whether `self ≤ other`.
    #[doc(alias = "less_equal")]
    le, try_le = try_le;
    /// Whether `self > other`.
    #[doc(alias = "greater")]
    gt, try_gt = try_gt;
    /// Whether `self ≥ other`.
    #[doc(alias = "greater_equal")]
    ge, try_ge = try_ge;
}

/// Whether elements are not zero; bools as they are.
pub(super) fn truth(x: &Array) -> Result<Array, Error> {
    if x.dtype().is_bool() {
        Ok(x.clone())
    } else {
        lax::try_ne(x, &numbers::number(0.0, x.dtype()))
    }
}

methods! {
    //! # Ask about elements, choose by a mask

    /// Whether elements are NaN; false of ints.
    #[doc(alias = "isnan")]
    fn is_nan, try_is_nan(self) -> Array { lax::try_ne(self, self) }

    /// Whether elements are neither infinite nor NaN; true of ints.
    #[doc(alias = "isfinite")]
    fn is_finite, try_is_finite(self) -> Array {
        if self.dtype().is_complex() {
            let parts = [lax::try_real(self)?, lax::try_imag(self)?];
            let [re, im] = [lax::try_is_finite(&parts[0])?, lax::try_is_finite(&parts[1])?];
            return lax::try_and(&re, &im);
        }
        if self.dtype().is_float() { lax::try_is_finite(self) } else { lax::try_eq(self, self) }
    }

    /// `a` where `self` holds (or is not zero), else `b`; all three are broadcast, `a` and `b`
    /// promoted.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![-1.0, 2.0];
    /// assert_eq!(x.gt(0.0).select(&x, 0.0).to_vec::<f32>(), [0.0, 2.0]);
    /// ```
    #[doc(alias("where", "masked_fill"))]
    fn select, try_select(self, a: impl Operand, b: impl Operand) -> Array {
        let mut cases = together("select", &[&a, &b], false)?;
        cases.insert(0, truth(self)?);
        broadcast_shapes::broadcast_arrays("select", &mut cases)?;
        lax::try_select_n(&cases[0], &[&cases[2], &cases[1]])
    }
}

functions! {
    /// `a` where `condition` holds, else `b`: NumPy's `where`, which is a word of Rust. See
    /// [`Array::select`].
    #[doc(alias = "where")]
    fn where_, try_where_(condition: impl Operand, a: impl Operand, b: impl Operand) -> Array {
        condition.to_array().try_select(a, b)
    }
}

methods! {
    //! # Logic, closeness, membership

    /// Whether both hold, elementwise and broadcast; numbers hold if they are not zero.
    fn logical_and, try_logical_and(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        logic("logical_and", self, other, lax::try_and)
    }

    /// Whether one holds, elementwise and broadcast; numbers hold if they are not zero.
    fn logical_or, try_logical_or(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        logic("logical_or", self, other, lax::try_or)
    }

    /// Whether it does not hold; numbers hold if they are not zero.
    fn logical_not, try_logical_not(self) -> Array { lax::try_not(&truth(self)?) }

    /// Whether just one holds, elementwise and broadcast; numbers hold if they are not zero.
    fn logical_xor, try_logical_xor(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        logic("logical_xor", self, other, lax::try_xor)
    }

    /// Whether elements are within `1e-8 + 1e-5 |other|` of others, elementwise and broadcast;
    /// equal infinities are, NaN are not.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1.0, f32::INFINITY, f32::NAN];
    /// assert_eq!(x.isclose(&(&x * 1.000001)).to_vec::<bool>(), [true, true, false]);
    /// ```
    fn isclose, try_isclose(self, other: impl Operand) -> Array {
        self.try_isclose_within(other, 1e-5, 1e-8)
    }

    /// [`Array::isclose`] within `absolute + relative |other|`.
    fn isclose_within, try_isclose_within(
        self, other: impl Operand, relative: f64, absolute: f64,
    ) -> Array {
        let operands = together("isclose", &[self, &other], true)?;
        let (x, y) = (&operands[0], &operands[1]);
        let size = y.try_abs()? * relative + absolute;
        let near = (x - y).try_abs()?.try_le(size)?;
        let near = near.try_logical_and(&y.try_is_finite()?)?;
        near.try_logical_or(&lax::try_eq(x, y)?)
    }

    /// Whether all elements are close to others ([`Array::isclose`]), which broadcast: a `bool` of
    /// Rust, so that it is asked about values that are known.
    ///
    /// Real and complex dtypes, promoted; no derivative. Errors if the shapes do not broadcast, and
    /// for values being traced: there `x.isclose(y).all()` gives an array.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert!(array![1.0, 2.0].allclose(array![1.0, 2.000001]));
    /// assert!(array![0.1 + 0.2, 0.3].allclose(0.3));
    /// ```
    fn allclose, try_allclose(self, other: impl Operand) -> bool {
        let other = other.to_array();
        known("allclose", "x.isclose(y).all()", &[self, &other])?;
        eager(|| self.try_isclose(&other)?.try_all()?.try_item())
    }

    /// Whether the shapes are the same and all elements are equal as numbers, also if the dtypes
    /// differ (`x == y` asks for one dtype, too): a `bool` of Rust, so that it is asked about
    /// values that are known.
    ///
    /// NaN equals nothing. Arrays of different shapes are not equal. No derivative. Errors for
    /// values being traced: there `x.eq(y).all()` gives an array.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert!(array![1, 2].array_equal(array![1.0, 2.0]));
    /// assert!(!array![1, 2].array_equal(array![1, 2, 3]));
    /// ```
    fn array_equal, try_array_equal(self, other: impl Operand) -> bool {
        let other = other.to_array();
        if self.shape() != other.shape() {
            return Ok(false);
        }
        known("array_equal", "x.eq(y).all()", &[self, &other])?;
        eager(|| self.try_eq(&other)?.try_all()?.try_item())
    }

    /// Whether elements are among these values.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].isin(&array![3, 1]).to_vec::<bool>(), [true, false, true]);
    /// ```
    #[doc(alias = "in1d")]
    fn isin, try_isin(self, values: impl Operand) -> Array {
        let values = &values.to_array();
        let pairs = self.try_expand_dims(-1)?.try_eq(values.try_ravel()?)?;
        pairs.try_any_axis(-1)
    }
}

/// An error for values being traced, with what to write instead of a `bool`.
fn known(op: &str, instead: &str, operands: &[&Array]) -> Result<(), Error> {
    match operands.iter().find(|x| x.is_tracer()) {
        None => Ok(()),
        Some(x) => Err(err!(
            Tracer,
            "{op}: {} is being traced, so that there is no bool yet; {instead} gives an array, \
             and cond or select decide by it",
            x.aval()
        )),
    }
}

fn logic(
    name: &str,
    x: &Array,
    y: &Array,
    f: impl Fn(&Array, &Array) -> Result<Array, Error>,
) -> Result<Array, Error> {
    let operands = together(name, &[&truth(x)?, &truth(y)?], false)?;
    f(&operands[0], &operands[1])
}
