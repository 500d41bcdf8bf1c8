//! Comparisons of two numbers, at every point: `z[i] = x[i] < y[i]` and its kin, to bool.
//!
//! Of floats all but `ne` are false if one is NaN; false < true. They have no derivative: no tangent passes.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::core::trace::bind;
use crate::prims::cases::points::{SHAPES, spread};
use crate::prims::cases::samples::RUNNING;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::elementwise::{
    batch, common_dtype, common_shape, expect_operand, meet, scalar_op,
};
use crate::prims::rules::apply::{expect, expect_inputs, one_to};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::{Arc, LazyLock};

/// A comparison; its op says which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compare(ScalarOp);

impl Primitive for Compare {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 2)?;
        common_dtype(self.name(), inputs)?;
        expect_operand(self.name(), self.0, &inputs[0])?;
        Ok(smallvec![Aval::new(common_shape(self.name(), inputs)?, DType::Bool)])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], _: &[Tangent]) -> JvpResult {
        let z = bind(Arc::new(*self), primals)?;
        let zero = Tangent::Zero(z[0].aval());
        Ok((z, vec![zero]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Still
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
        Ok(scalar_op(self.0))
    }

    /// What has no NaN equals itself.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        use ScalarOp::{Eq, Ge, Le};
        let same = inputs[0].atom == inputs[1].atom && !inputs[0].aval.dtype.is_inexact();
        same.then(|| Simpler::Splat(Scalar::from(matches!(self.0, Eq | Le | Ge))))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

macro_rules! compare {
    ($($(#[$doc:meta])* $name:ident, $try:ident: $op:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// Any real dtype, and complex numbers where no order is asked for; to bool. The operands have one dtype and one shape, or one of them is a scalar.
            /// No derivative.
            #[doc = concat!("Panics where [`", stringify!($try), "`] gives an error.")]
            #[track_caller]
            pub fn $name(x: &Array, y: &Array) -> Array {
                expect($try(x, y))
            }

            #[doc = concat!("[`", stringify!($name), "`], or an error if shapes or dtypes do not fit.")]
            #[track_caller]
            pub fn $try(x: &Array, y: &Array) -> Result<Array, Error> {
                static PRIM: LazyLock<Prim> = LazyLock::new(|| Arc::new(Compare(ScalarOp::$op)));
                one_to(PRIM.clone(), &meet(&[x, y])?)
            }
        )*

        const OPS: &[ScalarOp] = &[$(ScalarOp::$op),*];

        /// Every comparison.
        pub(crate) fn entries() -> Vec<Entry> {
            vec![$(Entry { name: stringify!($name), build, cases: || cases(ScalarOp::$op) }),*]
        }
    };
}

compare! {
    /// Whether `x = y`.
    eq, try_eq: Eq;
    /// Whether `x ≠ y`; true of NaN.
    ne, try_ne: Ne;
    /// Whether `x < y`.
    lt, try_lt: Lt;
    /// Whether `x ≤ y`.
    le, try_le: Le;
    /// Whether `x > y`.
    gt, try_gt: Gt;
    /// Whether `x ≥ y`.
    ge, try_ge: Ge;
}

fn build(args: &Args) -> Result<Prim, Error> {
    match OPS.iter().find(|op| op.name() == args.prim) {
        Some(op) => Ok(Arc::new(Compare(*op))),
        None => Err(err!(Parse, "{}: no comparison has this name", args.prim)),
    }
}

fn cases(op: ScalarOp) -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in RUNNING.into_iter().filter(|d| op.takes(*d)) {
        for shape in SHAPES {
            let x = spread(shape, dtype, &(-2.0..2.0), 0.37);
            let y = spread(shape, dtype, &(2.0..-2.0), 0.61);
            cases.push(Case::new(Arc::new(Compare(op)), vec![x, y]));
        }
    }
    cases
}
