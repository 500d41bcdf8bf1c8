//! Affine functions of loop counters: `offset + sum of stride * counter`. Every address in a kernel
//! or a program is one of these. Their bounds under guards live in `domain.rs`.

use smallvec::SmallVec;
use std::fmt;

/// `offset + strides[0] * i0 + strides[1] * i1 + ...`, in elements. Missing trailing strides are
/// zero.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Affine {
    pub offset: i64,
    pub strides: SmallVec<[i64; 4]>,
}

impl Affine {
    pub fn constant(offset: i64) -> Affine {
        Affine { offset, strides: SmallVec::new() }
    }

    pub fn new(offset: i64, strides: impl IntoIterator<Item = i64>) -> Affine {
        Affine { offset, strides: strides.into_iter().collect() }
    }

    /// Counter `n` alone.
    pub fn counter(n: usize) -> Affine {
        let mut strides = SmallVec::from_elem(0, n + 1);
        strides[n] = 1;
        Affine { offset: 0, strides }
    }

    pub fn stride(&self, n: usize) -> i64 {
        self.strides.get(n).copied().unwrap_or(0)
    }

    pub fn add(&self, other: &Affine) -> Affine {
        let n = self.strides.len().max(other.strides.len());
        Affine::new(self.offset + other.offset, (0..n).map(|i| self.stride(i) + other.stride(i)))
    }

    pub fn scale(&self, by: i64) -> Affine {
        Affine::new(self.offset * by, self.strides.iter().map(|s| s * by))
    }

    pub fn at(&self, counters: &[i64]) -> i64 {
        self.offset + counters.iter().enumerate().map(|(n, c)| self.stride(n) * c).sum::<i64>()
    }

    /// Smallest and largest value over `0 <= counter[n] < extents[n]`; `None` if the domain is
    /// empty.
    pub fn range(&self, extents: &[usize]) -> Option<(i64, i64)> {
        if extents.contains(&0) {
            return None;
        }
        let (mut lo, mut hi) = (self.offset, self.offset);
        for (n, &extent) in extents.iter().enumerate() {
            let reach = self.stride(n) * (extent as i64 - 1);
            lo += reach.min(0);
            hi += reach.max(0);
        }
        Some((lo, hi))
    }
}

impl fmt::Display for Affine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (n, &s) in self.strides.iter().enumerate().filter(|(_, s)| **s != 0) {
            match (first, s < 0) {
                (true, true) => f.write_str("-")?,
                (true, false) => {}
                (false, true) => f.write_str(" - ")?,
                (false, false) => f.write_str(" + ")?,
            }
            first = false;
            match s.unsigned_abs() {
                1 => write!(f, "i{n}")?,
                s => write!(f, "{s}*i{n}")?,
            }
        }
        match (first, self.offset) {
            (true, o) => write!(f, "{o}"),
            (false, 0) => Ok(()),
            (false, o) if o < 0 => write!(f, " - {}", o.unsigned_abs()),
            (false, o) => write!(f, " + {o}"),
        }
    }
}

impl fmt::Debug for Affine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_is_exact_at_the_corners() {
        let a = Affine::new(10, [-2, 3]);
        assert_eq!(a.range(&[4, 5]), Some((4, 22)));
        assert_eq!(a.at(&[3, 0]), 4);
        assert_eq!(a.at(&[0, 4]), 22);
        assert_eq!(a.range(&[0, 5]), None);
        assert_eq!(a.to_string(), "-2*i0 + 3*i1 + 10");
        assert_eq!(Affine::new(-1, [0, 1, -1]).to_string(), "i1 - i2 - 1");
    }
}
