//! What updates do to the part of an array that an index names: to a box at every point, to places
//! of an int array by scatters.
//!
//! Not here: which part that is, and putting it back (`at`, `index`).

use super::picks::Picks;
use crate::api::control::{ScanOptions, try_scan};
use crate::core::array::Array;
use crate::core::source::{afresh, raise};
use crate::prims::lax::{self, Mode, ScatterMode, Scattering};
use cotangent_jit::{Error, Scalar, err};

/// What an update does with the present value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Update {
    Set,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Min,
    Max,
}

impl Update {
    /// Of a box.
    pub fn of(self, part: &Array, value: &Array) -> Result<Array, Error> {
        match self {
            Update::Set => Ok(value.clone()),
            Update::Add => lax::try_add(part, value),
            Update::Subtract => lax::try_sub(part, value),
            Update::Multiply => lax::try_mul(part, value),
            Update::Divide => lax::try_div(floats("divide", part)?, value),
            Update::Power => lax::try_pow(floats("power", part)?, value),
            Update::Min => lax::try_min(part, value),
            Update::Max => lax::try_max(part, value),
        }
    }

    /// Of the places. Divisors and exponents of one place are multiplied first.
    pub fn put_in(
        self,
        x: &Array,
        picks: &Picks,
        value: &Array,
        how: Scattering,
    ) -> Result<Array, Error> {
        if picks.count() == 0 || x.size() == 0 {
            return Ok(x.clone());
        }
        let (at, dims) = (picks.vectors(), &picks.dims(x.ndim()));
        let factor = || {
            let ones = lax::try_full(x.shape(), Scalar::one(x.dtype()))?;
            lax::try_scatter_mul(&ones, at, value, dims, how)
        };
        match self {
            Update::Set => lax::try_scatter(x, at, value, dims, how),
            Update::Add => lax::try_scatter_add(x, at, value, dims, how),
            Update::Subtract => lax::try_scatter_add(x, at, &lax::try_neg(value)?, dims, how),
            Update::Multiply => lax::try_scatter_mul(x, at, value, dims, how),
            Update::Divide => lax::try_div(floats("divide", x)?, &factor()?),
            Update::Power => lax::try_pow(floats("power", x)?, &factor()?),
            Update::Min => lax::try_scatter_min(x, at, value, dims, how),
            Update::Max => lax::try_scatter_max(x, at, value, dims, how),
        }
    }
}

fn floats<'a>(op: &str, x: &'a Array) -> Result<&'a Array, Error> {
    if x.dtype().is_inexact() {
        return Ok(x);
    }
    Err(err!(DType, "{op}: expected floats, got {}; convert it with astype", x.aval()))
}

/// As many rounds of known places are written one after the other; more are a loop.
const FEW: usize = 4;

/// The places replaced by `f` of what is there, as often as they occur: all at once where no place
/// occurs twice, else in rounds of places that do not meet, or one after the other where it is not
/// known which do.
pub(super) fn apply_in(
    x: &Array,
    picks: &Picks,
    mode: ScatterMode,
    unique: bool,
    f: &dyn Fn(&Array) -> Array,
) -> Result<Array, Error> {
    if picks.count() == 0 || x.size() == 0 {
        return Ok(x.clone());
    }
    if unique || picks.count() == 1 {
        return apply_once(x, picks, mode, f);
    }
    let rounds = picks.apart(&x.aval(), mode == ScatterMode::Clip)?;
    if let Some(rounds) = rounds.filter(|r| r.len() <= FEW) {
        return rounds.iter().try_fold(x.clone(), |x, round| apply_once(&x, round, mode, f));
    }
    let (rows, picks) = picks.one_by_one()?;
    let step = |x: Array, row: Array| (raise(apply_once(&x, &picks(row), mode, f)), ());
    let (x, ()) = try_scan(step, x.clone(), rows, ScanOptions::default())?;
    Ok(x)
}

/// Of places that do not meet.
fn apply_once(
    x: &Array,
    picks: &Picks,
    mode: ScatterMode,
    f: &dyn Fn(&Array) -> Array,
) -> Result<Array, Error> {
    let (vectors, dims) = (picks.vectors(), picks.dims(x.ndim()));
    // What is dropped is computed of ones, on which no element of the array has an influence, nor a
    // derivative in it.
    let beyond = match mode {
        ScatterMode::Drop => Mode::Fill(Scalar::one(x.dtype())),
        _ => Mode::Clip,
    };
    let read = lax::try_gather(x, vectors, &dims, &picks.sizes(x.shape()), beyond)?;
    let how = Scattering { mode, unique_indices: true };
    lax::try_scatter(x, vectors, &applied(&read, f)?, &dims, how)
}

/// What the user's function makes of a part, which must be like it.
pub(super) fn applied(part: &Array, f: &dyn Fn(&Array) -> Array) -> Result<Array, Error> {
    let made = afresh(|| f(part));
    if made.aval() == part.aval() {
        return Ok(made);
    }
    let (expected, got) = (part.aval(), made.aval());
    Err(err!(Shape, "apply: the function should return {expected}, as it takes, got {got}"))
}
