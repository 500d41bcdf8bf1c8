//! Comparisons of two numbers, at every point: `z[i] = x[i] < y[i]` and so on. The result is bool.
//!
//! If an operand is NaN, every comparison but `ne` is false. For bools, false < true. Comparisons
//! have no derivative: no tangent passes.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::Lowering;
use crate::core::params::Params;
use crate::core::primitive::{Known, Prim, Simpler};

use crate::prims::cases::points::{SHAPES, spread};
use crate::prims::cases::samples::RUNNING;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::elementwise::{
    common_dtype, common_shape, expect_operand, scalar_op, unify,
};
use crate::prims::points::pointwise::{Derivative, Function, Pointwise};
use crate::prims::rules::apply::{expect, expect_inputs, one_to};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::{Arc, LazyLock};

/// A comparison, given by its op.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compare(ScalarOp);

impl Function for Compare {
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

    fn derivative(&self) -> Derivative<Self> {
        Derivative::Zero
    }

    fn code(&self, _: &[Aval]) -> Lowering {
        scalar_op(self.0)
    }

    /// If the dtype has no NaN, an operand equals itself.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        use ScalarOp::{Eq, Ge, Le};
        let same = inputs[0].atom == inputs[1].atom && !inputs[0].aval.dtype.is_inexact();
        same.then(|| Simpler::Splat(Scalar::from(matches!(self.0, Eq | Le | Ge))))
    }
}

macro_rules! compare {
    ($($(#[$doc:meta])* $name:ident, $try:ident: $op:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// Any real dtype; `eq` and `ne` also take complex numbers. The result is bool. The
            /// operands have one dtype and one shape, or one of them is a scalar. No derivative.
            #[doc = concat!("Panics where [`", stringify!($try), "`] gives an error.")]
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
                static PRIM: LazyLock<Prim> =
                    LazyLock::new(|| Arc::new(Pointwise(Compare(ScalarOp::$op))));
                one_to(PRIM.clone(), &unify(&[x, y])?)
            }
        )*

        const OPS: &[ScalarOp] = &[$(ScalarOp::$op),*];

        /// One entry per comparison.
        pub(crate) fn entries() -> Vec<Entry> {
            vec![$(Entry { name: stringify!($name), build, cases: || cases(ScalarOp::$op) }),*]
        }
    };
}

compare! {
    /// Whether `x = y`.
    eq, try_eq: Eq;
    /// Whether `x ≠ y`; true if an operand is NaN.
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
        Some(op) => Ok(Arc::new(Pointwise(Compare(*op)))),
        None => Err(err!(Parse, "{}: no comparison has this name", args.prim)),
    }
}

fn cases(op: ScalarOp) -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in RUNNING.into_iter().filter(|d| op.takes(*d)) {
        for shape in SHAPES {
            let x = spread(shape, dtype, &(-2.0..2.0), 0.37);
            let y = spread(shape, dtype, &(2.0..-2.0), 0.61);
            cases.push(Case::new(Arc::new(Pointwise(Compare(op))), vec![x, y]));
        }
    }
    cases
}
