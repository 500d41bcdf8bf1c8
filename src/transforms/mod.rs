//! Transforms: jaxpr to jaxpr. None of them knows a primitive; they ask.
//!
//! | file | before | after |
//! | --- | --- | --- |
//! | `jvp` | `x -> y` | `x, dx -> y, dy` |
//! | `jet` | `x -> y` | `x, x₁.. -> y, y₁..`: Taylor coefficients along a curve |
//! | `split` | `known, unknown -> y` | `known -> residuals` and `residuals, unknown -> y` |
//! | `keep` | `x -> y` | `x -> y, v` and `x, v -> y`: what a checkpoint keeps |
//! | `transpose` | `r, x -> y`, linear in x | `r, ct y -> ct x` |
//! | `batch` | `x -> y` | `x[b] -> y[b]` |
//! | `checkify` | `x -> y` | `x -> state, y`: what went wrong first |
//! | `vjp` | `x -> y` | forward and pullback: the three first in a row |
//! | `dce`, `simplify` | `x -> y` | the same function, less work |

pub mod batch;
pub mod checkify;
pub mod dce;
pub mod jet;
pub mod jvp;
pub mod keep;
pub mod recur;
pub mod replay;
pub mod simplify;
pub mod split;
pub mod transpose;
pub mod vjp;

#[cfg(test)]
mod snapshots;

pub use recur::Transforms;
