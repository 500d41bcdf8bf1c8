//! Complex numbers and their parts: `complex` puts one together, `real`, `imag` and `conj` take from it.
//!
//! All are linear over the real numbers, and no other primitive needs to know that complex numbers have parts. Transposes
//! are those of JAX, for the pairing `Re(∑ ct v)`, without a conjugate: of a holomorphic function a cotangent is
//! multiplied by the derivative itself, and the gradient of a real function `f` of `x + iy` is `∂f/∂x - i ∂f/∂y`.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Atom;
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::prims::cases::points::{SHAPES, spread};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::elementwise::{
    batch, common_dtype, common_shape, expect_class, expect_operand, fit, meet, scalar_code,
    scalar_op,
};
use crate::prims::points::unary::try_neg;
use crate::prims::rules::apply::{expect, expect_inputs, one, one_of, one_to};
use crate::prims::rules::linear::{linear_jvp, transpose_unary};
use crate::prims::rules::numbers::number;
use cotangent_jit::op::{Class, ScalarOp};
use cotangent_jit::{DType, Error, err};
use smallvec::smallvec;
use std::sync::{Arc, LazyLock};

/// See [`complex`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Complex;

impl Primitive for Complex {
    fn name(&self) -> &'static str {
        "complex"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 2)?;
        let part = common_dtype(self.name(), inputs)?;
        expect_operand(self.name(), ScalarOp::Complex, &inputs[0])?;
        let Some(dtype) = part.complex() else {
            let x = &inputs[0];
            return Err(err!(DType, "complex: expected f32 or f64, got {x}; convert it"));
        };
        let shape = common_shape(self.name(), inputs)?;
        Ok(smallvec![Aval { shape, dtype, weak: inputs[0].weak && inputs[1].weak }])
    }

    /// `dz = dx + i dy`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let z = one(Complex, &[&primals[0], &primals[1]])?;
        if tangents.iter().all(Tangent::is_zero) {
            let zero = Tangent::Zero(z.aval());
            return Ok((smallvec![z], vec![zero]));
        }
        let part = |t: &Tangent| match t.value() {
            Some(t) => fit(t.clone(), z.shape()),
            None => Ok(number(0.0, z.dtype().part())),
        };
        let dz = one(Complex, &[&part(&tangents[0])?, &part(&tangents[1])?])?;
        Ok((smallvec![z], vec![Tangent::Value(dz)]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    /// `Re(ct (x + iy)) = Re(ct) x - Im(ct) y`
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let cotangent_of = |i: usize| -> Result<Tangent, Error> {
            let (Operand::Linear(aval), Some(ct)) = (&inputs[i], cotangents[0].value()) else {
                return Ok(Tangent::Zero(inputs[i].aval()));
            };
            let ct = if i == 0 { try_real(ct)? } else { try_neg(&try_imag(ct)?)? };
            fit(ct, &aval.shape).map(Tangent::Value)
        };
        Ok(vec![cotangent_of(0)?, cotangent_of(1)?])
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        batch(Arc::new(*self), ctx, inputs, axes)
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Elementwise
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(scalar_op(ScalarOp::Complex))
    }

    /// Of both parts of one number: the number.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let whole = |k: &Known, name: &str| {
            let (_, from) = k.made_by.as_ref().filter(|(p, _)| p.name() == name)?;
            Some(from[0])
        };
        let (x, y) = (whole(&inputs[0], "real")?, whole(&inputs[1], "imag")?);
        (x == y).then_some(Simpler::Atom(x))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// See [`real`], [`imag`] and [`conj`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Real,
    Imag,
    Conj,
}

