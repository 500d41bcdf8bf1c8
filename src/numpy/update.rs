//! What updates do to the part of an array that an index names: to a box at every point, to places of an int array by
//! scatters.
//!
//! Not here: which part that is, and putting it back (`at`, `index`).

use super::picks::Picks;
use crate::api::control::try_while_loop;
use crate::core::array::Array;
use crate::prims::lax::{self, Mode, ScatterMode, Scattering};
use crate::prims::numbers::number;
use cotangent_jit::{DType, Error, Scalar, err};

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

/// The places replaced by `f` of what is there, as often as they occur.
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
    let (vectors, dims) = (picks.vectors(), picks.dims(x.ndim()));
    let sizes = picks.sizes(x.shape());
    if unique || picks.count() == 1 {
        let read = lax::try_gather(x, vectors, &dims, &sizes, Mode::Clip)?;
        let how = Scattering { mode, unique_indices: true };
        return lax::try_scatter(x, vectors, &f(&read), &dims, how);
    }
    let int = |i: i32| Array::strong_literal(Scalar::from(i));
    let none = lax::try_full(x.shape(), Scalar::zero(DType::I32))?;
    let windows = lax::try_gather(&none, vectors, &dims, &sizes, Mode::Clip)?;
    let ones = lax::try_add(&windows, &int(1))?;
    let times = lax::try_scatter_add(&none, vectors, &ones, &dims, mode)?;
    let most = lax::try_reduce_max(&times, &Vec::from_iter(0..times.ndim()))?;
    let round = |(n, x): (Array, Array)| {
        let due = lax::gt(&times, &lax::broadcast_in_dim(&n, x.shape(), &[]));
        let next = lax::select_n(&due, &[&x, &f(&x)]);
        (lax::add(&n, &int(1)), next)
    };
    let start = (number(0.0, DType::I32), x.clone());
    let (_, x) = try_while_loop(|(n, _): (Array, Array)| lax::lt(&n, &most), round, start)?;
    Ok(x)
}
