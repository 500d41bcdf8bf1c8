//! The oracle: what kernels and programs mean, executed as their definitions read. Every backend is compared with it.
//!
//! | file | what it gives meaning to |
//! | --- | --- |
//! | [`scalar`] | one op on scalars, the odd inputs included |
//! | [`elementary`] | any op, elementary functions by their definitions |
//! | [`kernel`] | one kernel: points, loads, stores, reductions |
//! | [`program`] | steps, slots and routines |
//!
//! Nothing here is fast, and nothing here knows a device. What is not part of the meaning, and so may differ between this
//! and a backend: the order of a float reduction, and the payload and sign of a NaN that an arithmetic op made (`neg`,
//! `abs`, `select`, `bitcast`, loads and stores do keep a NaN's bits).

pub mod elementary;
pub mod kernel;
#[cfg(test)]
mod known_values;
mod linalg;
mod memory;
pub mod program;
mod routine;
pub mod scalar;

pub use elementary::op_value;
pub use kernel::run_kernel;
pub use program::{run, run_sharing};
