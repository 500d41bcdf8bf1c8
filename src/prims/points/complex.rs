//! Complex numbers and their parts: `complex` makes a number from its parts; `real`, `imag` and
//! `conj` take a number.
//!
//! All are linear over the real numbers. No other primitive needs to know that complex numbers have
//! parts. Transposes are those of JAX, for the pairing `Re(∑ ct v)`, without a conjugate: the
//! transpose of a holomorphic function multiplies the cotangent by the derivative itself, and the
//! gradient of a real function `f` of `x + iy` is `∂f/∂x - i ∂f/∂y`.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Atom;
use crate::core::lowering::Lowering;
use crate::core::params::Params;
use crate::core::primitive::{Known, Prim, Simpler};
use crate::prims::cases::points::{SHAPES, spread};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::elementwise::{
    common_dtype, common_shape, expect_class, expect_operand, scalar_code, scalar_op, unify,
};
use crate::prims::points::pointwise::{Derivative, Function, Pointwise};
use crate::prims::points::unary::try_neg;
use crate::prims::rules::apply::{expect, expect_inputs, one_of, one_to};

use crate::prims::rules::numbers::number;
use cotangent_jit::op::{Class, ScalarOp};
use cotangent_jit::{DType, Error, err};
use smallvec::smallvec;
use std::sync::{Arc, LazyLock};

/// See [`complex`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Complex;

impl Function for Complex {
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

    /// `dz = dx + i dy`. The transpose follows from `Re(ct (x + iy)) = Re(ct) x - Im(ct) y`.
    fn derivative(&self) -> Derivative<Self> {
        Derivative::Linear(
            |_, i, ct, _| if i == 0 { try_real(ct) } else { try_neg(&try_imag(ct)?) },
        )
    }

    fn code(&self, _: &[Aval]) -> Lowering {
        scalar_op(ScalarOp::Complex)
    }

    /// `complex(real(z), imag(z)) = z`
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let whole = |k: &Known, name: &str| {
            let (_, from) = k.made_by.as_ref().filter(|(p, _)| p.name() == name)?;
            Some(from[0])
        };
        let (x, y) = (whole(&inputs[0], "real")?, whole(&inputs[1], "imag")?);
        (x == y).then_some(Simpler::Atom(x))
    }
}

/// See [`real`], [`imag`] and [`conj`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Real,
    Imag,
    Conj,
}

impl Function for Part {
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

    /// `d Re(z) = Re(dz)`, and the same for the others. The transposes follow from
    /// `ct Re(v) = Re(ct v)`, `ct Im(v) = Re(-i ct v)`, `Re(ct conj(v)) = Re(conj(ct) v)`.
    fn derivative(&self) -> Derivative<Self> {
        Derivative::Linear(|part, _, ct, _| {
            let zero = number(0.0, ct.dtype().part());
            match part {
                Part::Real => try_complex(ct, &zero),
                Part::Imag => try_complex(&zero, &try_neg(ct)?),
                Part::Conj => try_conj(ct),
            }
        })
    }

    fn code(&self, _: &[Aval]) -> Lowering {
        match self {
            Part::Real => scalar_op(ScalarOp::Real),
            Part::Imag => scalar_op(ScalarOp::Imag),
            Part::Conj => scalar_code(|b, z| {
                let [re, im] = [ScalarOp::Real, ScalarOp::Imag].map(|op| b.op(op, z));
                let im = b.op(ScalarOp::Neg, &[im]);
                b.op(ScalarOp::Complex, &[re, im])
            }),
        }
    }

    /// `real(complex(x, y)) = x`, `imag(complex(x, y)) = y`, `conj(conj(z)) = z`,
    /// `real(conj(z)) = real(z)`
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let (made_by, from) = inputs[0].made_by.as_ref()?;
        let forward = |atom: Atom| match atom {
            Atom::Literal(value) => Simpler::Splat(value),
            atom => Simpler::Atom(atom),
        };
        match (self, made_by.name()) {
            (Part::Real, "complex") => Some(forward(from[0])),
            (Part::Imag, "complex") => Some(forward(from[1])),
            (Part::Conj, "conj") => Some(forward(from[0])),
            (Part::Real, "conj") => {
                Some(Simpler::Apply(Arc::new(Pointwise(*self)), smallvec![from[0]]))
            }
            _ => None,
        }
    }
}

