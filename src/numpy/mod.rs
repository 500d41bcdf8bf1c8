//! The array library: NumPy's vocabulary as methods of [`Array`](crate::core::array::Array) and
//! free functions.
//!
//! Written in `lax` functions only; no primitive is defined here.
//!
//! | file | contents |
//! | --- | --- |
//! | `math`, `numbers`, `powers`, `complex`, `ints` | functions of every element |
//! | `compare` | comparisons, predicates, choices |
//! | `reduce`, `nan` | sums, means, extremes, with and without NaN |
//! | `stats`, `series` | quantiles, covariances, bins; differences, integrals, interpolation, polynomials |
//! | `order`, `sets` | sorting, searching, picking; results whose shape depends on values |
//! | `contract`, `contraction`, `einsum` | products that are summed over axes |
//! | `shape`, `join`, `arrange`, `diagonal` | axes, joining and splitting, stacking, diagonals and triangles |
//! | `create` | zeros, ones, arange, linspace, eye |
//! | `index`, `entries`, `picks`, `at`, `update` | `x.index(s![..])` and `x.at(..)` |
//! | `iterate` | `for row in &x`, `len` |
//! | `axes`, `fallible`, `finfo` | arguments, pairs of panicking and `try_` forms, limits of dtypes |

pub(crate) mod fallible;

pub mod arrange;
pub mod at;
pub mod axes;
pub mod compare;
pub mod complex;
pub mod contract;
mod contraction;
pub mod create;
pub mod diagonal;
pub mod einsum;
pub mod entries;
pub mod finfo;
pub mod index;
pub mod ints;
pub mod iterate;
pub mod join;
pub mod math;
pub mod nan;
pub mod numbers;
pub mod order;
mod picks;
pub mod powers;
pub mod reduce;
pub mod series;
pub mod sets;
pub mod shape;
pub mod stats;
pub(crate) mod update;

#[doc(no_inline)]
pub use self::{
    arrange::{column_stack, dstack, hstack, meshgrid, meshgrid_ij, tri, vstack},
    compare::where_,
    create::{
        arange, arange_dtype, eye, eye_dtype, full, full_dtype, full_like, linspace,
        linspace_dtype, ones, ones_dtype, ones_like, zeros, zeros_dtype, zeros_like,
    },
    einsum::einsum,
    finfo::{finfo, iinfo},
    join::{concatenate, stack},
    series::{interp, polyval},
};
