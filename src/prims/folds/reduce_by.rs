//! `reduce` by any associative function of arrays. It is composed of that function, as a tree over
//! neighbours.
//!
//! Not here: the reductions that kernels know (`reduce`).

use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::rules::apply::{composed, expect, expect_axis};
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use crate::prims::shapes::concatenate::try_concatenate;
use crate::prims::shapes::reshape::try_reshape;
use crate::prims::shapes::slice::try_slice;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::{Error, err, plural};

/// Reduces operands of one shape over axes by a function of their elements.
///
/// `f(a, b)` takes on each side as many arrays as there are operands, works element by element and
/// is associative; each `init` is a scalar identity element of `f`. Elements are combined in
/// row-major order of the axes. Derivatives are those of `f`. Panics where [`try_reduce`] gives an
/// error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let x = array![[1, 2, 3], [4, 5, 6]];
/// let product = lax::reduce(&[x], &[Array::scalar(1)], &[1], |a, b| vec![&a[0] * &b[0]]);
/// assert_eq!(product[0].to_vec::<i32>(), [6, 120]);
/// ```
#[track_caller]
pub fn reduce(
    operands: &[Array],
    inits: &[Array],
    axes: &[usize],
    f: impl Fn(&[Array], &[Array]) -> Vec<Array>,
) -> Vec<Array> {
    expect(try_reduce(operands, inits, axes, f))
}

/// Returns the error of [`reduce`] instead of panicking.
///
/// Fails if shapes differ, an axis is out of range or given twice, or `f` does not return the types
/// that it takes.
#[track_caller]
pub fn try_reduce(
    operands: &[Array],
    inits: &[Array],
    axes: &[usize],
    f: impl Fn(&[Array], &[Array]) -> Vec<Array>,
) -> Result<Vec<Array>, Error> {
    composed("reduce", || {
        check(operands, inits, axes)?;
        let flat: Result<Vec<Array>, Error> = operands.iter().map(|x| joined(x, axes)).collect();
        let whole = tree(flat?, &f)?;
        let kept = whole.first().map(|x| x.shape()[..x.ndim() - 1].to_vec()).unwrap_or_default();
        let broadcast = |i: &Array| try_broadcast_in_dim(i, &kept, &[]);
        let inits: Result<Vec<Array>, Error> = inits.iter().map(broadcast).collect();
        if whole[0].shape()[kept.len()] == 0 {
            return inits;
        }
        let whole: Result<Vec<Array>, Error> =
            whole.iter().map(|x| try_reshape(x, &kept)).collect();
        apply(&f, &inits?, &whole?)
    })
}

/// Errors: there are not as many inits as operands.
pub(in crate::prims) fn check_inits(
    name: &str,
    operands: &[Array],
    inits: &[Array],
) -> Result<(), Error> {
    if inits.len() == operands.len() {
        return Ok(());
    }
    let expected = plural(operands.len(), "init");
    Err(err!(Shape, "{name}: expected {expected}, one per operand, got {}", inits.len()))
}

fn check(operands: &[Array], inits: &[Array], axes: &[usize]) -> Result<(), Error> {
    let Some(first) = operands.first() else {
        return Err(err!(Shape, "reduce: expected at least one operand, got none"));
    };
    if let Some(other) = operands.iter().find(|x| x.shape() != first.shape()) {
        let (first, other) = (first.aval(), other.aval());
        return Err(err!(Shape, "reduce: expected operands of one shape, got {first} and {other}"));
    }
    check_inits("reduce", operands, inits)?;
    for (x, init) in operands.iter().zip(inits) {
        if init.ndim() != 0 || init.dtype() != x.dtype() {
            let (x, init) = (x.aval(), init.aval());
            return Err(err!(
                DType,
                "reduce: expected a scalar init of the dtype of {x}, got {init}"
            ));
        }
    }
    for (n, axis) in axes.iter().enumerate() {
        expect_axis("reduce", "axis", *axis, &first.aval())?;
        if axes[..n].contains(axis) {
            return Err(err!(Axis, "reduce: axis {axis} is given twice"));
        }
    }
    Ok(())
}

/// Joins the axes into one, which comes last.
fn joined(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    let mut axes: Shape = axes.into();
    axes.sort_unstable();
    let mut moved = x.clone();
    for (n, axis) in axes.iter().enumerate() {
        moved = moveaxis(&moved, axis - n, x.ndim() - 1)?;
    }
    let kept = x.ndim() - axes.len();
    let mut shape = Shape::from_slice(&moved.shape()[..kept]);
    shape.push(moved.shape()[kept..].iter().product());
    try_reshape(&moved, &shape)
}

/// Combines neighbours along the last axis until at most one element is left.
fn tree(
    mut x: Vec<Array>,
    f: &impl Fn(&[Array], &[Array]) -> Vec<Array>,
) -> Result<Vec<Array>, Error> {
    loop {
        let axis = x[0].ndim() - 1;
        let n = x[0].shape()[axis];
        if n <= 1 {
            return Ok(x);
        }
        let part = |from: usize, to: usize, by: usize| -> Result<Vec<Array>, Error> {
            let one = |x: &Array| {
                let mut starts = Shape::from_elem(0, axis + 1);
                let mut strides = Shape::from_elem(1, axis + 1);
                let mut limits = x.to_shape();
                (starts[axis], limits[axis], strides[axis]) = (from, to, by);
                try_slice(x, &starts, &limits, &strides)
            };
            x.iter().map(one).collect()
        };
        let even = n / 2 * 2;
        let mut pairs = apply(f, &part(0, even, 2)?, &part(1, even, 2)?)?;
        if even < n {
            for (pair, rest) in pairs.iter_mut().zip(part(even, n, 1)?) {
                *pair = try_concatenate(&[pair.clone(), rest], axis)?;
            }
        }
        x = pairs;
    }
}

/// The results of the function, which must have the types of its operands.
fn apply(
    f: &impl Fn(&[Array], &[Array]) -> Vec<Array>,
    a: &[Array],
    b: &[Array],
) -> Result<Vec<Array>, Error> {
    let y = f(a, b);
    let same = |(x, y): (&Array, &Array)| x.shape() == y.shape() && x.dtype() == y.dtype();
    if y.len() == a.len() && a.iter().zip(&y).all(same) {
        return Ok(y);
    }
    let list = |x: &[Array]| match x {
        [] => "nothing".to_owned(),
        _ => x.iter().map(|x| x.aval().to_string()).collect::<Vec<_>>().join(", "),
    };
    Err(err!(
        Shape,
        "reduce: expected the function to give {}, as it takes, got {}",
        list(a),
        list(&y)
    ))
}
