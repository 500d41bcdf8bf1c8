//! Stable sorts of rows of several operands by the first few of them. Keys live in `order`, the
//! sort of one slice in `digits`.
//!
//! A row of one operand is sorted as keys alone, which are then turned back into elements; a second
//! operand moves along with its key. Other rows are sorted by their last key first, each time
//! stably, as pairs of key and position, and then every operand is permuted. Rows are independent,
//! and threads share them; a long row they share, too.

use super::digits::{self, Item, Narrow, Pair, Wide};
use super::order::{Kind, Word, with_kind};
use crate::run::memory::Scratch;
use crate::run::share::share;
use cotangent_jit::DType;
use std::ops::Range;

/// Extents as in `Routine::Sort`.
pub struct Shape {
    pub keys: usize,
    pub outer: usize,
    pub len: usize,
    pub inner: usize,
}

/// Elements that are worth a part of their own.
const PART: usize = 4096;
/// The same, where a part only moves elements.
const LOOSE_PART: usize = 1 << 16;

/// Addresses that threads share: rows are disjoint.
struct Operands<'a> {
    dtypes: &'a [DType],
    from: &'a [*mut u8],
    to: &'a [*mut u8],
}

// SAFETY: see the type.
unsafe impl Sync for Operands<'_> {}

/// # Safety
/// `args` holds the addresses of the operands and then of the outputs, each of
/// `outer * len * inner` elements; an output may be its operand.
pub unsafe fn run(dtypes: &[DType], s: &Shape, args: *const *mut u8) {
    if s.len == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    let args = unsafe { std::slice::from_raw_parts(args, 2 * dtypes.len()) };
    let (from, to) = args.split_at(dtypes.len());
    let o = Operands { dtypes, from, to };
    let rows = s.outer * s.inner;
    let group = (PART / s.len).max(1);
    share(rows.div_ceil(group), |part| {
        // SAFETY: rows lie inside all operands and no other part touches them.
        unsafe {
            let rows = part * group..rows.min((part + 1) * group);
            match (dtypes.len(), s.keys) {
                (1, _) => with_kind!(dtypes[0], alone(&o, s, rows)),
                (2, 1) => with_kind!(dtypes[0], with_another(&o, s, rows)),
                _ => by_positions(&o, s, rows),
            }
        }
    });
}

impl Shape {
    /// The first element of a row.
    fn base(&self, row: usize) -> usize {
        row / self.inner * self.len * self.inner + row % self.inner
    }
}

/// Elements of a row of one operand.
struct Row<T> {
    base: *mut T,
    stride: usize,
}

// SAFETY: threads share elements that are read, or write elements of their own.
unsafe impl<T: Sync> Sync for Row<T> {}

impl<T: Copy + Send + Sync> Row<T> {
    /// # Safety
    /// The row lies inside of the operand at this address.
    unsafe fn new(operand: *mut u8, s: &Shape, row: usize) -> Row<T> {
        // SAFETY: the caller's promise.
        Row { base: unsafe { operand.cast::<T>().add(s.base(row)) }, stride: s.inner }
    }

    /// # Safety
    /// `i` is inside of the row, and nobody writes.
    #[inline(always)]
    unsafe fn get(&self, i: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { *self.base.add(i * self.stride) }
    }

    /// # Safety
    /// `i` is inside of the row, and nobody else uses this element.
    #[inline(always)]
    unsafe fn set(&self, i: usize, x: T) {
        // SAFETY: the caller's promise.
        unsafe { *self.base.add(i * self.stride) = x }
    }

    /// `to[i] = f(row[i])`
    ///
    /// # Safety
    /// The row has as many elements as `to`, and nobody writes.
    unsafe fn read<U: Send + Sync>(&self, to: &mut [U], f: impl Fn(T, &mut U) + Sync) {
        let (len, start) = (to.len(), Row { base: to.as_mut_ptr(), stride: 1 });
        let start = &start;
        share(len.div_ceil(LOOSE_PART), |part| {
            let range = part * LOOSE_PART..len.min((part + 1) * LOOSE_PART);
            // SAFETY: the caller's promise; parts write ranges of their own.
            unsafe {
                let to = std::slice::from_raw_parts_mut(start.base.add(range.start), range.len());
                if self.stride == 1 {
                    let from = std::slice::from_raw_parts(self.base.add(range.start), range.len());
                    from.iter().zip(to).for_each(|(x, to)| f(*x, to));
                } else {
                    range.zip(to).for_each(|(i, to)| f(self.get(i), to));
                }
            }
        });
    }

