//! Numbers of given distributions, from the bits of a key.
//!
//! Ints, permutations and choices equal JAX's to the bit. Floats do where they need no elementary
//! function.
//!
//! Not here: distributions by the inverse of their distribution function (`inverse`).

use super::bits::{pattern, try_bits};
use super::key::{Key, try_split};
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::numpy::axes::{Ints, axis_of, sizes_of};
use crate::numpy::fallible::functions;
use crate::numpy::finfo::{epsilon, iinfo};
use crate::prims::array::literal::{Operand, promoted, written_int};
use crate::prims::array::number::Number;
use crate::prims::lax;
use crate::prims::rules::numbers::{number, place_dtype};
use cotangent_jit::{DType, Error, Scalar, err, plural};
use std::f64::consts::SQRT_2;

functions! {
    /// Uniform floats from `low` (included) to `high` (not included, but for rounding). It is an
    /// error if the dtype is no real float dtype.
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let x = random::uniform(&random::key(0), [3], DType::F32, 0.0, 1.0);
    /// assert_eq!(x.to_vec::<f32>(), [0.947667, 0.9785799, 0.33229148]);
    /// ```
    #[doc(alias("rand", "random_sample"))]
    fn uniform, try_uniform(
        key: &Key, shape: impl Ints, dtype: DType, low: impl Operand, high: impl Operand,
    ) -> Array {
        let shape = sizes_of("uniform", shape)?;
        real_floats("uniform", dtype)?;
        let unit = unit(key, &shape, dtype)?;
        let is = |o: &dyn Operand, value: f64| match o.number() {
            Some(Number::Float(f)) => f == value,
            Some(n) => n.int().is_some_and(|i| i as f64 == value),
            None => false,
        };
        if is(&low, 0.0) && is(&high, 1.0) {
            return Ok(unit);
        }
        let bounds = promoted("uniform", &[&low, &high, &unit], false)?;
        let (low, high) = (&bounds[0], &bounds[1]);
        let width = match (low.as_literal(), high.as_literal()) {
            (Some(low), Some(high)) => difference(low, high),
            _ => high - low,
        };
        (unit * width + low).try_maximum(low)
    }
}

/// An error unless the dtype is one of real floats.
pub(super) fn real_floats(op: &str, dtype: DType) -> Result<(), Error> {
    if dtype.is_float() { Ok(()) } else { Err(not_real(op, dtype)) }
}

fn not_real(op: &str, dtype: DType) -> Error {
    let cure = match dtype.is_complex() {
        true => "; draw the parts with two keys and join them with lax::complex",
        false => "",
    };
    err!(DType, "{op}: expected a float dtype, got {dtype}{cure}")
}

/// `high - low`, rounded in their dtype.
fn difference(low: Scalar, high: Scalar) -> Array {
    let value = |s: Scalar| s.to_f64().expect("a float");
    // The f64 difference of two f32 is exact enough to round to the same f32.
    number(value(high) - value(low), low.dtype())
}

/// Floats of [0, 1): random mantissas under the exponent of 1, less 1.
fn unit(key: &Key, shape: &Shape, dtype: DType) -> Result<Array, Error> {
    // The number of bits that are drawn and the number that is kept. A bf16 needs eight.
    let (drawn, mantissa) = match dtype {
        DType::BF16 => (DType::U8, 7),
        DType::F16 => (DType::U16, 10),
        DType::F32 => (DType::U32, 23),
        DType::F64 => (DType::U64, 52),
        other => return Err(not_real("uniform", other)),
    };
    let (unsigned, one) = (pattern("uniform", dtype)?, Scalar::one(dtype));
    let literal = |bits: u128| Array::strong_literal(Scalar::from_bits(unsigned, bits));
    let bits = lax::try_convert_element_type(&try_bits(key, shape, drawn)?, unsigned)?;
    let low = lax::try_shift_right_logical(&bits, &literal((drawn.bits() - mantissa).into()))?;
    let from_1_to_2 = lax::try_or(&low, &literal(one.bits()))?;
    let float = lax::try_bitcast_convert_type(&from_1_to_2, dtype)?;
    lax::try_sub(&float, &Array::strong_literal(one))
}

