//! `triangular_solve` solves `op(a) x = b` or `x op(a) = b` with triangular `a`, by substitution.
//!
//! The primitive is linear in `b`; its transpose is the solve with `op(a)ᵀ`.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::core::trace::bind;
use crate::prims::cases::samples::{array, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::complex::try_conj;
use crate::prims::points::convert::try_convert_element_type;
use crate::prims::points::unary::try_neg;
use crate::prims::products::matrix::{expect_square, expect_wide, product, transposed, triangle};
use crate::prims::rules::apply::{composed, expect, expect_inputs, one};
use crate::prims::rules::batching::batch_in_front;
use crate::prims::rules::bilinear::sum_of;
use crate::prims::shapes::reshape::try_reshape;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::program::{Routine, Triangle};
use cotangent_jit::{DType, Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// The options of [`triangular_solve`]: they select the equation that it solves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Solve {
    /// Solves `op(a) x = b`; otherwise `x op(a) = b`.
    pub left_side: bool,
    /// Reads the lower triangle of `a`; otherwise the upper one.
    pub lower: bool,
    /// `op` transposes.
    pub transpose_a: bool,
    /// `op` conjugates.
    pub conjugate_a: bool,
    /// Takes the diagonal of `a` as ones, whatever its values are.
    pub unit_diagonal: bool,
}

impl Solve {
    /// `a x = b` with upper triangular `a`.
    pub fn left() -> Solve {
        Solve { left_side: true, ..Solve::default() }
    }

    /// `x a = b` with upper triangular `a`.
    pub fn right() -> Solve {
        Solve::default()
    }

    /// The same options with `op(a)ᵀ`.
    pub fn transposed(self) -> Solve {
        Solve { transpose_a: !self.transpose_a, ..self }
    }

    /// The same options with `op(a)ᴴ`.
    pub fn adjoint(self) -> Solve {
        Solve { conjugate_a: !self.conjugate_a, ..self.transposed() }
    }
}

/// See [`triangular_solve`].
#[derive(Clone, Copy, Debug)]
pub struct TriangularSolve(pub Solve);

impl TriangularSolve {
    /// `op(da)` of the triangle of `da` that the solve reads.
    fn op(&self, da: &Array) -> Result<Array, Error> {
        let s = &self.0;
        let mut part = triangle(da, s.lower, !s.unit_diagonal)?;
        if s.transpose_a {
            part = transposed(&part)?;
        }
        if s.conjugate_a && part.dtype().is_complex() { try_conj(&part) } else { Ok(part) }
    }

    /// Solves for a batched `b` with one `a`: the lanes become more right-hand sides.
    fn solve_lanes(&self, a: &Array, b: &Array, axis: usize) -> Result<(Array, usize), Error> {
        let rank = b.ndim() - 1;
        // [.., n, m, lanes] on the left, [.., lanes, m, n] on the right.
        let place = if self.0.left_side { rank } else { rank - 2 };
        let b = moveaxis(b, axis, place)?;
        let unmerged = b.to_shape();
        let mut shape = unmerged.clone();
        let lanes = shape.remove(place);
        shape[if self.0.left_side { rank - 1 } else { rank - 2 }] *= lanes;
        let x = one(*self, &[a, &try_reshape(&b, &shape)?])?;
        Ok((try_reshape(&x, &unmerged)?, place))
    }
}

impl Primitive for TriangularSolve {
    fn name(&self) -> &'static str {
        "triangular_solve"
    }

    fn params(&self) -> Params {
        let s = &self.0;
        smallvec![
            ("conjugate_a", Param::Bool(s.conjugate_a)),
            ("left_side", Param::Bool(s.left_side)),
            ("lower", Param::Bool(s.lower)),
            ("transpose_a", Param::Bool(s.transpose_a)),
            ("unit_diagonal", Param::Bool(s.unit_diagonal)),
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 2)?;
        let (a, b) = (&inputs[0], &inputs[1]);
        expect_wide(self.name(), a)?;
        if a.dtype != b.dtype {
            return Err(err!(
                DType,
                "triangular_solve: expected a and b of one dtype, got {a} and {b}; convert one"
            ));
        }
        expect_square(self.name(), a)?;
        let rank = a.rank();
        if b.rank() != rank || b.shape[..rank - 2] != a.shape[..rank - 2] {
            return Err(err!(
                Shape,
                "triangular_solve: expected a and b with the same batch axes before their last \
                 two, got {a} and {b}"
            ));
        }
        let (axis, side) =
            if self.0.left_side { (rank - 2, "rows") } else { (rank - 1, "columns") };
        if b.shape[axis] != a.shape[rank - 1] {
            return Err(err!(
                Shape,
                "triangular_solve: expected b with as many {side} as a has, got {a} and {b}"
            ));
        }
        Ok(smallvec![Aval { weak: a.weak && b.weak, ..b.clone() }])
    }

    /// `dx = op(a)⁻¹ (db - op(da) x)`, or on the right `dx = (db - x op(da)) op(a)⁻¹`.
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let (a, s) = (&primals[0], &self.0);
        let x = one(*self, &[a, &primals[1]])?;
        let from_a = tangents[0].value().map(|da| {
            let da = self.op(da)?;
            let da_x = if s.left_side { product(&da, &x)? } else { product(&x, &da)? };
            one(*self, &[a, &try_neg(&da_x)?])
        });
        let from_b = tangents[1].value().map(|db| one(*self, &[a, db]));
        let tangent = sum_of(from_a.transpose()?, from_b.transpose()?, &x)?;
        Ok((smallvec![x], vec![tangent]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    /// `bt = op(a)⁻ᵀ xt`.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let Operand::Known(a) = &inputs[0] else { return not_linear(self) };
        let b = match cotangents[0].value() {
            Some(ct) => Tangent::Value(one(TriangularSolve(self.0.transposed()), &[a, ct])?),
            None => Tangent::Zero(inputs[1].aval()),
        };
        Ok(vec![Tangent::Zero(inputs[0].aval()), b])
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        if let (None, Some(axis)) = (axes[0], axes[1]) {
            let (x, axis) = self.solve_lanes(&inputs[0], &inputs[1], axis)?;
            return Ok((smallvec![x], vec![Some(axis)]));
        }
        let a = batch_in_front(ctx, &inputs[0], axes[0])?;
        let b = batch_in_front(ctx, &inputs[1], axes[1])?;
        Ok((bind(Arc::new(*self), &[a, b])?, vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Routine
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let (a, b, s) = (&inputs[0], &inputs[1], &self.0);
        let rank = a.rank();
        Ok(Lowering::Routine(Routine::TriangularSolve {
            dtype: a.dtype,
            paired: false,
            batch: a.shape[..rank - 2].iter().product(),
            n: a.shape[rank - 1],
            m: b.shape[if s.left_side { rank - 1 } else { rank - 2 }],
            triangle: Triangle {
                left: s.left_side,
                lower: s.lower,
                transpose: s.transpose_a,
                conjugate: s.conjugate_a,
                unit: s.unit_diagonal,
            },
        }))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The solution `x` of `op(a) x = b`, or of `x op(a) = b`, with triangular `a`: see [`Solve`].
///
/// `a[.., n, n]` and `b[.., n, m]` (`b[.., m, n]` on the right) have the same batch axes and one
/// inexact dtype; f16 and bf16 are computed in f32. A zero on the diagonal divides as IEEE 754
/// says. Derivative: `op(a)⁻¹ (db - op(da) x)`. Needs the feature `linalg`. Panics where
/// [`try_triangular_solve`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let a = array![[2.0, 0.0], [1.0, 4.0]];
/// let options = lax::Solve { lower: true, ..lax::Solve::left() };
/// let x = lax::triangular_solve(&a, &array![[2.0], [9.0]], options);
/// assert_eq!(x.to_vec::<f32>(), [1.0, 2.0]);
/// ```
#[track_caller]
pub fn triangular_solve(a: &Array, b: &Array, options: Solve) -> Array {
    expect(try_triangular_solve(a, b, options))
}

/// Returns the error of [`triangular_solve`] instead of panicking.
///
/// Fails if dtypes or shapes do not fit.
#[track_caller]
pub fn try_triangular_solve(a: &Array, b: &Array, options: Solve) -> Result<Array, Error> {
    let solve = TriangularSolve(options);
    let narrow = a.dtype();
    if !matches!(narrow, DType::F16 | DType::BF16) || b.dtype() != narrow {
        return one(solve, &[a, b]);
    }
    composed("triangular_solve", || {
        let wide = |x| try_convert_element_type(x, DType::F32);
        try_convert_element_type(&one(solve, &[&wide(a)?, &wide(b)?])?, narrow)
    })
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "triangular_solve", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(TriangularSolve(Solve {
        left_side: args.bool("left_side")?,
        lower: args.bool("lower")?,
        transpose_a: args.bool("transpose_a")?,
        conjugate_a: args.bool("conjugate_a")?,
        unit_diagonal: args.bool("unit_diagonal")?,
    })))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let case = |options, a: &[usize], b: &[usize], d| {
        Case::new(
            Arc::new(TriangularSolve(options)),
            vec![diagonally_dominant(a, d), sample(b, d, 1)],
        )
    };
    for d in [DType::F32, DType::F64, DType::C64, DType::C128] {
        let flags = |bits: usize| [1, 2, 4].map(|b| bits & b > 0);
        for (bits, conjugate_a) in (0..8).map(|bits| (bits, bits == 3 || bits == 6)) {
            let [left_side, lower, transpose_a] = flags(bits);
            let b = if left_side { [3, 2] } else { [2, 3] };
            let options =
                Solve { left_side, lower, transpose_a, conjugate_a, unit_diagonal: bits == 5 };
            cases.push(case(options, &[3, 3], &b, d));
        }
        let unit = Solve { unit_diagonal: true, lower: true, ..Solve::right() };
        cases.push(case(unit.adjoint(), &[2, 2, 2], &[2, 1, 2], d));
        cases.push(case(Solve::left(), &[0, 0], &[0, 2], d));
        cases.push(case(Solve::left(), &[2, 2], &[2, 0], d));
        cases.push(case(Solve::left(), &[0, 2, 2], &[0, 2, 1], d));
    }
    cases
}

/// Matrices whose diagonal outweighs the other elements.
fn diagonally_dominant(shape: &[usize], d: DType) -> Array {
    let n = shape[shape.len() - 1];
    let entry = |at: usize| {
        let (row, column) = (at / n.max(1) % n.max(1), at % n.max(1));
        let re = if row == column { 2.0 + 0.5 * row as f64 } else { 0.3 - 0.2 * row as f64 };
        let im = 0.25 * column as f64 - 0.1;
        if d.is_complex() { vec![re, im] } else { vec![re] }
    };
    array(shape, d, (0..shape.iter().product()).flat_map(entry))
}
