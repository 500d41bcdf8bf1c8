//! Products of a matrix and a vector, which are bound by memory: the matrix is read once, in memory
//! order. Products of matrices live in `dot`.
//!
//! Both cases are `out[i] = sum over k of a[i, k] * x[k]`. If `k` is contiguous, each row is a dot
//! product; if `i` is, rows of `k` are added up into tiles of the result. Sums are cut into runs,
//! see `dot`.

use super::operand::{Operands, RUN, Real, Shape};
use crate::run::share::share;

/// Elements of the matrix in one part.
const PART: usize = 1 << 17;
/// Columns whose sums stay in the first cache.
const TILE: usize = 1024;
/// Independent sums of a dot product.
const LANES: usize = 32;

struct Task<'a, T> {
    a: *const T,
    /// Strides of the matrix in `i` and `k`.
    strides: [isize; 2],
    x: &'a [T],
    out: *mut T,
    rows: usize,
}

// SAFETY: the matrix is read, and parts write elements of their own.
unsafe impl<T: Sync> Sync for Task<'_, T> {}

/// # Safety
/// As `dot::run`, for one product with `m == 1` or `n == 1`.
pub unsafe fn product<T: Real>(s: &Shape, o: Operands<T>) {
    let (a, strides, x, step, rows) = if s.m == 1 {
        (o.rhs, [s.rhs[2], s.rhs[1]], o.lhs, s.lhs[2], s.n)
    } else {
        (o.lhs, [s.lhs[1], s.lhs[2]], o.rhs, s.rhs[1], s.m)
    };
    let gathered: Vec<T>;
    let x = if step == 1 {
        // SAFETY: `k` contiguous elements, by the caller's promise.
        unsafe { std::slice::from_raw_parts(x, s.k) }
    } else {
        // SAFETY: inside the operand, by the caller's promise.
        gathered = (0..s.k).map(|k| unsafe { *x.offset(k as isize * step as isize) }).collect();
        &gathered
    };
    let t = Task { a, strides: strides.map(|x| x as isize), x, out: o.out, rows };
    // SAFETY: the caller's promise.
    unsafe { if t.strides[0] == 1 && t.strides[1] != 1 { columns(&t) } else { dots(&t) } }
}

/// # Safety
/// The task is valid.
unsafe fn dots<T: Real>(t: &Task<'_, T>) {
    let group = (PART / t.x.len().max(1)).max(1);
    share(t.rows.div_ceil(group), |part| {
        for i in part * group..t.rows.min((part + 1) * group) {
            // SAFETY: one row of the matrix and its result.
            unsafe {
                *t.out.add(i) = dot(t.a.offset(i as isize * t.strides[0]), t.strides[1], t.x)
            };
        }
    });
}

/// # Safety
/// `a` has `x.len()` elements with this stride.
unsafe fn dot<T: Real>(a: *const T, stride: isize, x: &[T]) -> T {
    if stride != 1 {
        return T::round(x.iter().enumerate().fold(0.0, |sum, (k, x)| {
            // SAFETY: the caller's promise.
            sum + unsafe { *a.offset(k as isize * stride) }.wide() * x.wide()
        }));
    }
    // SAFETY: the caller's promise.
    let a = unsafe { std::slice::from_raw_parts(a, x.len()) };
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn wide<T: Real>(a: &[T], x: &[T]) -> T {
            contiguous::<T, true>(a, x)
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features.
            return unsafe { wide(a, x) };
        }
    }
    contiguous::<T, false>(a, x)
}

#[inline(always)]
fn contiguous<T: Real, const FUSED: bool>(a: &[T], x: &[T]) -> T {
    let step = |sum: T, a: T, x: T| if FUSED { sum.fused(a, x) } else { sum.add_product(a, x) };
    let mut totals = [0f64; LANES];
    let mut last = 0f64;
    for (a, x) in a.chunks(RUN * LANES).zip(x.chunks(RUN * LANES)) {
        let mut sums = [T::ZERO; LANES];
        let (a_parts, x_parts) = (a.chunks_exact(LANES), x.chunks_exact(LANES));
        let rest = a_parts.remainder().iter().zip(x_parts.remainder());
        last = rest.fold(last, |sum, (a, x)| sum + a.wide() * x.wide());
        for (a, x) in a_parts.zip(x_parts) {
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = step(*sum, a[n], x[n]);
            }
        }
        for (total, sum) in totals.iter_mut().zip(&sums) {
            *total += sum.wide();
        }
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for n in 0..width {
            totals[n] += totals[n + width];
        }
    }
    T::round(totals[0] + last)
}

