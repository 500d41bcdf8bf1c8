//! Functions of one number, applied at every point: `y[i] = f(x[i])`.
//!
//! The rules are written once, in `impl Primitive for Unary`. A function is one row of the table
//! below: its scalar op, an example value, the interval of its cases, and its textbook derivative,
//! with `t` for the tangent of `x` and `y` for the result.
//!
//! Not here: powers (`power`), changes of dtype (`convert`).

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::core::trace::bind;
use crate::prims::cases::points::{SHAPES, special, spread};
use crate::prims::cases::samples::RUNNING;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::compare::eq;
use crate::prims::points::complex::{complex, conj, imag, real};
use crate::prims::points::elementwise::{batch, expect_operand, scalar_op};
use crate::prims::points::limits::{clamped, direction, squarable};
use crate::prims::points::power::square;
use crate::prims::points::select::select_n;
use crate::prims::points::zeta::polygamma;
use crate::prims::rules::apply::{expect, expect_inputs, one_of};
use crate::prims::rules::numbers::number;
use Derivative::{At, Linear, OfComplex, Zero};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::f64::consts::{FRAC_2_SQRT_PI, LN_2};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// A function of one number.
#[derive(Clone, Copy)]
pub(crate) struct Unary(&'static Row);

/// The data of one function.
struct Row {
    name: &'static str,
    /// Distinguishes functions that share a name.
    param: Option<(&'static str, &'static str)>,
    op: ScalarOp,
    derivative: Derivative,
    /// The interval of its cases: inside the function's domain, away from its poles.
    domain: Range<f64>,
}

/// The tangent of the result, from the tangent of the operand.
enum Derivative {
    /// A step function, or a function of ints or bools: no tangent passes.
    Zero,
    /// The function is linear: the tangent of the result is the function of the operand's tangent.
    Linear,
    /// `f'(x) t`, computed from `t`, `x` and `y`.
    At(fn(&Array, &Array, &Array) -> Array),
    /// The same for complex numbers; zero for real numbers, for which this is a step function.
    OfComplex(fn(&Array, &Array, &Array) -> Array),
}

impl Primitive for Unary {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn params(&self) -> Params {
        self.0.param.iter().map(|(key, value)| (*key, Param::Name(value.to_string()))).collect()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let x = &inputs[0];
        expect_operand(self.name(), self.0.op, x)?;
        let dtype = self.0.op.result(&[x.dtype]).expect("the class was checked");
        Ok(smallvec![Aval { weak: x.weak && !dtype.is_bool(), ..x.with_dtype(dtype) }])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let y = bind(Arc::new(*self), primals)?;
        let dy = match (&self.0.derivative, &tangents[0]) {
            (Zero, _) | (_, Tangent::Zero(_)) => Tangent::Zero(y[0].aval()),
            (OfComplex(_), _) if !primals[0].dtype().is_complex() => Tangent::Zero(y[0].aval()),
            (Linear, Tangent::Value(t)) => Tangent::Value(one_of(Arc::new(*self), &[t])?),
            (At(rule) | OfComplex(rule), Tangent::Value(t)) => {
                Tangent::Value(rule(t, &primals[0], &y[0]))
            }
        };
        Ok((y, vec![dy]))
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.0.derivative {
            Zero => Taylor::Still,
            Linear => Taylor::Linear,
            At(_) | OfComplex(_) => Taylor::ByDerivative,
        }
    }

    /// The linear functions of the table are their own transposes.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], _: &[Operand]) -> TransposeResult {
        match (&self.0.derivative, &cotangents[0]) {
            (Linear, Tangent::Value(ct)) => {
                Ok(vec![Tangent::Value(one_of(Arc::new(*self), &[ct])?)])
            }
            (Linear, zero) => Ok(vec![zero.clone()]),
            _ => not_linear(self),
        }
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        batch(Arc::new(*self), ctx, inputs, axes)
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Elementwise
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(scalar_op(self.0.op))
    }

    /// `-(-x) = x`, `!(!x) = x`, `|-x| = |x|`; `abs`, `sign` and rounding are idempotent.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        use ScalarOp::{Abs, Ceil, Floor, Neg, Not, RoundAway, RoundEven, Sign};
        let (made_by, from) = inputs[0].made_by.as_ref()?;
        match (self.0.op, made_by.name()) {
            (Neg, "neg") | (Not, "not") => Some(Simpler::Atom(from[0])),
            // A complex sign may have a magnitude other than 1 by rounding, so a second `sign` may
            // change it.
            (Sign, "sign") if inputs[0].aval.dtype.is_complex() => None,
            (Abs, "neg") => Some(Simpler::Apply(Arc::new(*self), smallvec![from[0]])),
            (Abs, "abs")
            | (Sign, "sign")
            | (Floor | Ceil | RoundAway | RoundEven, "floor" | "ceil" | "round") => {
                Some(Simpler::Operand(0))
            }
            _ => None,
        }
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

impl fmt::Debug for Unary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

/// Defines for each row a `lax` function, its `try_` version, and a primitive.
macro_rules! unary {
    ($(
        $(#[$doc:meta])*
        $name:ident, $try:ident $(as $shared:ident[$key:ident = $value:ident])?:
            $op:ident, $at:literal => $is:literal, on $domain:expr,
            $slope:literal = $derivative:expr;
    )*) => {
        $(
            $(#[$doc])*
            ///
            #[doc = concat!("Derivative, with `t` the tangent of `x`: `", $slope, "`.")]
            #[doc = concat!("Panics where [`", stringify!($try), "`] gives an error.")]
            ///
            /// ```
            /// # use cotangent::{lax, prelude::*};
            #[doc = concat!("let y = lax::", stringify!($name), "(&array![", $at, "]);")]
            /// # let y = y.astype(DType::F64).item::<f64>();
            #[doc = concat!("assert!((y - ", stringify!($is), " as f64).abs() < 1e-6);")]
            /// ```
            #[track_caller]
            pub fn $name(x: &Array) -> Array {
                expect($try(x))
            }

            #[doc = concat!(
                "Returns the error of [`", stringify!($name), "`] instead of panicking."
            )]
            ///
            /// Fails for any other dtype.
            #[track_caller]
            pub fn $try(x: &Array) -> Result<Array, Error> {
                static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Unary(&rows::$name::ROW)));
                one_of(PRIM.clone(), &[x]).map_err(|e| e.told_by(stringify!($name)))
            }
        )*

        /// A module for each row, because functions and statics cannot share a name.
        mod rows {
            $(pub(in crate::prims) mod $name {
                use super::super::*;
                pub(in super::super) static ROW: Row = Row {
                    name: [$(stringify!($shared),)? stringify!($name)][0],
                    param: [$(Some((stringify!($key), stringify!($value))),)? None][0],
                    op: ScalarOp::$op,
                    derivative: $derivative,
                    domain: $domain,
                };
            })*
        }

        static ROWS: &[&Row] = &[$(&rows::$name::ROW),*];

        /// One entry per name of the table.
        pub(crate) fn entries() -> Vec<Entry> {
            let mut entries = vec![$(
                Entry { name: rows::$name::ROW.name, build, cases: || cases(rows::$name::ROW.name) }
            ),*];
            entries.dedup_by_key(|e| e.name);
            entries
        }
    };
}

