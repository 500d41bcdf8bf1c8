//! The list of all primitives of the library. This file names every file of primitives, and none of
//! them names it.

use super::entry::{Args, Entry};
use crate::core::params::Param;
use crate::core::primitive::{Prim, Registry};
use cotangent_jit::{Error, err};

/// All primitives of the library.
pub fn roll_call() -> Vec<Entry> {
    let rooms = [
        super::points::ENTRIES,
        super::folds::ENTRIES,
        super::shapes::ENTRIES,
        super::products::ENTRIES,
        super::carriers::ENTRIES,
        super::host::ENTRIES,
        super::places::ENTRIES,
        super::collectives::ENTRIES,
    ];
    rooms.into_iter().flatten().flat_map(|entries| entries()).collect()
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
