//! The digits of tiles, counted, and the counts summed over the tiles before.

use super::body::Body;
use super::extents::THREADS;
use super::extents::size;
use super::pass::{DIGITS, Pass};
use crate::ptx::{Class, Value};

/// Shared memory: a count per digit.
pub const SHARED: usize = 4 * DIGITS;
/// Shared memory of sums over a block.
pub const SCAN_SHARED: usize = 4 * 32;

/// The digit of a key.
pub fn digit(b: &mut Body, p: &Pass, key: Value) -> Value {
    let key = match key.class() {
        Class::B64 => {
            let low = b.c.get(Class::B64, "shr.u64", format_args!("{key}, {}", p.shift));
            b.int("cvt.u32.u64", format_args!("{low}"))
        }
        _ if p.shift == 0 => key,
        _ => b.int("shr.u32", format_args!("{key}, {}", p.shift)),
    };
    b.int("and.b32", format_args!("{key}, {}", DIGITS - 1))
}

/// Counts the digits of a tile. Operands: keys, and counts by row, digit and tile.
pub fn counts(b: &mut Body, p: &Pass) {
    let thread = b.thread;
    let mine = b.shared_at(0, thread, Class::B32);
    b.put(mine, Value::int(0), None);
    b.barrier();
    let (row, tile) = b.divide(b.block, p.tiles());
    let start = b.times(tile, p.tile(), thread);
    let from = b.times(row, p.len, start);
    let first = b.at(0, from, size(p.word));
    for n in 0..p.per_thread() {
        let inside = b.below(start, n * THREADS, p.len);
        let bytes = n * THREADS * size(p.word);
        let key = b.load_behind(first, bytes, size(p.word), Some(inside));
        let digit = digit(b, p, key);
        let count = b.shared_at(0, digit, Class::B32).address;
        b.c.put(format_args!("@{inside} red.shared.add.u32 [{count}], 1"));
    }
    b.barrier();
    let count = b.get(mine);
    let digit = b.times(row, DIGITS, thread);
    let at = b.times(digit, p.tiles(), tile);
    let at = b.at(1, at, 4);
    b.store(at, 4, count, None);
}

/// Replaces the counts of a digit in the tiles of a row by their sums over the tiles before. The
/// block has the number of row and digit. Operands: counts, and totals by row and digit.
pub fn offsets(b: &mut Body, tiles: usize) {
    let (block, thread) = (b.block, b.thread);
    let tile = b.c.copy(thread);
    let total = b.c.copy(Value::int(0));
    let again = b.c.label();
    b.c.place(again);
    let inside = b.test("setp.lt.u32", format_args!("{tile}, {tiles}"));
    let index = b.times(block, tiles, tile);
    let at = b.at(0, index, 4);
    let count = b.load(at, 4, Some(inside));
    let (before, all) = b.sums(count, 0);
    let before = b.int("add.u32", format_args!("{before}, {total}"));
    b.store(at, 4, before, Some(inside));
    b.c.put(format_args!("add.u32 {total}, {total}, {all}"));
    b.c.put(format_args!("add.u32 {tile}, {tile}, {THREADS}"));
    let first = b.int("sub.u32", format_args!("{tile}, {thread}"));
    let more = b.test("setp.lt.u32", format_args!("{first}, {tiles}"));
    b.c.put(format_args!("@{more} bra {again}"));
    let one = b.test("setp.eq.u32", format_args!("{thread}, 0"));
    let at = b.at(1, block, 4);
    b.store(at, 4, total, Some(one));
}
