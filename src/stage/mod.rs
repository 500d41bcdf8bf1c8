//! From jaxpr to arrays: lowering, fusion, executables and their cache, devices.
//!
//! ```text
//! jaxpr --lower--> program --plan, verify--> program --backend--> executable --run--> arrays
//! ```

pub mod cache;
pub mod device;
mod dispatch;
pub mod eager;
pub mod executable;
pub mod inspect;
mod lower;
pub mod nan_check;
mod nan_search;
pub mod placement;
pub mod run;
pub mod subnormals;
#[cfg(test)]
mod tests;

pub use run::{interpret, run_jaxpr};
