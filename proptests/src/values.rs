//! Arrays as numbers: directions to differentiate in, neighbours to batch, how far two results lie
//! apart.

use crate::violation::Violation;
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::eager::upload;
use cotangent::prims::cases::samples;

/// The elements as `f64`; a bool is 0 or 1, a complex number its two parts.
pub fn numbers(a: &Array) -> Result<Vec<f64>, Violation> {
    let mut scalars = a.try_to_scalars()?;
    if a.dtype().is_complex() {
        scalars = scalars.iter().filter_map(|s| s.parts()).flat_map(|(x, y)| [x, y]).collect();
    }
    Ok(scalars.iter().map(|s| s.to_f64().or(s.to_i64().map(|i| i as f64)).unwrap_or(0.0)).collect())
}

/// An array of these numbers, rounded to the dtype.
pub fn array(aval: &Aval, values: impl IntoIterator<Item = f64>) -> Array {
    samples::array(&aval.shape, aval.dtype, values)
}

pub fn zeros(aval: &Aval) -> Array {
    array(aval, vec![0.0; count(aval)])
}

/// How many numbers an array holds, parts of complex ones one by one.
pub fn count(aval: &Aval) -> usize {
    if aval.dtype.is_complex() { 2 * aval.size() } else { aval.size() }
}

/// What the rounding of one operation costs, relatively; 0 for ints.
pub fn epsilon(dtype: DType) -> f64 {
    cotangent::numpy::finfo::epsilon(dtype)
}

/// Scattered numbers between 1/4 and 1 in size, other ones for every seed; zeros for ints, whose
/// tangents are nothing.
pub fn direction(aval: &Aval, seed: u64) -> Array {
    if !aval.dtype.is_inexact() {
        return zeros(aval);
    }
    let value = |i: usize| {
        let h = mix(seed.wrapping_mul(0x1_0000_0001).wrapping_add(i as u64 + 1));
        let size = 0.25 + 0.75 * ((h >> 40) as f64 / (1u64 << 24) as f64);
        if h & 1 == 0 { size } else { -size }
    };
    array(aval, (0..count(aval)).map(value))
}

/// A bijection of 64 bits that leaves no pattern.
pub fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The `n`th neighbour: an array of the same type with other elements, close to the first; number 0
/// is the array itself.
pub fn neighbour(a: &Array, n: usize) -> Result<Array, Violation> {
    let aval = a.aval();
    let size = aval.dtype.size();
    let mut elements: Vec<Vec<u8>> = a.to_bytes()?.chunks_exact(size).map(<[u8]>::to_vec).collect();
    if aval.dtype.is_inexact() {
        let shrunk = numbers(a)?.into_iter().map(|x| x * (1.0 - n as f64 / 64.0));
        let shrunk = array(&aval, shrunk).to_bytes()?;
        elements = shrunk.chunks_exact(size).map(<[u8]>::to_vec).collect();
    } else if aval.dtype == DType::Bool {
        elements.iter_mut().for_each(|e| e[0] ^= (n & 1) as u8);
    } else {
        elements.iter_mut().for_each(|e| e[0] = e[0].wrapping_add(n as u8));
    }
    if !elements.is_empty() {
        let by = n % elements.len();
        elements.rotate_left(by);
    }
    Ok(upload(aval, &elements.concat())?)
}

/// Several arrays of one type as one with a new axis in front.
pub fn stack(slices: &[Array], aval: &Aval) -> Result<Array, Violation> {
    let mut bytes = Vec::new();
    for s in slices {
        bytes.extend(s.to_bytes()?);
    }
    Ok(upload(aval.batched(0, slices.len()).strong(), &bytes)?)
}

/// Slice `n` of `of` along axis 0.
pub fn unstack(a: &Array, n: usize) -> Result<Array, Violation> {
    let aval = a.aval().unbatched(0);
    let bytes = a.to_bytes()?;
    let each = aval.bytes();
    Ok(upload(aval, &bytes[n * each..(n + 1) * each])?)
}

