//! Folding updates into a range of elements, in order, on one thread.

use std::ops::Range;

/// Rows of neighbouring updates, one after the other, and the first place of each.
pub struct Updates<'a, T> {
    pub places: &'a [i32],
    pub values: *const T,
    pub width: usize,
    /// The number of elements.
    pub len: usize,
}

/// Updates that are looked through at once for those of a range.
const PICKED: usize = 512;
/// Room for the lanes that a vector writes beyond the last one.
const LANES: usize = 16;

/// Folds what falls into a range of the elements. With several lanes, which need rows of one
/// element and the whole range, neighbouring updates go to different copies of the elements, which
/// lie one after the other.
///
/// # Safety
/// The values exist, and the range lies inside of the elements of each copy at `cells`.
pub unsafe fn update<T: Copy, C: Copy>(
    u: &Updates<T>,
    cells: *mut C,
    range: Range<usize>,
    lanes: usize,
    fold: impl Fn(C, T) -> C + Copy,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match u.width {
            1 if range.len() == u.len => {
                for (n, place) in u.places.iter().enumerate() {
                    // A negative place is beyond the end, too.
                    let place = *place as u32 as usize;
                    if place < u.len {
                        let cell = cells.add((n & (lanes - 1)) * u.len + place);
                        *cell = fold(*cell, *u.values.add(n));
                    }
                }
            }
            1 => each(u, range, |n, place| {
                let cell = cells.offset(place);
                *cell = fold(*cell, *u.values.add(n));
            }),
            2 => rows::<T, C, 2>(u, cells, range, fold),
            3 => rows::<T, C, 3>(u, cells, range, fold),
            4 => rows::<T, C, 4>(u, cells, range, fold),
            _ => each(u, range.clone(), |n, place| row(u, cells, &range, n, place, fold)),
        }
    }
}

/// As `update`, with rows of `W` elements.
unsafe fn rows<T: Copy, C: Copy, const W: usize>(
    u: &Updates<T>,
    cells: *mut C,
    range: Range<usize>,
    fold: impl Fn(C, T) -> C + Copy,
) {
    let (first, last) = (range.start as isize, range.end as isize - W as isize);
    each(u, range.clone(), |n, place| {
        // SAFETY: the row is inside of the range, or is cut.
        unsafe {
            if place < first || place > last {
                return row(u, cells, &range, n, place, fold);
            }
            let cells = cells.offset(place).cast::<[C; W]>();
            // All are read before any is written, so that one vector takes several.
            let (mut row, values) = (cells.read(), u.values.add(n * W).cast::<[T; W]>().read());
            row.iter_mut().zip(values).for_each(|(c, v)| *c = fold(*c, v));
            cells.write(row);
        }
    });
}

/// Folds the part of row `n` that lies in the range.
#[inline]
unsafe fn row<T: Copy, C: Copy>(
    u: &Updates<T>,
    cells: *mut C,
    range: &Range<usize>,
    n: usize,
    place: isize,
    fold: impl Fn(C, T) -> C + Copy,
) {
    let first = place.max(range.start as isize);
    let end = (place + u.width as isize).min(range.end as isize);
    if first < end {
        let count = (end - first) as usize;
        // SAFETY: a part of the row and of the range.
        unsafe {
            let values = u.values.add(n * u.width).offset(first - place);
            let values = std::slice::from_raw_parts(values, count);
            let cells = std::slice::from_raw_parts_mut(cells.offset(first), count);
            #[cfg(target_arch = "x86_64")]
            if count >= LANES && std::is_x86_feature_detected!("avx2") {
                return fold_avx2(cells, values, fold);
            }
            fold_all(cells, values, fold);
        }
    }
}

#[inline(always)]
fn fold_all<T: Copy, C: Copy>(cells: &mut [C], values: &[T], fold: impl Fn(C, T) -> C) {
    cells.iter_mut().zip(values).for_each(|(c, v)| *c = fold(*c, *v));
}

/// As `fold_all`, in wider registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fold_avx2<T: Copy, C: Copy>(cells: &mut [C], values: &[T], fold: impl Fn(C, T) -> C) {
    fold_all(cells, values, fold);
}

