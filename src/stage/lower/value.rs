//! Positions of the elements of a value: index maps and their algebra.
//!
//! Not here: groups and kernels.

use crate::core::aval::Shape;
use crate::core::lowering::{Piece, PointFn};
use cotangent_jit::Scalar;
use cotangent_jit::affine::Affine;
use cotangent_jit::program::{SlotId, View};
use smallvec::SmallVec;

/// A position in a slot, affine in the counters of the enclosing loops. Elements follow row-major.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    pub slot: SlotId,
    pub base: Affine,
}

impl Place {
    pub fn whole(slot: SlotId) -> Place {
        Place { slot, base: Affine::default() }
    }

    /// The place `by` elements further.
    pub fn shifted(&self, by: i64) -> Place {
        let mut base = self.base.clone();
        base.offset += by;
        Place { slot: self.slot, base }
    }

    pub fn view(&self) -> View {
        View { slot: self.slot, at: self.base.clone() }
    }
}

/// Index of a root: elements that are computed once, and that are in memory if some equation needs
/// them there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RootId(pub u32);

impl RootId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The definition of the element at given coordinates of a value.
#[derive(Clone)]
pub enum Def {
    Splat(Scalar),
    /// The root's element at this position.
    Strided {
        root: RootId,
        at: Affine,
    },
    /// Computed where it is needed, at these coordinates of the function's domain.
    Inline {
        f: PointFn,
        maps: Vec<Affine>,
    },
}

/// An input of a region.
#[derive(Clone)]
pub enum Arg {
    Splat(Scalar),
    /// The value lies in `len` elements from `place` on.
    Strided {
        place: Place,
        len: usize,
        at: Affine,
    },
    Inline {
        f: PointFn,
        maps: Vec<Affine>,
    },
}

/// The row-major position. Axes of one element have stride 0, and so have all axes of an empty
/// value.
pub fn dense(shape: &[usize]) -> Affine {
    let mut strides: SmallVec<[i64; 4]> = SmallVec::from_elem(0, shape.len());
    if !shape.contains(&0) {
        let mut stride = 1;
        for axis in (0..shape.len()).rev() {
            if shape[axis] != 1 {
                strides[axis] = stride;
                stride *= shape[axis] as i64;
            }
        }
    }
    Affine { offset: 0, strides }
}

/// The offset from which the elements follow row-major, if they do.
pub fn dense_offset(at: &Affine, shape: &[usize]) -> Option<i64> {
    let d = dense(shape);
    shape.iter().enumerate().all(|(n, _)| at.stride(n) == d.stride(n)).then_some(at.offset)
}

/// The map with stride 0 on axes of one element, so that equal maps are equal values.
fn canonical(mut at: Affine, shape: &[usize]) -> Affine {
    at.strides.resize(shape.len(), 0);
    if shape.contains(&0) {
        at.offset = 0;
        at.strides.fill(0);
    }
    for (stride, n) in at.strides.iter_mut().zip(shape) {
        if *n == 1 {
            *stride = 0;
        }
    }
    at
}

/// `at` after `maps`: one map per axis of the inner value, in the coordinates of an outer one of
/// this shape.
pub fn compose(at: &Affine, maps: &[Affine], shape: &[usize]) -> Affine {
    let mut sum = Affine { offset: at.offset, strides: SmallVec::from_elem(0, shape.len()) };
    for (axis, map) in maps.iter().enumerate() {
        let by = at.stride(axis);
        if by != 0 {
            sum.offset += by * map.offset;
            for (n, stride) in sum.strides.iter_mut().enumerate() {
                *stride += by * map.stride(n);
            }
        }
    }
    canonical(sum, shape)
}

