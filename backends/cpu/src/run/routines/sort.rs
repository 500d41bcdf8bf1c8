//! Stable sorts of rows of several operands by the first few of them. Other routines live in files
//! of their own.
//!
//! Keys become unsigned integers of the same order: -0 equals 0, all NaN are equal and last. A row
//! is sorted by its last key first, each time stably, as pairs of key and position; long rows by
//! counting digits, short ones by comparison. Then every operand is permuted. Rows are independent,
//! and threads share them.

use crate::run::memory::Scratch;
use crate::run::share::share;
use cotangent_jit::DType;
use half::{bf16, f16};

/// Extents as in `Routine::Sort`.
pub struct Shape {
    pub keys: usize,
    pub outer: usize,
    pub len: usize,
    pub inner: usize,
}

/// Rows of this length and longer are sorted by counting.
const LONG: usize = 1500;
/// Elements that are worth a part of their own.
const PART: usize = 4096;
/// Bits of one digit; 2^11 counters stay in the first cache.
const DIGIT: u32 = 11;

/// A key and the position that it came from.
trait Pair: Copy + Ord + Default {
    const KEY_BITS: u32;
    fn new(key: u64, position: u32) -> Self;
    fn position(self) -> u32;
    fn digit(self, shift: u32) -> usize;
}

/// The key above, the position below.
impl Pair for u64 {
    const KEY_BITS: u32 = 32;

    fn new(key: u64, position: u32) -> u64 {
        key << 32 | u64::from(position)
    }

    fn position(self) -> u32 {
        self as u32
    }

    fn digit(self, shift: u32) -> usize {
        (self >> (32 + shift)) as usize & ((1 << DIGIT) - 1)
    }
}

impl Pair for (u64, u32) {
    const KEY_BITS: u32 = 64;

    fn new(key: u64, position: u32) -> (u64, u32) {
        (key, position)
    }

    fn position(self) -> u32 {
        self.1
    }

    fn digit(self, shift: u32) -> usize {
        (self.0 >> shift) as usize & ((1 << DIGIT) - 1)
    }
}

/// An unsigned integer that orders as the element does.
///
/// # Safety
/// `at` is inside the operand.
#[inline(always)]
unsafe fn key(d: DType, base: *const u8, at: usize) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        match d {
            DType::I8 => u64::from(*base.add(at) ^ 1 << 7),
            DType::I16 => u64::from(*base.cast::<u16>().add(at) ^ 1 << 15),
            DType::U16 => u64::from(*base.cast::<u16>().add(at)),
            DType::F16 => u64::from(order32((*base.cast::<f16>().add(at)).to_f32())),
            DType::BF16 => u64::from(order32((*base.cast::<bf16>().add(at)).to_f32())),
            DType::F32 => u64::from(order32(*base.cast::<f32>().add(at))),
            DType::F64 => order64(*base.cast::<f64>().add(at)),
            DType::I32 => u64::from(*base.cast::<u32>().add(at) ^ 1 << 31),
            DType::U32 => u64::from(*base.cast::<u32>().add(at)),
            DType::I64 => *base.cast::<u64>().add(at) ^ 1 << 63,
            DType::U64 => *base.cast::<u64>().add(at),
            _ => u64::from(*base.add(at)),
        }
    }
}

fn order32(x: f32) -> u32 {
    let bits = (x + 0.0).to_bits();
    let ordered = bits ^ ((bits as i32 >> 31) as u32 | 1 << 31);
    if x.is_nan() { u32::MAX } else { ordered }
}

fn order64(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    let ordered = bits ^ ((bits as i64 >> 63) as u64 | 1 << 63);
    if x.is_nan() { u64::MAX } else { ordered }
}

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
        let o = &o;
        let mut scratch = Row::new(s.len, &o.dtypes[..s.keys]);
        for row in part * group..rows.min((part + 1) * group) {
            let base = row / s.inner * s.len * s.inner + row % s.inner;
            // SAFETY: the row lies inside all operands and no other part touches it.
            unsafe { scratch.sort(o, s, base) };
        }
    });
}

/// Room for one row.
struct Row {
    order: Scratch<u32>,
    sorted: Scratch<u32>,
    narrow: [Scratch<u64>; 2],
    wide: [Scratch<(u64, u32)>; 2],
    moved: Scratch<u64>,
}

