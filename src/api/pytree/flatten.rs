//! The [`Pytree`] trait, and the two values that it works on: [`Flat`] and [`Rebuild`].
//!
//! Not here: structure as data (`treedef`), and the trait for the standard containers (`impls`).

use super::treedef::{StructInfo, Token, TreeDef};
use crate::core::array::Array;
use cotangent_jit::{Error, err};

/// A value built of arrays: an [`Array`], or a tuple, `Vec`, fixed array, `Option`, map or
/// `#[derive(Pytree)]` struct of pytrees.
///
/// Fields `#[pytree(static)]` are structure: anything `Eq + Hash`, or floats
/// ([`StaticField`](super::StaticField)). `#[pytree(name = "kernel")]` renames a field in paths and
/// files, and `#[pytree(transparent)]` makes a struct of one field be that field
/// ([the macro](derive@cotangent_derive::Pytree) says more).
///
/// ```
/// use cotangent::prelude::*;
/// #[derive(Pytree, Clone)]
/// struct Layer {
///     w: Array,
///     b: Array,
///     #[pytree(static)]
///     rate: u32,
/// }
/// let layer = Layer { w: array![1.0, 2.0], b: array![3.0], rate: 4 };
/// assert_eq!(tree_leaves(&layer).len(), 2);
/// ```
#[doc(alias("register_pytree_node", "register_dataclass", "register_pytree_node_class"))]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pytree: expected an owned `Array`, or a tuple, `Vec`, `[T; N]`, \
               `Option`, map or struct of arrays",
    label = "`{Self}` is not a pytree",
    note = "a struct becomes one by `#[derive(Pytree)]`; mark fields that are no arrays \
            `#[pytree(static)]`",
    note = "a number becomes an array by `Array::from(number)`; numbers and other values that no \
            transform looks into go into `Static(value)`",
    note = "references are none: give the tree itself, or `x.clone()`, which copies handles and no \
            numbers"
)]
pub trait Pytree: Sized + 'static {
    /// Moves the leaves out, so that an array without another owner can be reused.
    fn flatten(self, to: &mut Flat);

    /// Collects the leaves without taking them.
    fn flatten_ref(&self, to: &mut Flat);

    /// The inverse of [`Pytree::flatten`].
    fn unflatten(from: &mut Rebuild<'_>) -> Result<Self, Error>;
}

/// A pytree taken apart.
#[derive(Default)]
pub struct Flat {
    pub leaves: Vec<Array>,
    pub tree: TreeDef,
}

impl Flat {
    pub fn of(tree: impl Pytree) -> Flat {
        let mut flat = Flat::default();
        tree.flatten(&mut flat);
        flat
    }

    pub fn of_ref(tree: &impl Pytree) -> Flat {
        let mut flat = Flat::default();
        tree.flatten_ref(&mut flat);
        flat
    }

    /// Makes room for this many subtrees, each with one leaf or more.
    pub fn reserve(&mut self, subtrees: usize) {
        self.leaves.reserve(subtrees);
        self.tree.reserve(subtrees);
    }

    pub fn push(&mut self, token: Token) {
        self.tree.push(token);
    }

    pub fn leaf(&mut self, leaf: Array) {
        self.tree.push(Token::Leaf);
        self.leaves.push(leaf);
    }
}

/// A pytree under construction: its structure and the leaves that are left.
pub struct Rebuild<'a> {
    tokens: std::slice::Iter<'a, Token>,
    leaves: std::vec::IntoIter<Array>,
}

impl<'a> Rebuild<'a> {
    pub(crate) fn new(tree: &'a TreeDef, leaves: Vec<Array>) -> Rebuild<'a> {
        Rebuild { tokens: tree.tokens().iter(), leaves: leaves.into_iter() }
    }

    /// The next piece of structure.
    pub fn token(&mut self) -> Result<&'a Token, Error> {
        self.tokens.next().ok_or_else(|| err!(Tree, "unflatten: the structure ends too early"))
    }

    pub fn leaf(&mut self) -> Result<Array, Error> {
        match self.token()? {
            Token::Leaf => {}
            other => return Err(mismatch("an array", other)),
        }
        self.next_leaf()
    }

    /// The next array, after the structure's [`Token::Leaf`] was taken.
    pub(super) fn next_leaf(&mut self) -> Result<Array, Error> {
        self.leaves.next().ok_or_else(|| err!(Tree, "unflatten: too few leaves"))
    }

    /// The value of a static field.
    pub fn fixed<T: Clone + 'static>(&mut self) -> Result<T, Error> {
        let token = self.token()?;
        if let Token::Static(value) = token
            && let Some(value) = value.get::<T>()
        {
            return Ok(value.clone());
        }
        Err(mismatch(std::any::type_name::<T>(), token))
    }

    /// The struct, or the variant of an enum, that comes next.
    pub fn shape_of(&mut self) -> Result<&'static StructInfo, Error> {
        match self.token()? {
            Token::Struct(info) => Ok(info),
            other => Err(mismatch("a struct", other)),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.tokens.len() == 0 && self.leaves.len() == 0
    }
}

#[doc(hidden)]
pub fn mismatch(expected: &str, got: &Token) -> Error {
    err!(Tree, "unflatten: expected {expected}, got {got}")
}
