//! Matrix products: the method for each shape, and its cut into parts for threads. Products with a
//! vector live in `vector`.
//!
//! | shape | way |
//! | --- | --- |
//! | a dozen rows and columns | `small`: a few rows and columns at a time |
//! | one row or one column | `vector`: bound by memory, read once |
//! | other floats | the `gemm` crate, block by block |
//! | ints | plain loops |
//! | f16, bf16 | as f32, converted before and after |
//!
//! Parts are cut by shape alone and each is computed by one thread, so results are the same for any
//! number of threads.
//!
//! Long sums of f32 are cut into runs, which are added up in f64, so the error does not grow with
//! the length. Runs have [`RUN`] terms in loops of our own; within [`DEPTH`] terms the order of
//! sums is that of `gemm`.
//!
//! Measured on two cores of an AMD EPYC (Zen 5, AVX-512), GFLOP/s, f32 and f64, one thread (two
//! threads for gemm in brackets), square: matrixmultiply 0.3.11 against gemm 0.19: 16: 37/34
//! against 63/56; 64: 148/86 against 233/110; 256: 195/98 against 237/120 (338/110); 1024: 201/100
//! against 242/119 (472/229); 2048: 203/97 against 226/116 (439/217). So `gemm` is used; on
//! processors without AVX-512 the two are closer.

use super::operand::{Element, Operands, RUN, Real, Shape, Truth};
use super::vector;
use crate::run::memory::Scratch;
use crate::run::share::share;
use cotangent_jit::DType;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Products of at most this many multiplications are not worth a call of `gemm`.
const SMALL: usize = 2048;
/// The terms of small products whose columns are copied several at a time, and of those for which
/// little room is enough.
const LONG: usize = 128;
const SHORT: usize = 16;
/// Multiplications that are worth a part of their own.
const PART: usize = 1 << 21;
const MOST_PARTS: usize = 32;
/// Terms of one call of `gemm`.
const DEPTH: usize = 4096;
/// Products of at most this many elements take this many terms in one call.
const THIN: usize = 64;
const SHALLOW: usize = 4 * RUN;
/// Multiplications of small or plain products in one part.
const LOOSE_PART: usize = 1 << 16;

/// # Safety
/// The addresses reach the elements that the shape names; `out` overlaps neither operand.
pub unsafe fn run(dtype: DType, s: &Shape, lhs: *mut u8, rhs: *mut u8, out: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        match dtype {
            DType::F32 => floats::<f32>(s, operands(lhs, rhs, out)),
            DType::F64 => floats::<f64>(s, operands(lhs, rhs, out)),
            DType::F16 => halves::<f16>(s, operands(lhs, rhs, out)),
            DType::BF16 => halves::<bf16>(s, operands(lhs, rhs, out)),
            DType::I8 => ints::<i8>(s, operands(lhs, rhs, out)),
            DType::I16 => ints::<i16>(s, operands(lhs, rhs, out)),
            DType::U8 => ints::<u8>(s, operands(lhs, rhs, out)),
            DType::U16 => ints::<u16>(s, operands(lhs, rhs, out)),
            DType::I32 => ints::<i32>(s, operands(lhs, rhs, out)),
            DType::I64 => ints::<i64>(s, operands(lhs, rhs, out)),
            DType::U32 => ints::<u32>(s, operands(lhs, rhs, out)),
            DType::U64 => ints::<u64>(s, operands(lhs, rhs, out)),
            _ => ints::<Truth>(s, operands(lhs, rhs, out)),
        }
    }
}

fn operands<T>(lhs: *mut u8, rhs: *mut u8, out: *mut u8) -> Operands<T> {
    Operands {
        lhs: lhs.cast::<T>().cast_const(),
        rhs: rhs.cast::<T>().cast_const(),
        out: out.cast(),
    }
}

/// A float of 16 bits.
trait Half: Copy + Send + Sync {
    fn widen(from: &[Self], to: &mut [f32]);
    fn round(from: &[f32], to: &mut [Self]);
}

macro_rules! half {
    ($($t:ty)*) => {$(
        impl Half for $t {
            fn widen(from: &[$t], to: &mut [f32]) {
                from.convert_to_f32_slice(to);
            }

            fn round(from: &[f32], to: &mut [$t]) {
                to.convert_from_f32_slice(from);
            }
        }
    )*};
}

half!(f16 bf16);