/// The complex number with these parts: `x + i y`. f32 gives c64, f64 gives c128; the operands have
/// one shape, or one is a scalar.
///
/// Derivative: `complex(dx, dy)`; transpose: `real(ct)` and `-imag(ct)`. Panics where
/// [`try_complex`] gives an error.
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

/// Returns the error of [`complex`] instead of panicking.
///
/// Fails if dtypes or shapes do not fit.
#[track_caller]
pub fn try_complex(re: &Array, im: &Array) -> Result<Array, Error> {
    static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Pointwise(Complex)));
    one_to(PRIM.clone(), &unify(&[re, im])?)
}

/// The real part of complex numbers: f32 for c64, f64 for c128.
///
/// Derivative: `real(t)`; transpose: `complex(ct, 0)`. Panics where [`try_real`] gives an error.
#[track_caller]
pub fn real(z: &Array) -> Array {
    expect(try_real(z))
}

/// Returns the error of [`real`] instead of panicking.
///
/// Fails if the dtype is not complex.
#[track_caller]
pub fn try_real(z: &Array) -> Result<Array, Error> {
    static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Pointwise(Part::Real)));
    one_of(PRIM.clone(), &[z])
}

/// The imaginary part of complex numbers: f32 for c64, f64 for c128.
///
/// Derivative: `imag(t)`; transpose: `complex(0, -ct)`. Panics where [`try_imag`] gives an error.
#[track_caller]
pub fn imag(z: &Array) -> Array {
    expect(try_imag(z))
}

/// Returns the error of [`imag`] instead of panicking.
///
/// Fails if the dtype is not complex.
#[track_caller]
pub fn try_imag(z: &Array) -> Result<Array, Error> {
    static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Pointwise(Part::Imag)));
    one_of(PRIM.clone(), &[z])
}

/// The conjugate of complex numbers: `x - i y`.
///
/// Derivative: `conj(t)`; `conj` is its own transpose. Panics where [`try_conj`] gives an error.
#[track_caller]
pub fn conj(z: &Array) -> Array {
    expect(try_conj(z))
}

/// Returns the error of [`conj`] instead of panicking.
///
/// Fails if the dtype is not complex.
#[track_caller]
pub fn try_conj(z: &Array) -> Result<Array, Error> {
    static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Pointwise(Part::Conj)));
    one_of(PRIM.clone(), &[z])
}

pub(crate) fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "complex",
            build: |_| Ok(Arc::new(Pointwise(Complex))),
            cases: complex_cases,
        },
        Entry { name: "real", build, cases: || part_cases(Part::Real) },
        Entry { name: "imag", build, cases: || part_cases(Part::Imag) },
        Entry { name: "conj", build, cases: || part_cases(Part::Conj) },
    ]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let part = [Part::Real, Part::Imag, Part::Conj].into_iter().find(|p| p.name() == args.prim);
    let no = || err!(Parse, "{}: no part of a complex number has this name", args.prim);
    part.map(|p| Arc::new(Pointwise(p)) as Prim).ok_or_else(no)
}

const WIDE: std::ops::Range<f64> = -2.0..2.0;

fn complex_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in [DType::F32, DType::F64] {
        for shape in SHAPES {
            let (x, y) = (spread(shape, d, &WIDE, 0.37), spread(shape, d, &WIDE, 0.61));
            cases.push(Case::new(Arc::new(Pointwise(Complex)), vec![x, y]));
        }
    }
    cases
}

fn part_cases(part: Part) -> Vec<Case> {
    let mut cases = Vec::new();
    for d in [DType::C64, DType::C128] {
        for shape in SHAPES {
            cases.push(Case::new(Arc::new(Pointwise(part)), vec![spread(shape, d, &WIDE, 0.37)]));
        }
    }
    cases
}
