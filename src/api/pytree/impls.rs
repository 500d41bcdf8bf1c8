//! The standard types that are pytrees: arrays, tuples, vectors, fixed arrays, options, boxes,
//! maps, statics.

use super::flatten::{Flat, Pytree, Rebuild, mismatch};
use super::treedef::{Static, StaticValue, Token};
use crate::core::array::Array;
use cotangent_jit::Error;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};

impl Pytree for Array {
    fn flatten(self, to: &mut Flat) {
        to.leaf(self);
    }

    fn flatten_ref(&self, to: &mut Flat) {
        to.leaf(self.clone());
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Array, Error> {
        from.leaf()
    }
}

macro_rules! tuple {
    ($n:literal: $($t:ident $i:tt)*) => {
        impl<$($t: Pytree),*> Pytree for ($($t,)*) {
            fn flatten(self, to: &mut Flat) {
                to.push(Token::Tuple($n));
                $(self.$i.flatten(to);)*
            }

            fn flatten_ref(&self, to: &mut Flat) {
                to.push(Token::Tuple($n));
                $(self.$i.flatten_ref(to);)*
            }

            fn unflatten(from: &mut Rebuild<'_>) -> Result<Self, Error> {
                match from.token()? {
                    Token::Tuple($n) => Ok(($($t::unflatten(from)?,)*)),
                    other => Err(mismatch(concat!("a tuple of ", $n), other)),
                }
            }
        }
    };
}

tuple!(0:);
tuple!(1: A 0);
tuple!(2: A 0 B 1);
tuple!(3: A 0 B 1 C 2);
tuple!(4: A 0 B 1 C 2 D 3);
tuple!(5: A 0 B 1 C 2 D 3 E 4);
tuple!(6: A 0 B 1 C 2 D 3 E 4 F 5);
tuple!(7: A 0 B 1 C 2 D 3 E 4 F 5 G 6);
tuple!(8: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
tuple!(9: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
tuple!(10: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
tuple!(11: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
tuple!(12: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);

impl<T: Pytree> Pytree for Vec<T> {
    fn flatten(self, to: &mut Flat) {
        to.push(Token::Vec(self.len() as u32));
        to.reserve(self.len());
        self.into_iter().for_each(|t| t.flatten(to));
    }

    fn flatten_ref(&self, to: &mut Flat) {
        to.push(Token::Vec(self.len() as u32));
        to.reserve(self.len());
        self.iter().for_each(|t| t.flatten_ref(to));
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Self, Error> {
        match from.token()? {
            Token::Vec(n) => {
                let mut all = Vec::with_capacity(*n as usize);
                for _ in 0..*n {
                    all.push(T::unflatten(from)?);
                }
                Ok(all)
            }
            other => Err(mismatch("a Vec", other)),
        }
    }
}

impl<T: Pytree, const N: usize> Pytree for [T; N] {
    fn flatten(self, to: &mut Flat) {
        to.push(Token::Array(N as u32));
        to.reserve(N);
        self.into_iter().for_each(|t| t.flatten(to));
    }

    fn flatten_ref(&self, to: &mut Flat) {
        to.push(Token::Array(N as u32));
        to.reserve(N);
        self.iter().for_each(|t| t.flatten_ref(to));
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Self, Error> {
        match from.token()? {
            Token::Array(n) if *n as usize == N => {
                let all: Result<Vec<T>, Error> = (0..N).map(|_| T::unflatten(from)).collect();
                Ok(all?.try_into().ok().expect("N entries"))
            }
            other => Err(mismatch(&format!("a fixed array of {N}"), other)),
        }
    }
}

impl<T: Pytree> Pytree for Option<T> {
    fn flatten(self, to: &mut Flat) {
        match self {
            None => to.push(Token::None),
            Some(t) => {
                to.push(Token::Some);
                t.flatten(to);
            }
        }
    }

    fn flatten_ref(&self, to: &mut Flat) {
        match self {
            None => to.push(Token::None),
            Some(t) => {
                to.push(Token::Some);
                t.flatten_ref(to);
            }
        }
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Self, Error> {
        match from.token()? {
            Token::None => Ok(None),
            Token::Some => Ok(Some(T::unflatten(from)?)),
            other => Err(mismatch("an Option", other)),
        }
    }
}

impl<T: Pytree> Pytree for Box<T> {
    fn flatten(self, to: &mut Flat) {
        (*self).flatten(to);
    }

    fn flatten_ref(&self, to: &mut Flat) {
        (**self).flatten_ref(to);
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Self, Error> {
        T::unflatten(from).map(Box::new)
    }
}

impl<T: Eq + Hash + Clone + Send + Sync + 'static> Pytree for Static<T> {
    fn flatten(self, to: &mut Flat) {
        to.push(Token::Static(StaticValue::new(self.0)));
    }

    fn flatten_ref(&self, to: &mut Flat) {
        self.clone().flatten(to);
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Self, Error> {
        from.fixed().map(Static)
    }
}

/// The traits that the keys of a map need.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a map that is a pytree",
    label = "expected an owned key that is `Ord + Hash + Clone + Debug + Send + Sync`, such as \
             `String` or `usize`",
    note = "derive what is missing: `#[derive(PartialEq, Eq, PartialOrd, Ord, Hash, Clone, Debug)]`"
)]
pub trait Key: Ord + Hash + Clone + Debug + Send + Sync + 'static {}

impl<K: Ord + Hash + Clone + Debug + Send + Sync + 'static> Key for K {}

fn key_token<K: Key>(key: &K) -> Token {
    Token::Static(StaticValue::named(key.clone(), format!("{key:?}")))
}

fn entries<K: Key, T: Pytree, M: FromIterator<(K, T)>>(from: &mut Rebuild<'_>) -> Result<M, Error> {
    match from.token()? {
        Token::Map(n) => (0..*n).map(|_| Ok((from.fixed::<K>()?, T::unflatten(from)?))).collect(),
        other => Err(mismatch("a map", other)),
    }
}

impl<K: Key, T: Pytree> Pytree for BTreeMap<K, T> {
    fn flatten(self, to: &mut Flat) {
        to.push(Token::Map(self.len() as u32));
        for (key, tree) in self {
            to.push(key_token(&key));
            tree.flatten(to);
        }
    }

    fn flatten_ref(&self, to: &mut Flat) {
        to.push(Token::Map(self.len() as u32));
        for (key, tree) in self {
            to.push(key_token(key));
            tree.flatten_ref(to);
        }
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Self, Error> {
        entries(from)
    }
}

/// The entries in the order of the keys, so that the hasher does not matter.
impl<K: Key, T: Pytree, S: BuildHasher + Default + 'static> Pytree for HashMap<K, T, S> {
    fn flatten(self, to: &mut Flat) {
        self.into_iter().collect::<BTreeMap<K, T>>().flatten(to);
    }

    fn flatten_ref(&self, to: &mut Flat) {
        to.push(Token::Map(self.len() as u32));
        let mut sorted: Vec<(&K, &T)> = self.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        for (key, tree) in sorted {
            to.push(key_token(key));
            tree.flatten_ref(to);
        }
    }

    fn unflatten(from: &mut Rebuild<'_>) -> Result<Self, Error> {
        entries(from)
    }
}
