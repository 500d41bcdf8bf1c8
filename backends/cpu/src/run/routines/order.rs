//! Unsigned integers that order as elements do, for sorts and selections. What is done with them
//! lives in `sort`, `top_k` and `digits`.
//!
//! There are two orders. `rank` tells all bit patterns apart: -NaN, -inf, .., -0, 0, .., inf, NaN.
//! `key` is the order of sorts: -0 equals 0, all NaN are equal and last.

use std::fmt::Debug;
use std::marker::PhantomData;

/// The unsigned integers that have the sizes of elements.
pub trait Word: Copy + Ord + Default + Debug + Send + Sync + 'static {
    const BITS: u32;
    const ZERO: Self;
    const MAX: Self;
    /// The highest bit alone.
    const SIGN: Self;
    fn from_u64(x: u64) -> Self;
    fn to_u64(self) -> u64;
    fn xor(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    /// All bits equal the highest one.
    fn spread_sign(self) -> Self;
}

macro_rules! word {
    ($($u:ty as $i:ty),*) => {$(
        impl Word for $u {
            const BITS: u32 = <$u>::BITS;
            const ZERO: $u = 0;
            const MAX: $u = <$u>::MAX;
            const SIGN: $u = 1 << (<$u>::BITS - 1);

            #[inline(always)]
            fn from_u64(x: u64) -> $u {
                x as $u
            }

            #[inline(always)]
            fn to_u64(self) -> u64 {
                self as u64
            }

            #[inline(always)]
            fn xor(self, other: $u) -> $u {
                self ^ other
            }

            #[inline(always)]
            fn and(self, other: $u) -> $u {
                self & other
            }

            #[inline(always)]
            fn or(self, other: $u) -> $u {
                self | other
            }

            #[inline(always)]
            fn spread_sign(self) -> $u {
                (self as $i >> (<$u>::BITS - 1)) as $u
            }
        }
    )*};
}

word!(u8 as i8, u16 as i16, u32 as i32, u64 as i64);

/// A kind of elements, given as their bits.
pub trait Kind: Send + Sync + 'static {
    type Word: Word;
    /// Whether different bits may have one key.
    const SHARES: bool = false;

    /// Orders all bit patterns.
    fn rank(bits: Self::Word) -> Self::Word;

    /// The bits that have this rank.
    fn of_rank(rank: Self::Word) -> Self::Word;

    /// Orders elements as sorts do.
    fn key(bits: Self::Word) -> Self::Word;

    /// Whether other bits have the same key.
    fn is_shared(_: Self::Word) -> bool {
        false
    }
}

/// Unsigned ints and bools.
pub struct Unsigned<W>(PhantomData<fn(W)>);
/// Signed ints.
pub struct Signed<W>(PhantomData<fn(W)>);
/// Floats whose infinity has these bits.
pub struct Float<W, const INFINITY: u64>(PhantomData<fn(W)>);

impl<W: Word> Kind for Unsigned<W> {
    type Word = W;

    #[inline(always)]
    fn rank(bits: W) -> W {
        bits
    }

    #[inline(always)]
    fn of_rank(rank: W) -> W {
        rank
    }

    #[inline(always)]
    fn key(bits: W) -> W {
        bits
    }
}

impl<W: Word> Kind for Signed<W> {
    type Word = W;

    #[inline(always)]
    fn rank(bits: W) -> W {
        bits.xor(W::SIGN)
    }

    #[inline(always)]
    fn of_rank(rank: W) -> W {
        rank.xor(W::SIGN)
    }

    #[inline(always)]
    fn key(bits: W) -> W {
        bits.xor(W::SIGN)
    }
}

impl<W: Word, const INFINITY: u64> Kind for Float<W, INFINITY> {
    type Word = W;
    const SHARES: bool = true;

    /// Negative floats decrease as their bits increase.
    #[inline(always)]
    fn rank(bits: W) -> W {
        bits.xor(bits.spread_sign().or(W::SIGN))
    }

    #[inline(always)]
    fn of_rank(rank: W) -> W {
        rank.xor(rank.xor(W::MAX).spread_sign().or(W::SIGN))
    }

    #[inline(always)]
    fn key(bits: W) -> W {
        let magnitude = bits.and(W::SIGN.xor(W::MAX));
        let rank = Self::rank(if magnitude == W::ZERO { W::ZERO } else { bits });
        if magnitude > W::from_u64(INFINITY) { W::MAX } else { rank }
    }

    #[inline(always)]
    fn is_shared(bits: W) -> bool {
        let magnitude = bits.and(W::SIGN.xor(W::MAX));
        magnitude == W::ZERO || magnitude > W::from_u64(INFINITY)
    }
}

/// Calls a function that is generic in the kind of elements of a dtype.
macro_rules! with_kind {
    ($dtype:expr, $f:ident $args:tt) => {{
        use crate::run::routines::order::{Float, Signed, Unsigned};
        use cotangent_jit::DType;
        match $dtype {
            DType::I8 => $f::<Signed<u8>> $args,
            DType::I16 => $f::<Signed<u16>> $args,
            DType::I32 => $f::<Signed<u32>> $args,
            DType::I64 => $f::<Signed<u64>> $args,
            DType::U16 => $f::<Unsigned<u16>> $args,
            DType::U32 => $f::<Unsigned<u32>> $args,
            DType::U64 => $f::<Unsigned<u64>> $args,
            DType::F16 => $f::<Float<u16, 0x7c00>> $args,
            DType::BF16 => $f::<Float<u16, 0x7f80>> $args,
            DType::F32 => $f::<Float<u32, 0x7f80_0000>> $args,
            DType::F64 => $f::<Float<u64, 0x7ff0_0000_0000_0000>> $args,
            // Bools and u8; complex numbers are refused by the verifier.
            _ => $f::<Unsigned<u8>> $args,
        }
    }};
}

pub(super) use with_kind;