/// An interval for functions that are defined everywhere.
const WIDE: Range<f64> = -2.0..2.0;

unary! {
    /// Minus: `-x`. Ints (wrapping), floats, complex numbers.
    #[doc(alias = "negative")]
    neg, try_neg: Neg, 2.0 => -2.0, on WIDE, "-t" = Linear;

    /// Magnitude: `|x|`. Ints (`|MIN|` is `MIN`), floats, and complex numbers, for which it is a
    /// float.
    abs, try_abs: Abs, -2.0 => 2.0, on WIDE, "t sign x" = At(abs_tangent);

    /// Sign: -1, 0 or 1; a float -0 or NaN is unchanged; `x / |x|` for a complex number. Ints,
    /// floats, complex numbers.
    sign, try_sign: Sign, -2.0 => -1.0, on WIDE, "0 for real numbers" = OfComplex(sign_tangent);

    /// The greatest integral number that is not greater than `x`: `⌊x⌋`. Floats.
    floor, try_floor: Floor, -1.5 => -2.0, on WIDE, "0" = Zero;

    /// The least integral number that is not less than `x`: `⌈x⌉`. Floats.
    ceil, try_ceil: Ceil, -1.5 => -1.0, on WIDE, "0" = Zero;

    /// The nearest integral number, ties away from zero. Floats.
    #[doc(alias = "round")]
    round_away, try_round_away as round[rounding_method = away_from_zero]:
        RoundAway, 2.5 => 3.0, on WIDE, "0" = Zero;

    /// The nearest integral number, ties to even. Floats.
    #[doc(alias = "rint")]
    round_even, try_round_even as round[rounding_method = to_nearest_even]:
        RoundEven, 2.5 => 2.0, on WIDE, "0" = Zero;

    /// Whether `x` is neither infinite nor NaN. Floats to bool.
    is_finite, try_is_finite: IsFinite, 2.0 => 1.0, on WIDE, "none" = Zero;

    /// Complement: `!x`, bit by bit. Ints and bool.
    #[doc(alias("bitwise_not", "invert", "bitwise_invert"))]
    not, try_not: Not, 0 => -1, on WIDE, "none" = Zero;

    /// The number of one bits. Ints.
    #[doc(alias("bitwise_count", "popcount"))]
    population_count, try_population_count: PopCount, 6 => 2, on WIDE, "none" = Zero;

    /// The number of zero bits above the highest one bit. Ints.
    clz, try_clz: Clz, 1 => 31, on WIDE, "none" = Zero;

    /// Square root: `√x`, NaN for negative numbers. Floats and complex numbers.
    sqrt, try_sqrt: Sqrt, 2.0 => 1.414_213_6, on 0.2..3.0,
        "t / (2 y)" = At(|t, _, y| t * (0.5 / y));

    /// Reciprocal square root: `1/√x`. Floats and complex numbers.
    rsqrt, try_rsqrt: Rsqrt, 4.0 => 0.5, on 0.2..3.0,
        "-t y / (2 x)" = At(|t, x, y| t * (-0.5 * (y / x)));

    /// Cube root: `∛x`, also for negative numbers. Floats.
    cbrt, try_cbrt: Cbrt, -8.0 => -2.0, on WIDE,
        "t / (3 y²)" = At(|t, _, y| t / (3.0 * square(&squarable(y))));

    /// Exponential: `eˣ`. Floats and complex numbers.
    exp, try_exp: Exp, 1.0 => 2.718_281_7, on WIDE, "t y" = At(|t, _, y| t * y);

    /// Power of two: `2ˣ`. Floats and complex numbers.
    exp2, try_exp2: Exp2, 3.0 => 8.0, on WIDE, "t y ln 2" = At(|t, _, y| t * (LN_2 * y));

    /// `eˣ - 1`, accurate near 0. Floats and complex numbers.
    expm1, try_expm1: Expm1, 1.0 => 1.718_281_8, on WIDE, "t (y + 1)" = At(|t, _, y| t * (y + 1.0));

    /// Natural logarithm: `ln x`. Floats and complex numbers.
    log, try_log: Log, 2.0 => 0.693_147_2, on 0.2..3.0, "t / x" = At(|t, x, _| t / x);

    /// Logarithm to base 2. Floats and complex numbers.
    log2, try_log2: Log2, 8.0 => 3.0, on 0.2..3.0, "t / (x ln 2)" = At(|t, x, _| t / (LN_2 * x));

    /// `ln (1 + x)`, accurate near 0. Floats and complex numbers.
    log1p, try_log1p: Log1p, 1.0 => 0.693_147_2, on -0.7..2.0,
        "t / (1 + x)" = At(|t, x, _| t / (x + 1.0));

    /// Sine of an angle in radians. Floats and complex numbers.
    sin, try_sin: Sin, 0.5 => 0.479_425_55, on WIDE, "t cos x" = At(|t, x, _| t * cos(x));

    /// Cosine of an angle in radians. Floats and complex numbers.
    cos, try_cos: Cos, 0.5 => 0.877_582_55, on WIDE, "-t sin x" = At(|t, x, _| t * -sin(x));

    /// Tangent of an angle in radians. Floats and complex numbers.
    tan, try_tan: Tan, 0.5 => 0.546_302_5, on -1.2..1.2,
        "t (1 + y²)" = At(|t, _, y| t * (1.0 + square(y)));

    /// Inverse sine, in radians: -π/2 to π/2 for `x` from -1 to 1. Floats and complex numbers.
    #[doc(alias = "arcsin")]
    asin, try_asin: Asin, 0.5 => 0.523_598_8, on -0.9..0.9,
        "t / √(1 - x²)" = At(|t, x, _| t * rsqrt(&((1.0 - x) * (1.0 + x))));

    /// Inverse cosine, in radians: π to 0 for `x` from -1 to 1. Floats and complex numbers.
    #[doc(alias = "arccos")]
    acos, try_acos: Acos, 0.5 => 1.047_197_6, on -0.9..0.9,
        "-t / √(1 - x²)" = At(|t, x, _| t * -rsqrt(&((1.0 - x) * (1.0 + x))));

    /// Inverse tangent, in radians: -π/2 to π/2. Floats and complex numbers.
    #[doc(alias = "arctan")]
    atan, try_atan: Atan, 0.5 => 0.463_647_6, on WIDE,
        "t / (1 + x²)" = At(|t, x, _| t / (1.0 + square(&squarable(x))));

    /// Hyperbolic sine: `(eˣ - e⁻ˣ) / 2`. Floats and complex numbers.
    sinh, try_sinh: Sinh, 1.0 => 1.175_201_2, on WIDE, "t cosh x" = At(|t, x, _| t * cosh(x));

    /// Hyperbolic cosine: `(eˣ + e⁻ˣ) / 2`. Floats and complex numbers.
    cosh, try_cosh: Cosh, 1.0 => 1.543_080_7, on WIDE, "t sinh x" = At(|t, x, _| t * sinh(x));

    /// Hyperbolic tangent: `sinh x / cosh x`. Floats and complex numbers.
    tanh, try_tanh: Tanh, 0.5 => 0.462_117_16, on WIDE,
        "t (1 - y²)" = At(|t, _, y| t * ((1.0 - y) * (1.0 + y)));

    /// Inverse hyperbolic sine. Floats and complex numbers.
    asinh, try_asinh: Asinh, 0.5 => 0.481_211_84, on WIDE,
        "t / √(x² + 1)" = At(|t, x, _| t * rsqrt(&(square(&squarable(x)) + 1.0)));

    /// Inverse hyperbolic cosine, for `x ≥ 1`. Floats and complex numbers.
    acosh, try_acosh: Acosh, 2.0 => 1.316_957_9, on 1.2..3.0,
        "t / √(x² - 1)" = At(|t, x, _| t * acosh_slope(x));

    /// Inverse hyperbolic tangent, for `x` from -1 to 1. Floats and complex numbers.
    atanh, try_atanh: Atanh, 0.5 => 0.549_306_15, on -0.9..0.9,
        "t / (1 - x²)" = At(|t, x, _| t / ((1.0 - x) * (1.0 + x)));

    /// The logistic function: `1 / (1 + e⁻ˣ)`. Floats and complex numbers.
    #[doc(alias("expit", "sigmoid"))]
    logistic, try_logistic: Logistic, 0.5 => 0.622_459_35, on WIDE,
        "t y (1 - y)" = At(|t, _, y| t * (y * (1.0 - y)));

    /// Error function: `2/√π ∫₀ˣ exp(-u²) du`. Floats.
    erf, try_erf: Erf, 0.5 => 0.520_499_9, on WIDE,
        "2/√π t exp(-x²)" = At(|t, x, _| t * (FRAC_2_SQRT_PI * gaussian(x)));

    /// `1 - erf x`, accurate where the result is small. Floats.
    erfc, try_erfc: Erfc, 0.5 => 0.479_500_1, on WIDE,
        "-2/√π t exp(-x²)" = At(|t, x, _| t * (-FRAC_2_SQRT_PI * gaussian(x)));

    /// The inverse of `erf`, for `x` from -1 to 1. Floats.
    #[doc(alias = "erfinv")]
    erf_inv, try_erf_inv: ErfInv, 0.5 => 0.476_936_28, on -0.9..0.9,
        "√π/2 t exp(y²)" = At(|t, _, y| t * (1.0 / FRAC_2_SQRT_PI * exp(&square(y))));

    /// Logarithm of the gamma function: `ln |Γ(x)|`; infinite at 0 and at negative integers.
    /// Floats.
    #[doc(alias = "gammaln")]
    lgamma, try_lgamma: Lgamma, 2.5 => 0.284_682_87, on 0.3..3.0,
        "t digamma(x)" = At(|t, x, _| t * digamma(x));

    /// The digamma function, the derivative of [`lgamma`]: `Γ'(x) / Γ(x)`; NaN at 0 and at negative
    /// integers. Floats.
    #[doc(alias = "psi")]
    digamma, try_digamma: Digamma, 2.5 => 0.703_156_65, on 0.3..3.0,
        "t polygamma(1, x)" = At(|t, x, _| t * polygamma(1, x));
}