/// Calls `f` with the number and the place of every update that reaches into the range, in order.
#[inline(always)]
fn each<T>(u: &Updates<T>, range: Range<usize>, mut f: impl FnMut(usize, isize)) {
    if range.len() == u.len && u.width > 1 {
        u.places.iter().enumerate().for_each(|(n, place)| f(n, *place as isize));
        return;
    }
    // A branch on whether an update reaches into the range would often be mispredicted.
    let first = range.start as i32 - (u.width as i32 - 1);
    let count = (range.end as i64 - i64::from(first)) as u32;
    let mut picked = [0u32; PICKED + LANES];
    for (block, places) in u.places.chunks(PICKED).enumerate() {
        let found = pick(places, first, count, &mut picked);
        for n in &picked[..found] {
            let n = *n as usize;
            // SAFETY: only numbers of this block are picked.
            let place = unsafe { *places.get_unchecked(n) };
            f(block * PICKED + n, place as isize);
        }
    }
}

/// The numbers of the places in `first..first + count`. Returns how many there are.
fn pick(places: &[i32], first: i32, count: u32, to: &mut [u32; PICKED + LANES]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has these instructions.
        return unsafe { pick_avx512(places, first, count, to) };
    }
    let mut found = 0;
    for (n, place) in places.iter().enumerate().take(PICKED) {
        // SAFETY: no more are found than looked at.
        unsafe { *to.get_unchecked_mut(found) = n as u32 };
        found += usize::from((place.wrapping_sub(first) as u32) < count);
    }
    found
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn pick_avx512(places: &[i32], first: i32, count: u32, to: &mut [u32; PICKED + LANES]) -> usize {
    use std::arch::x86_64::{
        _mm512_add_epi32, _mm512_mask_cmplt_epu32_mask, _mm512_maskz_compress_epi32,
        _mm512_maskz_loadu_epi32, _mm512_set1_epi32, _mm512_setr_epi32, _mm512_storeu_si512,
        _mm512_sub_epi32,
    };
    let (first, count) = (_mm512_set1_epi32(first), _mm512_set1_epi32(count as i32));
    let mut numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let mut found = 0;
    for places in places.chunks(LANES).take(PICKED / LANES) {
        let some = if places.len() == LANES { !0 } else { (1u16 << places.len()) - 1 };
        // SAFETY: the mask reads this chunk alone; the room behind the last number takes whole
        // vectors.
        unsafe {
            let places = _mm512_maskz_loadu_epi32(some, places.as_ptr());
            let inside = _mm512_sub_epi32(places, first);
            let inside = _mm512_mask_cmplt_epu32_mask(some, inside, count);
            let numbers = _mm512_maskz_compress_epi32(inside, numbers);
            _mm512_storeu_si512(to.as_mut_ptr().add(found).cast(), numbers);
            found += inside.count_ones() as usize;
        }
        numbers = _mm512_add_epi32(numbers, _mm512_set1_epi32(LANES as i32));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to fold agrees with the definition, for any range.
    #[test]
    fn updates_fold_what_falls_into_the_range() {
        for width in [1, 2, 3, 4, 7, 40] {
            for (rows, len) in [(0, 9), (1, 1), (700, 50), (1111, 1300)] {
                let reach = len as i64 + width as i64 + 6;
                let place = |n: usize| (n as i64 * 7919 % reach - width as i64 - 2) as i32;
                let places: Vec<i32> = (0..rows).map(place).collect();
                let values: Vec<i64> = (0..(rows * width) as i64).map(|n| n * n + 1).collect();
                let u = Updates { places: &places, values: values.as_ptr(), width, len };
                for range in [0..len, 0..len / 2, len / 3..len, len / 2..len / 2] {
                    // The order of updates shows.
                    let fold = |c: i64, v: i64| c.wrapping_mul(3).wrapping_add(v);
                    let mut expected = vec![1i64; len];
                    for (n, value) in values.iter().enumerate() {
                        let at = i64::from(places[n / width]) + (n % width) as i64;
                        if range.contains(&(at as usize)) {
                            expected[at as usize] = fold(expected[at as usize], *value);
                        }
                    }
                    let mut got = vec![1i64; len];
                    // SAFETY: the values exist, and the range is inside.
                    unsafe { update(&u, got.as_mut_ptr(), range.clone(), 1, fold) };
                    assert_eq!(got, expected, "{width} {rows} {len} {range:?}");
                }
            }
        }
    }
}
