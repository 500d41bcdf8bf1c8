//! `associative_scan`: all prefixes of an associative operation in logarithmic depth.
//!
//! ```text
//! pairs    p_i = x_{2i} . x_{2i+1}            their prefixes, by the same method: y_1, y_3, ...
//! between  y_{2i} = y_{2i-1} . x_{2i}         y_0 = x_0
//! ```

use crate::api::pytree::{Flat, Pytree, TreeDef, same_structure, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::prims::lax;
use cotangent_jit::{Error, err, plural};

/// How an [`associative_scan_with`] runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssociativeScanOptions {
    /// From the last element to the first: `y[i] = x[n - 1] . ... . x[i + 1] . x[i]`, as if the
    /// elements were turned around before and after. The first operand is the one that comes first
    /// in this order, which counts where the operation is not commutative.
    pub reverse: bool,
    /// The axis that counts the elements.
    pub axis: usize,
}

/// `y[i] = x[0] . x[1] . ... . x[i]` along axis 0 of every leaf, where `a . b = f(a, b)` is
/// associative.
///
/// The depth is logarithmic in the number of elements, and `f` is applied about twice as often as
/// in a loop. `f` is handed many elements at once, with the axis that counts them, and combines
/// them one by one (wrap it in `vmap` if it is written for one); it returns what it takes, pytrees
/// too. Differentiable and batchable as `f` is. Panics if the leaves have different lengths or `f`
/// returns other types ([`try_associative_scan`] returns the error).
///
/// ```
/// use cotangent::prelude::*;
/// let y = associative_scan(|a: Array, b: Array| a * b, array![1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(y.to_vec::<f32>(), [1.0, 2.0, 6.0, 24.0]);
/// // x[i + 1] = a[i] x[i] + b[i] for all i at once: affine maps compose.
/// let compose = |(a, b): (Array, Array), (c, d): (Array, Array)| (&c * a, c * b + d);
/// let (_, x) = associative_scan(compose, (array![2.0, 3.0], array![1.0, 1.0]));
/// assert_eq!(x.to_vec::<f32>(), [1.0, 4.0]);
/// ```
#[track_caller]
pub fn associative_scan<E: Pytree>(f: impl Fn(E, E) -> E, elems: E) -> E {
    associative_scan_with(f, elems, AssociativeScanOptions::default())
}

/// [`associative_scan`] with options.
///
/// ```
/// use cotangent::prelude::*;
/// let options = AssociativeScanOptions { reverse: true, axis: 1 };
/// let y = associative_scan_with(|a: Array, b: Array| a + b, array![[1.0, 2.0, 3.0]], options);
/// assert_eq!(y.to_vec::<f32>(), [6.0, 5.0, 3.0]);
/// ```
#[track_caller]
pub fn associative_scan_with<E: Pytree>(
    f: impl Fn(E, E) -> E,
    elems: E,
    options: AssociativeScanOptions,
) -> E {
    raise(try_associative_scan(f, elems, options))
}

/// Returns the error of [`associative_scan_with`] instead of panicking.
#[track_caller]
pub fn try_associative_scan<E: Pytree>(
    f: impl Fn(E, E) -> E,
    elems: E,
    options: AssociativeScanOptions,
) -> Result<E, Error> {
    in_name_of("associative_scan", || {
        let Flat { leaves, tree } = Flat::of(elems);
        let axis = options.axis;
        let mut length = None;
        for (x, path) in leaves.iter().zip(tree.paths()) {
            let Some(n) = x.shape().get(axis).copied() else {
                return Err(err!(
                    Shape,
                    "associative_scan: `elems{path}` ({}) has no axis {axis} to scan along",
                    x.aval()
                ));
            };
            match &length {
                None => length = Some((n, path)),
                Some((m, other)) if *m != n => {
                    return Err(err!(
                        Shape,
                        "associative_scan: `elems{other}` has {elements} along axis {axis}, \
                         `elems{path}` ({}) has {n}",
                        x.aval(),
                        elements = plural(m, "element")
                    ));
                }
                Some(_) => {}
            }
        }
        let turned = |leaves: Vec<Array>| -> Result<Vec<Array>, Error> {
            match options.reverse {
                true => leaves.iter().map(|x| lax::try_rev(x, &[axis])).collect(),
                false => Ok(leaves),
            }
        };
        let combine = |a: Vec<Array>, b: Vec<Array>| -> Result<Vec<Array>, Error> {
            let expected = Flat { leaves: a.clone(), tree: tree.clone() };
            let got = Flat::of(f(unflatten(&tree, a)?, unflatten(&tree, b)?));
            same_result(&expected, &got)?;
            Ok(got.leaves)
        };
        let done = prefixes(&combine, turned(leaves)?, axis)?;
        try_tree_unflatten(&tree, turned(done)?)
    })
}

