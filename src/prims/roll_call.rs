//! Every primitive of the library, by name. This file stands on the top floor of the primitives: it names every room, and
//! no room names it.

use super::entry::{Args, Entry};
use crate::core::params::Param;
use crate::core::primitive::{Prim, Registry};
use cotangent_jit::{Error, err};

/// Every primitive of the library.
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

/// Rebuilds the library's primitives; users add their own entries.
#[derive(Default)]
pub struct Roll {
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