/// Products and sums in f32, rounded at the end.
///
/// # Safety
/// As `run`.
unsafe fn halves<T: Half>(s: &Shape, o: Operands<T>) {
    let reach = |extents: [usize; 3], strides: [i64; 3]| match extents.contains(&0) {
        true => 0,
        false => extents.iter().zip(strides).map(|(n, s)| (n - 1) * s as usize).sum::<usize>() + 1,
    };
    let n =
        [reach([s.batch, s.m, s.k], s.lhs), reach([s.batch, s.k, s.n], s.rhs), s.batch * s.m * s.n];
    let [mut lhs, mut rhs, mut out] = n.map(Scratch::<f32>::new);
    // SAFETY: the operands reach these elements, and `out` is ours to write.
    unsafe {
        T::widen(std::slice::from_raw_parts(o.lhs, n[0]), &mut lhs);
        T::widen(std::slice::from_raw_parts(o.rhs, n[1]), &mut rhs);
        floats(s, Operands { lhs: lhs.as_ptr(), rhs: rhs.as_ptr(), out: out.as_mut_ptr() });
        T::round(&out, std::slice::from_raw_parts_mut(o.out, n[2]));
    }
}

/// # Safety
/// As `run`.
unsafe fn floats<T: Real>(s: &Shape, o: Operands<T>) {
    let one = s.m * s.n * s.k;
    if one == 0 {
        // SAFETY: `out` has these elements.
        (0..s.batch * s.m * s.n).for_each(|i| unsafe { *o.out.add(i) = T::ZERO });
    } else if one <= SMALL {
        in_groups(s.batch, one, |b| {
            // SAFETY: the caller's promise, for one product.
            unsafe { small_product(s, o.batch(s, b)) }
        });
    } else if s.m == 1 || s.n == 1 {
        for b in 0..s.batch {
            // SAFETY: as above.
            unsafe { vector::product(s, o.batch(s, b)) };
        }
    } else if s.m * s.n <= THIN && s.k > DEPTH {
        // SAFETY: as above.
        unsafe { thin(s, o) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { blocks(s, o) }
    }
}

/// Runs `work` for every product of a batch, several in one part.
fn in_groups(batch: usize, each: usize, work: impl Fn(usize) + Sync) {
    let group = (LOOSE_PART / each.max(1)).max(1);
    share(batch.div_ceil(group), |part| {
        (part * group..batch.min((part + 1) * group)).for_each(&work);
    });
}

/// Few elements with deep sums: the sums are cut into parts instead, by shape alone.
///
/// # Safety
/// As `run`.
unsafe fn thin<T: Real>(s: &Shape, o: Operands<T>) {
    let cuts = (s.m * s.n * s.k / PART).clamp(1, MOST_PARTS);
    let length = s.k.div_ceil(cuts);
    for b in 0..s.batch {
        let mut sums = vec![0f64; cuts * s.m * s.n];
        let parts: Vec<Mutex<&mut [f64]>> = sums.chunks_mut(s.m * s.n).map(Mutex::new).collect();
        share(cuts, |cut| {
            let mut sums = parts[cut].lock().unwrap_or_else(PoisonError::into_inner);
            let terms = (cut * length).min(s.k)..((cut + 1) * length).min(s.k);
            // SAFETY: one product, by the caller's promise.
            unsafe { add_up(s, [s.m, s.n], o.batch(s, b), (terms, SHALLOW), &mut sums) };
        });
        drop(parts);
        for i in 0..s.m * s.n {
            let sum: f64 = (0..cuts).map(|cut| sums[cut * s.m * s.n + i]).sum();
            // SAFETY: an element of the result.
            unsafe { *o.batch(s, b).out.add(i) = T::round(sum) };
        }
    }
}

/// # Safety
/// As `run`.
unsafe fn blocks<T: Real>(s: &Shape, o: Operands<T>) {
    let target = (s.batch * s.m * s.n * s.k / MOST_PARTS).max(PART);
    let (mut rows, mut columns) = (s.m, s.n);
    while rows * columns * s.k > target && rows.max(columns) >= 256 {
        if rows >= columns {
            rows = rows.div_ceil(2).next_multiple_of(16);
        } else {
            columns = columns.div_ceil(2).next_multiple_of(16);
        }
    }
    let (down, across) = (s.m.div_ceil(rows), s.n.div_ceil(columns));
    // Products that are small are computed several in one part.
    let group = (PART / 4 / (rows * columns * s.k)).max(1);
    let parts = s.batch * down * across;
    share(parts.div_ceil(group), |part| {
        for part in part * group..parts.min((part + 1) * group) {
            let (b, block) = (part / (down * across), part % (down * across));
            let (i, j) = (block / across * rows, block % across * columns);
            let (m, n) = (rows.min(s.m - i), columns.min(s.n - j));
            // SAFETY: the block lies inside the product, which the caller vouches for; no other
            // part writes to it.
            unsafe {
                let o = o.batch(s, b);
                let block = Operands {
                    lhs: o.lhs.offset(i as isize * s.lhs[1] as isize),
                    rhs: o.rhs.offset(j as isize * s.rhs[2] as isize),
                    out: o.out.add(i * s.n + j),
                };
                if s.k <= DEPTH {
                    multiply(s, [m, n, s.k], block, s.n)
                } else {
                    deep(s, [m, n], block)
                }
            }
        }
    });
}

/// One call of `gemm`: the product of `m` rows and `n` columns over `k` terms, into rows that are
/// `stride` apart.
///
/// # Safety
/// As `run`, for a block of one product.
unsafe fn multiply<T: Real>(s: &Shape, [m, n, k]: [usize; 3], o: Operands<T>, stride: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            o.out,
            1,
            stride as isize,
            false,
            o.lhs,
            s.lhs[2] as isize,
            s.lhs[1] as isize,
            o.rhs,
            s.rhs[2] as isize,
            s.rhs[1] as isize,
            T::ZERO,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// As `multiply`, over all terms in calls of `DEPTH`.
///
/// # Safety
/// As `run`, for a block of one product.
unsafe fn deep<T: Real>(s: &Shape, [m, n]: [usize; 2], o: Operands<T>) {
    let mut sums = vec![0f64; m * n];
    // SAFETY: the caller's promise.
    unsafe { add_up(s, [m, n], o, (0..s.k, DEPTH), &mut sums) };
    for (row, sums) in sums.chunks_exact(n).enumerate() {
        for (column, sum) in sums.iter().enumerate() {
            // SAFETY: inside the block.
            unsafe { *o.out.add(row * s.n + column) = T::round(*sum) };
        }
    }
}

/// Adds these terms of a product to the sums, in calls of `depth` terms.
///
/// # Safety
/// As `run`, for a block of one product, of which only the operands are looked at.
unsafe fn add_up<T: Real>(
    s: &Shape,
    [m, n]: [usize; 2],
    o: Operands<T>,
    (terms, depth): (Range<usize>, usize),
    sums: &mut [f64],
) {
    let mut part = vec![T::ZERO; m * n];
    let end = terms.end;
    for k in terms.step_by(depth) {
        // SAFETY: terms from `k` on, of which there are as many.
        unsafe {
            let lhs = o.lhs.offset(k as isize * s.lhs[2] as isize);
            let rhs = o.rhs.offset(k as isize * s.rhs[1] as isize);
            let to = Operands { lhs, rhs, out: part.as_mut_ptr() };
            multiply(s, [m, n, depth.min(end - k)], to, n);
        }
        sums.iter_mut().zip(&part).for_each(|(sum, x)| *sum += x.wide());
    }
}

/// # Safety
/// As `run`, for one product.
unsafe fn small_product<T: Real>(s: &Shape, o: Operands<T>) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn wide<T: Real>(s: &Shape, o: Operands<T>) {
            // SAFETY: the caller's promise.
            unsafe { small::<T, true>(s, o) }
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features.
            return unsafe { wide(s, o) };
        }
    }
    // SAFETY: the caller's promise.
    unsafe { small::<T, false>(s, o) }
}

