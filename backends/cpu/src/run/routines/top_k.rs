//! The greatest elements of rows, by selection. Keys live in `order`, the sort of what was selected
//! in `digits`.
//!
//! Keys decrease as elements increase, so the `k` least keys are sought, the earlier of equal ones
//! first. Elements are read in blocks, and a block counts only if one of its keys is below a
//! ceiling; the others join the candidates. When there are twice as many candidates as are sought
//! and some more, those that are too great leave, and the ceiling falls. A long row is cut into
//! parts with candidates of their own, whose parts lower a ceiling that all share. The result is
//! the least pairs of key and position whatever the ceilings were, so no cut shows in it.

use super::digits::{self, Narrow, Pair, Wide};
use super::order::{Kind, Word, with_kind};
use crate::run::share::share;
use cotangent_jit::DType;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Extents as in `Routine::TopK`.
pub struct Shape {
    pub k: usize,
    pub outer: usize,
    pub len: usize,
    pub inner: usize,
}

/// Elements that are compared with the ceiling at once.
const BLOCK: usize = 64;
/// Elements of short rows in one part, and of a part of a long row.
const PART: usize = 1 << 15;
/// Parts of a row, at most.
const MOST_PARTS: usize = 16;
/// Candidates beyond twice as many as are sought.
const SPARE: usize = 192;

/// Addresses that threads share: rows are disjoint.
struct Operands {
    place: DType,
    x: *mut u8,
    values: *mut u8,
    places: *mut u8,
}

// SAFETY: see the type.
unsafe impl Sync for Operands {}

/// # Safety
/// `args` holds the addresses of `outer * len * inner` elements and of twice `outer * k * inner`
/// results, of these dtypes.
pub unsafe fn run([dtype, place]: [DType; 2], s: &Shape, [x, values, places]: [*mut u8; 3]) {
    if s.k == 0 {
        return;
    }
    let o = Operands { place, x, values, places };
    // SAFETY: the caller's promise.
    unsafe { with_kind!(dtype, of_kind(s, &o)) }
}

/// # Safety
/// As `run`.
unsafe fn of_kind<K: Kind>(s: &Shape, o: &Operands) {
    // SAFETY: the caller's promise.
    unsafe {
        if K::Word::BITS <= 32 && u32::try_from(s.len).is_ok() {
            all_rows::<K, Narrow>(s, o);
        } else {
            all_rows::<K, Wide>(s, o);
        }
    }
}

/// Memory that rows use one after another.
struct Room<W, P> {
    column: Vec<W>,
    pairs: Vec<P>,
    copy: Vec<P>,
}

/// # Safety
/// As `run`.
unsafe fn all_rows<K: Kind, P: Pair>(s: &Shape, o: &Operands) {
    let rows = s.outer * s.inner;
    let group = (PART / s.len).max(1);
    share(rows.div_ceil(group), |part| {
        let mut room = Room { column: Vec::new(), pairs: Vec::new(), copy: Vec::new() };
        for row in part * group..rows.min((part + 1) * group) {
            // SAFETY: the caller's promise; no other part writes to this row.
            unsafe { one_row::<K, P>(s, o, row, &mut room) };
        }
    });
}

/// # Safety
/// As `run`, for one row.
unsafe fn one_row<K: Kind, P: Pair>(
    s: &Shape,
    o: &Operands,
    row: usize,
    room: &mut Room<K::Word, P>,
) {
    let (outer, inner) = (row / s.inner, row % s.inner);
    let Room { column, pairs, copy } = room;
    // SAFETY: the row lies inside of x, by the caller's promise.
    let x = unsafe { o.x.cast::<K::Word>().add(outer * s.len * s.inner + inner) };
    let x = if s.inner == 1 {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(x, s.len) }
    } else {
        column.clear();
        // SAFETY: as above.
        column.extend((0..s.len).map(|i| unsafe { *x.add(i * s.inner) }));
        &column[..]
    };
    greatest::<K, P>(x, s.k, pairs, copy);
    let to = outer * s.k * s.inner + inner;
    for (i, pair) in pairs.iter().enumerate() {
        let (to, place) = (to + i * s.inner, pair.other());
        // SAFETY: the row's results lie inside.
        unsafe {
            *o.values.cast::<K::Word>().add(to) = element::<K>(pair.key());
            match o.place {
                DType::I64 => *o.places.cast::<u64>().add(to) = place,
                _ => *o.places.cast::<u32>().add(to) = place as u32,
            }
        }
    }
}

/// A key that decreases as elements increase.
#[inline(always)]
fn key<K: Kind>(bits: K::Word) -> K::Word {
    K::rank(bits).xor(K::Word::MAX)
}

