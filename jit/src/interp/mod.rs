//! The oracle: it executes kernels and programs as their definitions read. Tests compare every
//! backend with it.
//!
//! | file | what it gives meaning to |
//! | --- | --- |
//! | [`scalar`] | one op on scalars, the odd inputs included |
//! | [`elementary`] | any op, elementary functions by their definitions |
//! | [`kernel`] | one kernel: points, loads, stores, reductions |
//! | [`program`] | steps, slots and routines |
//!
//! Nothing here is fast, and nothing here knows a device. Two things are not part of the meaning
//! and may differ in a backend: the order of the sums of a matrix product, and the payload and sign
//! of a NaN that an arithmetic op made. (`neg`, `abs`, `select`, `bitcast`, loads and stores keep
//! the bits of a NaN.)

pub mod elementary;
pub mod kernel;
#[cfg(test)]
mod known_values;
mod linalg;
mod memory;
pub mod program;
mod routine;
pub mod scalar;
mod scatter;

pub use elementary::op_value;
pub use kernel::run_kernel;
pub use program::{run, run_sharing};
