//! Functions of two numbers, applied at every point: `z[i] = f(x[i], y[i])`.
//!
//! A function is one row of a table: its scalar op, and the contribution of the tangent `t` of each
//! operand to the tangent of the result. Contributions are written per operand, so a symbolic zero
//! reaches no row and no product with zero is computed.
//!
//! The operands have one shape and dtype; a literal combines with any shape. Broadcasting and
//! promotion belong to the operators on arrays. Not here: comparisons (`compare`), powers with an
//! int exponent (`power`).

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::hazard::{Hazard, Hazardous};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::prims::cases::points::{SHAPES, special, spread};
use crate::prims::cases::samples::RUNNING;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::algebra::simplify;
use crate::prims::points::compare::eq;
use crate::prims::points::elementwise::{
    batch, common_dtype, common_shape, expect_operand, scalar_op, unify,
};
use crate::prims::points::limits::{finite, over_square_of_length};
use crate::prims::points::pointwise::{contributions, operand_cotangents};
use crate::prims::points::select::select_n;
use crate::prims::points::unary::log;
use crate::prims::rules::apply::{expect, expect_inputs, one, one_to};

use crate::prims::rules::numbers::{literal_f64, number};
use Partial::{At, Given, Minus, Plus, Zero};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// A function of two numbers.
#[derive(Clone, Copy)]
pub(crate) struct Binary(&'static Row);

/// The data of one function.
struct Row {
    name: &'static str,
    op: ScalarOp,
    /// The contributions of the tangents of `x` and of `y`.
    partials: [Partial; 2],
    /// The interval in which the operands of the cases lie.
    domain: Range<f64>,
}

/// The contribution of an operand's tangent `t` to the tangent of the result.
enum Partial {
    /// Zero: the function is a step function, or a function of ints or bools.
    Zero,
    /// `t`: the function is linear in both operands together.
    Plus,
    /// `-t`: the function is linear in both operands together.
    Minus,
    /// The function is linear in this operand while the other is constant: computed from `t` and
    /// the other operand.
    Given(fn(&Array, &Array) -> Array),
    /// Computed from `t`, `x`, `y` and `z`.
    At(fn(&Array, &Array, &Array, &Array) -> Array),
}

impl Primitive for Binary {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let name = self.name();
        expect_inputs(name, inputs, 2)?;
        let dtype = common_dtype(name, inputs)?;
        expect_operand(name, self.0.op, &inputs[0])?;
        let shape = common_shape(name, inputs)?;
        Ok(smallvec![Aval { shape, dtype, weak: inputs[0].weak && inputs[1].weak }])
    }

    /// `dz = f_x dx + f_y dy`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let (x, y) = (&primals[0], &primals[1]);
        let z = self.apply(x, y)?;
        let contribution = |i: usize, t: &Array| -> Result<Option<Array>, Error> {
            Ok(Some(match &self.0.partials[i] {
                Zero => return Ok(None),
                Plus => t.clone(),
                Minus => -t,
                Given(rule) => rule(t, &primals[1 - i]),
                At(rule) => rule(t, x, y, &z),
            }))
        };
        let dz = match (&self.0.partials, tangents) {
            // A function that is linear in both operands together is its own derivative.
            ([Plus, Plus | Minus], [Tangent::Value(s), Tangent::Value(t)]) => {
                Tangent::Value(self.apply(s, t)?)
            }
            _ => contributions(&z, tangents, contribution)?,
        };
        Ok((smallvec![z], vec![dz]))
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.0.partials {
            [Zero, Zero] => Taylor::Still,
            [Plus, Plus | Minus] => Taylor::Linear,
            [Given(_), Given(_)] => Taylor::Bilinear,
            [Given(_), At(_)] => Taylor::Proportional,
            _ => Taylor::ByDerivative,
        }
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        operand_cotangents(&cotangents[0], inputs, |i, ct| {
            match (&self.0.partials[i], &inputs[1 - i]) {
                (Plus, _) => Ok(ct.clone()),
                (Minus, _) => Ok(-ct),
                (Given(rule), Operand::Known(other)) => Ok(rule(ct, other)),
                _ => not_linear(self),
            }
        })
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

    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler> {
        simplify(self.0.op, &inputs[0], &inputs[1], &outputs[0])
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE.hazardous(self)
    }
}

impl Hazardous for Binary {
    fn hazards(&self, _: &[Aval]) -> Vec<Hazard> {
        match self.0.op {
            ScalarOp::Div | ScalarOp::Rem => vec![Hazard::Division { divisor: 1 }],
            _ => Vec::new(),
        }
    }
}