fn unflatten<E: Pytree>(tree: &TreeDef, leaves: Vec<Array>) -> Result<E, Error> {
    try_tree_unflatten(tree, leaves)
}

/// What the operation returned must be like what it was handed.
fn same_result(expected: &Flat, got: &Flat) -> Result<(), Error> {
    same_structure("associative_scan: the result of the operation", &expected.tree, &got.tree)?;
    for ((path, e), g) in expected.tree.paths().iter().zip(&expected.leaves).zip(&got.leaves) {
        if e.aval() != g.aval() {
            return Err(err!(
                Shape,
                "associative_scan: the operation should return {} at `result{path}`, as it takes, \
                 got {}",
                e.aval(),
                g.aval()
            ));
        }
    }
    Ok(())
}

type Combine<'a> = &'a dyn Fn(Vec<Array>, Vec<Array>) -> Result<Vec<Array>, Error>;

fn prefixes(combine: Combine, x: Vec<Array>, axis: usize) -> Result<Vec<Array>, Error> {
    let n = x.first().map_or(0, |x| x.shape()[axis]);
    if n < 2 {
        return Ok(x);
    }
    // Elements from `start`, every second one, `count` of them.
    let every_second = |x: &[Array], start: usize, count: usize| -> Result<Vec<Array>, Error> {
        let one = |x: &Array| {
            let (mut from, mut to, mut by) =
                (vec![0; x.ndim()], x.shape().to_vec(), vec![1; x.ndim()]);
            (from[axis], to[axis], by[axis]) = (start, start + 2 * count - 1, 2);
            lax::try_slice(x, &from, &to, &by)
        };
        x.iter().map(one).collect()
    };
    let part = |x: &[Array], from: usize, to: usize| -> Result<Vec<Array>, Error> {
        x.iter().map(|x| lax::try_slice_in_dim(x, from, to, axis)).collect()
    };
    let (pairs, between) = (n / 2, (n - 1) / 2);
    let pair = combine(every_second(&x, 0, pairs)?, every_second(&x, 1, pairs)?)?;
    let odd = prefixes(combine, pair, axis)?;
    let mut even = part(&x, 0, 1)?;
    if between > 0 {
        let more = combine(part(&odd, 0, between)?, every_second(&x, 2, between)?)?;
        for (even, more) in even.iter_mut().zip(more) {
            *even = lax::try_concatenate(&[even.clone(), more], axis)?;
        }
    }
    even.iter().zip(&odd).map(|(even, odd)| interleaved(even, odd, axis)).collect()
}

/// `even[0], odd[0], even[1], odd[1] ...`; there may be one more of the even ones.
fn interleaved(even: &Array, odd: &Array, axis: usize) -> Result<Array, Error> {
    let pairs = odd.shape()[axis];
    let first = lax::try_slice_in_dim(even, 0, pairs, axis)?;
    let both =
        [lax::try_expand_dims(&first, &[axis + 1])?, lax::try_expand_dims(odd, &[axis + 1])?];
    let mut shape = odd.shape().to_vec();
    shape[axis] = 2 * pairs;
    let both = lax::try_reshape(&lax::try_concatenate(&both, axis + 1)?, &shape)?;
    match even.shape()[axis] > pairs {
        true => {
            let last = lax::try_slice_in_dim(even, pairs, pairs + 1, axis)?;
            lax::try_concatenate(&[both, last], axis)
        }
        false => Ok(both),
    }
}
