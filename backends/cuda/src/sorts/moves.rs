//! Around the passes over long rows: keys of elements before, elements by their positions after.

use super::body::Body;
use super::extents::Rows;
use super::keys::{self, Rank};
use crate::ptx::{Class, Value};
use cotangent_jit::DType;

/// Keys of elements, row after row, in the order of their positions so far. Operands: elements,
/// positions, keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keys {
    pub rows: Rows,
    pub dtype: DType,
    pub rank: Rank,
    /// The positions are those of the rows as they are, and are written.
    pub first: bool,
}

/// A result of a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gathered {
    /// The element of a source at its position.
    Element { source: usize, size: usize },
    /// The position.
    Position { size: usize },
}

impl Gathered {
    /// Bytes of a result.
    pub fn size(self) -> usize {
        match self {
            Gathered::Element { size, .. } | Gathered::Position { size } => size,
        }
    }
}

/// A result for the first places of each row. Operands: positions, elements if it takes some, and
/// the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Take {
    pub rows: Rows,
    pub taken: usize,
    pub what: Gathered,
}

pub fn keys(b: &mut Body, k: &Keys) {
    let Keys { rows, dtype, rank, first } = *k;
    let (place, end) = b.number(rows.elements());
    let (row, nth) = b.divide(place, rows.len);
    let (position, at) = match first {
        true => (nth, b.at(1, place, 4)),
        false => {
            let at = b.at(1, place, 4);
            (b.load(at, 4, None), at)
        }
    };
    let (outer, inner) = b.divide(row, rows.inner);
    let from = b.times(outer, rows.len * rows.inner, inner);
    let index = b.times(position, rows.inner, from);
    let address = b.at(0, index, dtype.size());
    let x = b.load(address, dtype.size(), None);
    let key = keys::key(b, dtype, rank, x);
    let size = super::extents::size(key.class());
    let to = b.at(2, place, size);
    b.store(to, size, key, None);
    if first {
        b.store(at, 4, position, None);
    }
    b.c.place(end);
}

pub fn take(b: &mut Body, t: &Take) {
    let Take { rows, taken, what } = *t;
    // In the order of the target's memory.
    let (place, end) = b.number(rows.count * taken);
    let (rest, inner) = b.divide(place, rows.inner);
    let (outer, nth) = b.divide(rest, taken);
    let row = b.times(outer, rows.inner, inner);
    let at = b.times(row, rows.len, nth);
    let at = b.at(0, at, 4);
    let position = b.load(at, 4, None);
    let size = what.size();
    let (v, target) = match what {
        Gathered::Element { .. } => {
            let from = b.times(outer, rows.len * rows.inner, inner);
            let index = b.times(position, rows.inner, from);
            let address = b.at(1, index, size);
            (b.load(address, size, None), 2)
        }
        Gathered::Position { .. } => (position, 1),
    };
    let v: Value = if size == 8 { b.extended(v, Class::B64) } else { v };
    let to = b.at(target, place, size);
    b.store(to, size, v, None);
    b.c.place(end);
}

pub fn copy(b: &mut Body, count: usize, size: usize) {
    let (place, end) = b.number(count);
    let from = b.at(0, place, size);
    let v = b.load(from, size, None);
    let to = b.at(1, place, size);
    b.store(to, size, v, None);
    b.c.place(end);
}
