//! Implementations that never hold, for the sake of what the compiler says.
//!
//! `x[0]`, `x > 0.0` and `2.0f32 * x` are what users of NumPy and of Rust try first. Without an
//! implementation the compiler only says that there is none. Each implementation here has a bound
//! that no type meets, so that no program calls it, and the message of the bound names what to
//! write. The compiler drops implementations whose bounds fail when it infers the types of
//! literals, so that `2.0 * x` stays `f64 * Array`; `tests/newcomer/pass/literals.rs` holds it.
//!
//! Methods without a type parameter are `inline`: the compiler makes no code for them, but a shared
//! library that contains this crate (`notebook`) would export the others by name.

use crate::core::array::Array;
use std::cmp::Ordering;
use std::marker::PhantomData;
use std::ops::{Add, Div, Index, Mul, Rem, Sub};

/// What stands on the right of an operator or in brackets. The bounds speak of this and not of `T`
/// itself, because the compiler gives its own message where `T` is the type on the left.
pub struct Right<T>(PhantomData<T>);

/// The message of `x[i]`: a part is computed, so that no reference to it can be returned.
#[diagnostic::on_unimplemented(
    message = "arrays are not indexed with `x[i]`: write `x.index(i)`, or `x.index(s![i, j])` for \
               several axes",
    label = "write `x.index(..)`",
    note = "the result is an `Array`: `x.index(i).item::<f32>()` is the number in it; \
            `x.at(i).set(y)` gives an array with a part replaced"
)]
pub trait Brackets {}

#[doc(hidden)]
impl<I> Index<I> for Array
where
    Right<I>: Brackets,
{
    type Output = Array;

    fn index(&self, _: I) -> &Array {
        unreachable!("nothing implements Brackets")
    }
}

/// What `==` needs of the type on the right. An array has it; of other types, this is the message.
#[diagnostic::on_unimplemented(
    message = "`==` compares an array with an array: write `x.eq(y)` for an array of bools",
    label = "write `x.eq(..)`",
    note = "a number that is known is taken out first: `x.item::<f32>() == 1.0`; an array equal to \
            numbers is compared as `x == array![1.0, 2.0]`"
)]
pub trait Equality<T> {
    fn equal(x: &Array, y: &T) -> bool;
}

/// The message of `x < y`.
#[diagnostic::on_unimplemented(
    message = "arrays are not compared with `<`, `<=`, `>` or `>=`, which give one `bool`: write \
               `x.lt(y)`, `x.le(y)`, `x.gt(y)` or `x.ge(y)`, which give an array of bools",
    label = "write `x.lt(y)`, `x.le(y)`, `x.gt(y)` or `x.ge(y)`",
    note = "in an `if` or `assert!` a number that is known is taken out first: `x.item::<f32>() > \
            0.0`, or `x.gt(y).all().to_bool()`",
    note = "to choose by values that are computed: `cond(x.gt(0.0), ..)` or \
            `numpy::where_(x.gt(0.0), a, b)`"
)]
pub trait Order<T>: Equality<T> {}

/// Types without values that have an order. While the type on the right is unknown, there must be
/// two that it may be: the compiler infers the only one, and gives up early where there is none.
pub enum OneOrdered {}
pub enum OtherOrdered {}

macro_rules! ordered {
    ($($t:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Equality<$t> for Right<$t> {
            fn equal(_: &Array, y: &$t) -> bool {
                match *y {}
            }
        }

        #[diagnostic::do_not_recommend]
        impl Order<$t> for Right<$t> {}
    )*};
}

ordered!(OneOrdered OtherOrdered);

#[doc(hidden)]
impl PartialEq<OneOrdered> for &Array {
    fn eq(&self, y: &OneOrdered) -> bool {
        match *y {}
    }
}

#[doc(hidden)]
impl PartialOrd<OneOrdered> for &Array {
    fn partial_cmp(&self, y: &OneOrdered) -> Option<Ordering> {
        match *y {}
    }
}

#[doc(hidden)]
impl<T> PartialOrd<T> for Array
where
    Right<T>: Order<T>,
{
    fn partial_cmp(&self, _: &T) -> Option<Ordering> {
        unreachable!("no type with values implements Order")
    }
}

