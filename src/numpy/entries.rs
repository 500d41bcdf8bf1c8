//! Entries of an index, and the macro `s!` that writes several of them.
//!
//! What they mean for a shape is in `index`.

use super::axes::saturated;
use crate::core::array::Array;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

/// One entry of an index.
#[derive(Clone)]
pub enum Index {
    /// Drops the axis; counts from the end if negative.
    At(i64),
    /// `start..stop` by `step`, each end counted from the end of the axis if negative and cut to
    /// it.
    Range { start: Option<i64>, stop: Option<i64>, step: i64 },
    /// All axes that no other entry names.
    Ellipsis,
    /// A new axis of size 1.
    NewAxis,
    /// Entries picked by an int array.
    Array(Array),
}

impl Index {
    /// The range with a step, which may be negative. Panics on anything but a range.
    #[track_caller]
    pub fn by(self, by: i64) -> Index {
        match self {
            Index::Range { start, stop, .. } => Index::Range { start, stop, step: by },
            _ => panic!("index: expected a range before the step {by}"),
        }
    }
}

/// What [`Array::index`] takes: one entry, or several from [`s!`](crate::s).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no index",
    label = "expected an int, a range, an int or bool `Array`, or several entries in `s![..]`",
    note = "several axes are indexed as `x.index(s![0, 1..3, ..])`; floats are no indices"
)]
pub trait Indices {
    fn indices(self) -> Vec<Index>;
}

impl Indices for Vec<Index> {
    fn indices(self) -> Vec<Index> {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: Into<Index>> Indices for T {
    fn indices(self) -> Vec<Index> {
        vec![self.into()]
    }
}

/// What can stand in [`s!`](crate::s): all that becomes an [`Index`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no entry of an index",
    label = "expected an int, a range, an int or bool `Array`, `...` or `newaxis`",
    note = "floats are no indices: convert with `as i64`; a whole axis is `..`"
)]
pub trait Entry {
    #[doc(hidden)]
    fn entry(self) -> Index;
}

#[diagnostic::do_not_recommend]
impl<T: Into<Index>> Entry for T {
    fn entry(self) -> Index {
        self.into()
    }
}

#[doc(hidden)]
pub fn entry(entry: impl Entry) -> Index {
    entry.entry()
}

impl From<Array> for Index {
    fn from(index: Array) -> Index {
        Index::Array(index)
    }
}

impl From<&Array> for Index {
    fn from(index: &Array) -> Index {
        Index::Array(index.clone())
    }
}

impl From<RangeFull> for Index {
    fn from(_: RangeFull) -> Index {
        Index::Range { start: None, stop: None, step: 1 }
    }
}

macro_rules! entries {
    ($($t:ty)*) => {$(
        impl From<$t> for Index {
            fn from(at: $t) -> Index {
                Index::At(saturated(at as i128))
            }
        }

        impl From<Range<$t>> for Index {
            fn from(r: Range<$t>) -> Index {
                let (start, stop) = (Some(saturated(r.start as i128)),
                    Some(saturated(r.end as i128)));
                Index::Range { start, stop, step: 1 }
            }
        }

        impl From<RangeFrom<$t>> for Index {
            fn from(r: RangeFrom<$t>) -> Index {
                Index::Range { start: Some(saturated(r.start as i128)), stop: None, step: 1 }
            }
        }

        impl From<RangeTo<$t>> for Index {
            fn from(r: RangeTo<$t>) -> Index {
                Index::Range { start: None, stop: Some(saturated(r.end as i128)), step: 1 }
            }
        }

        impl From<RangeInclusive<$t>> for Index {
            fn from(r: RangeInclusive<$t>) -> Index {
                let start = Some(saturated(*r.start() as i128));
                Index::Range { start, stop: after(saturated(*r.end() as i128)), step: 1 }
            }
        }

        impl From<RangeToInclusive<$t>> for Index {
            fn from(r: RangeToInclusive<$t>) -> Index {
                Index::Range { start: None, stop: after(saturated(r.end as i128)), step: 1 }
            }
        }
    )*};
}

entries!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

/// The exclusive end after this inclusive one; after -1, the last element, there is none.
fn after(end: i64) -> Option<i64> {
    (end != -1).then_some(end.saturating_add(1))
}

/// Entries of an index: `s![1.., ..;2, -1, newaxis, ..., &rows]`. A range takes a step after `;`.
///
/// ```
/// use cotangent::prelude::*;
/// let x = arange(12).reshape([3, 4]);
/// assert_eq!(x.index(s![1.., -1]).to_vec::<i32>(), [7, 11]);
/// assert_eq!(x.index(s![..;-2, 0]).to_vec::<i32>(), [8, 0]);
/// assert_eq!(x.index(s![..., newaxis]).shape(), [3, 4, 1]);
/// ```
#[doc(alias("s_", "index_exp"))]
#[macro_export]
macro_rules! s {
    (@ [$($done:expr,)*]) => {
        {
            #[allow(clippy::reversed_empty_ranges, reason = "ends may be counted from the end of \
                                                             the axis")]
            let entries = ::std::vec::Vec::<$crate::numpy::entries::Index>::from([$($done),*]);
            entries
        }
    };
    (@ [$($done:expr,)*] ... $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::numpy::entries::Index::Ellipsis,] $($($rest)*)?)
    };
    (@ [$($done:expr,)*] newaxis $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::numpy::entries::Index::NewAxis,] $($($rest)*)?)
    };
    (@ [$($done:expr,)*] $range:expr; $step:expr $(, $($rest:tt)*)?) => {
        $crate::s!(
            @ [
                $($done,)* $crate::numpy::entries::entry($range).by($step as i64),
            ] $($($rest)*)?
        )
    };
    (@ [$($done:expr,)*] $entry:expr $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::numpy::entries::entry($entry),] $($($rest)*)?)
    };
    ($($entries:tt)*) => {
        $crate::s!(@ [] $($entries)*)
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use cotangent_jit::Scalar;

    #[test]
    fn entries_are_parsed() {
        let x = Array::literal(Scalar::from(1i32));
        let all = s![1.., ..;2, -1, newaxis, ..., &x, ..=-1];
        assert_eq!(all.len(), 7);
        assert!(matches!(all[0], Index::Range { start: Some(1), stop: None, step: 1 }));
        assert!(matches!(all[1], Index::Range { start: None, stop: None, step: 2 }));
        assert!(matches!(all[2], Index::At(-1)));
        assert!(matches!(all[3], Index::NewAxis));
        assert!(matches!(all[4], Index::Ellipsis));
        assert!(matches!(all[5], Index::Array(_)));
        assert!(matches!(all[6], Index::Range { start: None, stop: None, step: 1 }));
        assert!(s![].is_empty());
    }
}
