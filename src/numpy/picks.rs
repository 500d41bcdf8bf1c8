//! Places named by int arrays, along one axis or several: the coordinates as vectors, and the
//! windows of a gather there.
//!
//! Not here: how an index is made out (`index`), what updates do to the places (`update`).

use crate::core::array::Array;
use crate::core::aval::{Aval, Shape};
use crate::core::home::beside;
use crate::core::source::counting_from_end;
use crate::core::trace::eager;
use crate::prims::array::broadcast_shapes::{broadcast_shapes, broadcast_to};
use crate::prims::lax::{self, GatherDims, Mode};
use crate::prims::places::index_arithmetic::as_i64;
use crate::prims::rules::numbers::place_dtype;
use cotangent_jit::{DType, Error, Scalar, err};
use rustc_hash::FxHashMap;

/// Places in an operand, by their coordinates along some of its axes; along the others they are
/// whole.
#[derive(Clone)]
pub(super) struct Picks {
    axes: Shape,
    /// Coordinates, one more axis than the places have; negative ones have been counted from the
    /// end.
    vectors: Array,
    /// Where in the result the axes of the places stand.
    at: usize,
    /// What the coordinates were made of, for each axis, if all of it is known.
    known: Option<Vec<(usize, Array)>>,
}

impl Picks {
    /// Along one axis, which the axes of `indices` replace.
    pub fn along(op: &str, x: &Aval, indices: &Array, axis: usize) -> Result<Picks, Error> {
        Picks::new(op, x, &[(axis, indices.clone())], axis)
    }

    /// Along the axes that these arrays stand for, broadcast against each other.
    pub fn new(op: &str, x: &Aval, arrays: &[(usize, Array)], at: usize) -> Result<Picks, Error> {
        let avals: Vec<Aval> = arrays.iter().map(|(_, i)| i.aval()).collect();
        let shape = broadcast_shapes(op, &avals)?;
        let counted: Result<Vec<Array>, Error> =
            arrays.iter().map(|(axis, i)| wrapped(op, i, x.shape[*axis])).collect();
        let mut counted = counted?;
        // As i32 a large u32 would be negative.
        if counted.len() > 1 && counted.iter().any(|i| i.dtype() != DType::I32) {
            counted = counted.iter().map(as_i64).collect::<Result<_, Error>>()?;
        }
        let column = |i: &Array| lax::try_expand_dims(&broadcast_to(i, &shape)?, &[shape.len()]);
        let coordinates = counted.iter().map(column).collect::<Result<Vec<_>, Error>>()?;
        let vectors = match &coordinates[..] {
            [one] => one.clone(),
            several => lax::try_concatenate(several, shape.len())?,
        };
        let known = arrays.iter().all(|(_, i)| !i.is_tracer()).then(|| arrays.to_vec());
        Ok(Picks { axes: arrays.iter().map(|(axis, _)| *axis).collect(), vectors, at, known })
    }

    /// The same axes at other places.
    fn of(&self, vectors: Array) -> Picks {
        Picks { vectors, known: None, ..self.clone() }
    }

    /// The coordinates of all places as rows, and the picks of one row.
    pub fn one_by_one(&self) -> Result<(Array, impl Fn(Array) -> Picks), Error> {
        let rows = lax::try_reshape(&self.vectors, &[self.count(), self.axes.len()])?;
        Ok((rows, |row| self.of(row)))
    }

    /// Picks that name no place of `x` twice, together as often as these do, if the places are
    /// known. With `clip`, places out of range are those at the edges.
    pub fn apart(&self, x: &Aval, clip: bool) -> Result<Option<Vec<Picks>>, Error> {
        let Some(arrays) = &self.known else { return Ok(None) };
        let numbers = eager(|| {
            let picks = Picks::new("index", x, arrays, self.at)?;
            lax::try_convert_element_type(&picks.vectors, DType::I64)?.try_to_vec::<i64>()
        })?;
        let width = self.axes.len();
        let mut met: FxHashMap<Vec<i64>, usize> = FxHashMap::default();
        let mut rounds: Vec<Vec<i64>> = Vec::new();
        for place in numbers.chunks(width) {
            let edge = |(i, axis): (&i64, &usize)| match clip {
                true => (*i).clamp(0, x.shape[*axis] as i64 - 1),
                false => *i,
            };
            let before = met.entry(place.iter().zip(&self.axes).map(edge).collect()).or_insert(0);
            if *before == rounds.len() {
                rounds.push(Vec::new());
            }
            rounds[*before].extend(place);
            *before += 1;
        }
        let picks =
            |round: Vec<i64>| Ok(self.of(Array::try_new(&round, [round.len() / width, width])?));
        rounds.into_iter().map(picks).collect::<Result<_, Error>>().map(Some)
    }