    /// `row[i] = f(from[i])`
    ///
    /// # Safety
    /// The row has as many elements as `from`, and nobody else uses them.
    unsafe fn write<U: Copy + Sync>(&self, from: &[U], f: impl Fn(U) -> T + Sync) {
        let len = from.len();
        share(len.div_ceil(LOOSE_PART), |part| {
            let range = part * LOOSE_PART..len.min((part + 1) * LOOSE_PART);
            // SAFETY: the caller's promise; parts write ranges of their own.
            unsafe {
                if self.stride == 1 {
                    let to =
                        std::slice::from_raw_parts_mut(self.base.add(range.start), range.len());
                    from[range].iter().zip(to).for_each(|(x, to)| *to = f(*x));
                } else {
                    range.for_each(|i| self.set(i, f(from[i])));
                }
            }
        });
    }
}

/// The elements of a row that their keys do not give back, if there are any: zeros, if one is -0,
/// and all NaN. In the order of the row, which is their order in the result.
///
/// # Safety
/// The row has `len` elements, and nobody writes.
unsafe fn without_own_key<K: Kind>(row: &Row<K::Word>, len: usize) -> Vec<K::Word> {
    // SAFETY: the caller's promise.
    let elements = || (0..len).map(|i| unsafe { row.get(i) });
    let lost = K::SHARES && elements().fold(false, |l, x| l | (K::of_rank(K::key(x)) != x));
    if lost { elements().filter(|x| K::is_shared(*x)).collect() } else { Vec::new() }
}

/// Writes the sorted elements of a row, given their sorted keys.
///
/// # Safety
/// The row has as many elements as there are keys, and nobody else uses them.
unsafe fn write_elements<K: Kind, U: Copy + Sync>(
    row: &Row<K::Word>,
    sorted: &[U],
    key: impl Fn(U) -> K::Word + Sync,
    without_own_key: &[K::Word],
) {
    // SAFETY: the caller's promise.
    unsafe { row.write(sorted, |x| K::of_rank(key(x))) };
    let first = |bound: K::Word| sorted.partition_point(|x| key(*x) < bound);
    let zero = K::key(K::Word::ZERO);
    let (mut zeros, mut nans) = (first(zero), first(K::Word::MAX));
    for x in without_own_key {
        let place = if K::key(*x) == zero { &mut zeros } else { &mut nans };
        // SAFETY: as many elements have this key, so the places are inside.
        unsafe { row.set(*place, *x) };
        *place += 1;
    }
}

/// Sorts rows of one operand.
///
/// # Safety
/// As `run`, for these rows.
unsafe fn alone<K: Kind<Word: Item>>(o: &Operands, s: &Shape, rows: Range<usize>) {
    let mut keys = Scratch::<K::Word>::new(s.len);
    let mut room = Scratch::<K::Word>::new(s.len);
    for row in rows {
        // SAFETY: the caller's promise; the row is read whole before it is written.
        unsafe {
            let from = Row::new(o.from[0], s, row);
            from.read(&mut keys, |x, key| *key = K::key(x));
            let others = without_own_key::<K>(&from, s.len);
            let sorted = if digits::sort(&mut keys, &mut room) { &room } else { &keys };
            write_elements::<K, _>(&Row::new(o.to[0], s, row), sorted, |key| key, &others);
        }
    }
}

/// Sorts rows of one key and one more operand.
///
/// # Safety
/// As `run`, for these rows.
unsafe fn with_another<K: Kind>(o: &Operands, s: &Shape, rows: Range<usize>) {
    // SAFETY: the caller's promise.
    unsafe {
        if K::Word::BITS <= 32 && o.dtypes[1].size() <= 4 {
            pairs::<K, Narrow>(o, s, rows);
        } else {
            pairs::<K, Wide>(o, s, rows);
        }
    }
}