impl Primitive for Part {
    fn name(&self) -> &'static str {
        match self {
            Part::Real => "real",
            Part::Imag => "imag",
            Part::Conj => "conj",
        }
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let z = &inputs[0];
        expect_class(self.name(), Class::Complex, z)?;
        let dtype = if *self == Part::Conj { z.dtype } else { z.dtype.part() };
        Ok(smallvec![z.with_dtype(dtype)])
    }

    /// `d Re(z) = Re(dz)`, and so for the others.
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_jvp(Arc::new(*self), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    /// `ct Re(v) = Re(ct v)`, `ct Im(v) = Re(-i ct v)`, `Re(ct conj(v)) = Re(conj(ct) v)`.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        transpose_unary(cotangents, inputs[0].aval(), |ct| {
            let zero = number(0.0, ct.dtype().part());
            match self {
                Part::Real => try_complex(ct, &zero),
                Part::Imag => try_complex(&zero, &try_neg(ct)?),
                Part::Conj => try_conj(ct),
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
        Ok(match self {
            Part::Real => scalar_op(ScalarOp::Real),
            Part::Imag => scalar_op(ScalarOp::Imag),
            Part::Conj => scalar_code(|b, z| {
                let [re, im] = [ScalarOp::Real, ScalarOp::Imag].map(|op| b.op(op, z));
                let im = b.op(ScalarOp::Neg, &[im]);
                b.op(ScalarOp::Complex, &[re, im])
            }),
        })
    }

    /// The parts of what was put together; the conjugate of a conjugate, and its real part.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let (made_by, from) = inputs[0].made_by.as_ref()?;
        let given = |atom: Atom| match atom {
            Atom::Literal(value) => Simpler::Splat(value),
            atom => Simpler::Atom(atom),
        };
        match (self, made_by.name()) {
            (Part::Real, "complex") => Some(given(from[0])),
            (Part::Imag, "complex") => Some(given(from[1])),
            (Part::Conj, "conj") => Some(given(from[0])),
            (Part::Real, "conj") => Some(Simpler::Apply(Arc::new(*self), smallvec![from[0]])),
            _ => None,
        }
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The complex number with these parts: `x + i y`. Of f32 c64, of f64 c128; the operands have one shape, or one is a scalar.
///
/// Derivative: `complex(dx, dy)`; transposed, `real(ct)` and `-imag(ct)`. Panics where [`try_complex`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let z = lax::complex(&array![1.0, 2.0], &array![0.5, -0.5]);
/// assert_eq!(z.to_string(), "[1.+0.5j 2.-0.5j]");
/// ```
#[track_caller]
pub fn complex(re: &Array, im: &Array) -> Array {
    expect(try_complex(re, im))
}

/// [`complex`], or an error if dtypes or shapes do not fit.
#[track_caller]
pub fn try_complex(re: &Array, im: &Array) -> Result<Array, Error> {
    static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Complex));
    one_to(PRIM.clone(), &meet(&[re, im])?)
}

/// The real part of complex numbers: f32 of c64, f64 of c128.
///
/// Derivative: `real(t)`; transposed, `complex(ct, 0)`. Panics where [`try_real`] gives an error.
#[track_caller]
pub fn real(z: &Array) -> Array {
    expect(try_real(z))
}

/// [`real`], or an error if the dtype is not complex.
#[track_caller]
pub fn try_real(z: &Array) -> Result<Array, Error> {
    static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Part::Real));
    one_of(PRIM.clone(), &[z])
}

/// The imaginary part of complex numbers: f32 of c64, f64 of c128.
///
/// Derivative: `imag(t)`; transposed, `complex(0, -ct)`. Panics where [`try_imag`] gives an error.
#[track_caller]
pub fn imag(z: &Array) -> Array {
    expect(try_imag(z))
}

/// [`imag`], or an error if the dtype is not complex.
#[track_caller]
pub fn try_imag(z: &Array) -> Result<Array, Error> {
    static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Part::Imag));
    one_of(PRIM.clone(), &[z])
}

/// The conjugate of complex numbers: `x - i y`.
///
/// Derivative: `conj(t)`; its own transpose. Panics where [`try_conj`] gives an error.
#[track_caller]
pub fn conj(z: &Array) -> Array {
    expect(try_conj(z))
}

/// [`conj`], or an error if the dtype is not complex.
#[track_caller]
pub fn try_conj(z: &Array) -> Result<Array, Error> {
    static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Part::Conj));
    one_of(PRIM.clone(), &[z])
}

pub(crate) fn entries() -> Vec<Entry> {
    vec![
        Entry { name: "complex", build: |_| Ok(Arc::new(Complex)), cases: complex_cases },
        Entry { name: "real", build, cases: || part_cases(Part::Real) },
        Entry { name: "imag", build, cases: || part_cases(Part::Imag) },
        Entry { name: "conj", build, cases: || part_cases(Part::Conj) },
    ]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let part = [Part::Real, Part::Imag, Part::Conj].into_iter().find(|p| p.name() == args.prim);
    let no = || err!(Parse, "{}: no part of a complex number has this name", args.prim);
    part.map(|p| Arc::new(p) as Prim).ok_or_else(no)
}

const WIDE: std::ops::Range<f64> = -2.0..2.0;

fn complex_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in [DType::F32, DType::F64] {
        for shape in SHAPES {
            let (x, y) = (spread(shape, d, &WIDE, 0.37), spread(shape, d, &WIDE, 0.61));
            cases.push(Case::new(Arc::new(Complex), vec![x, y]));
        }
    }
    cases
}

fn part_cases(part: Part) -> Vec<Case> {
    let mut cases = Vec::new();
    for d in [DType::C64, DType::C128] {
        for shape in SHAPES {
            cases.push(Case::new(Arc::new(part), vec![spread(shape, d, &WIDE, 0.37)]));
        }
    }
    cases
}