/// The element that has this key.
fn element<K: Kind>(key: u64) -> K::Word {
    K::of_rank(K::Word::from_u64(key).xor(K::Word::MAX))
}

/// The keys and positions of the `k` greatest elements, from the greatest down.
fn greatest<K: Kind, P: Pair>(x: &[K::Word], k: usize, pairs: &mut Vec<P>, copy: &mut Vec<P>) {
    let parts = (x.len() / PART).clamp(1, MOST_PARTS);
    let ceiling = AtomicU64::new(u64::MAX);
    pairs.clear();
    if parts == 1 {
        add_candidates::<K, P>(x, 0..x.len(), k, &ceiling, (pairs, copy));
    } else {
        let length = x.len().div_ceil(parts);
        let found: Vec<Mutex<Vec<P>>> = (0..parts).map(|_| Mutex::new(Vec::new())).collect();
        share(parts, |part| {
            let range = (part * length).min(x.len())..((part + 1) * length).min(x.len());
            let mut pairs = Vec::new();
            add_candidates::<K, P>(x, range, k, &ceiling, (&mut pairs, &mut Vec::new()));
            *found[part].lock().unwrap_or_else(PoisonError::into_inner) = pairs;
        });
        for part in found {
            pairs.append(&mut part.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        keep_least(pairs, k, copy);
    }
    // The candidates stand by position, so a stable sort by keys leaves equal ones in order.
    if pairs.len() < P::LONG {
        P::by_comparison(pairs);
        return;
    }
    copy.clear();
    copy.resize(pairs.len(), P::default());
    if digits::sort(pairs, copy) {
        std::mem::swap(pairs, copy);
    }
}

/// Drops pairs until only the `k` least are left, in the order in which they stood. Gives the key
/// of the greatest of them, unless there are fewer.
fn keep_least<P: Pair>(pairs: &mut Vec<P>, k: usize, copy: &mut Vec<P>) -> Option<u64> {
    if pairs.len() <= k {
        return (pairs.len() == k).then(|| pairs.iter().map(|p| p.key()).max()).flatten();
    }
    copy.clear();
    copy.extend_from_slice(pairs);
    let last = *copy.select_nth_unstable(k - 1).1;
    pairs.retain(|pair| *pair <= last);
    Some(last.key())
}

/// Adds pairs among which the `k` least of this range are, as far as they are not above the ceiling
/// that all parts share; by position. There were none, and afterwards there are at most `k`.
fn add_candidates<K: Kind, P: Pair>(
    x: &[K::Word],
    range: Range<usize>,
    k: usize,
    ceiling: &AtomicU64,
    room: (&mut Vec<P>, &mut Vec<P>),
) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        unsafe fn wide<K: Kind, P: Pair>(
            x: &[K::Word],
            range: Range<usize>,
            k: usize,
            ceiling: &AtomicU64,
            room: (&mut Vec<P>, &mut Vec<P>),
        ) {
            below_ceiling::<K, P>(x, range, k, ceiling, room);
        }
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the feature.
            return unsafe { wide::<K, P>(x, range, k, ceiling, room) };
        }
    }
    below_ceiling::<K, P>(x, range, k, ceiling, room);
}

#[inline(always)]
fn below_ceiling<K: Kind, P: Pair>(
    x: &[K::Word],
    range: Range<usize>,
    k: usize,
    shared: &AtomicU64,
    (pairs, copy): (&mut Vec<P>, &mut Vec<P>),
) {
    let room = (2 * k).saturating_add(SPARE);
    pairs.reserve(room.min(range.len()));
    let mut ceiling = K::Word::from_u64(shared.load(Relaxed).min(K::Word::MAX.to_u64()));
    let mut start = range.start;
    for block in x[range].chunks(BLOCK) {
        if block.iter().fold(false, |any, x| any | (key::<K>(*x) <= ceiling)) {
            for (i, x) in block.iter().enumerate() {
                let key = key::<K>(*x);
                if key <= ceiling {
                    pairs.push(P::new(key.to_u64(), (start + i) as u64));
                }
            }
            if pairs.len() + BLOCK > room {
                let last = keep_least(pairs, k, copy).unwrap_or(u64::MAX);
                let others = shared.fetch_min(last, Relaxed);
                if last == 0 {
                    break;
                }
                // A later element with the key `last` comes after the `k` that are kept. One with
                // the key of another part's ceiling may come before those that made the ceiling.
                ceiling = ceiling.min(K::Word::from_u64((last - 1).min(others)));
            }
        }
        start += block.len();
    }
    if let Some(last) = keep_least(pairs, k, copy) {
        shared.fetch_min(last, Relaxed);
    }
}