/// The same values with axis 0 moved to `to`.
pub fn axis_moved(a: &Array, to: usize) -> Result<Array, Violation> {
    let aval = a.aval();
    let (size, n) = (aval.dtype.size(), aval.shape[0]);
    let outer: usize = aval.shape[1..=to].iter().product();
    let inner: usize = aval.shape[to + 1..].iter().product::<usize>() * size;
    let bytes = a.to_bytes()?;
    let mut moved = Vec::with_capacity(bytes.len());
    for o in 0..outer {
        for b in 0..n {
            let at = (b * outer + o) * inner;
            moved.extend(&bytes[at..at + inner]);
        }
    }
    Ok(upload(aval.unbatched(0).batched(to, n), &moved)?)
}

/// The largest number in size, of those that are finite.
pub fn largest(values: &[f64]) -> f64 {
    values.iter().map(|x| x.abs()).filter(|x| x.is_finite()).fold(0.0, f64::max)
}

/// How far apart results may lie.
#[derive(Clone, Copy, Debug)]
pub enum Near {
    /// Every bit, but those of a NaN.
    Bits,
    /// This many roundings of the largest number of the result, or of 1.
    Roundings(f64),
}

/// Whether two arrays are of one type and near each other.
pub fn compare(what: &str, got: &Array, expected: &Array, near: Near) -> Result<(), Violation> {
    if got.aval() != expected.aval() {
        return Err(Violation::new(format!(
            "{what}: expected {}, got {}",
            expected.aval(),
            got.aval()
        )));
    }
    let (g, e) = (numbers(got)?, numbers(expected)?);
    let exact = got.to_bytes()? == expected.to_bytes()?;
    let slack = match near {
        Near::Bits => 0.0,
        Near::Roundings(n) => n * epsilon(got.dtype()) * (1.0 + largest(&e)),
    };
    let bits = matches!(near, Near::Bits) || !got.dtype().is_inexact();
    for (i, (g, e)) in g.iter().zip(&e).enumerate() {
        let same = (g.is_nan() && e.is_nan())
            || if bits { g.to_bits() == e.to_bits() } else { g == e || (g - e).abs() <= slack };
        if !same {
            return Err(Violation::new(format!(
                "{what}: element {i} of {}: expected {e:?}, got {g:?}",
                got.aval()
            )));
        }
    }
    let nan = g.iter().any(|x| x.is_nan());
    if bits && !exact && !nan {
        return Err(Violation::new(format!("{what}: bits differ in {}", got.aval())));
    }
    Ok(())
}

/// Whether results in floats of 16 bits are those of the twin in f64, rounded: within some
/// roundings of the coarsest float, which costs `epsilon`. What is beyond the narrower range is
/// left out.
pub fn compare_with_twin(
    what: &str,
    got: &[Array],
    twin: &[Array],
    epsilon: f64,
) -> Result<(), Violation> {
    const ROUNDINGS: f64 = 24.0;
    const BEYOND: f64 = 30_000.0;
    for (o, (g, t)) in got.iter().zip(twin).enumerate() {
        if g.shape() != t.shape() {
            let (g, t) = (g.aval(), t.aval());
            return Err(Violation::new(format!("{what}, output {o}: {g}, of the twin {t}")));
        }
        let (g, t) = (numbers(g)?, numbers(t)?);
        let slack = ROUNDINGS * epsilon * (1.0 + largest(&t));
        for (i, (g, t)) in g.iter().zip(&t).enumerate() {
            let beyond = !t.is_finite() || t.abs() > BEYOND || slack > BEYOND;
            if !beyond && ((g - t).abs() > slack || g.is_nan()) {
                return Err(Violation::new(format!(
                    "{what}, output {o}, element {i}: in f64 {t:?}, got {g:?}"
                )));
            }
        }
    }
    Ok(())
}

/// [`compare`] of lists.
pub fn compare_all(
    what: &str,
    got: &[Array],
    expected: &[Array],
    near: Near,
) -> Result<(), Violation> {
    if got.len() != expected.len() {
        let (g, e) = (got.len(), expected.len());
        return Err(Violation::new(format!("{what}: expected {e} outputs, got {g}")));
    }
    let pairs = got.iter().zip(expected).enumerate();
    pairs.into_iter().try_for_each(|(i, (g, e))| {
        let what = if got.len() == 1 { what.to_owned() } else { format!("{what}, output {i}") };
        compare(&what, g, e, near)
    })
}
