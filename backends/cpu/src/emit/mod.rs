//! Emission of Cranelift's IR for kernels and drivers.
//!
//! | file | contents |
//! | --- | --- |
//! | `emitter.rs` | the state of the emission of one kernel; addresses of its buffers |
//! | `kernel.rs` | the loops of a kernel, and a kernel as a function |
//! | `nodes.rs` | loads, gathers, ops and stores |
//! | `runs.rs` | gathers and stores at computed positions that advance by one |
//! | `reduce.rs` | reductions |
//! | `carry.rs` | carries of sequential loops |
//! | `outline.rs` | the elementary functions that kernels call |
//! | `driver.rs` | a whole program as one function |
//! | `control.rs` | loops and branches of the driver |
//! | `bands.rs` | launches that are done band by band |
//!
//! The choice of loops, lanes, stages and calls does not live here (see `plan`).

pub mod bands;
pub mod carry;
pub mod control;
pub mod driver;
pub mod emitter;
pub mod kernel;
pub mod nodes;
pub mod outline;
pub mod reduce;
pub mod runs;