functions! {
    /// Normal numbers of mean 0 and variance 1: `√2 erf⁻¹(u)` with `u` uniform on (-1, 1).
    ///
    /// Complex ones have two independent normal parts of variance 1/2, from the two keys that
    /// `split` makes of the key. It is an error if the dtype is neither of floats nor complex.
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let z = random::normal(&random::key(42), [1000], DType::C64);
    /// assert!((z.abs().square().mean().item::<f32>() - 1.0).abs() < 0.1);
    /// ```
    #[doc(alias("randn", "standard_normal"))]
    fn normal, try_normal(key: &Key, shape: impl Ints, dtype: DType) -> Array { // `&key(0)`
        if dtype.is_complex() {
            let shape = sizes_of("normal", shape)?;
            let [first, second] = try_split(key)?;
            let part = |key: &Key| {
                let x = try_normal(key, &shape[..], dtype.part())?;
                lax::try_div(&x, &number(SQRT_2, dtype.part()))
            };
            return lax::try_complex(&part(&first)?, &part(&second)?);
        }
        // Half of the distance from 1 to the next number.
        let above_minus_1 = epsilon(dtype) / 2.0 - 1.0;
        let u = try_uniform(key, shape, dtype, above_minus_1, 1.0)?;
        Ok(SQRT_2 * u.try_erf_inv()?)
    }

    /// Exponential floats of mean 1: `-ln (1 - u)` with `u` uniform on [0, 1).
    fn exponential, try_exponential(key: &Key, shape: impl Ints, dtype: DType) -> Array {
        let u = try_uniform(key, shape, dtype, 0, 1)?;
        Ok(-(-u).try_log1p()?)
    }

    /// Floats of the standard Gumbel distribution: `-ln (-ln u)` with `u` uniform on (0, 1).
    fn gumbel, try_gumbel(key: &Key, shape: impl Ints, dtype: DType) -> Array {
        let tiny = match dtype {
            DType::F64 => f64::MIN_POSITIVE,
            DType::F16 => 2f64.powi(-14),
            _ => f32::MIN_POSITIVE.into(),
        };
        let u = try_uniform(key, shape, dtype, tiny, 1)?;
        Ok(-(-u.try_log()?).try_log()?)
    }

    /// Bools that are true with probability `p`. An array of probabilities must have the shape of
    /// the result.
    fn bernoulli, try_bernoulli(key: &Key, p: impl Operand, shape: impl Ints) -> Array {
        let array = p.to_array();
        if array.dtype().is_complex() {
            let p = array.aval();
            return Err(err!(DType, "bernoulli: expected real probabilities, got {p}"));
        }
        let dtype = if array.dtype().is_float() { array.dtype() } else { DType::F32 };
        try_uniform(key, shape, dtype, 0, 1)?.try_lt(p)
    }

    /// Class indices (i32) along an axis of unnormalised log-probabilities:
    /// `argmax(gumbel + logits)`.
    #[doc(alias = "multinomial")]
    fn categorical, try_categorical(key: &Key, logits: impl Operand, axis: isize) -> Array {
        let logits = &logits.to_array();
        let axis = axis_of("categorical", axis as i64, &logits.aval())?;
        let noise = try_gumbel(key, logits.shape(), logits.dtype())?;
        lax::try_argmax(&(noise + logits), axis)
    }

    /// Uniform ints from `low` (included) to `high` (not included). If there are none between, the
    /// result is `low`.
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let x = random::randint(&random::key(42), [4], DType::I32, 0, 100);
    /// assert_eq!(x.to_vec::<i32>(), [44, 14, 71, 69]);
    /// ```
    #[doc(alias = "integers")]
    fn randint, try_randint(
        key: &Key, shape: impl Ints, dtype: DType, low: i64, high: i64
    ) -> Array {
        let shape = sizes_of("randint", shape)?;
        if !dtype.is_int() {
            return Err(err!(DType, "randint: expected an int dtype, got {dtype}"));
        }
        let (least, greatest) = ends(dtype);
        if dtype.is_narrow() {
            let within = |n: i64, most: i128| i128::from(n).clamp(least, most) as i64;
            let (low, high) = (within(low, greatest), within(high, greatest + 1));
            let wide = try_randint(key, shape, DType::I32, low, high)?;
            return lax::try_convert_element_type(&wide, dtype);
        }
        let unsigned = pattern("randint", dtype)?;
        let span = Span::new(dtype, low, high);
        let literal = |n: u64| Array::strong_literal(Scalar::from_bits(unsigned, n.into()));
        let [first, second] = try_split(key)?;
        let (upper, lower) =
            (try_bits(&first, &shape, unsigned)?, try_bits(&second, &shape, unsigned)?);
        let modulo = |x: &Array| lax::try_rem(x, &literal(span.width));
        let scaled = lax::try_mul(&modulo(&upper)?, &literal(span.multiplier))?;
        let offset = modulo(&lax::try_add(&scaled, &modulo(&lower)?)?)?;
        let offset = lax::try_convert_element_type(&offset, dtype)?;
        lax::try_add(&offset, &Array::strong_literal(span.low))
    }
}

