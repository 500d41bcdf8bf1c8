//! Runs an operation outside of traces, and checks its outputs for NaN while such a check is on.
//!
//! `core::eager` calls this file. Not here: how a primitive runs (`dispatch`).

use super::dispatch::dispatch;
use super::nan_check::{self, NanCheck};
use super::nan_search::check_primitive;
use crate::core::array::Array;
use crate::core::primitive::{Arrays, Prim};
use crate::core::source;
use cotangent_jit::Error;

/// Computes a primitive on concrete arrays and literals.
#[track_caller]
pub fn run(prim: &Prim, inputs: &[Array]) -> Result<Arrays, Error> {
    let at = source::here();
    dispatch(prim, inputs, |outputs| match nan_check::current() {
        NanCheck::NONE => Ok(outputs),
        check => check_primitive(check, prim, at, inputs, &outputs).map(|()| outputs),
    })
}
