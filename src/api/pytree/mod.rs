//! Pytrees: values built of arrays, which transforms take apart into leaves and put together again.
//!
//! | file | contents |
//! | --- | --- |
//! | `flatten` | the trait, and the values that flattening and rebuilding work on |
//! | `treedef`, `static_field` | structure as data; floats as structure |
//! | `impls`, `nest` | the trait for the standard containers; lists and maps that nest |
//! | `dynamic` | a tree of any structure |
//! | `tree`, `fold` | functions over trees |
//! | `show` | trees as tables, in notebooks too |
//!
//! This file declares and re-exports only. The derive macro is a crate of its own.

mod dynamic;
mod flatten;
mod fold;
mod impls;
mod nest;
mod show;
#[doc(hidden)]
pub mod static_field;
mod tree;
mod treedef;

pub use dynamic::Tree;
#[doc(hidden)]
pub use flatten::mismatch;
pub use flatten::{Flat, Pytree, Rebuild};
pub use fold::{
    tree_all, tree_any, tree_broadcast, tree_flatten, tree_leaves_with_path, tree_reduce,
    tree_transpose, try_tree_broadcast, try_tree_transpose,
};
pub use nest::Nest;
pub use show::{Show, tree_summary};
pub use static_field::StaticField;
pub(crate) use tree::same as same_structure;
pub use tree::{
    tree_leaves, tree_map, tree_map_with_path, tree_map2, tree_map3, tree_structure,
    tree_unflatten, try_tree_map, try_tree_map2, try_tree_map3, try_tree_unflatten,
};
pub use treedef::{Static, StaticValue, StructInfo, Token, TreeDef};
