//! Initial value problems `y' = f(y, t, p)`, `y(t_0) = y_0`, written in public functions only.
//!
//! | function | steps | derivatives |
//! | --- | --- | --- |
//! | [`rk4`] | as given | both modes, to any order |
//! | [`dopri5`] | chosen, to a tolerance | forward; reverse with [`OdeOptions::reverse`] |
//! | [`odeint`] | chosen, to a tolerance | reverse, by the adjoint equation |
//!
//! States and parameters are pytrees of floats or complex numbers. Everything jits and batches:
//! under `vmap` each lane takes steps of its own.

mod adaptive;
mod adjoint;
mod dormand_prince;
mod field;
mod runge_kutta;

pub use adaptive::{dopri5, try_dopri5};
pub use adjoint::{odeint, try_odeint};
pub use field::{OdeOptions, OdeStats, OdeStatus};
pub use runge_kutta::{rk4, try_rk4};
