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

use super::entry::Entry;

/// The registries of the files above, in the order in which tables show them.
pub(super) const ENTRIES: &[fn() -> Vec<Entry>] = &[
    call::entries,
    cond::entries,
    scan::entries,
    while_loop::entries,
    linear_solve::entries,
    root::entries,
    checkpoint::entries,
    custom_jvp::entries,
    custom_vjp::entries,
    custom_lin::entries,
    custom_vmap::entries,
];
