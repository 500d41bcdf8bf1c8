//! The list of all primitives of the library. This file names every file of primitives, and none of
//! them names it.

use super::entry::{Args, Entry};
use crate::core::params::Param;
use crate::core::primitive::{Prim, Registry};
use cotangent_jit::{Error, err};

/// All primitives of the library.
pub fn roll_call() -> Vec<Entry> {
    let files: &[fn() -> Vec<Entry>] = &[
        super::points::unary::entries,
        super::points::power::entries,
        super::points::binary::entries,
        super::points::compare::entries,
        super::points::select::entries,
        super::points::convert::entries,
        super::points::complex::entries,
        super::points::reduce_precision::entries,
        super::folds::reduce::entries,
        super::folds::cumulative::entries,
        super::folds::softmax::entries,
        super::folds::reduce_window::entries,
        super::shapes::sliding::entries,
        super::points::identity::entries,
        super::points::guard::entries,
        super::points::name::entries,
        super::points::threefry::entries,
        super::shapes::broadcast::entries,
        super::shapes::reshape::entries,
        super::shapes::transpose::entries,
        super::shapes::slice::entries,
        super::shapes::pad::entries,
        super::shapes::concatenate::entries,
        super::shapes::iota::entries,
        super::products::dot_general::entries,
        super::products::conv::entries,
        #[cfg(feature = "linalg")]
        super::products::cholesky::entries,
        #[cfg(feature = "linalg")]
        super::products::triangular_solve::entries,
        super::carriers::call::entries,
        super::host::callback::entries,
        super::host::check::entries,
        super::carriers::cond::entries,
        super::carriers::scan::entries,
        super::carriers::while_loop::entries,
        super::carriers::linear_solve::entries,
        super::carriers::root::entries,
        super::carriers::checkpoint::entries,
        super::carriers::custom_jvp::entries,
        super::carriers::custom_vjp::entries,
        super::carriers::custom_lin::entries,
        super::carriers::custom_vmap::entries,
        super::shapes::constant::entries,
        super::shapes::rev::entries,
        super::places::dynamic_slice::entries,
        super::places::dynamic_update_slice::entries,
        super::places::gather::entries,
        super::places::scatter::entries,
        super::folds::sort::entries,
        super::collectives::lane_fold::entries,
        super::collectives::lane_move::entries,
        super::collectives::axis_index::entries,
    ];
    files.iter().flat_map(|entries| entries()).collect()
}

/// Rebuilds the primitives of the library, and those that the user adds.
#[derive(Default)]
pub struct Roll {
    /// The entries of the user. They take precedence over those of the library.
    pub more: Vec<Entry>,
}

impl Registry for Roll {
    fn build(&self, name: &str, params: &[(String, Param)]) -> Result<Prim, Error> {
        let args = Args { prim: name, params };
        let own = self.more.iter().find(|e| e.name == name).map(|e| e.build);
        let build = own.or_else(|| roll_call().iter().find(|e| e.name == name).map(|e| e.build));
        build.ok_or_else(|| err!(Parse, "{name}: no primitive of this name"))?(&args)
    }
}
