//! Keys, and the stream of words that each key stands for.
//!
//! Not here: bits of a dtype (`bits`), and numbers of a distribution (`distributions`, `inverse`).

use crate::api::pytree::{Flat, Pytree, Rebuild};
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::numpy::fallible::functions;
use crate::prims::array::literal::Operand;
use crate::prims::array::number::Number;
use crate::prims::lax;
use crate::prims::rules::numbers::holds;
use cotangent_jit::{DType, Error, Scalar, err};

/// A key, from which random numbers are made. Under `vmap` each element of a batch has one key
/// ([`keys`]).
#[doc(alias("Generator", "RandomState"))]
#[derive(Clone)]
pub struct Key(Array);

impl Pytree for Key {
    fn flatten(self, to: &mut Flat) {
        self.0.flatten(to);
    }

    fn flatten_ref(&self, to: &mut Flat) {
        self.0.flatten_ref(to);
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Key, Error> {
        Ok(Key(Array::unflatten(from)?))
    }
}

impl Key {
    /// The two words, as `u32[2]`. For a batch of keys the type is `u32[n,2]`.
    #[doc(alias = "key_data")]
    pub fn data(&self) -> &Array {
        &self.0
    }

    /// The key of these two words.
    #[doc(alias = "wrap_key_data")]
    #[track_caller]
    pub fn from_data(data: Array) -> Key {
        raise(Key::try_from_data(data))
    }

    /// Returns the error of [`Key::from_data`] instead of panicking.
    pub fn try_from_data(data: Array) -> Result<Key, Error> {
        match data.shape().last() {
            Some(2) if data.dtype() == DType::U32 => Ok(Key(data)),
            _ => Err(err!(
                Shape,
                "from_data: expected u32[2] or a batch of such, got {}",
                data.aval()
            )),
        }
    }

    /// The two words as scalars.
    fn words(&self) -> Result<[Array; 2], Error> {
        if self.0.ndim() != 1 {
            return Err(err!(
                Shape,
                "random: expected one key, got a batch of them, {}; map over it with vmap",
                self.0.aval()
            ));
        }
        let word = |i| lax::try_reshape(&lax::try_slice_in_dim(&self.0, i, i + 1, 0)?, &[]);
        Ok([word(0)?, word(1)?])
    }
}

/// The key of a seed.
#[doc(alias("PRNGKey", "manual_seed", "default_rng", "seed"))]
#[track_caller]
pub fn key(seed: u64) -> Key {
    // The words belong to no device until they meet arrays that do.
    let words = [(seed >> 32) as u32, seed as u32];
    Key(raise(in_name_of("key", || Array::try_new(&words, [2]))))
}

/// Makes `N` new keys from one, which must not be used again: `let [a, b] = split(&key)`. The keys
/// are those of [`keys`], and of [`split_n`], which takes a number that was computed.
#[track_caller]
#[rustfmt::skip] // The compiler shows the line to a user who passes a number.
pub fn split<const N: usize>(key: &Key) -> [Key; N] { // or `split_n(&key, n)`
    raise(try_split(key))
}

/// Returns the error of [`split`] instead of panicking.
#[track_caller]
pub fn try_split<const N: usize>(key: &Key) -> Result<[Key; N], Error> {
    in_name_of("split", || {
        Ok(try_split_n(key, N)?.try_into().unwrap_or_else(|_| unreachable!("N keys")))
    })
}

functions! {
    /// Makes `n` new keys from one, which must not be used again; the keys are those of [`split`].
    /// Such as one for each of a network's layers.
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let layers = [4, 8, 2];
    /// let keys = random::split_n(&random::key(0), layers.len());
    /// let w: Vec<Array> =
    ///     keys.iter().zip(layers).map(|(k, n)| random::normal(k, n, DType::F32)).collect();
    /// assert_eq!(w[1].shape(), [8]);
    /// ```
    fn split_n, try_split_n(key: &Key, n: usize) -> Vec<Key> {
        let all = try_keys(key, n)?.0;
        let one = |i| lax::try_reshape(&lax::try_slice_in_dim(&all, i, i + 1, 0)?, &[2]);
        (0..n).map(|i| Ok(Key(one(i)?))).collect()
    }

    /// Makes a batch of `n` new keys from one, `u32[n,2]`, to map over with `vmap`.
    fn keys, try_keys(key: &Key, n: usize) -> Key {
        let (a, b) = blocks(key, n)?;
        let column = |x| lax::try_reshape(x, &[n, 1]);
        Ok(Key(lax::try_concatenate(&[column(&a)?, column(&b)?], 1)?))
    }

    /// Makes the key with a number: `fold_in(key, i)` is key `i` of any `split` of the key. The
    /// number is a u32, or an int that is read as one. Of a number of 64 bits the lower half
    /// counts, as in JAX.
    fn fold_in, try_fold_in(key: &Key, data: impl Operand) -> Key {
        if let Some(n) = data.number().and_then(Number::int)
            && !holds(DType::U32, n)
            && !holds(DType::I32, n)
        {
            return Err(err!(Value, "fold_in: {n} is not a value of u32"));
        }
        let data = data.to_array();
        if !data.dtype().is_int() || data.ndim() != 0 {
            return Err(err!(DType, "fold_in: expected an int scalar, got {}", data.aval()));
        }
        let data = lax::try_convert_element_type(&data, DType::U32)?;
        let [k0, k1] = key.words()?;
        let (a, b) = lax::try_threefry2x32(&k0, &k1, &word(0), &data)?;
        let one = |x| lax::try_reshape(x, &[1]);
        Ok(Key(lax::try_concatenate(&[one(&a)?, one(&b)?], 0)?))
    }
}

/// The two words of blocks `0..n` of the key's stream.
pub(super) fn blocks(key: &Key, n: usize) -> Result<(Array, Array), Error> {
    let [k0, k1] = key.words()?;
    let (high, low) = counters(n)?;
    lax::try_threefry2x32(&k0, &k1, &high, &low)
}

/// The numbers `0..n` as two words each.
fn counters(n: usize) -> Result<(Array, Array), Error> {
    if u32::try_from(n).is_ok() {
        return Ok((word(0), lax::try_iota(DType::U32, &[n], 0)?));
    }
    let counter = lax::try_iota(DType::U64, &[n], 0)?;
    let by = Array::strong_literal(Scalar::from(32u64));
    let high = lax::try_shift_right_logical(&counter, &by)?;
    let half = |x: &Array| lax::try_convert_element_type(x, DType::U32);
    Ok((half(&high)?, half(&counter)?))
}

/// A literal of the words that keys and counters are made of.
fn word(value: u32) -> Array {
    Array::strong_literal(Scalar::from(value))
}