/// The least and the greatest number of an int dtype.
fn ends(dtype: DType) -> (i128, i128) {
    let info = iinfo(dtype).expect("an int dtype");
    (info.min.into(), info.max.into())
}

/// The interval of `randint`, in unsigned arithmetic of the dtype's width.
struct Span {
    low: Scalar,
    width: u64,
    /// `2^bits mod width`: the upper word's weight.
    multiplier: u64,
}

impl Span {
    fn new(dtype: DType, low: i64, high: i64) -> Span {
        let bits = dtype.bits();
        let (least, greatest) = ends(dtype);
        let clip = |n: i64| i128::from(n).clamp(least, greatest);
        // The whole range has one above the greatest number as `high`.
        let past = i128::from(i128::from(high) > greatest);
        let width = if low >= high { 1 } else { clip(high) + past - clip(low) };
        let mask = (1u128 << bits) - 1;
        let width = (width as u128 & mask) as u64;
        // A width of 0 means the whole range. As in the op, the remainder by 0 is the dividend.
        let modulo = |n: u128| if width == 0 { n & mask } else { n % u128::from(width) };
        let half = modulo(1 << (bits / 2));
        let multiplier = modulo((half * half) & mask) as u64;
        Span { low: Scalar::from_bits(dtype, clip(low) as u128), width, multiplier }
    }
}

