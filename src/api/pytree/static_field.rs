//! Static fields that are not `Eq + Hash`: floats, compared by their bits, and what is made of
//! them.

use super::treedef::{Opaque, StaticValue};
use crate::core::arity::each_tuple;
use cotangent_jit::{Complex, DType};
use half::{bf16, f16};
use std::any::Any;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

/// What can be a field `#[pytree(static)]` without being `Eq + Hash`: floats, compared by their
/// bits, and options, boxes, vectors, fixed arrays and tuples of such.
///
/// So `0.0` and `-0.0` are different, and a NaN is the same as itself. A type of your own that is
/// `Eq + Hash` needs no more than that; one with floats in it implements this trait.
///
/// ```
/// use cotangent::prelude::*;
/// #[derive(Pytree, Clone)]
/// struct Damped {
///     x: Array,
///     #[pytree(static)]
///     rate: f64,
///     #[pytree(static)]
///     limits: Option<[f32; 2]>,
/// }
/// let step = jit(|s: Damped| Damped { x: s.x * s.rate, ..s });
/// let s = step(Damped { x: array![4.0], rate: 0.5, limits: None });
/// assert_eq!((s.x, s.rate), (array![2.0], 0.5));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a static field",
    label = "this is no structure",
    note = "a field `#[pytree(static)]` is `Eq + Hash + Clone + Send + Sync + 'static` (derive \
            them), or made of floats: `f32`, `f64`, and `Option`, `Vec`, arrays and tuples of them",
    note = "if it holds arrays, let it be a subtree: derive `Pytree` for it, and drop `static`"
)]
pub trait StaticField: Clone + Debug + Send + Sync + 'static {
    /// Whether both are the same structure.
    fn same_bits(&self, other: &Self) -> bool;

    /// Feeds what [`StaticField::same_bits`] compares.
    fn hash_bits(&self, hasher: &mut dyn Hasher);
}

macro_rules! by_bits {
    ($($t:ty: $x:ident => $bits:expr;)*) => {$(
        impl StaticField for $t {
            fn same_bits(&self, other: &Self) -> bool {
                let bits = |$x: &$t| $bits;
                bits(self) == bits(other)
            }

            fn hash_bits(&self, mut hasher: &mut dyn Hasher) {
                let $x = self;
                $bits.hash(&mut hasher);
            }
        }
    )*};
}

by_bits! {
    f32: x => x.to_bits();
    f64: x => x.to_bits();
    f16: x => x.to_bits();
    bf16: x => x.to_bits();
    Complex<f32>: x => (x.re.to_bits(), x.im.to_bits());
    Complex<f64>: x => (x.re.to_bits(), x.im.to_bits());
}

macro_rules! by_eq {
    ($($t:ty)*) => {$(
        impl StaticField for $t {
            fn same_bits(&self, other: &Self) -> bool {
                self == other
            }

            fn hash_bits(&self, mut hasher: &mut dyn Hasher) {
                self.hash(&mut hasher);
            }
        }
    )*};
}

by_eq!(() bool char i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize String &'static str DType);

impl<T: StaticField> StaticField for Option<T> {
    fn same_bits(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(a), Some(b)) => a.same_bits(b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    fn hash_bits(&self, hasher: &mut dyn Hasher) {
        hasher.write_u8(self.is_some().into());
        if let Some(value) = self {
            value.hash_bits(hasher);
        }
    }
}

impl<T: StaticField> StaticField for Box<T> {
    fn same_bits(&self, other: &Self) -> bool {
        (**self).same_bits(other)
    }

    fn hash_bits(&self, hasher: &mut dyn Hasher) {
        (**self).hash_bits(hasher);
    }
}

macro_rules! lists {
    ($([$($generics:tt)*] $t:ty;)*) => {$(
        impl<$($generics)*> StaticField for $t {
            fn same_bits(&self, other: &Self) -> bool {
                self.len() == other.len()
                    && self.iter().zip(other.iter()).all(|(a, b)| a.same_bits(b))
            }

            fn hash_bits(&self, hasher: &mut dyn Hasher) {
                hasher.write_usize(self.len());
                self.iter().for_each(|x| x.hash_bits(hasher));
            }
        }
    )*};
}

lists! {
    [T: StaticField] Vec<T>;
    [T: StaticField, const N: usize] [T; N];
}

macro_rules! tuples {
    ($($($t:ident $i:tt)+;)*) => {$(
        impl<$($t: StaticField),+> StaticField for ($($t,)+) {
            fn same_bits(&self, other: &Self) -> bool {
                $(self.$i.same_bits(&other.$i))&&+
            }

            fn hash_bits(&self, hasher: &mut dyn Hasher) {
                $(self.$i.hash_bits(hasher);)+
            }
        }
    )*};
}

each_tuple!(tuples);

/// A value and its comparison by bits.
struct Bits<T>(T);

impl<T: StaticField> Opaque for Bits<T> {
    fn same(&self, other: &dyn Opaque) -> bool {
        other.any().downcast_ref::<T>().is_some_and(|other| self.0.same_bits(other))
    }

    fn feed(&self, hasher: &mut dyn Hasher) {
        self.0.hash_bits(hasher);
    }

    fn text(&self) -> String {
        format!("{:?}", self.0)
    }

    fn any(&self) -> &dyn Any {
        &self.0
    }
}

/// The value of a static field, for the derive macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __static_value {
    ($value:expr) => {{
        #[allow(unused_imports)]
        use $crate::api::pytree::static_field::{ByBits as _, ByEq as _};
        $crate::api::pytree::static_field::StaticProbe($value).static_value()
    }};
}

/// A wrapped static field: the compiler tries [`ByEq`], and [`ByBits`] after it, because that needs
/// one more reference.
#[doc(hidden)]
pub struct StaticProbe<T>(pub T);

#[doc(hidden)]
pub trait ByEq {
    fn static_value(self) -> StaticValue;
}

impl<T: Eq + Hash + Clone + Send + Sync + 'static> ByEq for StaticProbe<T> {
    fn static_value(self) -> StaticValue {
        StaticValue::new(self.0)
    }
}

#[doc(hidden)]
pub trait ByBits<T> {
    fn static_value(self) -> StaticValue
    where
        T: StaticField;
}

impl<T> ByBits<T> for &StaticProbe<T> {
    fn static_value(self) -> StaticValue
    where
        T: StaticField,
    {
        StaticValue::opaque(Bits(self.0.clone()))
    }
}
