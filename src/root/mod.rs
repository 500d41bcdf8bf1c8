//! Roots of functions, fixed points and linear equations without matrices, written in public
//! functions only.
//!
//! | function | finds | by |
//! | --- | --- | --- |
//! | [`bisect`] | `f(x) = 0` between two signs, element by element | halving |
//! | [`newton`] | `f(x) = 0`, as many equations as unknowns | Jacobians |
//! | [`broyden`] | the same | one Jacobian, updated |
//! | [`fixed_point`] | `x = f(x)` | iteration |
//! | [`cg`], [`bicgstab`], [`gmres`] | `A x = b`, `A` a function | Krylov spaces |
//!
//! Derivatives are those of what is found, not of how: both modes, any order ([`bisect`] has none).
//!
//! Arguments are pytrees of floats. Each is one loop that jits and batches: under `vmap` each lane
//! ends when it is done.

mod bracket;
pub(crate) mod dense;
pub(crate) mod implicit;
mod krylov;
mod newton;
mod solution;

pub use bracket::{bisect, try_bisect};
pub use krylov::{
    KrylovOptions, LinearSolution, bicgstab, cg, gmres, try_bicgstab, try_cg, try_gmres,
};
pub use newton::{broyden, fixed_point, newton, try_broyden, try_fixed_point, try_newton};
pub use solution::{Root, RootOptions};