functions! {
    /// The numbers `0..n` (i32, or i64 where that cannot hold them) in random order.
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let order = random::permutation(&random::key(42), 8);
    /// assert_eq!(order.to_vec::<i32>(), [7, 4, 2, 5, 3, 6, 0, 1]);
    /// ```
    #[doc(alias = "randperm")]
    fn permutation, try_permutation(key: &Key, n: usize) -> Array {
        try_shuffled(key, lax::try_iota(place_dtype(n), &[n], 0)?)
    }

    /// The slices of `x` along its first axis in random order.
    fn shuffle, try_shuffle(key: &Key, x: impl Operand) -> Array {
        let x = &x.to_array();
        match x.shape() {
            [] => Err(err!(Shape, "shuffle: expected at least one axis, got {}", x.aval())),
            [_] => try_shuffled(key, x.clone()),
            [n, ..] => x.try_take(&try_permutation(key, *n)?, 0),
        }
    }

    /// Chooses `n` of the slices of `x` along its first axis, with replacement (`replace`) or
    /// without: slice `i` with a probability proportional to `p[i]`, or all alike if `p` is `None`.
    ///
    /// An int as `x` stands for the numbers below it, `arange(x)`. `p` is a vector of floats, one
    /// for each slice. The result is `[n, ..]` in the dtype of `x`. It is an error if there is
    /// nothing to choose from, if there are fewer than `n` slices and none is chosen twice, or if
    /// `p` does not have one probability for each slice.
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let key = random::key(42);
    /// assert_eq!(random::choice(&key, 10, 4, true, None).to_vec::<i32>(), [4, 4, 1, 9]);
    /// let (x, p) = (array![0, 10, 20, 30, 40], array![0.1, 0.0, 0.4, 0.3, 0.2]);
    /// let chosen = random::choice(&key, &x, 4, true, Some(&p));
    /// assert_eq!(chosen.to_vec::<i32>(), [30, 20, 20, 20]);
    /// ```
    #[doc(alias = "choice_weighted")]
    #[doc(alias = "multinomial")]
    fn choice, try_choice(
        key: &Key, x: impl Operand, n: usize, replace: bool, p: Option<&Array>,
    ) -> Array {
        let x = match written_int(&x) {
            Some(count) => numbers_below(count)?,
            None => x.to_array(),
        };
        let Some(&all) = x.shape().first() else {
            return Err(err!(
                Shape,
                "choice: expected slices along a first axis to choose from, or an int, got {}",
                x.aval()
            ));
        };
        if n > 0 && all == 0 {
            let got = x.aval();
            return Err(err!(Shape, "choice: expected something to choose from, got {got}"));
        }
        if !replace && n > all {
            return Err(err!(
                Shape,
                "choice: expected at most {all} of {}, got {n}; choose with replacement",
                x.aval()
            ));
        }
        let which = match (p, replace) {
            (Some(p), _) => weighted(key, p, &x, n, replace)?,
            (None, true) => try_randint(key, [n], place_dtype(all), 0, all as i64)?,
            (None, false) => lax::try_slice_in_dim(&try_permutation(key, all)?, 0, n, 0)?,
        };
        x.try_take(&which, 0)
    }
}

fn numbers_below(count: i128) -> Result<Array, Error> {
    let count = usize::try_from(count)
        .map_err(|_| err!(Value, "choice: expected a count that is not negative, got {count}"))?;
    lax::try_iota(place_dtype(count), &[count], 0)
}

/// Places of `n` slices of `x`, chosen with probabilities.
fn weighted(key: &Key, p: &Array, x: &Array, n: usize, replace: bool) -> Result<Array, Error> {
    let all = x.shape()[0];
    if p.shape() != [all] || !p.dtype().is_float() {
        let (x, p) = (x.aval(), p.aval());
        return Err(err!(
            Shape,
            "choice: expected one probability, a float, for each of {slices} of {x}, got {p}",
            slices = plural(all, "slice")
        ));
    }
    if replace {
        let sums = lax::try_cumsum(p, 0, false)?;
        let last = lax::try_slice_in_dim(&sums, all.saturating_sub(1), all, 0)?;
        let drawn = try_uniform(key, [n], p.dtype(), 0, 1)?;
        let left = lax::try_sub(&number(1.0, p.dtype()), &drawn)?;
        return sums.try_searchsorted(&lax::try_mul(&last.try_broadcast_to([n])?, &left)?);
    }
    let weight = lax::try_add(&try_gumbel(key, [all], p.dtype())?, &p.try_log()?)?;
    Ok(lax::try_top_k(&weight, n, 0)?.1)
}

/// The vector sorted by random keys. It is sorted so often that ties among keys do not change the
/// distribution.
fn try_shuffled(key: &Key, mut x: Array) -> Result<Array, Error> {
    let n = x.size();
    let rounds = (3.0 * (n.max(1) as f64).ln() / f64::from(u32::MAX).ln()).ceil() as usize;
    let mut key = key.clone();
    for _ in 0..rounds {
        let [next, sub] = try_split(&key)?;
        key = next;
        let order = try_bits(&sub, [n], DType::U32)?;
        x = lax::try_sort_by(&[order, x], 0, 1)?.swap_remove(1);
    }
    Ok(x)
}
