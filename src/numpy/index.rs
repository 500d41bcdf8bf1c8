//! Indexing: `x.index(s![1.., -1, newaxis])`, as slices, reversals, reshapes and gathers. What can
//! be written is in `entries`.
//!
//! NumPy's rules: ints drop their axis, ranges keep it, `...` stands for the axes not named,
//! `newaxis` puts in one of size 1; int arrays are broadcast against each other and replaced by the
//! axes of that (in front, if other entries stand between them or ints). A mask stands for the
//! arrays of the places where it holds. Scalar arrays are ints whose value may be computed. What to
//! do with the places found is in `at`.

use super::fallible::methods;
use super::picks::{Picks, places_of, wrapped};
use crate::core::array::Array;
use crate::core::aval::{Aval, Shape};
use crate::prims::lax::{self, Mode};
use crate::prims::places::dynamic_slice::try_slice_at;
use crate::prims::places::index_arithmetic::as_i64;
use cotangent_jit::{Error, Scalar, err, plural};

pub use super::entries::{Index, Indices};

methods! {
    //! # Index

    /// The part of an array that an index names; see [`s!`](crate::s) for its entries.
    ///
    /// Ints and ends of ranges count from the end if negative. An int out of range is an error;
    /// ranges are cut to the axis, computed indices moved into range. A mask of bools must be
    /// concrete. Linear; the derivative indexes the tangent.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![10, 20, 30];
    /// assert_eq!(x.index(-1).item::<i32>(), 30);
    /// assert_eq!(x.index(1..).to_vec::<i32>(), [20, 30]);
    /// assert_eq!(x.index(&array![2, 0]).to_vec::<i32>(), [30, 10]);
    /// assert_eq!(x.index(x.gt(10)).to_vec::<i32>(), [20, 30]);
    /// let y = arange(12).reshape([3, 4]);
    /// assert_eq!(y.index(s![&array![0, 2], &array![3, 1]]).to_vec::<i32>(), [3, 9]);
    /// ```
    #[doc(alias = "__getitem__")]
    fn index, try_index(self, indices: impl Indices) -> Array {
        Plan::new(&self.aval(), indices.indices())?.read(self)
    }
}

/// Where along an axis a box starts.
#[derive(Clone)]
pub(super) enum Start {
    At(usize),
    Computed(Array),
}

/// Which part of an axis is meant.
#[derive(Clone)]
pub(super) struct Along {
    pub start: Start,
    pub count: usize,
    pub stride: usize,
    pub reversed: bool,
    /// Whether the result has the axis.
    pub kept: bool,
}

/// An index made out against a shape: a box of the operand, then places in the axes that are kept,
/// then new axes.
pub(super) struct Plan {
    pub along: Vec<Along>,
    /// Places in the box without what it drops.
    pub picked: Option<Picks>,
    /// Where the result has new axes.
    pub new_axes: Shape,
}

/// An entry, and the size that its axis must have if it comes of a mask.
struct Entry {
    index: Index,
    size: Option<usize>,
}

impl Plan {
    pub fn new(x: &Aval, indices: Vec<Index>) -> Result<Plan, Error> {
        let mut entries = Vec::new();
        for index in indices {
            match index {
                Index::Array(mask) if mask.dtype().is_bool() && mask.ndim() > 0 => {
                    let sizes = mask.to_shape();
                    let one = |(i, n)| Entry { index: Index::Array(i), size: Some(n) };
                    entries.extend(places_of(&mask)?.into_iter().zip(sizes).map(one));
                }
                index => entries.push(Entry { index, size: None }),
            }
        }
        let named = entries.iter().filter(|e| !matches!(e.index, Index::Ellipsis | Index::NewAxis));
        let named = named.count();
        let rest = x.rank().checked_sub(named).ok_or_else(|| {
            let most = plural(x.rank(), "entry");
            err!(Axis, "index: expected at most {most}, one for each axis of {x}, got {named}")
        })?;
        let mut dots = (0..entries.len()).filter(|i| matches!(entries[*i].index, Index::Ellipsis));
        let (first, second) = (dots.next(), dots.next());
        if second.is_some() {
            return Err(err!(Axis, "index: expected at most one ..., got two"));
        }
        let at = first.unwrap_or(entries.len());
        // The ellipsis itself stays in front of what it stands for: it separates arrays, also where
        // it stands for nothing.
        let at = at + usize::from(first.is_some());
        let whole = std::iter::repeat_with(|| Entry { index: Index::from(..), size: None });
        entries.splice(at..at, whole.take(rest));
        Plan::of_entries(x, &entries)
    }

