//! [`Nest`]: the type of a tree with another tree in place of each array, as Jacobians are.

use super::dynamic::Tree;
use super::flatten::Pytree;
use super::impls::Key;
use super::treedef::Static;
use crate::core::array::Array;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

/// A pytree that has a form with a `T` in place of each array: that of `(Array, Vec<Array>)` is
/// `(T, Vec<T>)`.
///
/// The fields of a derived struct can only be arrays, so that its form is a [`Tree`]. Its paths are
/// composed: `.w.b` is the derivative of `w` with respect to `b`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no form with another tree in place of each array, as a Jacobian needs",
    label = "expected an `Array`, or a tuple of at most 8, `Vec`, `[T; N]`, `Option` or map of \
             them",
    note = "a struct becomes one by `#[derive(Pytree)]`; a number becomes an array by \
            `Array::from(number)`"
)]
pub trait Nest: Pytree {
    type With<T: Pytree>: Pytree;
}

impl Nest for Array {
    type With<T: Pytree> = T;
}

impl Nest for Tree {
    type With<T: Pytree> = Tree;
}

macro_rules! tuple {
    ($($t:ident)*) => {
        impl<$($t: Nest),*> Nest for ($($t,)*) {
            type With<T: Pytree> = ($($t::With<T>,)*);
        }
    };
}

tuple!();
tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
tuple!(A B C D E);
tuple!(A B C D E F);
tuple!(A B C D E F G);
tuple!(A B C D E F G H);

impl<N: Nest> Nest for Vec<N> {
    type With<T: Pytree> = Vec<N::With<T>>;
}

impl<N: Nest, const K: usize> Nest for [N; K] {
    type With<T: Pytree> = [N::With<T>; K];
}

impl<N: Nest> Nest for Option<N> {
    type With<T: Pytree> = Option<N::With<T>>;
}

impl<N: Nest> Nest for Box<N> {
    type With<T: Pytree> = Box<N::With<T>>;
}

impl<S: Eq + Hash + Clone + Send + Sync + 'static> Nest for Static<S> {
    type With<T: Pytree> = Static<S>;
}

impl<K: Key, N: Nest> Nest for BTreeMap<K, N> {
    type With<T: Pytree> = BTreeMap<K, N::With<T>>;
}

impl<K: Key, N: Nest, H: BuildHasher + Default + 'static> Nest for HashMap<K, N, H> {
    type With<T: Pytree> = HashMap<K, N::With<T>, H>;
}
