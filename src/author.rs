//! For authors of primitives and backends: the contract of a primitive, the IR, and the functions
//! with which the primitives of the library are written. Programs that only compute do not need
//! this module.
//!
//! A primitive is a struct that implements [`Primitive`]. [`bind`] applies it, and then every
//! transform works on it. An [`Entry`] with a few [`Case`]s lets the crate `cotangent-proptests`
//! test a primitive against its laws. The example `own_primitive` of that crate defines a primitive
//! outside this crate and runs every law on it.
//!
//! ```
//! use cotangent::author::{
//!     Aval, Avals, BatchResult, Ctx, JvpResult, Known, Lowering, LoweringKind, Nature, Operand,
//!     Params, Primitive, Simpler, Tangent, Taylor, TransposeResult, bind, not_linear,
//! };
//! use cotangent::author::kernel::{ScalarOp, smallvec};
//! use cotangent::{Error, lax, prelude::*};
//! use std::sync::Arc;
//!
//! /// `y = x eˣ`, elementwise.
//! #[derive(Debug)]
//! struct XExp;
//!
//! impl Primitive for XExp {
//!     fn name(&self) -> &'static str { "xexp" }
//!     fn params(&self) -> Params { Params::new() }
//!     fn abstract_eval(&self, x: &[Aval]) -> Result<Avals, Error> { Ok(x.into()) }
//!     // dy = (1 + x) eˣ dx
//!     fn jvp(&self, _: &Ctx, x: &[Array], t: &[Tangent]) -> JvpResult {
//!         let y = bind(Arc::new(XExp), x)?;
//!         let dy = match t[0].value() {
//!             Some(t) => Tangent::Value(t * (&y[0] + lax::exp(&x[0]))),
//!             None => Tangent::Zero(y[0].aval()),
//!         };
//!         Ok((y, vec![dy]))
//!     }
//!     fn taylor(&self) -> Taylor<'_> { Taylor::ByDerivative }
//!     fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
//!         not_linear(self)
//!     }
//!     fn batch(&self, _: &Ctx, x: &[Array], axes: &[Option<usize>]) -> BatchResult {
//!         Ok((bind(Arc::new(XExp), x)?, axes.to_vec()))
//!     }
//!     fn kind(&self) -> LoweringKind { LoweringKind::Elementwise }
//!     fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
//!         Ok(Lowering::Elementwise(Arc::new(|b, x| {
//!             let e = b.op(ScalarOp::Exp, &[x[0]]);
//!             smallvec![b.op(ScalarOp::Mul, &[x[0], e])]
//!         })))
//!     }
//!     fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> { None }
//!     fn nature(&self) -> Nature<'_> { Nature::PURE }
//! }
//!
//! let xexp = |x: Array| bind(Arc::new(XExp), &[x]).expect("a float").remove(0);
//! let slope = jit(vmap(grad(xexp)))(array![0.0, 1.0]);
//! assert_eq!(slope.to_string(), "[1.        5.4365635]");
//! ```

/// The contract of a primitive, and the types in the signatures of its rules.
pub use crate::core::primitive::{
    Arrays, BatchResult, Carrier, Ctx, Effects, JvpResult, Kept, Known, Masked, Nature, Operand,
    PartialEval, Prim, Primitive, Recur, Registry, Residual, Shrunk, Simpler, Split, Tangent,
    Taylor, TaylorRule, ThreadResult, TransposeResult, not_linear, same_prim,
};

/// The types of values, and the parameters of primitives.
pub use crate::core::aval::{Aval, Avals, Shape};
pub use crate::core::axis::{AxisName, BatchAxis};
pub use crate::core::params::{Param, Params, Rule};

/// The IR.
pub use crate::core::check::check;
pub use crate::core::jaxpr::{Atom, ClosedJaxpr, Eqn, Jaxpr, Var};
pub use crate::core::trace::{Traced, bind, eval, trace};

/// The lowering of a primitive.
pub use crate::core::lowering::{
    Base, DotDims, Lowering, LoweringKind, Piece, Point, PointFn, Running, ScalarFn, ScanParts,
    WhileParts,
};

/// The hazards of a primitive, and the policies of checkpoints.
pub use crate::core::hazard::{Failures, Hazard, Hazardous};
pub use crate::core::policy::KeepPolicy;

/// The list of primitives: name, parsing and test cases of each.
pub use crate::prims::entry::{Args, Case, Entry};
pub use crate::prims::roll_call::{Roll, roll_call};

/// Helpers for the rules of primitives.
pub use crate::prims::rules::batching::{batch_in_front, broadcast_batch};
pub use crate::prims::rules::zeros::{instantiate, try_instantiate, try_zeros, zeros};
pub use crate::prims::shapes::transpose::moveaxis;

/// The transforms on jaxprs.
pub use crate::transforms::Transforms;

/// The error macro of the library: `err!(Shape, "..", ..)` makes an [`Error`](crate::Error) with a
/// kind and a message.
pub use cotangent_jit::err;

/// The kernel language, to which elementwise and indexed primitives lower, and the contract of a
/// backend.
pub mod kernel {
    pub use cotangent_jit::affine::Affine;
    pub use cotangent_jit::backend::Backend;
    pub use cotangent_jit::build::KernelBuilder;
    pub use cotangent_jit::kernel::{Combine, NodeId};
    pub use cotangent_jit::op::ScalarOp;
    pub use cotangent_jit::program::Routine;
    pub use cotangent_jit::verify::{Verified, verify};
    pub use smallvec::{SmallVec, smallvec};
}