/// A few rows and columns at a time; the columns of the right operand are copied side by side.
///
/// # Safety
/// As `run`, for one product.
#[inline(always)]
unsafe fn small<T: Real, const FUSED: bool>(s: &Shape, o: Operands<T>) {
    // SAFETY: the caller's promise.
    unsafe {
        match s.n {
            _ if s.k > LONG => columns::<T, FUSED, 1, SMALL>(s, o),
            1..=4 if s.k <= SHORT => columns::<T, FUSED, 4, SHORT>(s, o),
            _ if s.k <= SHORT => columns::<T, FUSED, 8, SHORT>(s, o),
            1..=4 => columns::<T, FUSED, 4, LONG>(s, o),
            _ => columns::<T, FUSED, 8, LONG>(s, o),
        }
    }
}

/// `W` columns at a time.
///
/// # Safety
/// As `run`, for one product of at most `DEPTH` terms.
#[inline(always)]
unsafe fn columns<T: Real, const FUSED: bool, const W: usize, const DEPTH: usize>(
    s: &Shape,
    o: Operands<T>,
) {
    let [_, lm, lk] = s.lhs.map(|x| x as isize);
    let [_, rk, rn] = s.rhs.map(|x| x as isize);
    let mut packed = [[T::ZERO; W]; DEPTH];
    let packed = &mut packed[..s.k];
    for j in (0..s.n).step_by(W) {
        let width = W.min(s.n - j);
        // SAFETY: a column below n.
        let from = unsafe { o.rhs.offset(j as isize * rn) };
        let whole = rn == 1 && width == W;
        let (rows, apart) = if whole { (from, rk) } else { (packed.as_ptr().cast(), W as isize) };
        for (k, row) in packed.iter_mut().enumerate().filter(|_| !whole) {
            for (c, x) in row.iter_mut().enumerate().take(width) {
                // SAFETY: a row below k, a column below n.
                *x = unsafe { *from.offset(k as isize * rk + c as isize * rn) };
            }
        }
        let mut i = 0;
        while i < s.m {
            let count = if i + 4 <= s.m { 4 } else { 1 };
            // SAFETY: rows below m, columns below n, depth below k.
            unsafe {
                let lhs = o.lhs.offset(i as isize * lm);
                let out = o.out.add(i * s.n + j);
                let to = [s.n, width];
                match count {
                    4 => few_rows::<T, FUSED, W, 4>(s.k, lhs, [lm, lk], (rows, apart), out, to),
                    _ => few_rows::<T, FUSED, W, 1>(s.k, lhs, [lm, lk], (rows, apart), out, to),
                }
            }
            i += count;
        }
    }
}

