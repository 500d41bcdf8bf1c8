//! Powers with a fixed int exponent: `y[i] = x[i]ⁿ`, and `square`, which is the power with `n = 2`.
//!
//! `dy = n xⁿ⁻¹ dx`. Computed by repeated squaring, so ints wrap and `x⁰` is 1; a negative exponent
//! inverts the positive power.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::hazard::{Hazard, Hazardous};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::prims::cases::points::{SHAPES, special, spread};
use crate::prims::cases::samples::NUMBERS;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::elementwise::{batch, expect_operand, scalar_code};
use crate::prims::rules::apply::{composed, expect, expect_inputs, one};
use crate::prims::rules::numbers::number;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::NodeId;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`integer_pow`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntegerPow {
    y: i32,
}

impl Primitive for IntegerPow {
    /// The second power is printed as `square`.
    fn name(&self) -> &'static str {
        if self.y == 2 { "square" } else { "integer_pow" }
    }

    fn params(&self) -> Params {
        if self.y == 2 { Params::new() } else { smallvec![("y", Param::Int(self.y.into()))] }
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        expect_operand(self.name(), ScalarOp::Mul, &inputs[0])?;
        if self.y < 0 && !inputs[0].dtype.is_inexact() {
            return Err(err!(
                DType,
                "integer_pow: expected a float for the exponent {}, got {}; convert it",
                self.y,
                inputs[0]
            ));
        }
        Ok(smallvec![inputs[0].clone()])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let x = &primals[0];
        let y = one(*self, &[x])?;
        let dy = match tangents[0].value() {
            None => Tangent::Zero(y.aval()),
            Some(_) if self.y == 0 => Tangent::Zero(y.aval()),
            Some(t) if self.y == 1 => Tangent::Value(t.clone()),
            Some(t) => {
                let n = number(self.y.into(), x.dtype());
                Tangent::Value(t * (n * try_integer_pow(x, self.y - 1)?))
            }
        };
        Ok((smallvec![y], vec![dy]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        batch(Arc::new(*self), ctx, inputs, axes)
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Elementwise
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let y = self.y;
        Ok(scalar_code(move |b, x| power(b, x[0], y)))
    }

    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler> {
        match self.y {
            0 => Some(Simpler::Splat(Scalar::one(outputs[0].dtype))),
            1 => Some(Simpler::Operand(0)),
            // (-x)² = x², and the same for all even powers.
            y if y % 2 == 0 => {
                let (_, from) = inputs[0].made_by.as_ref().filter(|(p, _)| p.name() == "neg")?;
                Some(Simpler::Apply(Arc::new(*self), smallvec![from[0]]))
            }
            _ => None,
        }
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE.hazardous(self)
    }
}

impl Hazardous for IntegerPow {
    fn hazards(&self, _: &[Aval]) -> Vec<Hazard> {
        if self.y < 0 { vec![Hazard::Division { divisor: 0 }] } else { Vec::new() }
    }
}

/// `xⁿ` by the binary digits of `n`, the lowest first.
fn power(b: &mut KernelBuilder, x: NodeId, n: i32) -> NodeId {
    let one = b.constant(Scalar::one(b.dtype(x)));
    let mut digits = n.unsigned_abs();
    let mut square = x;
    let mut product = None;
    while digits > 0 {
        if digits & 1 == 1 {
            product = Some(match product {
                None => square,
                Some(p) => b.op(ScalarOp::Mul, &[p, square]),
            });
        }
        digits >>= 1;
        if digits > 0 {
            square = b.op(ScalarOp::Mul, &[square, square]);
        }
    }
    match product {
        None => one,
        Some(p) if n < 0 => b.op(ScalarOp::Div, &[one, p]),
        Some(p) => p,
    }
}

/// Power with a fixed int exponent: `xⁿ`, computed by products. Floats; ints (wrapping) if `n` is
/// not negative.
///
/// `integer_pow(3.0, 4)` is `81.0`. Derivative: `n xⁿ⁻¹ t`. Panics where [`try_integer_pow`] gives
/// an error.
#[track_caller]
pub fn integer_pow(x: &Array, n: i32) -> Array {
    expect(try_integer_pow(x, n))
}

/// Returns the error of [`integer_pow`] instead of panicking.
///
/// Fails for any other dtype.
#[track_caller]
pub fn try_integer_pow(x: &Array, n: i32) -> Result<Array, Error> {
    if n == 1 {
        return Ok(x.clone());
    }
    composed("integer_pow", || one(IntegerPow { y: n }, &[x]))
}

/// Square: `x²`. Ints (wrapping) and floats.
///
/// `square(3.0)` is `9.0`. Derivative: `2 x t`. Panics where [`try_square`] gives an error.
#[track_caller]
pub fn square(x: &Array) -> Array {
    expect(try_square(x))
}

/// Returns the error of [`square`] instead of panicking.
///
/// Fails for any other dtype.
#[track_caller]
pub fn try_square(x: &Array) -> Result<Array, Error> {
    try_integer_pow(x, 2).map_err(|e| e.told_by("square"))
}

/// The primitive with this exponent.
pub(in crate::prims) fn prim(n: i32) -> Prim {
    Arc::new(IntegerPow { y: n })
}

pub(crate) fn entries() -> Vec<Entry> {
    vec![
        Entry { name: "square", build: |_| Ok(prim(2)), cases: || cases(&[2]) },
        Entry { name: "integer_pow", build, cases: || cases(&[3, 4, 7, 0, 1, -1, -2, -3]) },
    ]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let y = args.get("y")?;
    match i32::try_from(args.int("y")?) {
        Ok(n) => Ok(prim(n)),
        Err(_) => Err(args.wrong("y", "an i32", y)),
    }
}

fn cases(exponents: &[i32]) -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in NUMBERS {
        for &n in exponents.iter().filter(|n| **n >= 0 || dtype.is_inexact()) {
            for shape in SHAPES {
                cases.push(Case::new(prim(n), vec![spread(shape, dtype, &(-2.0..2.0), 0.37)]));
            }
        }
    }
    cases.extend(exponents.iter().flat_map(|n| special(&prim(*n), 1)));
    cases
}