impl Binary {
    /// Applies the function to the operands as they are, without broadcasting.
    fn apply(&self, x: &Array, y: &Array) -> Result<Array, Error> {
        one(*self, &[x, y])
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

/// Defines for each row a `lax` function, its `try_` version, and a primitive.
macro_rules! binary {
    ($(
        $(#[$doc:meta])*
        $name:ident, $try:ident: $op:ident, ($a:literal, $b:literal) => $is:literal,
            on $domain:expr, dx: $dx_text:literal = $dx:expr, dy: $dy_text:literal = $dy:expr;
    )*) => {
        $(
            $(#[$doc])*
            ///
            /// The operands have one dtype and one shape, or one of them is a scalar.
            #[doc = concat!("Derivative, with `t` the tangent: in `x` `", $dx_text, "`,")]
            #[doc = concat!("in `y` `", $dy_text, "`, where `z` is the result.")]
            #[doc = concat!("Panics where [`", stringify!($try), "`] gives an error.")]
            ///
            /// ```
            /// # use cotangent::{lax, prelude::*};
            #[doc = concat!(
                "let z = lax::", stringify!($name), "(&array![", $a, "], &array![", $b, "]);"
            )]
            /// # let z = z.astype(DType::F64).item::<f64>();
            #[doc = concat!("assert!((z - ", stringify!($is), " as f64).abs() < 1e-6);")]
            /// ```
            #[track_caller]
            pub fn $name(x: &Array, y: &Array) -> Array {
                expect($try(x, y))
            }

            #[doc = concat!(
                "Returns the error of [`", stringify!($name), "`] instead of panicking."
            )]
            ///
            /// Fails if shapes or dtypes do not fit.
            #[track_caller]
            pub fn $try(x: &Array, y: &Array) -> Result<Array, Error> {
                static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Binary(&rows::$name::ROW)));
                one_to(PRIM.clone(), &unify(&[x, y])?)
            }
        )*

        /// A module for each row, because functions and statics cannot share a name.
        mod rows {
            $(pub(in crate::prims) mod $name {
                use super::super::*;
                pub(in super::super) static ROW: Row = Row {
                    name: stringify!($name),
                    op: ScalarOp::$op,
                    partials: [$dx, $dy],
                    domain: $domain,
                };
            })*
        }

        static ROWS: &[&Row] = &[$(&rows::$name::ROW),*];

        /// One entry per function of the table.
        pub(crate) fn entries() -> Vec<Entry> {
            vec![$(
                Entry { name: rows::$name::ROW.name, build, cases: || cases(&rows::$name::ROW) }
            ),*]
        }
    };
}

/// An interval for functions that are defined everywhere.
const WIDE: Range<f64> = -2.0..2.0;
/// An interval for functions that need positive operands.
const ABOVE: Range<f64> = 0.3..2.0;

