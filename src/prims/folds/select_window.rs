//! Elements that windows select: `select_and_gather_add` reads another array at the position of
//! each window's extremum, and `select_and_scatter_add` adds to an array at that position. Both are
//! composed, and derivatives of reductions over windows use them.

use crate::core::array::Array;
use crate::prims::folds::argminmax::first_attaining;
use crate::prims::folds::reduce::{try_reduce_max, try_reduce_min};
use crate::prims::folds::reduce_window::{ReduceWindow, side_by_side};
use crate::prims::folds::window::Window;
use crate::prims::places::gather::{GatherDims, Mode, try_gather, try_take_along_axis};
use crate::prims::places::scatter::{ScatterMode, try_scatter_add};
use crate::prims::points::identity::try_stop_gradient;
use crate::prims::rules::apply::{composed, expect};
use crate::prims::rules::numbers::place_dtype;
use crate::prims::shapes::broadcast::try_full;
use crate::prims::shapes::iota::try_iota;
use crate::prims::shapes::reshape::{try_expand_dims, try_reshape};
use cotangent_jit::kernel::Combine;
use cotangent_jit::{Error, Scalar, err};
use smallvec::smallvec;

/// The element of a window that is selected: the first that attains the extremum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Select {
    Greatest,
    Least,
}

impl Select {
    fn combine(self) -> Combine {
        match self {
            Select::Greatest => Combine::Max,
            Select::Least => Combine::Min,
        }
    }
}

/// `y[o] = x[p(o)]`, where `p(o)` is the position of the first greatest (or least) element of
/// window `o` of `operand`; 0 where the position is in the padding. Linear in `x`. Panics where
/// [`try_select_and_gather_add`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let (x, operand) = (array![10, 20, 30], array![1, 5, 2]);
/// let y = lax::select_and_gather_add(&x, &operand, lax::Select::Greatest, &lax::Window::new([2]));
/// assert_eq!(y.to_vec::<i32>(), [20, 20]);
/// ```
#[track_caller]
pub fn select_and_gather_add(x: &Array, operand: &Array, select: Select, window: &Window) -> Array {
    expect(try_select_and_gather_add(x, operand, select, window))
}

/// Returns the error of [`select_and_gather_add`] instead of panicking.
///
/// Fails if the shapes differ or the window does not fit.
#[track_caller]
pub fn try_select_and_gather_add(
    x: &Array,
    operand: &Array,
    select: Select,
    window: &Window,
) -> Result<Array, Error> {
    composed("select_and_gather_add", || {
        if x.shape() != operand.shape() {
            return Err(err!(
                Shape,
                "select_and_gather_add: expected operands of one shape, got {} and {}",
                x.aval(),
                operand.aval()
            ));
        }
        gather_selected(x, operand, &windows("select_and_gather_add", operand, select, window)?)
    })
}

/// `y[i] = sum of source[o] over the windows o of operand that select i`. Linear in `source`, the
/// transpose of [`select_and_gather_add`]. Panics where [`try_select_and_scatter_add`] gives an
/// error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let (source, operand) = (array![1, 2], array![1, 5, 2]);
/// let window = lax::Window::new([2]);
/// let y = lax::select_and_scatter_add(&source, &operand, lax::Select::Greatest, &window);
/// assert_eq!(y.to_vec::<i32>(), [0, 3, 0]);
/// ```
#[track_caller]
pub fn select_and_scatter_add(
    source: &Array,
    operand: &Array,
    select: Select,
    window: &Window,
) -> Array {
    expect(try_select_and_scatter_add(source, operand, select, window))
}

/// Returns the error of [`select_and_scatter_add`] instead of panicking.
///
/// Fails if the source does not have one element per window or the window does not fit.
#[track_caller]
pub fn try_select_and_scatter_add(
    source: &Array,
    operand: &Array,
    select: Select,
    window: &Window,
) -> Result<Array, Error> {
    composed("select_and_scatter_add", || {
        let windows = windows("select_and_scatter_add", operand, select, window)?;
        let outs = windows.window.outs("select_and_scatter_add", &operand.aval())?;
        if outs[..] != *source.shape() {
            return Err(err!(
                Shape,
                "select_and_scatter_add: expected a source of shape {outs:?}, one element per \
                 window, got {}",
                source.aval()
            ));
        }
        let zeros = try_full(&[operand.size()], Scalar::zero(source.dtype()))?;
        if source.size() == 0 || operand.size() == 0 {
            return try_reshape(&zeros, operand.shape());
        }
        let at = try_expand_dims(&selected(operand, &windows)?, &[source.ndim()])?;
        let sums = try_scatter_add(&zeros, &at, source, &elements(), ScatterMode::Drop)?;
        try_reshape(&sums, operand.shape())
    })
}

fn windows(
    name: &str,
    operand: &Array,
    select: Select,
    window: &Window,
) -> Result<ReduceWindow, Error> {
    let window = window.placed(name, &operand.aval())?;
    window.outs(name, &operand.aval())?;
    Ok(ReduceWindow { combine: select.combine(), window })
}

/// The dimension numbers for single elements of a vector.
fn elements() -> GatherDims {
    GatherDims {
        collapsed_slice_dims: smallvec![0],
        start_index_map: smallvec![0],
        ..GatherDims::default()
    }
}

/// The element of `x` at the position that each window of `operand` selects.
pub(crate) fn gather_selected(
    x: &Array,
    operand: &Array,
    windows: &ReduceWindow,
) -> Result<Array, Error> {
    let outs = windows.window.outs("select", &operand.aval())?;
    let zero = Scalar::zero(x.dtype());
    if operand.size() == 0 || outs.contains(&0) {
        return try_full(&outs, zero);
    }
    let at = try_expand_dims(&selected(operand, windows)?, &[outs.len()])?;
    let flat = try_reshape(x, &[x.size()])?;
    try_gather(&flat, &at, &elements(), &[1], Mode::Fill(zero))
}

/// The flat position that each window selects, or -1 in the padding.
fn selected(operand: &Array, windows: &ReduceWindow) -> Result<Array, Error> {
    let int = place_dtype(operand.size());
    let rank = operand.ndim();
    let places = try_reshape(&try_iota(int, &[operand.size()], 0)?, operand.shape())?;
    let outside = Array::strong_literal(Scalar::from_i64(int, -1).expect("an int"));
    let places = side_by_side(&places, &outside, &windows.window)?;
    let values = windows.windows(&try_stop_gradient(operand)?)?;
    let mut shape = values.to_shape();
    let each = shape.drain(rank..).product();
    shape.push(each);
    let (places, values) = (try_reshape(&places, &shape)?, try_reshape(&values, &shape)?);
    let extremum = if windows.combine == Combine::Max { try_reduce_max } else { try_reduce_min };
    let best = first_attaining(&values, rank, place_dtype(each), extremum)?;
    let best = try_expand_dims(&best, &[rank])?;
    let place = try_take_along_axis(&places, &best, rank, Mode::Promise)?;
    try_reshape(&place, &shape[..rank])
}