impl Row {
    fn new(len: usize, keys: &[DType]) -> Row {
        let wide = if keys.iter().any(|d| d.size() == 8) { len } else { 0 };
        let narrow = if keys.iter().any(|d| d.size() < 8) { len } else { 0 };
        let spare = |n: usize| if len >= LONG { n } else { 0 };
        let several = if keys.len() > 1 { len } else { 0 };
        Row {
            order: Scratch::new(len),
            sorted: Scratch::new(several),
            narrow: [Scratch::new(narrow), Scratch::new(spare(narrow))],
            wide: [Scratch::new(wide), Scratch::new(spare(wide))],
            moved: Scratch::new(len),
        }
    }

    /// # Safety
    /// The row at `base` lies inside all operands.
    unsafe fn sort(&mut self, o: &Operands, s: &Shape, base: usize) {
        for k in (0..s.keys).rev() {
            let (d, from, first) = (o.dtypes[k], o.from[k], k + 1 == s.keys);
            let Row { order, sorted, narrow, wide, .. } = self;
            let order = &mut order[..];
            // SAFETY: positions below `len` of a row inside the operand.
            let at = |order: &[u32], i: usize| unsafe {
                let i = if first { i } else { order[i] as usize };
                key(d, from, base + i * s.inner)
            };
            if d.size() == 8 {
                by_key(wide, order, sorted, first, at);
            } else {
                by_key(narrow, order, sorted, first, at);
            }
        }
        for (k, d) in o.dtypes.iter().enumerate() {
            // SAFETY: the caller's promise; the row is read whole before it is written.
            unsafe {
                match d.size() {
                    1 => self.move_row::<u8>(o.from[k], o.to[k], base, s.inner),
                    2 => self.move_row::<u16>(o.from[k], o.to[k], base, s.inner),
                    4 => self.move_row::<u32>(o.from[k], o.to[k], base, s.inner),
                    _ => self.move_row::<u64>(o.from[k], o.to[k], base, s.inner),
                }
            }
        }
    }

    /// # Safety
    /// The row at `base` with this stride lies inside both.
    unsafe fn move_row<T: Copy>(&mut self, from: *mut u8, to: *mut u8, base: usize, stride: usize) {
        let (source, to) = (from.cast::<T>(), to.cast::<T>());
        let moved = self.moved.as_mut_ptr().cast::<T>();
        for (i, position) in self.order.iter().enumerate() {
            // SAFETY: positions below the row's length; `moved` has room for as many.
            unsafe {
                let v = *source.add(base + *position as usize * stride);
                if from == to.cast() { *moved.add(i) = v } else { *to.add(base + i * stride) = v }
            }
        }
        if from == to.cast() {
            for i in 0..self.order.len() {
                // SAFETY: as above.
                unsafe { *to.add(base + i * stride) = *moved.add(i) };
            }
        }
    }
}

/// Sorts by one key on top of `order` (the identity, the first time).
fn by_key<P: Pair>(
    pairs: &mut [Scratch<P>; 2],
    order: &mut [u32],
    sorted: &mut [u32],
    first: bool,
    key: impl Fn(&[u32], usize) -> u64,
) {
    let [a, b] = pairs;
    for (i, pair) in a.iter_mut().enumerate() {
        *pair = P::new(key(order, i), i as u32);
    }
    let result = if a.len() < LONG {
        // Positions break ties, so the order of equal keys stays.
        a.sort_unstable();
        &a[..]
    } else if by_digits(a, b) {
        &b[..]
    } else {
        &a[..]
    };
    if first {
        order.iter_mut().zip(result).for_each(|(o, pair)| *o = pair.position());
        return;
    }
    sorted.iter_mut().zip(result).for_each(|(o, pair)| *o = order[pair.position() as usize]);
    order.copy_from_slice(sorted);
}

/// Stable counting sort by digits from the lowest; tells whether the result lies in `b`.
fn by_digits<'a, P: Pair>(mut a: &'a mut [P], mut b: &'a mut [P]) -> bool {
    const BINS: usize = 1 << DIGIT;
    let digits = P::KEY_BITS.div_ceil(DIGIT) as usize;
    let mut counts = vec![[0u32; BINS]; digits];
    for pair in a.iter() {
        for (n, count) in counts.iter_mut().enumerate() {
            count[pair.digit(n as u32 * DIGIT)] += 1;
        }
    }
    let mut in_b = false;
    for (n, count) in counts.iter_mut().enumerate() {
        let shift = n as u32 * DIGIT;
        if count[a[0].digit(shift)] as usize == a.len() {
            continue;
        }
        let mut start = 0;
        for c in count.iter_mut() {
            start += *c;
            *c = start - *c;
        }
        for pair in a.iter() {
            let place = &mut count[pair.digit(shift)];
            b[*place as usize] = *pair;
            *place += 1;
        }
        std::mem::swap(&mut a, &mut b);
        in_b = !in_b;
    }
    in_b
}
