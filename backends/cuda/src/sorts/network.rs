//! Rows in a block's shared memory: a bitonic network over records, which sorts in the same steps
//! whatever the elements are. The position in a record makes the sort stable.
//!
//! Short rows lie side by side in one block. Empty places of a row hold records of ones, which come
//! last. The results of a row are read before they are written, so outputs may lie where their
//! operands do.

use super::body::{Body, WARP};
use super::extents::Rows;
use super::extents::size;
use super::keys::{self, Rank};
use super::moves::Gathered;
use super::record::Record;
use crate::ptx::{Class, Value};
use cotangent_jit::DType;
use smallvec::SmallVec;

/// Bytes of shared memory of a block.
const MOST_BYTES: usize = 48 << 10;
/// The most places of a row: a thread holds the elements of eight.
const MOST_PLACES: usize = 4096;
/// Places of a block, unless a row needs more.
const PLACES: usize = 512;
/// The least: a pair for each thread of a warp.
const LEAST: usize = 2 * WARP;
/// The most threads of a block.
const MOST_THREADS: usize = 512;

/// Sorts rows by the first operands. Operands of the launch: `sources`, then a target per result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Network {
    pub rows: Rows,
    pub keys: SmallVec<[(DType, Rank); 2]>,
    pub sources: usize,
    /// The results of each place: an element of a source, or its position.
    pub results: SmallVec<[Gathered; 2]>,
    /// How many places of a row have results.
    pub taken: usize,
}

impl Network {
    /// Places of a row.
    fn row(&self) -> usize {
        self.rows.len.max(2).next_power_of_two()
    }

    fn record(&self) -> Record {
        let position = self.row().trailing_zeros();
        let keys = self.keys.iter().map(|(d, _)| keys::bits(*d));
        Record::new(&keys.chain([position]).collect::<SmallVec<[u32; 4]>>())
    }

    /// Places of a block.
    fn places(&self) -> usize {
        let bytes = self.record().bytes();
        let mut places = self.row().max(PLACES);
        while places > self.row().max(LEAST) && places * bytes > MOST_BYTES {
            places /= 2;
        }
        places
    }

    /// Whether a block has the memory for a row.
    pub fn fits(&self) -> bool {
        let bytes = self.row().max(LEAST) * self.record().bytes();
        self.row() <= MOST_PLACES && bytes <= MOST_BYTES
    }

    pub fn threads(&self) -> usize {
        (self.places() / 2).min(MOST_THREADS)
    }

    pub fn blocks(&self) -> usize {
        self.rows.count.div_ceil(self.places() / self.row())
    }

    pub fn shared(&self) -> usize {
        self.places() * self.record().bytes()
    }
}

/// A place of a block that a thread fills and empties.
struct Place {
    /// Its number in shared memory.
    at: Value,
    /// Its number in the row.
    position: Value,
    /// The first element of the row, and the first of its results.
    from: Value,
    to: Value,
    /// The row exists.
    exists: Value,
}

pub fn emit(b: &mut Body, n: &Network) {
    let record = n.record();
    let (places, threads) = (n.places(), n.threads());
    let all: Vec<Place> = (0..places / threads).map(|round| place(b, n, round * threads)).collect();
    for p in &all {
        fill(b, n, &record, p);
    }
    b.barrier();
    sort(b, n, &record);
    b.barrier();
    results(b, n, &record, &all);
}

/// Neighbouring threads take neighbouring elements of memory.
fn place(b: &mut Body, n: &Network, first: usize) -> Place {
    let (row_places, places) = (n.row(), n.places());
    let slot = b.plus(b.thread, first);
    let rows = places / row_places;
    let (local, position) = match n.rows.inner {
        1 => b.divide(slot, row_places),
        _ => {
            let (position, local) = b.divide(slot, rows);
            (local, position)
        }
    };
    let at = b.times(local, row_places, position);
    let row = b.times(b.block, rows, local);
    let exists = b.test("setp.lt.u32", format_args!("{row}, {}", n.rows.count));
    let (outer, inner) = b.divide(row, n.rows.inner);
    let from = b.times(outer, n.rows.len * n.rows.inner, inner);
    let to = b.times(outer, n.taken * n.rows.inner, inner);
    Place { at, position, from, to, exists }
}

/// Puts the record of a place there.
fn fill(b: &mut Body, n: &Network, record: &Record, p: &Place) {
    let inside = format_args!("{}, {}, {}", p.position, n.rows.len, p.exists);
    let inside = b.test("setp.lt.and.u32", inside);
    let index = b.times(p.position, n.rows.inner, p.from);
    let mut fields: SmallVec<[Value; 4]> = SmallVec::new();
    for (source, (d, rank)) in n.keys.iter().enumerate() {
        let address = b.at(source, index, d.size());
        let x = b.load(address, d.size(), Some(inside));
        fields.push(keys::key(b, *d, *rank, x));
    }
    fields.push(p.position);
    let words = record.pack(b, &fields);
    for (w, v) in words.into_iter().enumerate() {
        let class = record.words[w];
        let v =
            b.c.get(class, &format!("selp.{}", class.bits()), format_args!("{v}, -1, {inside}"));
        let place = word(b, n, record, w, p.at);
        b.put(place, v, None);
    }
}

/// Word `w` of the record at a place.
fn word(b: &mut Body, n: &Network, record: &Record, w: usize, at: Value) -> super::body::Shared {
    let before: usize = record.words[..w].iter().map(|word| size(*word)).sum();
    b.shared_at(before * n.places(), at, record.words[w])
}

