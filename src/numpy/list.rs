//! Arrays given as a list: `[&x, &y]`, `(x, &y)`, `&[x, y]`, `vec![..]`, a slice.

use crate::core::arity::each_tuple;
use crate::core::array::Array;
use crate::prims::array::literal::Operand;

/// Arrays given together: `[x, y]`, `[&x, &y]`, `&[x, y]`, `&[&x, &y]`, a `Vec` or a slice of
/// either, or a tuple of up to eight. The entries are arrays, references to arrays, or numbers; in
/// a tuple they may be of different types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of arrays",
    label = "not a list of arrays",
    note = "write `[&x, &y]`, `(x, &y)`, `&arrays` or a `Vec` of arrays"
)]
pub trait ArrayList {
    /// As many arrays: `[Array; N]` for a fixed array or a tuple of N, else a `Vec`.
    type Same;

    /// The entries as arrays.
    fn to_arrays(&self) -> Vec<Array>;

    /// The arrays that come of the entries, one of each.
    #[doc(hidden)]
    fn same(arrays: Vec<Array>) -> Self::Same;
}

/// Arrays of a known number.
pub(super) fn fixed<const N: usize>(arrays: Vec<Array>) -> [Array; N] {
    arrays.try_into().expect("as many arrays as there are entries")
}

macro_rules! lists {
    ($([$($generics:tt)*] $t:ty => $same:ty, $of:expr;)*) => {$(
        impl<T: Operand, $($generics)*> ArrayList for $t {
            type Same = $same;

            #[track_caller]
            fn to_arrays(&self) -> Vec<Array> {
                self.iter().map(T::to_array).collect()
            }

            fn same(arrays: Vec<Array>) -> $same {
                $of(arrays)
            }
        }
    )*};
}

lists! {
    [const N: usize] [T; N] => [Array; N], fixed;
    [const N: usize] &[T; N] => [Array; N], fixed;
    [] &[T] => Vec<Array>, std::convert::identity;
    [] Vec<T> => Vec<Array>, std::convert::identity;
    [] &Vec<T> => Vec<Array>, std::convert::identity;
}

macro_rules! tuples {
    ($($($t:ident $i:tt)+;)*) => {$(
        impl<$($t: Operand),+> ArrayList for ($($t,)+) {
            type Same = [Array; [$($i),+].len()];

            #[track_caller]
            fn to_arrays(&self) -> Vec<Array> {
                vec![$(self.$i.to_array()),+]
            }

            fn same(arrays: Vec<Array>) -> [Array; [$($i),+].len()] {
                fixed(arrays)
            }
        }
    )*};
}

each_tuple!(tuples);
