//! Arrays, jaxprs, the primitive contract and tracing: what everything above is written in.
//!
//! No primitive, no transform and no device is known here.

// The page of `Array` has its blocks in the order of these lines and of those in `numpy`.
pub mod construct;

pub mod array;

pub mod extract;

pub mod display;

pub(crate) mod arity;
pub mod aval;
pub mod axis;
pub mod check;
pub mod eager;
pub mod hazard;
pub mod home;
pub mod id;
pub mod jaxpr;
pub mod live;
pub mod lowering;
pub mod mode;
pub mod notebook;
pub mod params;
pub mod parse;
pub mod policy;
pub mod primitive;
pub mod print;
pub mod scoped;
pub mod source;
pub mod standin;
pub mod template;
pub mod trace;