/// # Safety
/// As `with_another`.
unsafe fn pairs<K: Kind, P: Pair>(o: &Operands, s: &Shape, rows: Range<usize>) {
    let (mut a, mut b) = (Scratch::<P>::new(s.len), Scratch::<P>::new(s.len));
    for row in rows {
        // SAFETY: the caller's promise; the row is read whole before it is written.
        unsafe {
            let from = Row::<K::Word>::new(o.from[0], s, row);
            from.read(&mut a, |x, pair| *pair = P::new(K::key(x).to_u64(), 0));
            let others = without_own_key::<K>(&from, s.len);
            match o.dtypes[1].size() {
                1 => take_along::<u8, P>(o, s, row, &mut a),
                2 => take_along::<u16, P>(o, s, row, &mut a),
                4 => take_along::<u32, P>(o, s, row, &mut a),
                _ => take_along::<u64, P>(o, s, row, &mut a),
            }
            let sorted = if digits::sort(&mut a, &mut b) { &b[..] } else { &a[..] };
            let key = |pair: P| K::Word::from_u64(pair.key());
            write_elements::<K, P>(&Row::new(o.to[0], s, row), sorted, key, &others);
            match o.dtypes[1].size() {
                1 => put_down::<u8, P>(o, s, row, sorted),
                2 => put_down::<u16, P>(o, s, row, sorted),
                4 => put_down::<u32, P>(o, s, row, sorted),
                _ => put_down::<u64, P>(o, s, row, sorted),
            }
        }
    }
}

/// Adds the elements of the second operand to the pairs.
///
/// # Safety
/// As `run`, for this row.
unsafe fn take_along<W: Word, P: Pair>(o: &Operands, s: &Shape, row: usize, pairs: &mut [P]) {
    // SAFETY: the caller's promise.
    unsafe {
        let from = Row::<W>::new(o.from[1], s, row);
        from.read(pairs, |x, pair| *pair = P::new(pair.key(), x.to_u64()));
    }
}

/// Writes the elements of the second operand.
///
/// # Safety
/// As `run`, for this row.
unsafe fn put_down<W: Word, P: Pair>(o: &Operands, s: &Shape, row: usize, pairs: &[P]) {
    // SAFETY: the caller's promise.
    unsafe { Row::<W>::new(o.to[1], s, row).write(pairs, |pair| W::from_u64(pair.other())) };
}

/// Sorts rows of any operands.
///
/// # Safety
/// As `run`, for these rows.
unsafe fn by_positions(o: &Operands, s: &Shape, rows: Range<usize>) {
    let mut order = Scratch::<usize>::new(s.len);
    for row in rows {
        order.iter_mut().enumerate().for_each(|(i, place)| *place = i);
        // SAFETY: the caller's promise.
        unsafe {
            for k in (0..s.keys).rev() {
                with_kind!(o.dtypes[k], by_key(o, s, row, k, &mut order));
            }
            for (k, d) in o.dtypes.iter().enumerate() {
                match d.size() {
                    1 => permute::<u8>(o, s, row, k, &order),
                    2 => permute::<u16>(o, s, row, k, &order),
                    4 => permute::<u32>(o, s, row, k, &order),
                    _ => permute::<u64>(o, s, row, k, &order),
                }
            }
        }
    }
}

/// Sorts the order of a row by one more key.
///
/// # Safety
/// As `run`, for this row and this operand.
unsafe fn by_key<K: Kind>(o: &Operands, s: &Shape, row: usize, k: usize, order: &mut [usize]) {
    // SAFETY: the caller's promise.
    let from = unsafe { Row::<K::Word>::new(o.from[k], s, row) };
    // SAFETY: the order has positions of the row.
    let key = |i: usize| unsafe { K::key(from.get(i)) }.to_u64();
    if K::Word::BITS <= 32 && u32::try_from(s.len).is_ok() {
        by_keys::<Narrow>(order, key);
    } else {
        by_keys::<Wide>(order, key);
    }
}

fn by_keys<P: Pair>(order: &mut [usize], key: impl Fn(usize) -> u64) {
    let (mut a, mut b) = (Scratch::<P>::new(order.len()), Scratch::<P>::new(order.len()));
    for (pair, i) in a.iter_mut().zip(order.iter()) {
        *pair = P::new(key(*i), *i as u64);
    }
    let sorted = if digits::sort(&mut a, &mut b) { &b } else { &a };
    order.iter_mut().zip(sorted.iter()).for_each(|(i, pair)| *i = pair.other() as usize);
}

/// Moves the elements of one operand.
///
/// # Safety
/// As `run`, for this row and this operand.
unsafe fn permute<W: Word>(o: &Operands, s: &Shape, row: usize, k: usize, order: &[usize]) {
    let mut moved = Scratch::<W>::new(order.len());
    // SAFETY: the order has positions of the row, which is read whole before it is written.
    unsafe {
        let from = Row::<W>::new(o.from[k], s, row);
        moved.iter_mut().zip(order).for_each(|(to, i)| *to = from.get(*i));
        Row::<W>::new(o.to[k], s, row).write(&moved, |x| x);
    }
}
