//! Functions over pytrees that are not leaf by leaf: reductions, transposition, prefixes.

use super::dynamic::Tree;
use super::flatten::{Flat, Pytree};
use super::tree::{same as same_structure, try_tree_unflatten};
use super::treedef::{Token, TreeDef};
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use cotangent_jit::{Error, err};

/// The leaves, in order, and the structure. [`tree_unflatten`](super::tree_unflatten) is the
/// inverse.
///
/// ```
/// use cotangent::prelude::*;
/// let (leaves, structure) = tree_flatten((array![1.0], vec![array![2.0]]));
/// let (_, b): (Array, Vec<Array>) = tree_unflatten(&structure, leaves);
/// assert_eq!(b[0].item::<f32>(), 2.0);
/// ```
pub fn tree_flatten<T: Pytree>(tree: T) -> (Vec<Array>, TreeDef) {
    let Flat { leaves, tree } = Flat::of(tree);
    (leaves, tree)
}

/// The leaves with their paths, `.layers[0].w`, in order.
#[doc(alias = "tree_flatten_with_path")]
pub fn tree_leaves_with_path<T: Pytree>(tree: &T) -> Vec<(String, Array)> {
    let Flat { leaves, tree } = Flat::of_ref(tree);
    tree.paths().into_iter().zip(leaves).collect()
}

/// `f(f(f(start, leaf), leaf), ..)` of all leaves, in order.
///
/// ```
/// use cotangent::prelude::*;
/// let tree = (array![1.0, 2.0], array![3.0]);
/// let sum = tree_reduce(|sum, x| sum + x.sum(), Array::from(0.0), &tree);
/// assert_eq!(sum.item::<f32>(), 6.0);
/// ```
pub fn tree_reduce<T: Pytree, A>(f: impl FnMut(A, Array) -> A, start: A, tree: &T) -> A {
    Flat::of_ref(tree).leaves.into_iter().fold(start, f)
}

/// Tells whether `test` is true for every leaf.
///
/// ```
/// use cotangent::prelude::*;
/// assert!(tree_all(|x| x.ndim() == 1, &(array![1.0], array![2.0])));
/// ```
pub fn tree_all<T: Pytree>(test: impl FnMut(&Array) -> bool, tree: &T) -> bool {
    Flat::of_ref(tree).leaves.iter().all(test)
}

/// Tells whether `test` is true for some leaf.
pub fn tree_any<T: Pytree>(test: impl FnMut(&Array) -> bool, tree: &T) -> bool {
    Flat::of_ref(tree).leaves.iter().any(test)
}

/// Turns a tree of trees inside out. The argument has structure `outer` with an `inner` in place of
/// each leaf. The result has structure `inner` with an `outer` in place of each leaf. Panics if the
/// structures differ from these.
///
/// ```
/// use cotangent::prelude::*;
/// let rows = vec![(array![1.0], array![2.0]), (array![3.0], array![4.0])];
/// let (outer, inner) = (tree_structure(&vec![array![0.0]; 2]), tree_structure(&rows[0]));
/// let columns: (Vec<Array>, Vec<Array>) = tree_transpose(&outer, &inner, rows);
/// assert_eq!(columns.1[0].item::<f32>(), 2.0);
/// ```
#[track_caller]
pub fn tree_transpose<T: Pytree, R: Pytree>(outer: &TreeDef, inner: &TreeDef, tree: T) -> R {
    raise(try_tree_transpose(outer, inner, tree))
}

/// Returns the error of [`tree_transpose`] instead of panicking.
#[track_caller]
pub fn try_tree_transpose<T: Pytree, R: Pytree>(
    outer: &TreeDef,
    inner: &TreeDef,
    tree: T,
) -> Result<R, Error> {
    in_name_of("tree_transpose", || {
        let Flat { leaves, tree } = Flat::of(tree);
        same_structure("tree_transpose", &outer.with_leaves(inner), &tree)?;
        let (rows, columns) = (outer.leaf_count(), inner.leaf_count());
        let order = (0..columns).flat_map(|c| (0..rows).map(move |r| r * columns + c));
        let leaves = order.map(|i| leaves[i].clone()).collect();
        try_tree_unflatten(&inner.with_leaves(outer), leaves)
    })
}

/// Spreads a prefix of a tree over the whole tree: every leaf below a leaf of the prefix becomes
/// that leaf. Panics with the path if it is no prefix.
///
/// ```
/// use cotangent::prelude::*;
/// // One rate for each layer, whatever the layers are made of.
/// let layers = vec![(array![1.0], array![2.0]), (array![3.0], array![4.0])];
/// let rates = tree_broadcast(vec![array![0.1], array![0.01]], &layers);
/// assert_eq!(rates[1].1.item::<f32>(), 0.01);
/// ```
#[track_caller]
pub fn tree_broadcast<P: Pytree, T: Pytree>(prefix: P, tree: &T) -> T {
    raise(try_tree_broadcast(prefix, tree))
}

/// Returns the error of [`tree_broadcast`] instead of panicking.
#[track_caller]
pub fn try_tree_broadcast<P: Pytree, T: Pytree>(prefix: P, tree: &T) -> Result<T, Error> {
    in_name_of("tree_broadcast", || {
        let (prefix, tree) = (Tree::of(prefix), Tree::of_ref(tree));
        let (small, large) = (prefix.structure().tokens(), tree.structure().tokens());
        let mut values = prefix.leaves().iter();
        let mut leaves = Vec::with_capacity(tree.leaves().len());
        let mut at = 0;
        for token in small {
            match (token, large.get(at)) {
                (Token::Leaf, Some(_)) => {
                    let end = tree.structure().skip(at);
                    let below = large[at..end].iter().filter(|t| matches!(t, Token::Leaf)).count();
                    let value = values.next().expect("as many as there are leaves");
                    leaves.extend(std::iter::repeat_n(value, below).cloned());
                    at = end;
                }
                (a, Some(b)) if a == b => at += 1,
                (a, got) => {
                    let path = path_of(tree.structure(), at);
                    let got = got.map_or_else(|| "the end".into(), Token::to_string);
                    return Err(err!(
                        Tree,
                        "tree_broadcast: no prefix{path}: expected {a}, got {got}"
                    ));
                }
            }
        }
        try_tree_unflatten(tree.structure(), leaves)
    })
}

/// ` at .path` of the token with this number, if it has one.
fn path_of(tree: &TreeDef, at: usize) -> String {
    let mut paths = Vec::new();
    tree.walk(0, &mut String::new(), &mut |_, path| paths.push(path.to_string()));
    // Keys of maps are tokens without a path. The nearest path before them is used.
    match paths.get(at.min(paths.len() - 1)) {
        Some(path) if !path.is_empty() => format!(" at {path}"),
        _ => String::new(),
    }
}
