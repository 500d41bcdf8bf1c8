//! `reduce_precision`: rounds floats to a smaller format and keeps their dtype.
//!
//! It rounds to nearest, ties to even. A value beyond the greatest finite value of the format
//! becomes infinite; a value below its least normal number becomes zero. It counts as linear, as in
//! JAX: tangents and cotangents are rounded in the same way.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::Lowering;
use crate::core::params::{Param, Params};
use crate::core::primitive::{Known, Prim, Simpler};
use crate::prims::cases::points::{SHAPES, spread};
use crate::prims::cases::samples::NUMBERS;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::elementwise::{expect_class, scalar_code};
use crate::prims::points::pointwise::{Derivative, Function, Pointwise};
use crate::prims::rules::apply::{expect, expect_inputs, one};

use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::NodeId;
use cotangent_jit::op::{Class, ScalarOp};
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`reduce_precision`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReducePrecision {
    exponent_bits: u32,
    mantissa_bits: u32,
}

/// The numbers of exponent and mantissa bits of a float.
fn format(d: DType) -> (u32, u32) {
    match d {
        DType::F16 => (5, 10),
        DType::BF16 => (8, 7),
        DType::F32 => (8, 23),
        _ => (11, 52),
    }
}

impl ReducePrecision {
    fn apply(self, x: &Array) -> Result<Array, Error> {
        one(Pointwise(self), &[x])
    }

    fn code(self, b: &mut KernelBuilder, x: NodeId) -> NodeId {
        let float = b.dtype(x);
        let (exponent, mantissa) = format(float);
        let int = match float.size() {
            2 => DType::I16,
            4 => DType::I32,
            _ => DType::I64,
        };
        let width = int.bits();
        let number =
            |b: &mut KernelBuilder, i: i64| b.constant(Scalar::from_i64(int, i).expect("an int"));
        let bits = b.op(ScalarOp::Bitcast(int), &[x]);
        let positive = number(b, i64::MAX >> (64 - width));
        let mut size = b.op(ScalarOp::And, &[bits, positive]);
        let sign = b.op(ScalarOp::Xor, &[bits, size]);
        if self.mantissa_bits < mantissa {
            let dropped = i64::from(mantissa - self.mantissa_bits);
            let (by, one) = (number(b, dropped), number(b, 1));
            let last = b.op(ScalarOp::ShrLogical, &[size, by]);
            let odd = b.op(ScalarOp::And, &[last, one]);
            let half = number(b, (1 << (dropped - 1)) - 1);
            let up = b.op(ScalarOp::Add, &[half, odd]);
            let kept = number(b, !((1 << dropped) - 1));
            size = b.op(ScalarOp::Add, &[size, up]);
            size = b.op(ScalarOp::And, &[size, kept]);
        }
        if self.exponent_bits < exponent {
            let bias = (1i64 << (exponent - 1)) - 1;
            let own = (1i64 << (self.exponent_bits - 1)) - 1;
            let beyond = number(b, (bias + own + 1) << mantissa);
            let least = number(b, (bias - own + 1) << mantissa);
            let (infinite, zero) = (number(b, ((1 << exponent) - 1) << mantissa), number(b, 0));
            let over = b.op(ScalarOp::Ge, &[size, beyond]);
            let under = b.op(ScalarOp::Lt, &[size, least]);
            size = b.op(ScalarOp::Select, &[over, infinite, size]);
            size = b.op(ScalarOp::Select, &[under, zero, size]);
        }
        let rounded = b.op(ScalarOp::Or, &[size, sign]);
        let rounded = b.op(ScalarOp::Bitcast(float), &[rounded]);
        let nan = b.op(ScalarOp::Ne, &[x, x]);
        b.op(ScalarOp::Select, &[nan, x, rounded])
    }
}

impl Function for ReducePrecision {
    fn name(&self) -> &'static str {
        "reduce_precision"
    }

    fn params(&self) -> Params {
        smallvec![
            ("exponent_bits", Param::Int(self.exponent_bits.into())),
            ("mantissa_bits", Param::Int(self.mantissa_bits.into()))
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        expect_class(self.name(), Class::Float, &inputs[0])?;
        if self.exponent_bits == 0 {
            return Err(err!(Value, "reduce_precision: expected at least 1 exponent bit, got 0"));
        }
        Ok(smallvec![inputs[0].clone()])
    }

    fn derivative(&self) -> Derivative<Self> {
        Derivative::Linear(|this, _, ct, _| this.apply(ct))
    }

    fn code(&self, _: &[Aval]) -> Lowering {
        let prim = *self;
        scalar_code(move |b, x| prim.code(b, x[0]))
    }

    /// A format that holds all values of the dtype changes none of them.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let (exponent, mantissa) = format(inputs[0].aval.dtype);
        let holds = self.exponent_bits >= exponent && self.mantissa_bits >= mantissa;
        holds.then_some(Simpler::Operand(0))
    }
}

/// Floats rounded to a format with these numbers of exponent and mantissa bits, in their own dtype:
/// to nearest, ties to even. Values beyond the format become infinite, values below its normal
/// numbers become zero, and NaN stays NaN.
///
/// Derivative: the tangent, rounded in the same way. Panics where [`try_reduce_precision`] gives an
/// error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// // As a bfloat16 would hold it.
/// assert_eq!(lax::reduce_precision(&array![1.005], 8, 7).item::<f32>(), 1.0078125);
/// ```
#[track_caller]
pub fn reduce_precision(x: &Array, exponent_bits: u32, mantissa_bits: u32) -> Array {
    expect(try_reduce_precision(x, exponent_bits, mantissa_bits))
}

/// Returns the error of [`reduce_precision`] instead of panicking.
///
/// Fails if the operand is not a float or there is no exponent bit.
#[track_caller]
pub fn try_reduce_precision(
    x: &Array,
    exponent_bits: u32,
    mantissa_bits: u32,
) -> Result<Array, Error> {
    ReducePrecision { exponent_bits, mantissa_bits }.apply(x)
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "reduce_precision", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let bits = |name: &str| -> Result<u32, Error> {
        u32::try_from(args.int(name)?)
            .map_err(|_| err!(Parse, "reduce_precision: {name} is out of range"))
    };
    let (exponent_bits, mantissa_bits) = (bits("exponent_bits")?, bits("mantissa_bits")?);
    Ok(Arc::new(Pointwise(ReducePrecision { exponent_bits, mantissa_bits })))
}

fn cases() -> Vec<Case> {
    let why = "rounds its tangents, too, as in JAX: it is linear only up to rounding";
    let mut cases = Vec::new();
    for d in NUMBERS.into_iter().filter(|d| d.is_float()) {
        for shape in SHAPES {
            for (exponent_bits, mantissa_bits) in [(8, 7), (4, 3), (11, 52)] {
                let prim = ReducePrecision { exponent_bits, mantissa_bits };
                let mut case = Case::new(
                    Arc::new(Pointwise(prim)),
                    vec![spread(shape, d, &(-2.0..2.0), 0.37)],
                );
                if mantissa_bits < 52 {
                    for law in ["jvp", "adjoint", "second", "third", "jet", "commute"] {
                        case = case.exempt(law, why);
                    }
                }
                cases.push(case);
            }
        }
    }
    cases
}
