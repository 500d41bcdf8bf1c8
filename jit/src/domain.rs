//! The values that affine functions of loop counters take: their bounds under guards, and whether
//! different points of the loops get different elements.
//!
//! The arithmetic has 128 bits, so no offset can overflow and so pass a check. What kernels and
//! programs must fulfil does not live here; the verifier, the planner and the cost model ask these
//! functions.

use crate::affine::Affine;
use crate::kernel::{Loop, Mode, Range};
use smallvec::SmallVec;

/// A box of points: the inclusive range of every counter. It is never empty.
#[derive(Clone, Debug)]
pub(crate) struct Domain(SmallVec<[(i128, i128); 6]>);

impl Domain {
    /// All points of loops with these extents; `None` if some extent is zero, for then there are no
    /// points.
    pub fn new(extents: impl IntoIterator<Item = usize>) -> Option<Domain> {
        let ranges = extents.into_iter().map(|e| (e > 0).then_some((0, e as i128 - 1)));
        ranges.collect::<Option<_>>().map(Domain)
    }

    /// The least and the greatest value of `at`.
    pub fn bounds(&self, at: &Affine) -> (i128, i128) {
        let (mut low, mut high) = (i128::from(at.offset), i128::from(at.offset));
        for (&stride, (first, last)) in at.strides.iter().zip(&self.0) {
            let ends = (i128::from(stride) * first, i128::from(stride) * last);
            low += ends.0.min(ends.1);
            high += ends.0.max(ends.1);
        }
        (low, high)
    }

    /// The bounds of `at` over the points that the guard admits; `None` if it admits no point. The
    /// bounds are exact if every range of the guard bounds one counter. A range of several counters
    /// tightens the bounds only if `at` contains a multiple of its function.
    pub fn guarded_bounds(&self, at: &Affine, guard: &[Range]) -> Option<(i128, i128)> {
        if guard.is_empty() {
            return Some(self.bounds(at));
        }
        let tight = self.clone().within(guard)?;
        let joint = guard.iter().filter(|r| r.at.strides.iter().filter(|s| **s != 0).count() > 1);
        let plain = tight.bounds(at);
        let mut rest = at.clone();
        let (mut low, mut high) = (0, 0);
        for r in joint {
            if r.high <= r.low {
                return None;
            }
            let Some(n) = (0..r.at.strides.len()).find(|n| r.at.stride(*n) != 0) else { continue };
            let factor = rest.stride(n).checked_div(r.at.stride(n)).unwrap_or(0);
            let Some(without) = subtract(&rest, &r.at, factor) else { continue };
            rest = without;
            let ends = [i128::from(r.low), i128::from(r.high) - 1].map(|e| e * i128::from(factor));
            low += ends[0].min(ends[1]);
            high += ends[0].max(ends[1]);
        }
        let (rest_low, rest_high) = tight.bounds(&rest);
        Some((plain.0.max(low + rest_low), plain.1.min(high + rest_high)))
    }

    /// The smallest box around the points that the guard admits, as far as ranges of one counter
    /// tell; `None` if the guard admits no point.
    pub fn within(mut self, guard: &[Range]) -> Option<Domain> {
        for r in guard {
            let mut counters = r.at.strides.iter().enumerate().filter(|(_, s)| **s != 0);
            match (counters.next(), counters.next()) {
                (None, _) if !(r.low..r.high).contains(&r.at.offset) => return None,
                (Some((n, &stride)), None) => self.restrict(n, stride, r)?,
                _ => {}
            }
        }
        Some(self)
    }

    /// The number of elements that an index reaches, if points that differ in a counter of nonzero
    /// stride get different elements.
    pub fn elements(&self, at: &Affine) -> f64 {
        let counters = at.strides.iter().zip(&self.0).filter(|(s, _)| **s != 0);
        counters.map(|(_, (first, last))| (last - first + 1) as f64).product()
    }

    /// Keeps the counters `n` for which `low <= stride * counter + offset < high`; `None` if none
    /// is left.
    fn restrict(&mut self, n: usize, stride: i64, r: &Range) -> Option<()> {
        let Some(range) = self.0.get_mut(n) else { return Some(()) };
        let (stride, offset) = (i128::from(stride), i128::from(r.at.offset));
        let (low, high) = (i128::from(r.low) - offset, i128::from(r.high) - 1 - offset);
        let ceil = |x: i128, by: i128| -(-x).div_euclid(by);
        let (first, last) = if stride > 0 {
            (ceil(low, stride), high.div_euclid(stride))
        } else {
            (ceil(-high, -stride), (-low).div_euclid(-stride))
        };
        *range = (range.0.max(first), range.1.min(last));
        (range.0 <= range.1).then_some(())
    }
}

