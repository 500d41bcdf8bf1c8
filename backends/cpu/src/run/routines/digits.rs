//! Stable sorts of keys by their digits. What keys are made of lives in `order`; which rows are
//! sorted so, in `sort` and `top_k`.
//!
//! A short slice is sorted by comparison, a longer one by counting the elements of each digit, from
//! the lowest digit up. A slice that leaves the second cache is first split by its highest digit:
//! every part of it counts its elements, the counts say where it puts them, and then threads share
//! first the parts, then the digits. A stable sort has one result, so no cut shows in it.

use crate::run::share::share;

/// What is sorted: a key, perhaps with more bits that move along.
pub trait Item: Copy + Send + Sync {
    /// Bits of the key.
    const BITS: u32;
    /// Slices of this length and longer are sorted by counting.
    const LONG: usize;

    fn key(self) -> u64;

    /// Sorts stably by comparing keys.
    fn by_comparison(items: &mut [Self]);

    /// The digit of `DIGIT` bits that starts at this bit.
    #[inline(always)]
    fn digit<const DIGIT: u32>(self, shift: u32) -> usize {
        (self.key() >> shift) as usize & ((1 << DIGIT) - 1)
    }
}

macro_rules! keys_alone {
    ($($t:ty)*) => {$(
        impl Item for $t {
            const BITS: u32 = <$t>::BITS;
            const LONG: usize = 1024;

            #[inline(always)]
            fn key(self) -> u64 {
                self as u64
            }

            /// Equal keys cannot be told apart.
            fn by_comparison(items: &mut [$t]) {
                items.sort_unstable();
            }
        }
    )*};
}

keys_alone!(u8 u16 u32 u64);

/// A key with bits that move along. Pairs compare by their keys first.
pub trait Pair: Item + Default + Ord {
    fn new(key: u64, other: u64) -> Self;
    fn other(self) -> u64;
}

/// A key of at most 32 bits above, 32 other bits below.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Narrow(u64);

impl Pair for Narrow {
    #[inline(always)]
    fn new(key: u64, other: u64) -> Narrow {
        Narrow(key << 32 | other)
    }

    #[inline(always)]
    fn other(self) -> u64 {
        self.0 & 0xffff_ffff
    }
}

/// A key of 64 bits, and other bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Wide(u64, u64);

impl Pair for Wide {
    #[inline(always)]
    fn new(key: u64, other: u64) -> Wide {
        Wide(key, other)
    }

    #[inline(always)]
    fn other(self) -> u64 {
        self.1
    }
}

impl Item for Narrow {
    const BITS: u32 = 32;
    const LONG: usize = 600;

    #[inline(always)]
    fn key(self) -> u64 {
        self.0 >> 32
    }

    fn by_comparison(items: &mut [Narrow]) {
        items.sort_by_key(|x| x.key());
    }
}

impl Item for Wide {
    const BITS: u32 = 64;
    const LONG: usize = 1024;

    #[inline(always)]
    fn key(self) -> u64 {
        self.0
    }

    fn by_comparison(items: &mut [Wide]) {
        items.sort_by_key(|x| x.key());
    }
}

/// Slices of this length and longer are split first.
const HUGE: usize = 1 << 17;
/// Bits of a digit: 2^11 counters stay in the first cache.
const DIGIT: u32 = 11;
const BINS: usize = 1 << DIGIT;
/// Elements in a part of its own, at least, and the most parts.
const PART: usize = 1 << 15;
const MOST_PARTS: usize = 16;

/// Sorts `a` with the room `b` of the same length; tells whether the result lies in `b`.
pub fn sort<T: Item>(a: &mut [T], b: &mut [T]) -> bool {
    assert_eq!(a.len(), b.len());
    if a.len() < HUGE {
        return sort_part(a, b, T::BITS);
    }
    let length = a.len().div_ceil((a.len() / PART).min(MOST_PARTS));
    let varied = varied_bits(a, length);
    if varied == 0 {
        return false;
    }
    let bits = u64::BITS - varied.leading_zeros();
    let shift = bits.saturating_sub(DIGIT);
    let starts = split(a, b, length, shift);
    if shift > 0 {
        let (a, b) = (Shared(a.as_mut_ptr()), Shared(b.as_mut_ptr()));
        share(BINS, |bin| {
            let (at, len) = (starts[bin], starts[bin + 1] - starts[bin]);
            // SAFETY: `split` gives each digit a range of its own inside of both slices.
            let (a, b) = unsafe { (a.slice(at, len), b.slice(at, len)) };
            if sort_part(b, a, shift) {
                b.copy_from_slice(a);
            }
        });
    }
    true
}

