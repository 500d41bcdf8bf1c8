//! What the user calls: transforms of plain closures, and the pytrees that they take and return.

pub mod aot;
pub mod axes;
mod cache;
pub mod caches;
pub mod callback;
mod captures;
pub mod checkify;
pub mod checkpoint;
pub mod closure_convert;
pub mod collectives;
pub mod control;
pub mod custom;
pub mod debug;
pub mod debug_nans;
pub mod derivative;
pub mod function;
pub mod grad;
mod graph;
pub mod jacobian;
pub mod jet;
pub mod jit;
pub mod make_jaxpr;
pub mod misses;
pub mod pytree;
pub mod shape_dtype;
pub mod vmap;
pub mod wrt;