binary! {
    /// Sum: `x + y`. Ints (wrapping), floats, complex numbers.
    add, try_add: Add, (2.0, 3.0) => 5.0, on WIDE, dx: "t" = Plus, dy: "t" = Plus;

    /// Difference: `x - y`. Ints (wrapping), floats, complex numbers.
    #[doc(alias = "subtract")]
    sub, try_sub: Sub, (2.0, 3.0) => -1.0, on WIDE, dx: "t" = Plus, dy: "-t" = Minus;

    /// Product: `x y`. Ints (wrapping), floats, complex numbers.
    #[doc(alias = "multiply")]
    mul, try_mul: Mul, (2.0, 3.0) => 6.0, on WIDE,
        dx: "t y" = Given(|t, y| t * y), dy: "x t" = Given(|t, x| x * t);

    /// Quotient: `x / y`. Ints round toward zero, `x / 0` has all bits one and `MIN / -1` is `MIN`;
    /// floats, complex numbers.
    #[doc(alias("divide", "true_divide"))]
    div, try_div: Div, (3.0, 2.0) => 1.5, on ABOVE,
        dx: "t / y" = Given(|t, y| div(t, y)), dy: "-t z / y" = At(|t, _, y, z| t * -div(z, y));

    /// Remainder of the division that rounds toward zero, with the sign of `x`. Ints (`x % 0` is
    /// `x`) and floats (`x % 0` is NaN).
    rem, try_rem: Rem, (-5.0, 3.0) => -2.0, on ABOVE,
        dx: "t" = At(|t, _, _, _| t.clone()),
        dy: "t (z - x) / y" = At(|t, x, y, z| t * div(&(z - x), y));

    /// Power: `xʸ`. Floats and complex numbers.
    pow, try_pow: Pow, (2.0, 3.0) => 8.0, on ABOVE,
        dx: "t y xʸ⁻¹" = At(pow_dx), dy: "t z ln x" = At(pow_dy);

    /// The greater operand; for real numbers NaN if one is NaN. Ints, floats, bool, complex
    /// numbers. Complex numbers compare by their real parts, then by their imaginary parts; if one
    /// is NaN, the result is `y`. Where `x = y`, each operand gets half of the tangent.
    #[doc(alias = "maximum")]
    max, try_max: Max, (2.0, 3.0) => 3.0, on WIDE,
        dx: "t where x > y, t/2 where x = y" = At(|t, x, y, z| t * share(x, y, z)),
        dy: "t where y > x, t/2 where x = y" = At(|t, x, y, z| t * share(y, x, z));

    /// The smaller operand; for real numbers NaN if one is NaN. Ints, floats, bool, and complex
    /// numbers, which compare as in [`max`]. Where `x = y`, each operand gets half of the tangent.
    #[doc(alias = "minimum")]
    min, try_min: Min, (2.0, 3.0) => 2.0, on WIDE,
        dx: "t where x < y, t/2 where x = y" = At(|t, x, y, z| t * share(x, y, z)),
        dy: "t where y < x, t/2 where x = y" = At(|t, x, y, z| t * share(y, x, z));

    /// The angle of the point `(y, x)`, so `x / y` is the tangent of the angle: -π to π radians.
    /// Floats.
    #[doc(alias = "arctan2")]
    atan2, try_atan2: Atan2, (1.0, 2.0) => 0.463_647_6, on ABOVE,
        dx: "t y / (x² + y²)" = At(|t, x, y, _| t * over_square_of_length(y, x, y)),
        dy: "-t x / (x² + y²)" = At(|t, x, y, _| t * -over_square_of_length(x, x, y));

    /// Bitwise and; for bools whether both are true. Ints and bool.
    #[doc(alias = "bitwise_and")]
    and, try_and: And, (6, 3) => 2, on WIDE, dx: "none" = Zero, dy: "none" = Zero;

    /// Bitwise or; for bools whether at least one is true. Ints and bool.
    #[doc(alias = "bitwise_or")]
    or, try_or: Or, (6, 3) => 7, on WIDE, dx: "none" = Zero, dy: "none" = Zero;

    /// Bitwise exclusive or; for bools whether they differ. Ints and bool.
    #[doc(alias = "bitwise_xor")]
    xor, try_xor: Xor, (6, 3) => 5, on WIDE, dx: "none" = Zero, dy: "none" = Zero;

    /// `x · 2ʸ`: shifts bits up by `y`, which counts as unsigned; 0 if `y` is at least the width.
    /// Ints.
    #[doc(alias("left_shift", "bitwise_left_shift"))]
    shift_left, try_shift_left: Shl, (3, 2) => 12, on WIDE, dx: "none" = Zero, dy: "none" = Zero;

    /// Shifts bits down by `y` and fills with zeros; 0 if `y` is at least the width. Ints.
    shift_right_logical, try_shift_right_logical: ShrLogical, (12, 2) => 3, on WIDE,
        dx: "none" = Zero, dy: "none" = Zero;

    /// Shifts bits down by `y` and fills with the sign bit; only sign bits if `y` is at least the
    /// width. Ints.
    #[doc(alias("right_shift", "bitwise_right_shift"))]
    shift_right_arithmetic, try_shift_right_arithmetic: ShrArithmetic, (-12, 2) => -3, on WIDE,
        dx: "none" = Zero, dy: "none" = Zero;

    /// The upper half of the double-width product. Ints.
    mulhi, try_mulhi: MulHi, (1073741824, 8) => 2, on WIDE, dx: "none" = Zero, dy: "none" = Zero;

    /// Sum of two tangents or cotangents: `x + y`. The same as `add`; the name shows that a
    /// transform made the sum.
    add_any, try_add_any: Add, (2.0, 3.0) => 5.0, on WIDE, dx: "t" = Plus, dy: "t" = Plus;
}