/// The position of the same elements in row-major order under another shape, if that is affine.
pub fn reshape(at: &Affine, from: &[usize], to: &[usize]) -> Option<Affine> {
    if from.iter().product::<usize>() != to.iter().product() {
        return None;
    }
    if from.contains(&0) {
        return Some(canonical(Affine::constant(0), to));
    }
    // Runs of axes that one stride walks through, innermost first.
    let mut runs: SmallVec<[(usize, i64); 4]> = SmallVec::new();
    for axis in (0..from.len()).rev().filter(|a| from[*a] != 1) {
        let stride = at.stride(axis);
        match runs.last_mut() {
            Some((extent, inner)) if stride == *inner * *extent as i64 => *extent *= from[axis],
            _ => runs.push((from[axis], stride)),
        }
    }
    let mut strides: SmallVec<[i64; 4]> = SmallVec::from_elem(0, to.len());
    let mut runs = runs.into_iter();
    let (mut left, mut stride) = (1, 0);
    for axis in (0..to.len()).rev().filter(|a| to[*a] != 1) {
        if left == 1 {
            (left, stride) = runs.next()?;
        }
        if left % to[axis] != 0 {
            return None;
        }
        strides[axis] = stride;
        stride *= to[axis] as i64;
        left /= to[axis];
    }
    Some(Affine { offset: at.offset, strides })
}

/// The shape without axes of one element.
pub fn squeeze(shape: &[usize]) -> Shape {
    shape.iter().copied().filter(|n| *n != 1).collect()
}

/// The extent and the stride of these axes as one, if one stride walks through them in this order.
pub fn merge(at: &Affine, shape: &[usize], axes: &[usize]) -> Option<(usize, i64)> {
    let (mut extent, mut stride) = (1, 0);
    for &axis in axes.iter().rev().filter(|a| shape[**a] != 1) {
        let this = at.stride(axis);
        if extent == 1 {
            stride = this;
        } else if this != stride * extent as i64 {
            return None;
        }
        extent *= shape[axis];
    }
    Some((extent, stride))
}

/// The maps that take part `start..` of every axis.
pub fn shift(starts: impl IntoIterator<Item = i64>) -> Vec<Affine> {
    let map = |(n, start)| Affine { offset: start, ..Affine::counter(n) };
    starts.into_iter().enumerate().map(map).collect()
}

/// The position of the elements of a piece's taken part in a whole of this shape, before its
/// starts.
pub fn piece_position(shape: &[usize], piece: &Piece) -> Affine {
    let strides = dense(shape);
    let mut at = Affine { offset: 0, strides: SmallVec::from_elem(0, shape.len()) };
    for axis in 0..shape.len() {
        at.offset += strides.stride(axis) * piece.offset[axis];
        at.strides[axis] = strides.stride(axis) * piece.step[axis];
    }
    at
}

/// The maps under which counter `axis` walks along the axis, backwards if `reverse`.
pub fn along_axis(shape: &[usize], axis: usize, reverse: bool) -> Vec<Affine> {
    let mut maps: Vec<Affine> = (0..shape.len()).map(Affine::counter).collect();
    if reverse {
        maps[axis] = maps[axis].scale(-1).add(&Affine::constant(shape[axis] as i64 - 1));
    }
    maps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshapes_of_views() {
        let d = dense(&[2, 3, 4]);
        assert_eq!(reshape(&d, &[2, 3, 4], &[6, 4]), Some(dense(&[6, 4])));
        assert_eq!(reshape(&d, &[2, 3, 4], &[24, 1]), Some(dense(&[24, 1])));
        let transposed = Affine::new(0, [1, 2]);
        assert_eq!(reshape(&transposed, &[2, 3], &[6]), None);
        assert_eq!(reshape(&transposed, &[2, 3], &[2, 1, 3]), Some(Affine::new(0, [1, 0, 2])));
        let broadcast = Affine::new(5, [0, 0]);
        assert_eq!(reshape(&broadcast, &[2, 3], &[3, 2]), Some(broadcast));
        assert_eq!(reshape(&d, &[2, 0], &[0]), Some(Affine::new(0, [0])));
    }

    #[test]
    fn views_compose() {
        // Row 1 of a transposed [2, 3].
        let at = compose(&dense(&[2, 3]), &[Affine::counter(1), Affine::counter(0)], &[3, 2]);
        assert_eq!(at, Affine::new(0, [1, 3]));
        let row = compose(&at, &[Affine::constant(1), Affine::counter(0)], &[2]);
        assert_eq!(row, Affine::new(1, [3]));
        assert_eq!(merge(&dense(&[2, 3, 4]), &[2, 3, 4], &[1, 2]), Some((12, 1)));
        assert_eq!(merge(&dense(&[2, 3, 4]), &[2, 3, 4], &[0, 2]), None);
        assert_eq!(dense_offset(&Affine::new(7, [3, 1]), &[9, 3]), Some(7));
    }
}
