//! Keys and positions of a tile to the place of their digit.
//!
//! A warp takes neighbouring keys in rounds of its lanes. The rank of a key counts the equal digits
//! before it: in earlier rounds of the warp, in lower lanes, in earlier warps. The tile is put in
//! order in shared memory first, so that neighbouring threads write neighbouring places.

use super::body::{Body, Shared, WARP};
use super::extents::THREADS;
use super::extents::size;
use super::histogram::digit;
use super::pass::{DIGITS, Pass};
use crate::ptx::{Class, Value};

const WARPS: usize = THREADS / WARP;
/// Shared memory: a word per warp for sums, counts by warp and digit, distances by digit, then the
/// keys and positions of the tile.
const COUNTS: usize = 4 * WARP;
const DISTANCES: usize = COUNTS + 4 * WARPS * DIGITS;
const KEYS: usize = DISTANCES + 4 * DIGITS;

pub fn shared(p: &Pass) -> usize {
    positions(p) + 4 * p.tile()
}

/// Where positions begin in shared memory.
fn positions(p: &Pass) -> usize {
    KEYS + size(p.word) * p.tile()
}

/// Keys that a thread has read.
struct Items {
    /// The number of the first in its row, and among all.
    start: Value,
    from: Value,
    keys: Vec<Value>,
    /// Of each key, the number of equal digits before it in its warp, and behind it in the low
    /// bits the number of its count: one register, since there are few.
    ranks: Vec<Value>,
}

/// The bits of the number of a count.
const COUNT_BITS: u32 = (WARPS * DIGITS).trailing_zeros();

/// Operands: keys, positions, sums of counts over earlier tiles, totals; then keys and positions as
/// they become.
pub fn emit(b: &mut Body, p: &Pass) {
    let (row, tile) = b.divide(b.block, p.tiles());
    let thread = b.thread;
    for n in 0..WARPS {
        let word = b.plus(thread, n * DIGITS);
        let place = b.shared_at(COUNTS, word, Class::B32);
        b.put(place, Value::int(0), None);
    }
    b.barrier();
    let items = read(b, p, row, tile);
    b.barrier();
    let first = b.times(row, p.len, Value::int(0));
    let counted = places(b, p, row, tile);
    b.barrier();
    order(b, p, &items);
    b.barrier();
    write(b, p, first, counted);
}

/// Reads a tile and ranks its keys in their warps.
fn read(b: &mut Body, p: &Pass, row: Value, tile: Value) -> Items {
    let (warp, lane) = b.warp_and_lane();
    let lower = b.int("mov.u32", format_args!("%lanemask_lt"));
    let start = b.times(warp, WARP * p.per_thread(), lane);
    let start = b.times(tile, p.tile(), start);
    let from = b.times(row, p.len, start);
    let first = b.at(0, from, size(p.word));
    // All loads first, so that they wait together.
    let keys: Vec<Value> = (0..p.per_thread())
        .map(|n| {
            let inside = b.below(start, n * WARP, p.len);
            let bytes = n * WARP * size(p.word);
            b.load_behind(first, bytes, size(p.word), Some(inside))
        })
        .collect();
    let ranks = keys.iter().enumerate().map(|(n, key)| {
        let inside = b.below(start, n * WARP, p.len);
        let d = digit(b, p, *key);
        let word = b.times(warp, DIGITS, d);
        let count = b.shared_at(COUNTS, word, Class::B32);
        // Lanes without a key are equal to each other alone.
        let own = b.int("selp.b32", format_args!("{d}, {DIGITS}, {inside}"));
        let equal = b.int("match.any.sync.b32", format_args!("{own}, 0xffffffff"));
        let before = b.int("and.b32", format_args!("{equal}, {lower}"));
        let before = b.int("popc.b32", format_args!("{before}"));
        let all = b.int("popc.b32", format_args!("{equal}"));
        let earlier = b.get(count);
        let rank = b.int("add.u32", format_args!("{earlier}, {before}"));
        b.warp_barrier();
        let first = b.test("setp.eq.and.u32", format_args!("{before}, 0, {inside}"));
        let sum = b.int("add.u32", format_args!("{earlier}, {all}"));
        b.put(count, sum, Some(first));
        b.warp_barrier();
        b.int("mad.lo.u32", format_args!("{rank}, {}, {word}", 1 << COUNT_BITS))
    });
    let ranks = ranks.collect();
    Items { start, from, keys, ranks }
}

