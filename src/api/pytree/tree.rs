//! Functions over pytrees: map, leaves, structure and back.

use super::flatten::{Flat, Pytree, Rebuild};
use super::treedef::TreeDef;
use crate::core::array::Array;
use crate::core::source::{awaiting, raise};
use cotangent_jit::{Error, err, plural};

/// The leaves, in order.
///
/// ```
/// use cotangent::prelude::*;
/// let tree = (array![1.0], vec![array![2.0], array![3.0]]);
/// assert_eq!(tree_leaves(&tree).len(), 3);
/// ```
pub fn tree_leaves<T: Pytree>(tree: &T) -> Vec<Array> {
    Flat::of_ref(tree).leaves
}

/// The structure: everything but the leaves.
///
/// ```
/// use cotangent::prelude::*;
/// let tree = (array![1.0], vec![array![2.0], array![3.0]]);
/// assert_eq!(tree_structure(&tree).to_string(), "(*, vec![*, *])");
/// ```
pub fn tree_structure<T: Pytree>(tree: &T) -> TreeDef {
    Flat::of_ref(tree).tree
}

/// Makes the tree of this structure with these leaves. Panics if they do not fit.
#[track_caller]
pub fn tree_unflatten<T: Pytree>(tree: &TreeDef, leaves: Vec<Array>) -> T {
    raise(try_tree_unflatten(tree, leaves))
}

/// Returns the error of [`tree_unflatten`] instead of panicking.
pub fn try_tree_unflatten<T: Pytree>(tree: &TreeDef, leaves: Vec<Array>) -> Result<T, Error> {
    unflatten(tree, leaves).map_err(|e| e.told_by("tree_unflatten"))
}

/// Works like [`try_tree_unflatten`], for the functions that name themselves in errors.
pub(super) fn unflatten<T: Pytree>(tree: &TreeDef, leaves: Vec<Array>) -> Result<T, Error> {
    let (expected, got) = (tree.leaf_count(), leaves.len());
    let wrong = || {
        let leaves = plural(expected, "leaf");
        err!(Tree, "unflatten: {tree} has {leaves}, got {got}")
    };
    if got < expected {
        return Err(wrong());
    }
    let mut from = Rebuild::new(tree, leaves);
    let result = T::unflatten(&mut from)?;
    if from.is_done() { Ok(result) } else { Err(wrong()) }
}

/// Applies `f` to every leaf. The structure stays the same.
///
/// ```
/// use cotangent::prelude::*;
/// let (a, b) = tree_map(|x| x * 2.0, (array![1.0], array![2.0]));
/// assert_eq!((a.item::<f32>(), b.item::<f32>()), (2.0, 4.0));
/// ```
///
/// An array that the closure uses beside the leaves is borrowed, because the closure is called once
/// per leaf: `tree_map2(|p, g| p - &rate * g, p, g)`.
#[track_caller]
#[rustfmt::skip] // The compiler shows the first line to a user who passes two trees.
pub fn tree_map<T: Pytree>(mut f: impl FnMut(Array) -> Array, tree: T) -> T { // or `tree_map2`
    raise(try_tree_map(|x| Ok(f(x)), tree))
}

/// Returns the error of [`tree_map`] instead of panicking.
///
/// Here `f` itself can fail, too.
pub fn try_tree_map<T: Pytree>(
    f: impl FnMut(Array) -> Result<Array, Error>,
    tree: T,
) -> Result<T, Error> {
    let Flat { leaves, tree } = Flat::of(tree);
    let mut f = f;
    let one = |(i, x)| awaiting(|| f(x)).map_err(|e| e.in_leaf(&tree.paths()[i]));
    let leaves = leaves.into_iter().enumerate().map(one).collect::<Result<_, _>>()?;
    try_tree_unflatten(&tree, leaves)
}

/// Applies `f` to every leaf and its path, such as `.layers[0].w`.
#[track_caller]
pub fn tree_map_with_path<T: Pytree>(mut f: impl FnMut(&str, Array) -> Array, tree: T) -> T {
    let Flat { leaves, tree } = Flat::of(tree);
    let leaves = tree.paths().iter().zip(leaves).map(|(p, x)| f(p, x)).collect();
    tree_unflatten(&tree, leaves)
}

/// Applies `f` to corresponding leaves of two trees of the same structure. Panics with the path if
/// the structures differ.
///
/// ```
/// use cotangent::prelude::*;
/// let sum = tree_map2(|a, b| a + b, vec![array![1.0]], vec![array![2.0]]);
/// assert_eq!(sum[0].item::<f32>(), 3.0);
/// ```
#[doc(alias = "tree_multimap")]
#[track_caller]
pub fn tree_map2<T: Pytree>(f: impl FnMut(Array, Array) -> Array, a: T, b: T) -> T {
    raise(try_tree_map2(f, a, b))
}

