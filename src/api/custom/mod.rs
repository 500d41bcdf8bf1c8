//! Functions with rules of the user's: for derivatives (`jvp`, `vjp`) and for batching (`batch`).
//!
//! A rule is called when a derivative (or a batch) is first asked for, inside that trace, with lines of its own. What it
//! closes over it may use as if it were called where it was written: `closure` sees to that, for which it may call a rule
//! that closes over anything once more when its function is called inside a trace.

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
