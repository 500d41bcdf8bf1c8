//! Uniform bits of an unsigned int.
//!
//! Not here: the words of a key's stream (`key`).

use super::key::{Key, blocks};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::numpy::axes::{Ints, sizes_of};
use crate::numpy::fallible::functions;
use crate::prims::lax;
use cotangent_jit::{DType, Error, Scalar, err};

functions! {
    /// Uniform bits as an unsigned int. Numbers of 8 and 16 bits are the lowest bits of 32.
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let bits = random::bits(&random::key(42), [2], DType::U32);
    /// assert_eq!(bits.to_vec::<u32>(), [2098992034, 2919706841]);
    /// ```
    #[doc(alias = "random_bits")]
    fn bits, try_bits(key: &Key, shape: impl Ints, dtype: DType) -> Array {
        let shape = sizes_of("bits", shape)?;
        let drawn = Aval::new(shape.iter().copied(), dtype).countable("bits")?;
        let (a, b) = blocks(key, drawn.size())?;
        let bits = match dtype {
            DType::U8 | DType::U16 | DType::U32 => {
                lax::try_convert_element_type(&lax::try_xor(&a, &b)?, dtype)?
            }
            DType::U64 => {
                let high = lax::try_convert_element_type(&a, DType::U64)?;
                let low = lax::try_convert_element_type(&b, DType::U64)?;
                let by = Array::strong_literal(Scalar::from(32u64));
                lax::try_or(&lax::try_shift_left(&high, &by)?, &low)?
            }
            other => return Err(err!(DType, "bits: expected an unsigned int, got {other}")),
        };
        lax::try_reshape(&bits, &shape)
    }
}

/// The unsigned int of a dtype's width.
pub(super) fn pattern(op: &str, dtype: DType) -> Result<DType, Error> {
    dtype.bit_pattern().ok_or_else(|| err!(DType, "{op}: expected an int or a float, got {dtype}"))
}