/// Returns the error of [`tree_map2`] instead of panicking.
pub fn try_tree_map2<T: Pytree>(
    mut f: impl FnMut(Array, Array) -> Array,
    a: T,
    b: T,
) -> Result<T, Error> {
    let (a, b) = (Flat::of(a), Flat::of(b));
    same("tree_map2", &a.tree, &b.tree)?;
    let one = |(i, (x, y))| awaiting(|| Ok(f(x, y))).map_err(|e| e.in_leaf(&a.tree.paths()[i]));
    let pairs = a.leaves.into_iter().zip(b.leaves).enumerate();
    try_tree_unflatten(&a.tree, pairs.map(one).collect::<Result<_, _>>()?)
}

/// Applies `f` to corresponding leaves of three trees of the same structure. Panics with the path
/// if the structures differ.
#[track_caller]
pub fn tree_map3<T: Pytree>(f: impl FnMut(Array, Array, Array) -> Array, a: T, b: T, c: T) -> T {
    raise(try_tree_map3(f, a, b, c))
}

/// Returns the error of [`tree_map3`] instead of panicking.
pub fn try_tree_map3<T: Pytree>(
    mut f: impl FnMut(Array, Array, Array) -> Array,
    a: T,
    b: T,
    c: T,
) -> Result<T, Error> {
    let (a, b, c) = (Flat::of(a), Flat::of(b), Flat::of(c));
    same("tree_map3", &a.tree, &b.tree)?;
    same("tree_map3", &a.tree, &c.tree)?;
    let rest = b.leaves.into_iter().zip(c.leaves);
    let one =
        |(i, (x, (y, z)))| awaiting(|| Ok(f(x, y, z))).map_err(|e| e.in_leaf(&a.tree.paths()[i]));
    let triples = a.leaves.into_iter().zip(rest).enumerate();
    try_tree_unflatten(&a.tree, triples.map(one).collect::<Result<_, _>>()?)
}

/// Returns an error that names the first difference, if there is one.
pub(crate) fn same(op: &str, a: &TreeDef, b: &TreeDef) -> Result<(), Error> {
    if a == b {
        return Ok(());
    }
    let (path, expected, got) =
        a.difference(b).unwrap_or_else(|| (String::new(), a.to_string(), b.to_string()));
    let place = if path.is_empty() { "at the root".into() } else { format!("at {path}") };
    Err(err!(Tree, "{op}: structures differ {place}: expected {expected}, got {got}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::pytree::Static;
    use cotangent_jit::Scalar;
    use std::collections::{BTreeMap, HashMap};

    fn x(v: f32) -> Array {
        Array::strong_literal(Scalar::from(v))
    }

    #[test]
    fn flatten_then_unflatten_is_the_identity() {
        let map = HashMap::from([("b", x(1.0)), ("a", x(2.0))]);
        let tree = (vec![x(3.0), x(4.0)], [Some(x(5.0)), None], map, Static(7u8), ());
        let flat = Flat::of_ref(&tree);
        assert_eq!(
            flat.tree.to_string(),
            r#"(vec![*, *], [Some(*), None], {"a": *, "b": *}, <u8>, ())"#
        );
        assert_eq!(flat.tree.paths(), [".0[0]", ".0[1]", ".1[0]", ".2[\"a\"]", ".2[\"b\"]"]);
        let values: Vec<f64> = flat.leaves.iter().map(Array::to_f64).collect();
        assert_eq!(values, [3.0, 4.0, 5.0, 2.0, 1.0]);
        fn rebuild<T: Pytree>(flat: Flat, _like: &T) -> T {
            try_tree_unflatten(&flat.tree, flat.leaves).unwrap()
        }
        assert_eq!(tree_structure(&rebuild(flat, &tree)), tree_structure(&tree));
    }

    #[test]
    fn children_are_found() {
        let flat = Flat::of((x(1.0), vec![x(2.0), x(3.0)], BTreeMap::from([(1, x(4.0))])));
        let (child, leaves) = flat.tree.child(1);
        assert_eq!((child.to_string().as_str(), leaves), ("vec![*, *]", 1..3));
        assert_eq!(flat.tree.child(2).1, 3..4);
    }

    #[test]
    fn different_structures_are_named() {
        let a = (x(1.0), vec![x(1.0)]);
        let b = (x(1.0), vec![x(1.0), x(2.0)]);
        let error = try_tree_map2(|a, _| a, a, b).map(|_| ()).unwrap_err();
        assert_eq!(
            error.message(),
            "tree_map2: structures differ at .1: expected a Vec of 1, got a Vec of 2"
        );
    }
}
