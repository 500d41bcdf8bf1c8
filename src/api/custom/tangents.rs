//! The arguments and results of rules with symbolic zeros: tangents leaf by leaf, and the mask of
//! the differentiated arguments.

use super::super::graph;
use super::super::pytree::{Flat, Pytree, TreeDef, same_structure};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::primitive::Tangent;
use crate::core::source::raise;
use crate::prims::rules::zeros::instantiate;
use cotangent_jit::{Error, err, plural};
use std::marker::PhantomData;

/// Tangents (or cotangents) of the leaves of an `A`: `None` where they are known to be zero.
///
/// ```
/// use cotangent::prelude::*;
/// let y = (array![1.0, 2.0], array![3.0]);
/// let t = Tangents::of_leaves(&y, [None, Some(array![4.0])]);
/// assert_eq!(t.made().0.to_vec::<f32>(), [0.0, 0.0]);
/// ```
pub struct Tangents<A> {
    tree: TreeDef,
    leaves: Vec<Option<Array>>,
    /// Types of the leaves.
    types: Vec<Aval>,
    of: PhantomData<fn() -> A>,
}

impl<A: Pytree> Tangents<A> {
    /// Tangents that are all known to be zero.
    pub fn zero(primal: &A) -> Tangents<A> {
        let Flat { leaves, tree } = Flat::of_ref(primal);
        let types: Vec<Aval> = leaves.iter().map(|a| a.aval().strong()).collect();
        Tangents { tree, leaves: vec![None; types.len()], types, of: PhantomData }
    }

    /// Makes tangents of which none is known to be zero.
    pub fn of(tangents: A) -> Tangents<A> {
        let Flat { leaves, tree } = Flat::of(tangents);
        let types = leaves.iter().map(|a| a.aval().strong()).collect();
        Tangents { tree, leaves: leaves.into_iter().map(Some).collect(), types, of: PhantomData }
    }

    /// Makes tangents from one entry per leaf of the primal, in order. Panics if there are more or
    /// fewer, or if types differ.
    #[track_caller]
    pub fn of_leaves(primal: &A, leaves: impl IntoIterator<Item = Option<Array>>) -> Tangents<A> {
        let zero = Tangents::zero(primal);
        let leaves: Vec<Option<Array>> = leaves.into_iter().collect();
        raise(zero.check(&leaves));
        Tangents { leaves, ..zero }
    }

    fn check(&self, leaves: &[Option<Array>]) -> Result<(), Error> {
        let (expected, got) = (self.types.len(), leaves.len());
        if expected != got {
            return Err(err!(
                Tree,
                "of_leaves: expected {leaves}, got {got}",
                leaves = plural(expected, "leaf")
            ));
        }
        let pairs = self.types.iter().zip(leaves).zip(self.tree.paths());
        for ((aval, leaf), path) in pairs {
            if let Some(leaf) = leaf
                && leaf.aval() != *aval
            {
                let got = leaf.aval();
                let wrong = err!(Shape, "of_leaves: a tangent should be {aval}, got {got}");
                return Err(wrong.in_leaf(path));
            }
        }
        Ok(())
    }

    /// The tangents in the order of the primal's leaves.
    pub fn leaves(&self) -> &[Option<Array>] {
        &self.leaves
    }

    /// The tangents of child `n`. For a tuple of arguments that is argument `n`.
    pub fn child(&self, n: usize) -> &[Option<Array>] {
        &self.leaves[self.tree.child(n).1]
    }

    /// Tells whether all are zero.
    pub fn is_zero(&self) -> bool {
        self.leaves.iter().all(Option::is_none)
    }

    /// The tangents as an `A`, with arrays in place of symbolic zeros.
    #[track_caller]
    pub fn made(&self) -> A {
        let made = self.tangents().iter().map(instantiate).collect();
        raise(graph::result(&self.tree, made))
    }

    pub(super) fn new(tree: &TreeDef, tangents: &[Tangent]) -> Tangents<A> {
        Tangents {
            tree: tree.clone(),
            leaves: tangents.iter().map(|t| t.value().cloned()).collect(),
            types: tangents.iter().map(|t| t.aval().strong()).collect(),
            of: PhantomData,
        }
    }

    fn tangents(&self) -> Vec<Tangent> {
        let one = |(leaf, aval): (&Option<Array>, &Aval)| match leaf {
            Some(t) => Tangent::Value(t.clone()),
            None => Tangent::Zero(aval.clone()),
        };
        self.leaves.iter().zip(&self.types).map(one).collect()
    }

    /// The tangents leaf by leaf. It is an error if they have another structure.
    pub(super) fn of_structure(self, what: &str, tree: &TreeDef) -> Result<Vec<Tangent>, Error> {
        same_structure(what, tree, &self.tree)?;
        Ok(self.tangents())
    }
}

/// The mask of the leaves of the arguments that are differentiated.
#[derive(Clone, Debug)]
pub struct Perturbed {
    tree: TreeDef,
    leaves: Vec<bool>,
}

impl Perturbed {
    pub(super) fn new(tree: &TreeDef, leaves: &[bool]) -> Perturbed {
        Perturbed { tree: tree.clone(), leaves: leaves.to_vec() }
    }

    /// The mask, in the order of the leaves.
    pub fn leaves(&self) -> &[bool] {
        &self.leaves
    }

    /// Tells whether any leaf of argument `n` is differentiated.
    pub fn argument(&self, n: usize) -> bool {
        self.leaves[self.tree.child(n).1].contains(&true)
    }
}