/// `x t / |x|`; for complex `x` with the inner product of the plane: `Re(conj(sign x) t)`.
fn abs_tangent(t: &Array, x: &Array, _: &Array) -> Array {
    if x.dtype().is_complex() { real(&(t * conj(&direction(x)))) } else { t * sign(x) }
}

/// `exp(-x²)`, which is 0 in every dtype for `|x| ≥ 30`.
fn gaussian(x: &Array) -> Array {
    exp(&-square(&clamped(x, 30.0)))
}

/// The part of the tangent that rotates `x`, divided by `|x|`, with `s = sign x`:
/// `i s Im(conj(s) t) / |x|`; 0 at 0.
fn sign_tangent(t: &Array, x: &Array, y: &Array) -> Array {
    let dtype = x.dtype();
    let size = abs(x);
    let safe =
        select_n(&eq(&size, &number(0.0, dtype.part())), &[&size, &number(1.0, dtype.part())]);
    let rotation = imag(&(t * conj(y))) / safe;
    y * complex(&number(0.0, dtype.part()), &rotation)
}

/// `1/√(x² - 1)`. For complex numbers a product of two roots, which has the branch cut of acosh.
fn acosh_slope(x: &Array) -> Array {
    let x = squarable(x);
    let (below, above) = (&x - 1.0, &x + 1.0);
    if x.dtype().is_complex() { rsqrt(&below) * rsqrt(&above) } else { rsqrt(&(below * above)) }
}