/// Elements that threads share, each of which uses ranges of its own.
struct Shared<T>(*mut T);

// SAFETY: see the type.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// # Safety
    /// The range is inside, and no other thread uses it for as long as the slice lives.
    #[expect(clippy::mut_from_ref, reason = "the caller vouches for the range")]
    unsafe fn slice(&self, at: usize, len: usize) -> &mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(at), len) }
    }
}

/// The bits in which some keys differ.
fn varied_bits<T: Item>(a: &[T], length: usize) -> u64 {
    let mut found = vec![0u64; a.len().div_ceil(length)];
    let first = a[0].key();
    let each = Shared(found.as_mut_ptr());
    share(found.len(), |part| {
        let items = &a[part * length..a.len().min((part + 1) * length)];
        let varied = items.iter().fold(0, |varied, x| varied | (x.key() ^ first));
        // SAFETY: every part has an element.
        unsafe { each.slice(part, 1)[0] = varied };
    });
    found.into_iter().fold(0, |all, varied| all | varied)
}

/// Moves the elements of `a` to `b` in the order of this digit, stably; returns where each digit
/// starts.
fn split<T: Item>(a: &[T], b: &mut [T], length: usize, shift: u32) -> Vec<usize> {
    let parts = a.len().div_ceil(length);
    let items = |part: usize| &a[part * length..a.len().min((part + 1) * length)];
    let mut places = vec![0usize; parts * BINS];
    let rows = Shared(places.as_mut_ptr());
    share(parts, |part| {
        // SAFETY: every part has a row.
        let counts = unsafe { rows.slice(part * BINS, BINS) };
        items(part).iter().for_each(|x| counts[x.digit::<DIGIT>(shift)] += 1);
    });
    let mut starts = Vec::with_capacity(BINS + 1);
    let mut start = 0;
    for bin in 0..BINS {
        starts.push(start);
        for count in places.iter_mut().skip(bin).step_by(BINS) {
            start += std::mem::replace(count, start);
        }
    }
    starts.push(start);
    let (rows, to) = (Shared(places.as_mut_ptr()), Shared(b.as_mut_ptr()));
    share(parts, |part| {
        // SAFETY: every part has a row.
        let places = unsafe { rows.slice(part * BINS, BINS) };
        for x in items(part) {
            let place = &mut places[x.digit::<DIGIT>(shift)];
            // SAFETY: the places are those of a permutation, because the counts are those of the
            // elements that are moved.
            unsafe { to.slice(*place, 1)[0] = *x };
            *place += 1;
        }
    });
    starts
}

/// Sorts by the lowest `bits` of the keys, in which alone they differ; tells whether the result
/// lies in `b`.
fn sort_part<'a, T: Item>(mut a: &'a mut [T], mut b: &'a mut [T], bits: u32) -> bool {
    // Counters have 32 bits.
    if a.len() < T::LONG || u32::try_from(a.len()).is_err() {
        T::by_comparison(a);
        return false;
    }
    let mut counts = vec![[0u32; BINS]; bits.div_ceil(DIGIT) as usize];
    for x in a.iter() {
        for (n, count) in counts.iter_mut().enumerate() {
            count[x.digit::<DIGIT>(n as u32 * DIGIT)] += 1;
        }
    }
    let mut in_b = false;
    for (n, count) in counts.iter_mut().enumerate() {
        let shift = n as u32 * DIGIT;
        if count[a[0].digit::<DIGIT>(shift)] as usize == a.len() {
            continue;
        }
        let mut start = 0;
        for c in count.iter_mut() {
            start += std::mem::replace(c, start);
        }
        for x in a.iter() {
            let place = &mut count[x.digit::<DIGIT>(shift)];
            b[*place as usize] = *x;
            *place += 1;
        }
        std::mem::swap(&mut a, &mut b);
        in_b = !in_b;
    }
    in_b
}
