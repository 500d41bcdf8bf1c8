//! The tile and the part of the sum of a block.

use super::choice::Choice;
use super::product::Product;
use crate::ptx::{Class, Code, Value};

/// Tiles of rows that stand together: their blocks share the columns that they read.
const BAND: usize = 8;

pub struct Frame {
    /// The number of the thread.
    pub thread: Value,
    /// The number of the matrix, and of the part of the sum.
    pub batch: Value,
    pub part: Value,
    /// The first row and column of the tile, and the first summed number.
    pub first: [Value; 2],
    pub start: Value,
    /// The summed numbers of the block, and the tiles that they fill.
    pub depth: Value,
    pub rounds: Value,
}

/// The quotient and the remainder of a number below 2^32.
pub fn divide(c: &mut Code, x: Value, by: usize) -> (Value, Value) {
    if by == 1 {
        return (x, Value::int(0));
    }
    let q = if by.is_power_of_two() {
        c.get(Class::B32, "shr.u32", format_args!("{x}, {}", by.trailing_zeros()))
    } else {
        c.get(Class::B32, "div.u32", format_args!("{x}, {by}"))
    };
    let back = Value::int((by as i32).wrapping_neg());
    (q, c.get(Class::B32, "mad.lo.s32", format_args!("{q}, {back}, {x}")))
}

/// `base + index * bytes`, of 64 bits.
pub fn advanced(c: &mut Code, base: Value, index: Value, bytes: i64) -> Value {
    match index.known() {
        Some(0) => base,
        _ if bytes == 0 => base,
        _ if i32::try_from(bytes).is_ok() => {
            let index = c.held(index);
            c.get(Class::B64, "mad.wide.s32", format_args!("{index}, {bytes}, {base}"))
        }
        _ => {
            let index = c.held(index);
            let index = c.get(Class::B64, "cvt.s64.s32", format_args!("{index}"));
            c.get(Class::B64, "mad.lo.s64", format_args!("{index}, {bytes}, {base}"))
        }
    }
}

pub fn frame(c: &mut Code, p: &Product, choice: &Choice) -> Frame {
    let t = &choice.tiling;
    let thread = c.get(Class::B32, "mov.u32", format_args!("%tid.x"));
    let block = c.get(Class::B32, "mov.u32", format_args!("%ctaid.x"));
    let (rows, columns) = (p.m.div_ceil(t.rows), p.n.div_ceil(t.columns));
    let (outer, tile) = divide(c, block, rows * columns);
    let (part, batch) = divide(c, outer, p.batch);
    let (row, column) = within(c, tile, rows, columns);
    let scaled = |c: &mut Code, x: Value, by: usize| {
        let x = c.held(x);
        c.get(Class::B32, "mul.lo.s32", format_args!("{x}, {by}"))
    };
    let first = [scaled(c, row, t.rows), scaled(c, column, t.columns)];
    let start = scaled(c, part, choice.part);
    let left = Value::int(p.k as i32);
    let left = c.held(left);
    let left = c.get(Class::B32, "sub.s32", format_args!("{left}, {start}"));
    let depth = c.get(Class::B32, "min.s32", format_args!("{left}, {}", choice.part));
    let up = c.get(Class::B32, "add.s32", format_args!("{depth}, {}", t.depth - 1));
    let shift = t.depth.trailing_zeros();
    let rounds = c.get(Class::B32, "shr.u32", format_args!("{up}, {shift}"));
    Frame { thread, batch, part, first, start, depth, rounds }
}

/// The row and column of a tile. Bands of rows go one after the other, each by columns.
fn within(c: &mut Code, tile: Value, rows: usize, columns: usize) -> (Value, Value) {
    if rows <= BAND {
        let (column, row) = divide(c, tile, rows);
        return (row, column);
    }
    let (band, place) = divide(c, tile, BAND * columns);
    let first = c.get(Class::B32, "mul.lo.s32", format_args!("{band}, {BAND}"));
    if rows.is_multiple_of(BAND) {
        let (column, row) = divide(c, place, BAND);
        return (c.get(Class::B32, "add.s32", format_args!("{row}, {first}")), column);
    }
    let all = c.copy(Value::int(rows as i32));
    let high = c.get(Class::B32, "sub.s32", format_args!("{all}, {first}"));
    let high = c.get(Class::B32, "min.s32", format_args!("{high}, {BAND}"));
    let column = c.get(Class::B32, "div.u32", format_args!("{place}, {high}"));
    let whole = c.get(Class::B32, "mul.lo.s32", format_args!("{column}, {high}"));
    let row = c.get(Class::B32, "sub.s32", format_args!("{place}, {whole}"));
    (c.get(Class::B32, "add.s32", format_args!("{row}, {first}")), column)
}
