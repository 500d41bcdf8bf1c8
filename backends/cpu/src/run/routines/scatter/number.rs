//! The numbers in which updates combine, and the ops by which they do.

use half::{bf16, f16};

/// An element that combines as a number.
pub trait Element<N>: Copy {
    fn wide(self) -> N;
    fn narrow(x: N) -> Self;
}

impl Element<f64> for f32 {
    fn wide(self) -> f64 {
        self.into()
    }

    fn narrow(x: f64) -> f32 {
        x as f32
    }
}

// Conversions of 16 bits are long: in line they would be a third of the code of all scatters.
macro_rules! half_elements {
    ($($t:ident)*) => {$(
        impl Element<f32> for $t {
            #[inline(never)]
            fn wide(self) -> f32 {
                self.to_f32()
            }

            #[inline(never)]
            fn narrow(x: f32) -> $t {
                $t::from_f32(x)
            }
        }
    )*};
}

half_elements! { f16 bf16 }

/// The numbers in which updates combine.
pub trait Number: Element<Self> + Send + Sync {
    const ZERO: Self;
    const ONE: Self;
    const LEAST: Self;
    const GREATEST: Self;
    fn plus(self, y: Self) -> Self;
    fn times(self, y: Self) -> Self;
    fn max(self, y: Self) -> Self;
    fn min(self, y: Self) -> Self;
}

macro_rules! ints {
    ($($t:ident)*) => {$(
        impl Element<$t> for $t {
            fn wide(self) -> $t {
                self
            }

            fn narrow(x: $t) -> $t {
                x
            }
        }

        impl Number for $t {
            const ZERO: $t = 0;
            const ONE: $t = 1;
            const LEAST: $t = $t::MIN;
            const GREATEST: $t = $t::MAX;

            fn plus(self, y: $t) -> $t {
                self.wrapping_add(y)
            }

            fn times(self, y: $t) -> $t {
                self.wrapping_mul(y)
            }

            fn max(self, y: $t) -> $t {
                Ord::max(self, y)
            }

            fn min(self, y: $t) -> $t {
                Ord::min(self, y)
            }
        }
    )*};
}

ints! { i32 u32 i64 u64 }

macro_rules! floats {
    ($($t:ident)*) => {$(
        impl Element<$t> for $t {
            fn wide(self) -> $t {
                self
            }

            fn narrow(x: $t) -> $t {
                x
            }
        }

        impl Number for $t {
            // The zero that changes no other number.
            const ZERO: $t = -0.0;
            const ONE: $t = 1.0;
            const LEAST: $t = $t::NEG_INFINITY;
            const GREATEST: $t = $t::INFINITY;

            fn plus(self, y: $t) -> $t {
                self + y
            }

            fn times(self, y: $t) -> $t {
                self * y
            }

            // As `ScalarOp::Max` and `ScalarOp::Min`: NaN wins, and the sign decides between zeros.
            fn max(self, y: $t) -> $t {
                let greater = if self > y { self } else { y };
                let both = $t::from_bits(self.to_bits() & y.to_bits());
                let greater = if self == y { both } else { greater };
                if self.is_nan() { self } else { greater }
            }

            fn min(self, y: $t) -> $t {
                let less = if self < y { self } else { y };
                let both = $t::from_bits(self.to_bits() | y.to_bits());
                let less = if self == y { both } else { less };
                if self.is_nan() { self } else { less }
            }
        }
    )*};
}

floats! { f32 f64 }

/// The op that combines, and the number that changes no other.
pub trait Op {
    fn of<N: Number>(x: N, y: N) -> N;
    fn neutral<N: Number>() -> N;
}

macro_rules! ops {
    ($($name:ident: $of:ident, $neutral:ident;)*) => {$(
        pub struct $name;

        impl Op for $name {
            fn of<N: Number>(x: N, y: N) -> N {
                x.$of(y)
            }

            fn neutral<N: Number>() -> N {
                N::$neutral
            }
        }
    )*};
}

ops! {
    Sum: plus, ZERO;
    Product: times, ONE;
    Max: max, LEAST;
    Min: min, GREATEST;
}
