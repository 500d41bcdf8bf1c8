//! `map`: a function of one element applied to all, one after the other or so many at a time.

use super::scan::{ScanOptions, try_scan_as};
use crate::api::function::{Function, Own};
use crate::api::pytree::{Flat, Pytree, TreeDef, try_tree_unflatten};
use crate::api::vmap::vmap;
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::prims::lax;
use cotangent_jit::{Error, err};

/// `f(x[0]), f(x[1]), ...` for the slices along axis 0 of `xs`, stacked: one after the other, in
/// the memory of one.
///
/// A `vmap` computes the same, all at once. Pytrees in and out. Differentiable in all inputs, as a
/// [`scan`](super::scan). Panics if the leaves of `xs` have different lengths ([`try_map`] returns
/// the error).
///
/// ```
/// use cotangent::prelude::*;
/// let y = map(|x: Array| &x * &x, array![1.0, 2.0, 3.0]);
/// assert_eq!(y.to_vec::<f32>(), [1.0, 4.0, 9.0]);
/// ```
#[track_caller]
pub fn map<X: Pytree, Y: Pytree>(f: impl Fn(X) -> Y, xs: X) -> Y {
    raise(try_map(f, xs))
}

/// Returns the error of [`map`] instead of panicking.
#[track_caller]
pub fn try_map<X: Pytree, Y: Pytree>(f: impl Fn(X) -> Y, xs: X) -> Result<Y, Error> {
    in_name_of("map", || {
        let step = |(), x: X| ((), f(x));
        Ok(try_scan_as("map", step, (), xs, ScanOptions::default())?.1)
    })
}

/// [`map`] of `batch_size` elements at a time: a loop over batches, each by `vmap`, and one smaller
/// batch for the rest.
///
/// ```
/// use cotangent::prelude::*;
/// let y = map_batched(2, |x: Array| &x * &x, array![1.0, 2.0, 3.0]);
/// assert_eq!(y.to_vec::<f32>(), [1.0, 4.0, 9.0]);
/// ```
#[track_caller]
pub fn map_batched<'f, X: Pytree, Y: Pytree>(
    batch_size: usize,
    f: impl Function<'f, (Own<X>,), Y>,
    xs: X,
) -> Y {
    raise(try_map_batched(batch_size, f, xs))
}

/// Returns the error of [`map_batched`] instead of panicking.
#[track_caller]
pub fn try_map_batched<'f, X: Pytree, Y: Pytree>(
    batch_size: usize,
    f: impl Function<'f, (Own<X>,), Y>,
    xs: X,
) -> Result<Y, Error> {
    in_name_of("map_batched", || {
        if batch_size == 0 {
            return Err(err!(Value, "map_batched: the batch size should be at least 1, got 0"));
        }
        let xs = Flat::of(xs);
        let n = super::scan::length_of("map_batched", &xs, None)?;
        let f = vmap(f);
        let (batches, whole) = (n / batch_size, n - n % batch_size);
        let part = |from: usize, to: usize| -> Result<Vec<Array>, Error> {
            xs.leaves.iter().map(|x| lax::try_slice_in_dim(x, from, to, 0)).collect()
        };
        let rest = |tree: &TreeDef| -> Result<Y, Error> {
            f.try_call((try_tree_unflatten(tree, part(whole, n)?)?,))
        };
        if batches == 0 {
            return rest(&xs.tree);
        }
        let chunked = |x: Array| {
            let shape = [&[batches, batch_size], &x.shape()[1..]].concat();
            lax::try_reshape(&x, &shape)
        };
        let chunks = part(0, whole)?.into_iter().map(chunked).collect::<Result<Vec<_>, Error>>()?;
        let chunks: X = try_tree_unflatten(&xs.tree, chunks)?;
        let step = |(), x: X| ((), raise(f.try_call((x,))));
        let ((), done): ((), Y) =
            try_scan_as("map_batched", step, (), chunks, ScanOptions::default())?;
        let mut done = Flat::of(done);
        for y in &mut done.leaves {
            let shape = [&[whole], &y.shape()[2..]].concat();
            *y = lax::try_reshape(y, &shape)?;
        }
        if whole < n {
            let rest = Flat::of(rest(&xs.tree)?);
            for (y, rest) in done.leaves.iter_mut().zip(rest.leaves) {
                *y = lax::try_concatenate(&[y.clone(), rest], 0)?;
            }
        }
        try_tree_unflatten(&done.tree, done.leaves)
    })
}
