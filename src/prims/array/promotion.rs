//! Promotion: the common dtype of operands of different dtypes.
//!
//! It is the least upper bound in JAX's lattice. In this lattice, weak numbers (those written in a
//! program) have their own places below the strong dtypes of their kind:
//!
//! ```text
//! bool -> i* -> u8 -> u16 -> u32 -> u64 ->  f* -> bf16 -> f32 -> f64
//!         i* -> i8 -> i16 -> i32 -> i64 ->  f* -> f16  -> f32 -> c64 -> c128
//!         u8 -> i16, u16 -> i32, u32 -> i64 f* -> c* -> c64,  f64 -> c128
//! ```
//! If the bound itself is weak, ints become i32 and floats become f32, unless an operand has
//! another weak dtype. JAX has the same defaults without 64-bit dtypes, and 64-bit defaults with
//! them. Here all dtypes are always available, and a program names a 64-bit dtype where it needs
//! one.

use crate::core::array::Array;
use cotangent_jit::DType;
use smallvec::SmallVec;
use std::sync::LazyLock;

/// A place in the lattice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Strong(DType),
    WeakInt,
    WeakFloat,
    WeakComplex,
}

impl Place {
    fn of(dtype: DType, weak: bool) -> Place {
        match dtype {
            d if !weak || d.is_bool() => Place::Strong(d),
            d if d.is_int() => Place::WeakInt,
            d if d.is_float() => Place::WeakFloat,
            _ => Place::WeakComplex,
        }
    }

    /// The next places up.
    fn next(self) -> &'static [Place] {
        use DType::*;
        use Place::{Strong as S, WeakComplex, WeakFloat, WeakInt};
        match self {
            S(Bool) => &[WeakInt],
            WeakInt => &[S(U8), S(I8)],
            S(U8) => &[S(I16), S(U16)],
            S(U16) => &[S(I32), S(U32)],
            S(U32) => &[S(I64), S(U64)],
            S(I8) => &[S(I16)],
            S(I16) => &[S(I32)],
            S(I32) => &[S(I64)],
            S(U64) | S(I64) => &[WeakFloat],
            WeakFloat => &[S(BF16), S(F16), WeakComplex],
            S(BF16) | S(F16) => &[S(F32)],
            S(F32) => &[S(F64), S(C64)],
            S(F64) => &[S(C128)],
            WeakComplex => &[S(C64)],
            S(C64) => &[S(C128)],
            S(C128) => &[],
        }
    }

    /// The number of the place, below [`PLACES`].
    fn index(self) -> usize {
        match self {
            Place::Strong(d) => d as usize,
            Place::WeakInt => DType::ALL.len(),
            Place::WeakFloat => DType::ALL.len() + 1,
            Place::WeakComplex => DType::ALL.len() + 2,
        }
    }

    /// The set of this place and all places above it, one bit each.
    fn above(self) -> u32 {
        self.next().iter().fold(1 << self.index(), |set, place| set | place.above())
    }

    /// The least upper bound of two places.
    fn join(self, other: Place) -> Place {
        static JOINS: LazyLock<Vec<Place>> = LazyLock::new(|| {
            let all = || all_places().into_iter();
            all().flat_map(|a| all().map(move |b| a.climb(b))).collect()
        });
        JOINS[self.index() * PLACES + other.index()]
    }

    /// Computes [`Place::join`] by steps up from `self`.
    fn climb(self, other: Place) -> Place {
        let common = self.above() & other.above();
        let mut place = self;
        while place.above() != common {
            let up = place.next().iter().find(|p| p.above() & common == common);
            place = *up.expect("any two places have a least upper bound");
        }
        place
    }
}

const PLACES: usize = DType::ALL.len() + 3;

/// All places, in the order of their numbers.
fn all_places() -> [Place; PLACES] {
    std::array::from_fn(|i| match i - i.min(DType::ALL.len()) {
        0 if i < DType::ALL.len() => Place::Strong(DType::ALL[i]),
        0 => Place::WeakInt,
        1 => Place::WeakFloat,
        _ => Place::WeakComplex,
    })
}

/// The common dtype of two strong dtypes.
///
/// ```
/// use cotangent::{DType, prims::array::promotion::promote_types};
/// assert_eq!(promote_types(DType::I32, DType::U32), DType::I64);
/// assert_eq!(promote_types(DType::I64, DType::F32), DType::F32);
/// assert_eq!(promote_types(DType::I64, DType::U64), DType::F32);
/// ```
pub fn promote_types(a: DType, b: DType) -> DType {
    promote(&[(a, false), (b, false)]).0
}