/// The type of which bounds without a parameter speak. The compiler refuses bounds that it sees to
/// be false at once; it does not look into those with a lifetime of their own.
pub struct Never<'a>(PhantomData<&'a ()>);

/// The message of `&x < 1.0`: as [`Order`], for a borrowed array and a number.
#[diagnostic::on_unimplemented(
    message = "arrays are not compared with `<`, `>` or `==` to numbers: write `x.lt(y)`, \
               `x.gt(y)`, `x.eq(y)`, which give an array of bools",
    label = "write `x.lt(y)`, `x.le(y)`, `x.gt(y)`, `x.ge(y)` or `x.eq(y)`",
    note = "in an `if` or `assert!` a number that is known is taken out first: `x.item::<f32>() > \
            0.0`, or `x.gt(y).all().to_bool()`",
    note = "to choose by values that are computed: `cond(x.gt(0.0), ..)` or \
            `numpy::where_(x.gt(0.0), a, b)`"
)]
pub trait BorrowedOrder {}

macro_rules! borrowed {
    ($($number:ty)*) => {$(
        #[doc(hidden)]
        impl PartialEq<$number> for &Array
        where
            for<'a> Never<'a>: BorrowedOrder,
        {
            #[inline]
            fn eq(&self, _: &$number) -> bool {
                unreachable!("nothing implements BorrowedOrder")
            }
        }

        #[doc(hidden)]
        impl PartialOrd<$number> for &Array
        where
            for<'a> Never<'a>: BorrowedOrder,
        {
            #[inline]
            fn partial_cmp(&self, _: &$number) -> Option<Ordering> {
                unreachable!("nothing implements BorrowedOrder")
            }
        }
    )*};
}

borrowed!(f64 i32);

/// The messages of `c * x` with a `c` of a type that cannot stand on the left, one for each
/// operator. There is one float type and one int type on the left, so that literals without a
/// suffix have one type there.
macro_rules! left {
    ($($operator:ident $method:ident: $hint:ident, $label:literal, $message:literal;)*) => {$(
        #[diagnostic::on_unimplemented(
            message = $message,
            label = $label,
            note = "of an int `n`, `n as f64` in place of `f64::from(c)`",
            note = "on the right of an operator all number types stand; a number takes the dtype \
                    of the array, so that an `f64` makes no array wider"
        )]
        pub trait $hint {}

        left!(@each $operator $method $hint: f32 i64 u8 u32 u64 usize);
    )*};
    (@each $operator:ident $method:ident $hint:ident: $($number:ty)*) => {$(
        left!(@one $operator $method $hint $number, Array);
        left!(@one $operator $method $hint $number, &Array);
    )*};
    (@one $operator:ident $method:ident $hint:ident $number:ty, $array:ty) => {
        #[doc(hidden)]
        impl $operator<$array> for $number
        where
            for<'a> Never<'a>: $hint,
        {
            type Output = Array;

            #[inline]
            fn $method(self, _: $array) -> Array {
                unreachable!("nothing implements the trait")
            }
        }
    };
}

left! {
    Add add: LeftOfSum, "write `x + c`, or `f64::from(c) + x`",
        "a number on the left of an operator is an `f64`, an `i32` or a `Complex<f64>`: \
         write `x + c`, or `f64::from(c) + x`";
    Sub sub: LeftOfDifference, "write `f64::from(c) - x`",
        "a number on the left of an operator is an `f64`, an `i32` or a `Complex<f64>`: \
         write `f64::from(c) - x`";
    Mul mul: LeftOfProduct, "write `x * c`, or `f64::from(c) * x`",
        "a number on the left of an operator is an `f64`, an `i32` or a `Complex<f64>`: \
         write `x * c`, or `f64::from(c) * x`";
    Div div: LeftOfQuotient, "write `f64::from(c) / x`",
        "a number on the left of an operator is an `f64`, an `i32` or a `Complex<f64>`: \
         write `f64::from(c) / x`";
    Rem rem: LeftOfRemainder, "write `f64::from(c) % x`",
        "a number on the left of an operator is an `f64`, an `i32` or a `Complex<f64>`: \
         write `f64::from(c) % x`";
}