    /// The shape of the places.
    pub fn shape(&self) -> &[usize] {
        self.vectors.shape().split_last().map_or(&[], |(_, shape)| shape)
    }

    /// How many places there are.
    pub fn count(&self) -> usize {
        self.shape().iter().product()
    }

    /// The index vectors, for scatters.
    pub fn vectors(&self) -> &Array {
        &self.vectors
    }

    /// The shape of what is read from an operand of this shape.
    pub fn result_shape(&self, x: &[usize]) -> Shape {
        let others = (0..x.len()).filter(|a| !self.axes.contains(a)).map(|a| x[a]);
        let mut shape: Shape = others.collect();
        shape.insert_many(self.at, self.shape().iter().copied());
        shape
    }

    /// Dimension numbers for an operand of this rank.
    pub fn dims(&self, rank: usize) -> GatherDims {
        let (at, places) = (self.at, self.shape().len());
        let whole = rank - self.axes.len();
        let mut collapsed = self.axes.clone();
        collapsed.sort_unstable();
        GatherDims {
            offset_dims: (0..at).chain(at + places..whole + places).collect(),
            collapsed_slice_dims: collapsed,
            start_index_map: self.axes.clone(),
            ..GatherDims::default()
        }
    }

    /// Sizes of the windows: whole but for one entry along the axes picked from.
    pub fn sizes(&self, x: &[usize]) -> Shape {
        let size = |a: usize| if self.axes.contains(&a) { 1 } else { x[a] };
        (0..x.len()).map(size).collect()
    }

    /// What is there; out of range by `mode`.
    pub fn read(&self, op: &str, x: &Array, mode: Mode) -> Result<Array, Error> {
        if self.count() == 0 {
            return lax::try_full(&self.result_shape(x.shape()), Scalar::zero(x.dtype()));
        }
        if let Some(axis) = self.axes.iter().find(|a| x.shape()[**a] == 0) {
            return Err(err!(Axis, "{op}: axis {axis} of {} has no entries", x.aval()));
        }
        lax::try_gather(x, &self.vectors, &self.dims(x.ndim()), &self.sizes(x.shape()), mode)
    }
}

/// Indices into an axis of `n` entries with negative ones counted from the end; those of 8 and 16
/// bits as i32, and these as i64 if they cannot count the entries.
pub(super) fn wrapped(op: &str, indices: &Array, n: usize) -> Result<Array, Error> {
    let dtype = indices.dtype();
    if !dtype.is_int() {
        let cure = if dtype.is_bool() { "; use select with a mask" } else { "" };
        return Err(err!(DType, "{op}: expected int indices, got {}{cure}", indices.aval()));
    }
    if dtype.size() < 4 {
        return wrapped(op, &lax::try_convert_element_type(indices, DType::I32)?, n);
    }
    if dtype == DType::I32 && place_dtype(n) == DType::I64 {
        return wrapped(op, &lax::try_convert_element_type(indices, DType::I64)?, n);
    }
    if dtype.is_unsigned() {
        return Ok(indices.clone());
    }
    let number = |i: i64| {
        Scalar::from_i64(dtype, i)
            .map(Array::strong_literal)
            .ok_or_else(|| err!(DType, "{op}: indices of {dtype} are not supported"))
    };
    counting_from_end();
    let from_end = lax::try_add(indices, &number(n as i64)?)?;
    lax::try_select_n(&lax::try_lt(indices, &number(0)?)?, &[indices, &from_end])
}

/// The places where a mask holds, one vector of coordinates per axis. The mask must be concrete:
/// their number is a shape.
pub(super) fn places_of(mask: &Array) -> Result<Vec<Array>, Error> {
    if mask.is_tracer() {
        return Err(err!(
            Tracer,
            "index: the mask is traced, {}, and how many places it has would be a shape; compute \
             with where_ or select, or make the mask outside or in eager(..)",
            mask.aval()
        ));
    }
    let holds = mask.try_to_vec::<bool>()?;
    let mut coordinates = vec![Vec::new(); mask.ndim()];
    for (flat, _) in holds.iter().enumerate().filter(|(_, holds)| **holds) {
        let mut rest = flat;
        for (axis, &n) in mask.shape().iter().enumerate().rev() {
            coordinates[axis].push((rest % n) as i64);
            rest /= n;
        }
    }
    Ok(beside(mask, || coordinates.into_iter().map(Array::from).collect()))
}
