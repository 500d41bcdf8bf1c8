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
/// Rows of dot products that are read at once.
const ROWS: usize = 4;
/// With fewer rows, long sums are cut.
const FEW_ROWS: usize = 16;
const MOST_CUTS: usize = 64;

/// Partial results; parts write elements of their own.
struct Target(*mut f64);

// SAFETY: as above.
unsafe impl Sync for Target {}

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
    let depth = t.x.len();
    // Few rows and a long sum: the sum is cut, by shape alone.
    let cuts = if t.rows < FEW_ROWS { (depth / PART).clamp(1, MOST_CUTS) } else { 1 };
    let length = depth.div_ceil(cuts).next_multiple_of(LANES);
    let group = (PART / length.max(1)).max(1);
    let groups = t.rows.div_ceil(group);
    let mut partial = vec![0f64; if cuts > 1 { cuts * t.rows } else { 0 }];
    let target = Target(partial.as_mut_ptr());
    share(groups * cuts, |part| {
        let target = &target;
        let (cut, first) = (part / groups, part % groups * group);
        let k = (cut * length).min(depth);
        let x = &t.x[k..depth.min(k + length)];
        let mut sums = [0f64; ROWS];
        let last = t.rows.min(first + group);
        for i in (first..last).step_by(ROWS) {
            let rows = ROWS.min(last - i);
            // SAFETY: parts of these rows of the matrix, and their results.
            unsafe {
                let at = |n: usize| {
                    t.a.offset((i + n) as isize * t.strides[0] + k as isize * t.strides[1])
                };
                dot_rows(&mut sums[..rows], at, t.strides[1], x);
                for (n, sum) in sums[..rows].iter().enumerate() {
                    match cuts {
                        1 => *t.out.add(i + n) = T::round(*sum),
                        _ => *target.0.add(cut * t.rows + i + n) = *sum,
                    }
                }
            }
        }
    });
    if cuts > 1 {
        // SAFETY: the result has this many elements.
        unsafe { join(t, &partial, cuts) };
    }
}

/// Adds up the partial results of all cuts.
///
/// # Safety
/// The task is valid.
unsafe fn join<T: Real>(t: &Task<'_, T>, partial: &[f64], cuts: usize) {
    for i in 0..t.rows {
        let sum = (0..cuts).fold(0.0, |sum, cut| sum + partial[cut * t.rows + i]);
        // SAFETY: inside the result.
        unsafe { *t.out.add(i) = T::round(sum) };
    }
}

/// The products of `x` and the rows that begin at `at`. Several rows are read at once, since memory
/// gives more to several streams than to one; each row's sum is the same in any company.
///
/// # Safety
/// Each row has `x.len()` elements with this stride.
unsafe fn dot_rows<T: Real>(
    sums: &mut [f64],
    at: impl Fn(usize) -> *const T,
    stride: isize,
    x: &[T],
) {
    if stride != 1 {
        for (n, sum) in sums.iter_mut().enumerate() {
            *sum = x.iter().enumerate().fold(0.0, |sum, (k, x)| {
                // SAFETY: the caller's promise.
                sum + unsafe { *at(n).offset(k as isize * stride) }.wide() * x.wide()
            });
        }
        return;
    }
    // SAFETY: the caller's promise.
    let row = |n: usize| unsafe { std::slice::from_raw_parts(at(n), x.len()) };
    if let Ok(sums) = <&mut [f64; ROWS]>::try_from(&mut *sums) {
        *sums = contiguous(std::array::from_fn(row), x);
    } else {
        sums.iter_mut().enumerate().for_each(|(n, sum)| [*sum] = contiguous([row(n)], x));
    }
}

/// The products of `x` and contiguous rows, at the processor's width.
fn contiguous<T: Real, const R: usize>(rows: [&[T]; R], x: &[T]) -> [f64; R] {
    #[cfg(target_arch = "x86_64")]
    {
        use std::is_x86_feature_detected as has;
        #[target_feature(enable = "avx512f")]
        fn wider<T: Real, const R: usize>(rows: [&[T]; R], x: &[T]) -> [f64; R] {
            lanes::<T, R, true>(rows, x)
        }
        #[target_feature(enable = "avx2,fma")]
        fn wide<T: Real>(row: &[T], x: &[T]) -> f64 {
            lanes::<T, 1, true>([row], x)[0]
        }
        if has!("avx512f") {
            // SAFETY: the processor has the feature.
            return unsafe { wider(rows, x) };
        }
        if has!("avx2") && has!("fma") {
            // SAFETY: the processor has the features. Its registers hold one row's sums.
            return rows.map(|row| unsafe { wide(row, x) });
        }
    }
    rows.map(|row| lanes::<T, 1, false>([row], x)[0])
}

#[inline(always)]
fn lanes<T: Real, const R: usize, const FUSED: bool>(rows: [&[T]; R], x: &[T]) -> [f64; R] {
    let step = |sum: T, a: T, x: T| if FUSED { sum.fused(a, x) } else { sum.add_product(a, x) };
    let mut totals = [[0f64; LANES]; R];
    let whole = x.len() / LANES * LANES;
    let part = |of: &[T], k: usize| -> [T; LANES] { of[k..k + LANES].try_into().unwrap() };
    for run in (0..whole).step_by(RUN * LANES) {
        let mut sums = [[T::ZERO; LANES]; R];
        for k in (run..whole.min(run + RUN * LANES)).step_by(LANES) {
            if R == 1 {
                // The form of which the compiler keeps one row's sums in registers.
                let (a, x) = (&rows[0][k..k + LANES], &x[k..k + LANES]);
                for (n, sum) in sums[0].iter_mut().enumerate() {
                    *sum = step(*sum, a[n], x[n]);
                }
                continue;
            }
            let x = part(x, k);
            sums = std::array::from_fn(|r| {
                let a = part(rows[r], k);
                std::array::from_fn(|n| step(sums[r][n], a[n], x[n]))
            });
        }
        for (totals, sums) in totals.iter_mut().zip(&sums) {
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum.wide());
        }
    }
    std::array::from_fn(|r| {
        let rest = rows[r][whole..].iter().zip(&x[whole..]);
        let last = rest.fold(0.0, |sum, (a, x)| sum + a.wide() * x.wide());
        let totals = &mut totals[r];
        let mut width = LANES;
        while width > 1 {
            width /= 2;
            for n in 0..width {
                totals[n] += totals[n + width];
            }
        }
        totals[0] + last
    })
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
    let target = Target(partial.as_mut_ptr());
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
                    _ => *target.0.add(cut * t.rows + i + n) = *total,
                }
            }
        }
    });
    if cuts > 1 {
        // SAFETY: the result has this many elements.
        unsafe { join(t, &partial, cuts) };
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