/// # Safety
/// The task is valid and its rows are contiguous in `i`.
unsafe fn columns<T: Real>(t: &Task<'_, T>) {
    let tiles = t.rows.div_ceil(TILE);
    // Few tiles and a long sum: the sum is cut too, by shape alone.
    let depth = t.x.len();
    let cuts = if tiles < 8 { (depth * t.rows.min(TILE) / PART).clamp(1, 16) } else { 1 };
    let length = depth.div_ceil(cuts);
    let mut partial = vec![0f64; if cuts > 1 { cuts * t.rows } else { 0 }];
    let target: Operands<f64> =
        Operands { lhs: std::ptr::null(), rhs: std::ptr::null(), out: partial.as_mut_ptr() };
    share(tiles * cuts, |part| {
        let target = &target;
        let (cut, tile) = (part / tiles, part % tiles);
        let (i, k) = (tile * TILE, (cut * length).min(depth));
        let width = TILE.min(t.rows - i);
        let x = &t.x[k..depth.min(k + length)];
        let mut totals = [0f64; TILE];
        let totals = &mut totals[..width];
        // SAFETY: a tile of the matrix and of the result, or of a partial result of its own.
        unsafe {
            add_rows(t.a.add(i).offset(k as isize * t.strides[1]), t.strides[1], x, totals);
            for (n, total) in totals.iter().enumerate() {
                match cuts {
                    1 => *t.out.add(i + n) = T::round(*total),
                    _ => *target.out.add(cut * t.rows + i + n) = *total,
                }
            }
        }
    });
    if cuts > 1 {
        for i in 0..t.rows {
            let sum = (0..cuts).fold(0.0, |sum, cut| sum + partial[cut * t.rows + i]);
            // SAFETY: inside the result.
            unsafe { *t.out.add(i) = T::round(sum) };
        }
    }
}

/// # Safety
/// `a` has `x.len()` rows of `out.len()` elements, `stride` apart.
unsafe fn add_rows<T: Real>(a: *const T, stride: isize, x: &[T], out: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn wide<T: Real>(a: *const T, stride: isize, x: &[T], out: &mut [f64]) {
            // SAFETY: the caller's promise.
            unsafe { four_rows::<T, true>(a, stride, x, out) }
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features.
            return unsafe { wide(a, stride, x, out) };
        }
    }
    // SAFETY: the caller's promise.
    unsafe { four_rows::<T, false>(a, stride, x, out) }
}

/// # Safety
/// As `add_rows`.
#[inline(always)]
unsafe fn four_rows<T: Real, const FUSED: bool>(
    a: *const T,
    stride: isize,
    x: &[T],
    out: &mut [f64],
) {
    let step = |sum: T, a: T, x: T| if FUSED { sum.fused(a, x) } else { sum.add_product(a, x) };
    let width = out.len();
    // SAFETY: rows below `x.len()`.
    let row =
        |k: usize| unsafe { std::slice::from_raw_parts(a.offset(k as isize * stride), width) };
    let mut k = 0;
    let mut sums = [T::ZERO; TILE];
    let sums = &mut sums[..width];
    let mut flush = |sums: &mut [T]| {
        for (total, sum) in out.iter_mut().zip(sums) {
            *total += std::mem::replace(sum, T::ZERO).wide();
        }
    };
    while k + 4 <= x.len() {
        if k > 0 && k.is_multiple_of(4 * RUN) {
            flush(sums);
        }
        let (r0, r1, r2, r3) = (row(k), row(k + 1), row(k + 2), row(k + 3));
        for (n, sum) in sums.iter_mut().enumerate() {
            let s = step(step(*sum, r0[n], x[k]), r1[n], x[k + 1]);
            *sum = step(step(s, r2[n], x[k + 2]), r3[n], x[k + 3]);
        }
        k += 4;
    }
    for (k, x) in x.iter().enumerate().skip(k) {
        for (sum, a) in sums.iter_mut().zip(row(k)) {
            *sum = step(*sum, *a, *x);
        }
    }
    flush(sums);
}