/// Puts the tile in order in shared memory.
fn order(b: &mut Body, p: &Pass, items: &Items) {
    let first = b.at(1, items.from, 4);
    for (n, (key, rank)) in items.keys.iter().zip(&items.ranks).enumerate() {
        let inside = b.below(items.start, n * WARP, p.len);
        let position = b.load_behind(first, n * WARP * 4, 4, Some(inside));
        let word = b.int("and.b32", format_args!("{rank}, {}", (1 << COUNT_BITS) - 1));
        let count = b.shared_at(COUNTS, word, Class::B32);
        let before = b.get(count);
        let rank = b.int("shr.u32", format_args!("{rank}, {COUNT_BITS}"));
        let place = b.int("add.u32", format_args!("{before}, {rank}"));
        let at = b.shared_at(KEYS, place, p.word);
        b.put(at, *key, Some(inside));
        let at = b.shared_at(positions(p), place, Class::B32);
        b.put(at, position, Some(inside));
    }
}

/// Replaces the counts by warp and digit by places in the tile, and stores for each digit how far
/// its keys go from there. Gives the number of keys of the tile.
fn places(b: &mut Body, p: &Pass, row: Value, tile: Value) -> Value {
    // One thread per digit.
    let thread = b.thread;
    let digit = b.times(row, DIGITS, thread);
    let at = b.at(3, digit, 4);
    let total = b.load(at, 4, None);
    let index = b.times(digit, p.tiles(), tile);
    let at = b.at(2, index, 4);
    let earlier = b.load(at, 4, None);
    let words: Vec<Shared> = (0..WARPS)
        .map(|n| {
            let word = b.plus(thread, n * DIGITS);
            b.shared_at(COUNTS, word, Class::B32)
        })
        .collect();
    let counts: Vec<Value> = words.iter().map(|w| b.get(*w)).collect();
    let mut sum = counts[0];
    for count in &counts[1..] {
        sum = b.int("add.u32", format_args!("{sum}, {count}"));
    }
    let (start, _) = b.sums(total, 0);
    let (local, counted) = b.sums(sum, 0);
    let mut place = local;
    for (word, count) in words.into_iter().zip(counts) {
        b.put(word, place, None);
        place = b.int("add.u32", format_args!("{place}, {count}"));
    }
    let goes = b.int("add.u32", format_args!("{start}, {earlier}"));
    let distance = b.int("sub.u32", format_args!("{goes}, {local}"));
    let at = b.shared_at(DISTANCES, thread, Class::B32);
    b.put(at, distance, None);
    counted
}

/// Writes the tile from shared memory.
fn write(b: &mut Body, p: &Pass, first: Value, counted: Value) {
    for n in 0..p.per_thread() {
        let place = b.plus(b.thread, n * THREADS);
        let inside = b.test("setp.lt.u32", format_args!("{place}, {counted}"));
        let skip = b.c.label();
        b.c.put(format_args!("@!{inside} bra {skip}"));
        let at = b.shared_at(KEYS, place, p.word);
        let key = b.get(at);
        let at = b.shared_at(positions(p), place, Class::B32);
        let position = b.get(at);
        let d = digit(b, p, key);
        let at = b.shared_at(DISTANCES, d, Class::B32);
        let distance = b.get(at);
        let to = b.int("add.u32", format_args!("{place}, {distance}"));
        let to = b.int("add.u32", format_args!("{to}, {first}"));
        let at = b.at(4, to, size(p.word));
        b.store(at, size(p.word), key, None);
        let at = b.at(5, to, 4);
        b.store(at, 4, position, None);
        b.c.place(skip);
    }
}
