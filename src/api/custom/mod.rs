//! Functions with rules of the user's: for derivatives (`jvp`, `vjp`) and for batching (`batch`).
//!
//! A rule is called inside the trace that first asks for a derivative or a batch. Its operations
//! get their own lines. A rule may use the values that it closes over as if it were called where it
//! was written. To find those values, `closure` may call the rule once more when its function is
//! called inside a trace.
//!
//! This file declares and re-exports only.

mod batch;
mod closure;
mod jvp;
mod options;
mod tangents;
mod vjp;

pub use batch::{Batched, custom_vmap, sequential_vmap};
pub use jvp::{ArgumentRule, JvpRules, NoRule, custom_jvp, custom_jvp_symbolic, custom_jvps};
pub use options::Custom;
pub use tangents::{Perturbed, Tangents};
pub use vjp::{custom_derivatives, custom_gradient, custom_vjp, custom_vjp_symbolic};