/// The steps of the network: sequences of doubling length, and within each, pairs of halving
/// distance.
fn sort(b: &mut Body, n: &Network, record: &Record) {
    let length = b.c.copy(Value::int(2));
    let (longer, nearer) = (b.c.label(), b.c.label());
    b.c.place(longer);
    let distance = b.c.copy(Value::int(0));
    b.c.put(format_args!("shr.u32 {distance}, {length}, 1"));
    b.c.place(nearer);
    // Sequences go up and down in turn, the last one up.
    let turn = b.int("and.b32", format_args!("{length}, {}", n.row() - 1));
    for round in 0..n.places() / 2 / n.threads() {
        exchange(b, n, record, round * n.threads(), distance, turn);
    }
    wait(b, length, distance);
    b.c.put(format_args!("shr.u32 {distance}, {distance}, 1"));
    let more = b.test("setp.ne.u32", format_args!("{distance}, 0"));
    b.c.put(format_args!("@{more} bra {nearer}"));
    b.c.put(format_args!("shl.b32 {length}, {length}, 1"));
    let more = b.test("setp.le.u32", format_args!("{length}, {}", n.row()));
    b.c.put(format_args!("@{more} bra {longer}"));
}

/// Waits for those whose records the next step reads. A warp works on places of its own as long as
/// distances are up to its threads.
fn wait(b: &mut Body, length: Value, distance: Value) {
    let (wide, done) = (b.c.label(), b.c.label());
    let far = b.test("setp.gt.u32", format_args!("{distance}, {WARP}"));
    b.c.put(format_args!("@{far} bra {wide}"));
    let last = b.test("setp.eq.u32", format_args!("{distance}, 1"));
    let far = b.test("setp.gt.and.u32", format_args!("{length}, {WARP}, {last}"));
    b.c.put(format_args!("@{far} bra {wide}"));
    b.warp_barrier();
    b.c.put(format_args!("bra {done}"));
    b.c.place(wide);
    b.barrier();
    b.c.place(done);
}

/// Puts the records of a pair in order.
fn exchange(
    b: &mut Body,
    n: &Network,
    record: &Record,
    first: usize,
    distance: Value,
    turn: Value,
) {
    let pair = b.plus(b.thread, first);
    let below = b.int("sub.u32", format_args!("{distance}, 1"));
    let low = b.int("and.b32", format_args!("{pair}, {below}"));
    let high = b.int("sub.u32", format_args!("{pair}, {low}"));
    let left = b.int("mad.lo.u32", format_args!("{high}, 2, {low}"));
    let right = b.int("add.u32", format_args!("{left}, {distance}"));
    let turned = b.int("and.b32", format_args!("{left}, {turn}"));
    let down = b.test("setp.ne.u32", format_args!("{turned}, 0"));
    let mut less: Option<Value> = None;
    let mut sides = Vec::with_capacity(record.words.len());
    for (w, class) in record.words.iter().enumerate().rev() {
        let (at, to) = (word(b, n, record, w, left), word(b, n, record, w, right));
        let (x, y) = (b.get(at), b.get(to));
        sides.push((at, to, x, y));
        let t = class.unsigned();
        // The right one is less: by this word, or by the words behind if this one is equal.
        less = Some(match less {
            None => b.test(&format!("setp.lt.{t}"), format_args!("{y}, {x}")),
            Some(behind) => {
                let equal = b.test(&format!("setp.eq.and.{t}"), format_args!("{y}, {x}, {behind}"));
                b.test(&format!("setp.lt.or.{t}"), format_args!("{y}, {x}, {equal}"))
            }
        });
    }
    let Some(less) = less else { return };
    let swap = b.test("xor.pred", format_args!("{less}, {down}"));
    for (at, to, x, y) in sides {
        b.put(at, y, Some(swap));
        b.put(to, x, Some(swap));
    }
}

/// Takes the elements of the sorted records.
fn results(b: &mut Body, n: &Network, record: &Record, all: &[Place]) {
    let last = record.words.len() - 1;
    let mut taken = Vec::with_capacity(all.len());
    for p in all {
        let inside = format_args!("{}, {}, {}", p.position, n.taken, p.exists);
        let inside = b.test("setp.lt.and.u32", inside);
        let place = word(b, n, record, last, p.at);
        let word = b.get(place);
        let word = match word.class() {
            Class::B64 => b.int("cvt.u32.u64", format_args!("{word}")),
            _ => word,
        };
        let position = b.int("and.b32", format_args!("{word}, {}", n.row() - 1));
        taken.push((inside, position));
    }
    for (r, result) in n.results.iter().enumerate() {
        let values: Vec<Value> = all
            .iter()
            .zip(&taken)
            .map(|(p, (inside, position))| match *result {
                Gathered::Position { .. } => *position,
                Gathered::Element { source, size } => {
                    let index = b.times(*position, n.rows.inner, p.from);
                    let address = b.at(source, index, size);
                    b.load(address, size, Some(*inside))
                }
            })
            .collect();
        if matches!(result, Gathered::Element { .. }) {
            b.barrier();
        }
        for ((p, (inside, _)), v) in all.iter().zip(&taken).zip(values) {
            let index = b.times(p.position, n.rows.inner, p.to);
            let size = result.size();
            let address = b.at(n.sources + r, index, size);
            let v = if size == 8 { b.extended(v, Class::B64) } else { v };
            b.store(address, size, v, Some(*inside));
        }
    }
}