/// `at - factor * other`; `None` if it overflows.
fn subtract(at: &Affine, other: &Affine, factor: i64) -> Option<Affine> {
    let minus = |a: i64, b: i64| a.checked_sub(b.checked_mul(factor)?);
    let n = at.strides.len().max(other.strides.len());
    let strides: Option<SmallVec<[i64; 4]>> =
        (0..n).map(|i| minus(at.stride(i), other.stride(i))).collect();
    Some(Affine { offset: minus(at.offset, other.offset)?, strides: strides? })
}

/// Returns whether points that differ in a loop that is not sequential get different elements,
/// given `(stride, loop)` pairs.
///
/// In order of growing strides, each stride must exceed the sum of what the smaller ones reach. The
/// strides are then those of a mixed-radix number, and no two points share an element. Loops of one
/// point do not count. Points that differ in sequential loops alone may share an element.
pub(crate) fn injective(at: impl IntoIterator<Item = (i64, Loop)>) -> bool {
    let mut strides: SmallVec<[(u128, Loop); 8]> = at
        .into_iter()
        .filter(|(_, l)| l.extent > 1)
        .map(|(s, l)| (u128::from(s.unsigned_abs()), l))
        .collect();
    strides.sort_unstable_by_key(|(s, _)| *s);
    let (mut reach, mut shared) = (0u128, false);
    for (stride, l) in strides {
        shared |= l.mode != Mode::Sequential;
        if shared && stride <= reach && !(l.mode == Mode::Sequential && stride == 0) {
            return false;
        }
        reach += stride * (l.extent as u128 - 1);
    }
    true
}

/// Returns whether two functions are equal; trailing strides of zero do not count.
pub(crate) fn same(a: &Affine, b: &Affine) -> bool {
    a.offset == b.offset && same_strides(a, b)
}

/// Returns whether two functions differ by a constant at most.
pub(crate) fn same_strides(a: &Affine, b: &Affine) -> bool {
    (0..a.strides.len().max(b.strides.len())).all(|n| a.stride(n) == b.stride(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parallel(extent: usize) -> Loop {
        Loop { extent, mode: Mode::Parallel }
    }

    #[test]
    fn guards_tighten_bounds() {
        let d = Domain::new([10, 6]).unwrap();
        let range = |at: Affine, low, high| Range { at, low, high };
        let at = Affine::new(-2, [1]);
        assert_eq!(d.bounds(&at), (-2, 7));
        assert_eq!(d.guarded_bounds(&at, &[range(at.clone(), 0, 5)]), Some((0, 4)));
        // 3 - 2 i >= 0 leaves i = 0 and 1.
        let falling = Affine::new(3, [-2]);
        assert_eq!(d.guarded_bounds(&falling, &[range(falling.clone(), 0, 9)]), Some((1, 3)));
        // A range of two counters, and of three times it.
        let (sum, thrice) = (Affine::new(0, [1, 1]), Affine::new(1, [3, 3]));
        assert_eq!(d.guarded_bounds(&thrice, &[range(sum, 0, 4)]), Some((1, 10)));
        assert_eq!(d.guarded_bounds(&at, &[range(Affine::constant(7), 0, 7)]), None);
        assert_eq!(d.guarded_bounds(&at, &[range(Affine::counter(1), 6, 9)]), None);
    }

    #[test]
    fn injectivity_is_mixed_radix() {
        let pairs = |strides: &[i64], extents: &[usize]| {
            let loops = extents.iter().map(|e| parallel(*e));
            injective(strides.iter().copied().zip(loops).collect::<Vec<_>>())
        };
        assert!(pairs(&[12, 1, -4], &[2, 4, 3]));
        assert!(pairs(&[0, 1], &[1, 4]));
        assert!(!pairs(&[0, 1], &[2, 4]));
        assert!(!pairs(&[3, 1], &[2, 4]));
        assert!(!pairs(&[1, 1], &[2, 2]));
        let sequential = Loop { extent: 5, mode: Mode::Sequential };
        assert!(injective([(0, sequential), (1, parallel(4))]));
        assert!(injective([(1, sequential), (1, sequential)]));
        assert!(!injective([(1, sequential), (1, parallel(4))]));
    }
}
