//! Primitives that carry jaxprs: calls, branches, loops, rematerialisation, custom rules, implicit
//! solves.

pub mod call;
pub mod checkpoint;
pub mod cond;
pub mod custom_jvp;
pub mod custom_lin;
pub mod custom_vjp;
pub mod custom_vmap;
pub mod derivative_sources;
pub mod linear_solve;
pub mod policy;
pub mod regroup;
pub mod root;
pub mod scan;
pub mod while_loop;
pub mod whole;
pub mod with_bodies;
pub mod wrapped;