/// The products of `R` rows and `W` columns over `depth` terms: the columns' rows lie `apart`
/// elements apart. Of the results, `width` columns are stored in rows that are `stride` apart.
///
/// # Safety
/// The operands have these rows, and `out` room for the results.
#[inline(always)]
unsafe fn few_rows<T: Real, const FUSED: bool, const W: usize, const R: usize>(
    depth: usize,
    lhs: *const T,
    [lm, lk]: [isize; 2],
    (rhs, apart): (*const T, isize),
    out: *mut T,
    [stride, width]: [usize; 2],
) {
    // A few runs, so that products of a dozen columns are one.
    const FEW_RUNS: usize = 2 * RUN;
    let step = |sum: T, x: T, y: T| if FUSED { sum.fused(x, y) } else { sum.add_product(x, y) };
    let run = |terms: Range<usize>| {
        let mut sums = [[T::ZERO; W]; R];
        for k in terms {
            // SAFETY: the caller's promise.
            let row = unsafe { *rhs.offset(k as isize * apart).cast::<[T; W]>() };
            sums = std::array::from_fn(|r| {
                // SAFETY: as above.
                let x = unsafe { *lhs.offset(r as isize * lm + k as isize * lk) };
                std::array::from_fn(|c| step(sums[r][c], x, row[c]))
            });
        }
        sums
    };
    let results: [[T; W]; R] = if depth <= FEW_RUNS {
        run(0..depth)
    } else {
        let mut totals = [[0f64; W]; R];
        for k in (0..depth).step_by(FEW_RUNS) {
            let sums = run(k..depth.min(k + FEW_RUNS));
            let add = |r: usize, c: usize| totals[r][c] + sums[r][c].wide();
            totals = std::array::from_fn(|r| std::array::from_fn(|c| add(r, c)));
        }
        totals.map(|row| row.map(T::round))
    };
    for (r, row) in results.iter().enumerate() {
        for (c, x) in row.iter().enumerate().take(width) {
            // SAFETY: the caller's promise.
            unsafe { *out.add(r * stride + c) = *x };
        }
    }
}

/// # Safety
/// As `run`.
unsafe fn ints<T: Element>(s: &Shape, o: Operands<T>) {
    let rows = s.batch * s.m;
    in_groups(rows, s.n * s.k, |row| {
        let (b, i) = (row / s.m, row % s.m);
        // SAFETY: a row of one product, by the caller's promise.
        unsafe {
            let o = o.batch(s, b);
            let out = o.out.add(i * s.n);
            (0..s.n).for_each(|j| *out.add(j) = T::ZERO);
            for k in 0..s.k as i64 {
                let x = *o.lhs.offset((i as i64 * s.lhs[1] + k * s.lhs[2]) as isize);
                let from = o.rhs.offset((k * s.rhs[1]) as isize);
                for j in 0..s.n {
                    let y = *from.offset(j as isize * s.rhs[2] as isize);
                    *out.add(j) = (*out.add(j)).add_product(x, y);
                }
            }
        }
    });
}
