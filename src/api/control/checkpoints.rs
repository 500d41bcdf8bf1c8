//! A scan in chunks whose insides reverse mode forgets: less memory for some more work.
//!
//! ```text
//! n steps  =  chunks of m steps, each a checkpoint, then the n mod m steps that are left
//! ```
//! Between the passes live the carries at the chunks' ends, and while one chunk is passed
//! backwards, what is inside it. With chunks of sqrt n steps both are O(sqrt n). Chunks that are
//! made of chunks in turn, a fixed number at each level, hold O(log n), and each level computes its
//! steps once more.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::lowering::ScanParts;
use crate::core::trace::trace;
use crate::prims::carriers::checkpoint::checkpoint;
use crate::prims::carriers::policy::Policy;
use crate::prims::carriers::scan as scan_prim;
use crate::prims::lax;
use cotangent_jit::{Error, err};
use std::sync::Arc;

/// Where reverse mode through a scan of `n` steps restarts, instead of keeping what every step's
/// derivative needs.
///
/// ```
/// use cotangent::prelude::*;
/// let decay = |rate: Array, n: usize, checkpoints: Checkpoints| {
///     let options = ScanOptions { length: Some(n), checkpoints, ..Default::default() };
///     scan_with(|x: Array, ()| (x * &rate, ()), Array::from(1.0), (), options).0
/// };
/// let g = grad(move |rate: Array| decay(rate, 10, Checkpoints::Sqrt));
/// assert_eq!(g(Array::from(1.0)).item::<f32>(), 10.0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checkpoints {
    /// Nowhere: memory O(n), every step computed once.
    #[default]
    None,
    /// After every so many steps: memory O(n / k + k), every step computed twice.
    Every(usize),
    /// After every √n steps: memory O(√n), every step computed twice.
    Sqrt,
    /// In chunks of chunks of chunks, `branches` at each level (at least 2): memory O(log n), every
    /// step computed 1 + log n / log branches times. More branches are less work and more memory; 8
    /// is a good number.
    Log { branches: usize },
}

impl Checkpoints {
    /// How many steps make a chunk of a scan of `length`; `None` if it is not cut.
    fn chunk(self, length: usize) -> Option<usize> {
        let chunk = match self {
            Checkpoints::None => return None,
            Checkpoints::Every(k) => k,
            Checkpoints::Sqrt => length.isqrt(),
            Checkpoints::Log { branches } => length / branches,
        };
        (1..length).contains(&chunk).then_some(chunk)
    }

    /// How chunks are cut themselves.
    fn inside(self) -> Checkpoints {
        match self {
            Checkpoints::Log { .. } => self,
            _ => Checkpoints::None,
        }
    }

    fn check(self) -> Result<(), Error> {
        match self {
            Checkpoints::Every(0) => Err(err!(
                Value,
                "scan: Checkpoints::Every(0) cuts nowhere; expected a number of steps, at least 1"
            )),
            Checkpoints::Log { branches: branches @ 0..2 } => {
                Err(err!(Value, "scan: Checkpoints::Log takes at least 2 branches, got {branches}"))
            }
            _ => Ok(()),
        }
    }
}

/// Runs the scan; inputs are consts, initial carry, xs; outputs final carry, ys.
#[track_caller]
pub(super) fn scan(
    parts: ScanParts,
    checkpoints: Checkpoints,
    inputs: &[Array],
) -> Result<Vec<Array>, Error> {
    checkpoints.check()?;
    let Some(chunk) = checkpoints.chunk(parts.length) else {
        return scan_prim::scan(parts, inputs);
    };
    let (count, rest) = (parts.length / chunk, parts.length % chunk);
    let (consts, others) = inputs.split_at(parts.consts);
    let (carry, xs) = others.split_at(parts.carry);
    let cut = |from: usize, to: usize| -> Result<Vec<Array>, Error> {
        xs.iter().map(|x| lax::try_slice_in_dim(x, from, to, 0)).collect()
    };
    let split = |x: &Array| lax::try_reshape(x, &[&[count, chunk], &x.shape()[1..]].concat());
    let main: Vec<Array> = cut(0, count * chunk)?.iter().map(split).collect::<Result<_, _>>()?;

    // A chunk is traced once; it is the body of the scan over chunks.
    let mut types: Vec<Aval> = consts.iter().chain(carry).map(Array::aval).collect();
    types.extend(main.iter().map(|x| x.aval().unbatched(0)));
    let inside = ScanParts { length: chunk, ..parts.clone() };
    let steps = trace(&types, |args| scan(inside, checkpoints.inside(), &args))?;
    let steps = Arc::new(steps.jaxpr);
    let body = trace(&types, |args| checkpoint(steps.clone(), &Policy::nothing(), &args))?;
    let chunks = ScanParts { body: Arc::new(body.jaxpr), length: count, ..parts.clone() };

    let over_chunks = |carry: &[Array]| -> Result<(Vec<Array>, Vec<Array>), Error> {
        let mut carry = scan_prim::scan(chunks, &[consts, carry, &main].concat())?;
        let ys = carry.split_off(parts.carry);
        let join = |y: &Array| lax::try_reshape(y, &[&[count * chunk], &y.shape()[2..]].concat());
        Ok((carry, ys.iter().map(join).collect::<Result<_, _>>()?))
    };
    let remaining = |carry: &[Array]| -> Result<(Vec<Array>, Vec<Array>), Error> {
        let tail = cut(count * chunk, parts.length)?;
        let inputs = [consts, carry, &tail].concat();
        let types: Vec<Aval> = inputs.iter().map(Array::aval).collect();
        let inside = ScanParts { length: rest, ..parts.clone() };
        let steps = trace(&types, |args| scan(inside, checkpoints.inside(), &args))?;
        let mut carry = checkpoint(Arc::new(steps.jaxpr), &Policy::nothing(), &inputs)?;
        let ys = carry.split_off(parts.carry);
        Ok((carry, ys))
    };
    if rest == 0 {
        let (carry, ys) = over_chunks(carry)?;
        return Ok([carry, ys].concat());
    }
    let (carry, main_ys, tail_ys) = if parts.reverse {
        let (carry, tail) = remaining(carry)?;
        let (carry, main) = over_chunks(&carry)?;
        (carry, main, tail)
    } else {
        let (carry, main) = over_chunks(carry)?;
        let (carry, tail) = remaining(&carry)?;
        (carry, main, tail)
    };
    let join = |(a, b): (&Array, &Array)| lax::try_concatenate(&[a.clone(), b.clone()], 0);
    let ys: Vec<Array> = main_ys.iter().zip(&tail_ys).map(join).collect::<Result<_, _>>()?;
    Ok([carry, ys].concat())
}