/// The function with this name, which must be in the table.
pub(crate) fn prim(name: &str) -> Prim {
    Arc::new(Unary(ROWS.iter().find(|row| row.name == name).expect("a function of the table")))
}

fn build(args: &Args) -> Result<Prim, Error> {
    let fits = |row: &&&Row| match row.param {
        None => row.name == args.prim,
        Some((key, value)) => {
            row.name == args.prim && args.get(key).ok() == Some(&Param::Name(value.to_string()))
        }
    };
    match ROWS.iter().find(fits) {
        Some(row) => Ok(Arc::new(Unary(row))),
        None => {
            Err(err!(Parse, "{}: expected another parameter, got {:?}", args.prim, args.params))
        }
    }
}

fn cases(name: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for row in ROWS.iter().filter(|r| r.name == name) {
        for dtype in RUNNING.into_iter().filter(|d| row.op.result(&[*d]).is_some()) {
            for shape in SHAPES {
                let x = spread(shape, dtype, &row.domain, 0.37);
                cases.push(Case::new(Arc::new(Unary(row)), vec![x]));
            }
        }
        if matches!(row.derivative, At(_) | OfComplex(_)) {
            let prim: Prim = Arc::new(Unary(row));
            cases.extend(special(&prim, 1));
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::trace::trace;
    use cotangent_jit::DType;

    /// Names of the primitives that `f` applies to one f32[3].
    fn traced(f: impl FnOnce(&Array) -> Array) -> Vec<&'static str> {
        let aval = Aval::new([3], DType::F32);
        let traced = trace(&[aval], |x| Ok(vec![f(&x[0])])).expect("traces");
        traced.jaxpr.eqns.iter().map(|e| e.prim.name()).collect()
    }

    #[test]
    fn derivatives_are_the_textbooks() {
        let of = |row: &'static Row| {
            traced(|x| match &row.derivative {
                At(rule) => rule(x, x, x),
                _ => x.clone(),
            })
        };
        assert_eq!(of(&rows::sin::ROW), ["cos", "mul"]);
        assert_eq!(of(&rows::exp::ROW), ["mul"]);
        assert_eq!(of(&rows::sqrt::ROW), ["div", "mul"]);
        assert_eq!(of(&rows::tanh::ROW), ["sub", "add", "mul", "mul"]);
    }

    #[test]
    fn refuses_other_dtypes_in_words() {
        let aval = Aval::new([3], DType::I32);
        let error = |row| Unary(row).abstract_eval(std::slice::from_ref(&aval)).unwrap_err();
        assert_eq!(
            error(&rows::sin::ROW).message(),
            "sin: expected a float, got i32[3]; convert it"
        );
        let count = Unary(&rows::sin::ROW).abstract_eval(&[]).unwrap_err();
        assert_eq!(count.message(), "sin: expected 1 operand, got 0");
    }
}
