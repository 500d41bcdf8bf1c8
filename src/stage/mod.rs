//! From jaxpr to arrays: lowering, fusion, executables and their cache, devices.

pub mod device;
pub mod eager;
mod lower;
