//! What an iteration finds as an implicit function: its derivative knows nothing of the iteration.
//!
//! With `F(x, p) = 0`, `p` being whatever `F` captures, `dx = -(∂F/∂x)⁻¹ ∂F/∂p dp`. What an
//! iteration says of itself rides along: it has no derivative.

use super::dense::{apply, inverse};
use crate::api::control::{custom_root, scan};
use crate::core::array::Array;
use crate::numpy::create::{eye_dtype, zeros_dtype};
use crate::prims::lax::stop_gradient;

/// A linear function of a vector.
pub(crate) type Slope<'a> = &'a (dyn Fn(Array) -> Array + Sync);

/// The `x` with `residual(x) = 0` that `search` finds from `start`, and the `said` floats that it
/// says beside it. `solve(slope, r)` solves the linear equations of the derivatives.
pub(crate) fn root(
    residual: impl Fn(&Array) -> Array + Sync,
    start: Array,
    said: usize,
    search: impl Fn(Array) -> (Array, Array),
    solve: impl Fn(Slope, &Array) -> Array,
) -> (Array, Array) {
    let says = zeros_dtype([said], start.dtype());
    type Pair = (Array, Array);
    // What is said is its own residual: so its equations are solved by what they are given.
    let (x, said) = custom_root(
        |(x, said): Pair| (residual(&x), said),
        |_: &(dyn Fn(Pair) -> Pair + Sync), (x, _): Pair| search(x),
        |slope: &(dyn Fn(Pair) -> Pair + Sync), (r, said): Pair| {
            let own = said.clone();
            let along = move |v: Array| slope((v, own.clone())).0;
            (solve(&along, &r), said)
        },
        (start, says),
    );
    (x, stop_gradient(&said))
}

/// Solves as many equations as there are elements, by the matrix of the function.
pub(crate) fn by_matrix(slope: Slope, r: &Array) -> Array {
    if r.size() == 0 {
        return r.clone();
    }
    let column = |none: (), unit: Array| (none, slope(unit));
    let ((), columns) = scan(column, (), eye_dtype(r.size(), r.dtype()));
    apply(&inverse(&columns.t()), r)
}
