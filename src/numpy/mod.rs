//! The array library: NumPy's vocabulary as methods of [`Array`](crate::core::array::Array) and
//! free functions.
//!
//! Written in `lax` functions only; no primitive is defined here.
//!
//! | file | contents |
//! | --- | --- |
//! | `math`, `numbers`, `rounding`, `powers`, `complex`, `ints` | functions of every element |
//! | `compare` | comparisons, predicates, choices |
//! | `reduce`, `nan`, `masked`, `segments` | sums, means, extremes: of all, without NaN, under a mask, by groups |
//! | `stats`, `series` | quantiles, covariances, bins; differences, integrals, interpolation, polynomials |
//! | `order`, `sets` | sorting, searching, picking; results whose shape depends on values |
//! | `contract`, `contraction`, `einsum` | products that are summed over axes |
//! | `shape`, `join`, `arrange`, `diagonal` | axes, joining and splitting, stacking, diagonals and triangles |
//! | `create`, `steps` | zeros, ones, arange, linspace, eye; ranges with a step |
//! | `index`, `entries`, `picks`, `at`, `update` | `x.index(s![..])` and `x.at(..)` |
//! | `iterate` | `for row in &x`, `len` |
//! | `axes`, `list`, `fallible`, `finfo` | arguments, pairs of panicking and `try_` forms, limits of dtypes |

pub(crate) mod fallible;

// The page of `Array` has its blocks in the order of these lines.
pub mod math;

pub mod rounding;

pub mod powers;

pub mod numbers;

pub mod ints;

pub mod compare;

pub mod reduce;

pub mod nan;

pub mod masked;

pub mod stats;

pub mod series;

pub mod order;

pub mod sets;

pub mod shape;

pub mod join;

pub mod arrange;

pub mod diagonal;

pub mod index;

pub mod iterate;

pub mod at;

pub mod contract;

pub mod complex;

// These have no methods.
pub mod axes;
mod contraction;
pub mod create;
pub mod einsum;
pub mod entries;
pub mod finfo;
pub mod list;
mod picks;
pub mod segments;
pub mod steps;
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
