//! The precision of products as a parameter of primitives: written, read, checked.
//!
//! Not here: the scope that sets it (`core::mode`).

use crate::core::aval::Aval;
use crate::core::params::Param;
use crate::prims::entry::Args;
use cotangent_jit::program::Precision;
use cotangent_jit::{Error, err};

/// The precision as a parameter, unless it is the usual one.
pub(crate) fn precision_param(precision: Precision) -> Option<(&'static str, Param)> {
    (precision != Precision::Full).then(|| ("precision", Param::Name(precision.name().into())))
}

/// The precision among the parameters.
pub(crate) fn precision_of(args: &Args) -> Result<Precision, Error> {
    if !args.has("precision") {
        return Ok(Precision::Full);
    }
    let name = args.name("precision")?;
    let prim = args.prim;
    Precision::named(name).ok_or_else(|| err!(Parse, "{prim}: {name} is no precision"))
}

/// Errors unless products of this type have the precision.
pub(crate) fn expect_precision(op: &str, precision: Precision, x: &Aval) -> Result<(), Error> {
    if precision.fits(x.dtype) {
        return Ok(());
    }
    let name = precision.name();
    Err(err!(DType, "{op}: expected f32 or c64 for the precision {name}, got {x}"))
}