    /// One entry per axis, new axes, and an ellipsis that stands for nothing more.
    fn of_entries(x: &Aval, entries: &[Entry]) -> Result<Plan, Error> {
        let mut along = Vec::new();
        let mut arrays: Vec<(usize, Array)> = Vec::new();
        let mut kept = Shape::new();
        // What NumPy looks at: entries that are ints or arrays, and whether others stand between
        // them.
        let mut advanced = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            let axis = along.len();
            match &entry.index {
                Index::NewAxis | Index::Ellipsis => continue,
                Index::At(i) => {
                    along.push(one_of(x, axis, *i)?);
                    advanced.push(place);
                }
                Index::Range { start, stop, step } => {
                    let range = range_of(x, axis, *start, *stop, *step)?;
                    kept.push(range.count);
                    along.push(range);
                }
                Index::Array(i) if i.ndim() == 0 => {
                    let start = wrapped("index", i, x.shape[axis])?;
                    let start = Start::Computed(as_i64(&start)?);
                    along.push(Along { start, count: 1, stride: 1, reversed: false, kept: false });
                    advanced.push(place);
                }
                Index::Array(i) => {
                    let n = x.shape[axis];
                    if let Some(size) = entry.size.filter(|size| *size != n) {
                        return Err(err!(
                            Shape,
                            "index: axis {axis} of {x} has size {n}, the mask has {size} there"
                        ));
                    }
                    arrays.push((kept.len(), i.clone()));
                    along.push(range_of(x, axis, None, None, 1)?);
                    kept.push(n);
                    advanced.push(place);
                }
            }
        }
        let mut plan = Plan { along, picked: None, new_axes: Shape::new() };
        let together = advanced.windows(2).all(|w| w[1] == w[0] + 1);
        if let Some((first, _)) = arrays.first() {
            let at = if together { *first } else { 0 };
            let part = x.with_shape(kept);
            plan.picked = Some(Picks::new("index", &part, &arrays, at)?);
        }
        plan.place_new_axes(entries, together);
        Ok(plan)
    }

    fn place_new_axes(&mut self, entries: &[Entry], together: bool) {
        let mut rank = self.picked.as_ref().map_or(0, |p| p.shape().len());
        // The axes of the places stand where the first array does, once.
        let mut at = if together { 0 } else { std::mem::take(&mut rank) };
        for entry in entries {
            match &entry.index {
                Index::NewAxis => {
                    self.new_axes.push(at);
                    at += 1;
                }
                Index::Range { .. } => at += 1,
                Index::Array(i) if i.ndim() > 0 => at += std::mem::take(&mut rank),
                _ => {}
            }
        }
    }

    /// Sizes of the box.
    pub fn box_shape(&self) -> Shape {
        self.along.iter().map(|a| a.count).collect()
    }

    pub fn kept_shape(&self) -> Shape {
        self.along.iter().filter(|a| a.kept).map(|a| a.count).collect()
    }

    pub fn read(&self, x: &Array) -> Result<Array, Error> {
        self.read_in(x, Mode::Clip)
    }

    /// The part, with what an int array names out of range by `mode`.
    pub fn read_in(&self, x: &Array, mode: Mode) -> Result<Array, Error> {
        let mut result = lax::try_reshape(&self.read_box(x)?, &self.kept_shape())?;
        if let Some(picks) = &self.picked {
            result = picks.read("index", &result, mode)?;
        }
        if let (Mode::Fill(value), Some(inside)) = (mode, self.inside(x)?) {
            result = lax::try_select_n(&inside, &[&Array::strong_literal(value), &result])?;
        }
        lax::try_expand_dims(&result, &self.new_axes)
    }

    /// The box, with all axes.
    pub fn read_box(&self, x: &Array) -> Result<Array, Error> {
        let fixed = |a: &Along| match a.start {
            Start::At(i) => (i, i + span(a), a.stride),
            Start::Computed(_) => (0, usize::MAX, 1),
        };
        let parts: Vec<(usize, usize, usize)> = self.along.iter().map(fixed).collect();
        let starts: Shape = parts.iter().map(|p| p.0).collect();
        let limits: Shape = parts.iter().zip(x.shape()).map(|(p, n)| p.1.min(*n)).collect();
        let strides: Shape = parts.iter().map(|p| p.2).collect();
        let part = lax::try_slice(x, &starts, &limits, &strides)?;
        let part = lax::try_rev(&part, &self.reversed())?;
        if self.along.iter().all(|a| matches!(a.start, Start::At(_))) {
            return Ok(part);
        }
        let zero = Array::strong_literal(Scalar::from(0i64));
        let starts: Vec<Array> = self
            .along
            .iter()
            .map(|a| if let Start::Computed(i) = &a.start { i.clone() } else { zero.clone() })
            .collect();
        try_slice_at(&part, &starts, &self.box_shape())
    }

    /// Whether all computed ints lie within their axes of `x`; `None` if there are none.
    pub fn inside(&self, x: &Array) -> Result<Option<Array>, Error> {
        let mut inside = None;
        for (a, &n) in self.along.iter().zip(x.shape()) {
            let Start::Computed(start) = &a.start else { continue };
            let number = |i: usize| Array::strong_literal(Scalar::from(i as i64));
            let low = lax::try_ge(start, &number(0))?;
            let here = lax::try_and(&low, &lax::try_lt(start, &number(n))?)?;
            inside = Some(match inside {
                None => here,
                Some(before) => lax::try_and(&before, &here)?,
            });
        }
        Ok(inside)
    }

    pub fn reversed(&self) -> Shape {
        (0..self.along.len()).filter(|a| self.along[*a].reversed).collect()
    }
}