/// `d xʸ / dx = y xʸ⁻¹`, which is also 0 for y = 0 at x = 0.
fn pow_dx(t: &Array, x: &Array, y: &Array, _: &Array) -> Array {
    let n = |value| number(value, x.dtype());
    let lower = match literal_f64(y) {
        Some(c) if c != 0.0 => n(c - 1.0),
        // Replaces the exponent only at that one point: elsewhere derivatives with respect to y are
        // needed too.
        _ => {
            let both_zero = and(&eq(x, &n(0.0)), &eq(y, &n(0.0)));
            select_n(&both_zero, &[&(y - 1.0), &n(1.0)])
        }
    };
    // An infinite exponent must also have its limit. A literal exponent stays as it is.
    let factor = if y.as_literal().is_some() { y.clone() } else { finite(y) };
    t * (factor * pow(x, &lower))
}

/// `d xʸ / dy = xʸ ln x`, which is 0 where xʸ = 0 and where x = 0.
fn pow_dy(t: &Array, x: &Array, _: &Array, z: &Array) -> Array {
    let n = |value| number(value, x.dtype());
    let zero = or(&eq(x, &n(0.0)), &eq(z, &n(0.0)));
    t * (log(&select_n(&zero, &[x, &n(1.0)])) * z)
}

/// The share of `x` in the tangent of the extremum `z`: 1 if only `x` equals `z`, 1/2 if `other`
/// does too, 0 if `x` does not.
pub(crate) fn share(x: &Array, other: &Array, z: &Array) -> Array {
    let n = |value| number(value, z.dtype());
    let alone_or_both = select_n(&eq(other, z), &[&n(1.0), &n(0.5)]);
    select_n(&eq(x, z), &[&n(0.0), &alone_or_both])
}

/// The function with this name, which must be in the table.
pub(crate) fn prim(name: &str) -> Prim {
    Arc::new(Binary(ROWS.iter().find(|row| row.name == name).expect("a function of the table")))
}

fn build(args: &Args) -> Result<Prim, Error> {
    match ROWS.iter().find(|row| row.name == args.prim) {
        Some(row) => Ok(Arc::new(Binary(row))),
        None => Err(err!(Parse, "{}: no function of two numbers has this name", args.prim)),
    }
}

fn cases(row: &'static Row) -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in RUNNING.into_iter().filter(|d| row.op.result(&[*d, *d]).is_some()) {
        for shape in SHAPES {
            let x = spread(shape, dtype, &row.domain, 0.37);
            // In reverse order, so that neither operand is always the greater.
            let y = spread(shape, dtype, &(row.domain.end..row.domain.start), 0.61);
            cases.push(Case::new(Arc::new(Binary(row)), vec![x, y]));
        }
    }
    if !matches!(row.partials, [Zero, Zero]) {
        let prim: Prim = Arc::new(Binary(row));
        cases.extend(special(&prim, 2));
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::trace::trace;
    use cotangent_jit::{DType, Scalar};

    #[test]
    fn refuses_what_does_not_fit_in_words() {
        let of = |a: Aval, b: Aval| {
            trace(&[a, b], |x| Ok(vec![try_add(&x[0], &x[1])?])).err().expect("refused")
        };
        let f32s = |shape: &[usize]| Aval::new(shape.iter().copied(), DType::F32);
        assert_eq!(
            of(f32s(&[2, 3]), f32s(&[4])).message(),
            "add: shapes differ: f32[2,3] and f32[4]; broadcast one of them"
        );
        assert_eq!(
            of(f32s(&[3]), Aval::new([3], DType::I32)).message(),
            "add: dtypes differ: f32[3] and i32[3]; convert one of them"
        );
        assert_eq!(
            of(Aval::new([3], DType::Bool), Aval::new([3], DType::Bool)).message(),
            "add: expected an int or a float, got bool[3]; convert it"
        );
    }

    #[test]
    fn scalars_are_repeated_and_literals_are_not() {
        let avals = [Aval::new([3], DType::F64), Aval::scalar(DType::F64)];
        let traced = trace(&avals, |x| Ok(vec![&x[0] * &x[1] + 0.1])).expect("traces");
        let eqns = &traced.jaxpr.eqns;
        let names: Vec<_> = eqns.iter().map(|e| e.prim.name()).collect();
        assert_eq!(names, ["broadcast_in_dim", "mul", "add"]);
        let literal = crate::core::jaxpr::Atom::Literal(Scalar::from(0.1f64));
        assert_eq!(eqns[2].inputs[1], literal);
        assert!(
            eqns.iter().all(|e| e.source.file().ends_with("binary.rs")),
            "{:?}",
            eqns[0].source
        );
    }
}
