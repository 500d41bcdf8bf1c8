//! [`Tree`]: a pytree whose structure is known at run time only, for code that works on trees of
//! any kind.

use super::flatten::{Flat, Pytree, Rebuild};
use super::tree::{same as same_structure, unflatten};
use super::treedef::{Token, TreeDef, children};
use crate::core::array::Array;
use crate::core::source::awaiting;
use cotangent_jit::{Error, err, plural};
use std::fmt;

/// A pytree of any structure, such as the state of an optimiser or the contents of a file.
///
/// It flattens to the structure that it was made of. So its paths, names in files and keys of `jit`
/// are the same, and [`Tree::typed`] returns the typed value.
///
/// ```
/// use cotangent::api::pytree::Tree;
/// use cotangent::prelude::*;
/// let tree = Tree::of((array![1.0], vec![array![2.0]]));
/// assert_eq!(tree.paths(), [".0", ".1[0]"]);
/// assert_eq!(tree.get(".1[0]").unwrap().item::<f32>(), 2.0);
/// let (a, _): (Array, Vec<Array>) = tree.typed()?;
/// assert_eq!(a.item::<f32>(), 1.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Tree {
    structure: TreeDef,
    leaves: Vec<Array>,
}

impl Tree {
    /// Takes a pytree apart.
    pub fn of(tree: impl Pytree) -> Tree {
        let Flat { leaves, tree } = Flat::of(tree);
        Tree { structure: tree, leaves }
    }

    /// Works like [`Tree::of`], for a borrowed pytree.
    pub fn of_ref(tree: &impl Pytree) -> Tree {
        let Flat { leaves, tree } = Flat::of_ref(tree);
        Tree { structure: tree, leaves }
    }

    /// Makes a tree of a structure and its leaves. Their number must fit.
    pub fn new(structure: TreeDef, leaves: Vec<Array>) -> Result<Tree, Error> {
        let (expected, got) = (structure.leaf_count(), leaves.len());
        if expected == got {
            Ok(Tree { structure, leaves })
        } else {
            Err(err!(
                Tree,
                "Tree::new: {structure} has {leaves}, got {got}",
                leaves = plural(expected, "leaf")
            ))
        }
    }

    pub fn structure(&self) -> &TreeDef {
        &self.structure
    }

    pub fn leaves(&self) -> &[Array] {
        &self.leaves
    }

    pub fn into_leaves(self) -> Vec<Array> {
        self.leaves
    }

    /// The path of each leaf, as [`TreeDef::paths`] gives it.
    pub fn paths(&self) -> Vec<String> {
        self.structure.paths()
    }

    /// The leaf at this path.
    pub fn get(&self, path: &str) -> Option<&Array> {
        self.leaves.get(self.place(path)?)
    }

    /// Replaces the array at this path by another one of the same type.
    ///
    /// Errors: there is no such path, or the array has another shape or dtype.
    pub fn set(&mut self, path: &str, leaf: Array) -> Result<(), Error> {
        let Some(place) = self.place(path) else {
            let paths = self.paths().join(", ");
            return Err(err!(Tree, "set: there is no leaf at {path}; there are {paths}"));
        };
        let (expected, got) = (self.leaves[place].aval(), leaf.aval());
        if expected != got {
            return Err(err!(Shape, "set: expected {expected} at {path}, got {got}"));
        }
        self.leaves[place] = leaf;
        Ok(())
    }

    fn place(&self, path: &str) -> Option<usize> {
        self.paths().iter().position(|p| p == path)
    }

    /// The typed value that this was made of, or one of the same structure.
    pub fn typed<T: Pytree>(self) -> Result<T, Error> {
        unflatten(&self.structure, self.leaves).map_err(|e| e.told_by("typed"))
    }

    /// Applies `f` to every leaf. The structure stays the same.
    pub fn map(self, f: impl FnMut(Array) -> Array) -> Tree {
        Tree { structure: self.structure, leaves: self.leaves.into_iter().map(f).collect() }
    }

    /// Applies `f` to corresponding leaves of two trees of the same structure. If the structures
    /// differ, the message begins with `op`.
    pub fn zip(
        self,
        op: &str,
        other: &Tree,
        mut f: impl FnMut(Array, &Array) -> Array,
    ) -> Result<Tree, Error> {
        same_structure(op, &self.structure, &other.structure)?;
        let pairs = self.leaves.into_iter().zip(&other.leaves).enumerate();
        let one = |(i, (a, b))| {
            awaiting(|| Ok(f(a, b))).map_err(|e| e.told_by(op).in_leaf(&self.structure.paths()[i]))
        };
        let leaves = pairs.map(one).collect::<Result<_, Error>>()?;
        Ok(Tree { structure: self.structure, leaves })
    }

    /// The tree with `None` in place of the leaves that are not chosen. `chosen` has an entry per
    /// leaf.
    pub fn keep(&self, chosen: &[bool]) -> Tree {
        let mut structure = TreeDef::default();
        let mut leaf = chosen.iter();
        for token in self.structure.tokens() {
            let gone = matches!(token, Token::Leaf) && !leaf.next().copied().unwrap_or(false);
            structure.push(if gone { Token::None } else { token.clone() });
        }
        let kept = self.leaves.iter().zip(chosen).filter(|(_, c)| **c);
        Tree { structure, leaves: kept.map(|(x, _)| x.clone()).collect() }
    }
}

/// The empty tuple.
impl Default for Tree {
    fn default() -> Tree {
        Tree::of(())
    }
}

impl Pytree for Tree {
    fn flatten(self, to: &mut Flat) {
        to.tree.reserve(self.structure.tokens().len());
        self.structure.tokens().iter().for_each(|t| to.tree.push(t.clone()));
        to.leaves.extend(self.leaves);
    }

    fn flatten_ref(&self, to: &mut Flat) {
        self.clone().flatten(to);
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Tree, Error> {
        let mut tree = Tree { structure: TreeDef::default(), leaves: Vec::new() };
        let mut left = 1;
        while left > 0 {
            let token = from.token()?;
            left = left - 1 + children(token);
            if matches!(token, Token::Leaf) {
                tree.leaves.push(from.next_leaf()?);
            }
            tree.structure.push(token.clone());
        }
        Ok(tree)
    }
}

/// The structure with types at the leaves: `(f32[2], vec![f32[]])`.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut types = self.leaves.iter().map(|x| x.aval().to_string());
        f.write_str(&self.structure.text_with(&mut types))
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