/// From the first element to after the last.
pub(super) fn span(a: &Along) -> usize {
    if a.count == 0 { 0 } else { (a.count - 1) * a.stride + 1 }
}

fn one_of(x: &Aval, axis: usize, i: i64) -> Result<Along, Error> {
    let n = x.shape[axis];
    let Some(i) = super::axes::axis_below(i, n) else {
        return Err(err!(Axis, "index: {i} is out of range for axis {axis} of {x}"));
    };
    Ok(Along { start: Start::At(i), count: 1, stride: 1, reversed: false, kept: false })
}

/// Python's rules: ends count from the end if negative and are cut to the axis.
fn range_of(
    x: &Aval,
    axis: usize,
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
) -> Result<Along, Error> {
    let n = x.shape[axis] as i64;
    if step == 0 {
        return Err(err!(Value, "index: expected a step other than 0 for axis {axis} of {x}"));
    }
    let from_start = |i: i64| if i < 0 { i + n } else { i };
    let (first, count) = if step > 0 {
        let start = start.map_or(0, |i| from_start(i).clamp(0, n));
        let stop = stop.map_or(n, |i| from_start(i).clamp(0, n));
        (start, (stop - start).max(0) as u64)
    } else {
        let start = start.map_or(n - 1, |i| from_start(i).clamp(-1, n - 1));
        let stop = stop.map_or(-1, |i| from_start(i).clamp(-1, n - 1));
        (start, (start - stop).max(0) as u64)
    };
    let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    let count = (count as usize).div_ceil(stride);
    let reversed = step < 0 && count > 1;
    // The box starts at its lowest element.
    let low = match count {
        0 => 0,
        _ if step < 0 => first as usize - (count - 1) * stride,
        _ => first as usize,
    };
    let stride = if count > 1 { stride } else { 1 };
    Ok(Along { start: Start::At(low), count, stride, reversed, kept: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cotangent_jit::DType;

    fn along(n: usize, start: Option<i64>, stop: Option<i64>, step: i64) -> Vec<usize> {
        let a = range_of(&Aval::new([n], DType::F32), 0, start, stop, step).unwrap();
        let Start::At(low) = a.start else { unreachable!() };
        let mut all: Vec<usize> = (0..a.count).map(|i| low + i * a.stride).collect();
        if a.reversed {
            all.reverse();
        }
        all
    }

    #[test]
    fn ranges_follow_python() {
        assert_eq!(along(5, Some(1), None, 1), [1, 2, 3, 4]);
        assert_eq!(along(5, None, Some(-1), 2), [0, 2]);
        assert_eq!(along(5, None, None, -1), [4, 3, 2, 1, 0]);
        assert_eq!(along(5, Some(-2), Some(0), -2), [3, 1]);
        assert_eq!(along(5, Some(9), Some(-9), -3), [4, 1]);
        assert_eq!(along(5, Some(3), Some(3), 1), []);
        assert_eq!(along(0, None, None, -1), []);
    }
}