/// The common dtype of arrays. A weak dtype yields to a strong dtype of its kind or of a higher
/// kind.
pub fn result_type(arrays: &[&Array]) -> DType {
    let all: SmallVec<[(DType, bool); 4]> =
        arrays.iter().map(|a| (a.dtype(), a.is_weak())).collect();
    promote(&all).0
}

/// The dtype to which functions of floats convert an operand: strong 64-bit ints become f64, other
/// ints and bools become f32.
pub(crate) fn inexact(dtype: DType, weak: bool) -> DType {
    match dtype {
        d if d.is_inexact() => d,
        DType::I64 | DType::U64 if !weak => DType::F64,
        _ => DType::F32,
    }
}

/// The default dtypes of numbers that are written in a program.
const DEFAULTS: [DType; 3] = [DType::I32, DType::F32, DType::C64];

/// The common dtype of several dtypes, and whether it is weak. Each dtype comes with whether it is
/// weak.
pub(crate) fn promote(dtypes: &[(DType, bool)]) -> (DType, bool) {
    let all_weak = dtypes.iter().all(|(_, weak)| *weak);
    let first = dtypes[0].0;
    if dtypes.iter().all(|(d, _)| *d == first) {
        return (first, all_weak);
    }
    // If all dtypes are weak, the strong lattice decides: a weak f64 and a weak f32 give a weak
    // f64. But a default dtype yields to another dtype of its kind: a weak f16 and a weak f32 give
    // a weak f16.
    let yields = |d: DType| {
        let kind = |d: DType| (d.is_int(), d.is_float());
        let explicit = |o: DType| kind(o) == kind(d) && !DEFAULTS.contains(&o);
        DEFAULTS.contains(&d) && dtypes.iter().any(|(o, _)| explicit(*o))
    };
    let deciding = dtypes.iter().filter(|(d, _)| !all_weak || !yields(*d));
    let places = deciding.map(|(d, weak)| Place::of(*d, *weak && !all_weak));
    match places.reduce(Place::join).expect("at least one dtype") {
        Place::Strong(d) => (d, all_weak),
        Place::WeakInt => (DType::I32, true),
        Place::WeakFloat => (DType::F32, true),
        Place::WeakComplex => (DType::C64, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of JAX, under a heading for each function. Weak dtypes have a star. Made by
    /// `scripts/promotion`.
    const TABLES: &str = include_str!("../../../tests/promotion.txt");

    fn names() -> Vec<&'static str> {
        let (_, names) = TABLES.split_once("# dtypes\n").expect("a list of dtypes");
        names.lines().next().unwrap_or_default().split_whitespace().collect()
    }

    fn parse(name: &str) -> (DType, bool) {
        let dtype = name.trim_end_matches('*');
        (DType::parse(dtype).expect("a dtype"), name.ends_with('*'))
    }

    #[test]
    fn every_pair_meets_where_it_does_in_jax() {
        let names = names();
        let (_, table) = TABLES.split_once("# add\n").expect("a table of sums");
        let rows: Vec<&str> = table.lines().take_while(|l| !l.starts_with('#')).collect();
        assert_eq!((names.len(), rows.len()), (18, 18));
        for (a, row) in names.iter().zip(rows) {
            let expected: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(expected.len(), 18);
            for (b, expected) in names.iter().zip(expected) {
                assert_eq!(promote(&[parse(a), parse(b)]), parse(expected), "{a} with {b}");
            }
        }
    }

    /// A number in a jaxpr may have a weak dtype that is not a default. Beside a default dtype,
    /// which a rule writes, it keeps its dtype.
    #[test]
    fn weak_dtypes_that_are_not_written_stand() {
        use DType::*;
        for (a, b, meet) in [
            (F16, F32, F16),
            (BF16, F32, BF16),
            (F64, F32, F64),
            (I8, I32, I8),
            (U64, I32, U64),
            (I8, F32, F32),
            (F16, I32, F16),
            (C128, C64, C128),
        ] {
            assert_eq!(promote(&[(a, true), (b, true)]), (meet, true), "{a} with {b}");
            assert_eq!(promote(&[(b, true), (a, true)]), (meet, true), "{b} with {a}");
        }
    }

    #[test]
    fn promotion_is_associative() {
        let all: Vec<_> = names().into_iter().map(parse).collect();
        for (a, b, c) in all.iter().flat_map(|a| {
            let all = &all;
            all.iter().flat_map(move |b| all.iter().map(move |c| (a, b, c)))
        }) {
            let places = |x: &(DType, bool)| Place::of(x.0, x.1);
            let (a, b, c) = (places(a), places(b), places(c));
            assert_eq!(a.join(b).join(c), a.join(b.join(c)), "{a:?} {b:?} {c:?}");
        }
    }
}
