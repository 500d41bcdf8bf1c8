//! Transformations made of others: one after the other, on a part of the parameters, one per label.

use super::transform::{Rule, State, Transform};
use crate::api::pytree::Tree;
use crate::core::array::Array;
use cotangent_jit::{Error, err, plural};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which leaves, by path (`.layers[0].w`) and parameter.
#[derive(Clone)]
pub struct Mask(Option<Arc<Choose>>);

type Choose = dyn Fn(&str, &Array) -> bool + Send + Sync;
type Label = dyn Fn(&str, &Array) -> String + Send + Sync;

impl Mask {
    /// The leaves for which `choose` is true.
    pub fn new(choose: impl Fn(&str, &Array) -> bool + Send + Sync + 'static) -> Mask {
        Mask(Some(Arc::new(choose)))
    }

    /// Every leaf.
    pub fn all() -> Mask {
        Mask(None)
    }

    fn of(&self, params: &Tree) -> Vec<bool> {
        match &self.0 {
            None => vec![true; params.leaves().len()],
            Some(choose) => {
                let paths = params.paths();
                paths.iter().zip(params.leaves()).map(|(p, x)| choose(p, x)).collect()
            }
        }
    }
}

struct Chain(Vec<Transform>);

impl Rule for Chain {
    type State = Vec<State>;

    fn init(&self, params: &Tree) -> Result<Vec<State>, Error> {
        self.0.iter().map(|t| t.start(params)).collect()
    }

    fn update(
        &self,
        mut updates: Tree,
        states: Vec<State>,
        params: &Tree,
    ) -> Result<(Tree, Vec<State>), Error> {
        let (expected, got) = (self.0.len(), states.len());
        if expected != got {
            return Err(err!(
                Tree,
                "chain: expected the states of {parts}, got {got}",
                parts = plural(expected, "part")
            ));
        }
        let mut next = Vec::with_capacity(states.len());
        for (part, state) in self.0.iter().zip(states) {
            let (passed, state) = part.step(updates, state, params)?;
            updates = passed;
            next.push(state);
        }
        Ok((updates, next))
    }
}

/// One after the other: the updates of each go into the next. The state is a `Vec` of theirs.
///
/// ```
/// use cotangent::optim::{chain, clip, scale};
/// use cotangent::prelude::*;
/// let (both, w) = (chain([clip(1.0), scale(-0.5)]), array![0.0]);
/// assert_eq!(both.update(array![8.0], both.init(&w), &w).0.item::<f32>(), -0.5);
/// ```
pub fn chain(parts: impl IntoIterator<Item = Transform>) -> Transform {
    Transform::new("chain", Chain(parts.into_iter().collect()))
}

struct Masked {
    inner: Transform,
    mask: Mask,
}

impl Rule for Masked {
    type State = State;

    fn init(&self, params: &Tree) -> Result<State, Error> {
        self.inner.start(&params.keep(&self.mask.of(params)))
    }

    fn update(&self, updates: Tree, state: State, params: &Tree) -> Result<(Tree, State), Error> {
        let chosen = self.mask.of(params);
        let (some, state) = self.inner.step(updates.keep(&chosen), state, &params.keep(&chosen))?;
        Ok((put(updates, &chosen, some)?, state))
    }
}

/// The tree with the leaves of `some`, in order, where `chosen`.
fn put(tree: Tree, chosen: &[bool], some: Tree) -> Result<Tree, Error> {
    let mut some = some.into_leaves().into_iter();
    let mut at = chosen.iter();
    let pick = |x| match at.next() {
        Some(true) => some.next().unwrap_or(x),
        _ => x,
    };
    Ok(tree.map(pick))
}

/// A transformation of the leaves that the mask chooses; the others pass as they are. Its state
/// knows of those leaves only: in its place the others have `None`.
///
/// ```
/// use cotangent::optim::{Mask, masked, scale};
/// use cotangent::prelude::*;
/// let first = masked(scale(10.0), Mask::new(|path, _| path == ".0"));
/// let w = (array![0.0], array![0.0]);
/// let (u, _) = first.update((array![1.0], array![1.0]), first.init(&w), &w);
/// assert_eq!((u.0.item::<f32>(), u.1.item::<f32>()), (10.0, 1.0));
/// ```
pub fn masked(inner: Transform, mask: Mask) -> Transform {
    match mask.0 {
        None => inner,
        Some(_) => Transform::new(&format!("masked({})", inner.name()), Masked { inner, mask }),
    }
}

struct Multi {
    parts: BTreeMap<String, Transform>,
    label: Arc<Label>,
}

impl Multi {
    /// Which leaves each part has; an error if a label names none.
    fn chosen(&self, params: &Tree) -> Result<Vec<Vec<bool>>, Error> {
        let paths = params.paths();
        let mut chosen = vec![vec![false; paths.len()]; self.parts.len()];
        for (i, (path, leaf)) in paths.iter().zip(params.leaves()).enumerate() {
            let label = (self.label)(path, leaf);
            let Some(part) = self.parts.keys().position(|k| *k == label) else {
                let known: Vec<&str> = self.parts.keys().map(String::as_str).collect();
                return Err(err!(
                    Value,
                    "multi_transform: {path} is labelled {label:?}, expected one of {}",
                    known.join(", ")
                ));
            };
            chosen[part][i] = true;
        }
        Ok(chosen)
    }
}

impl Rule for Multi {
    type State = BTreeMap<String, State>;

    fn init(&self, params: &Tree) -> Result<Self::State, Error> {
        let chosen = self.chosen(params)?;
        let start = |((name, part), mask): ((&String, &Transform), &Vec<bool>)| {
            Ok((name.clone(), part.start(&params.keep(mask))?))
        };
        self.parts.iter().zip(&chosen).map(start).collect()
    }

    fn update(
        &self,
        mut updates: Tree,
        mut state: Self::State,
        params: &Tree,
    ) -> Result<(Tree, Self::State), Error> {
        let mut next = BTreeMap::new();
        for ((name, part), mask) in self.parts.iter().zip(&self.chosen(params)?) {
            let Some(before) = state.remove(name) else {
                return Err(err!(Tree, "multi_transform: the state has nothing for {name:?}"));
            };
            let (some, after) = part.step(updates.keep(mask), before, &params.keep(mask))?;
            updates = put(updates, mask, some)?;
            next.insert(name.clone(), after);
        }
        Ok((updates, next))
    }
}

/// One transformation per label; `label` says of each leaf, by its path and value, which it has.
///
/// ```
/// use cotangent::optim::{multi_transform, set_to_zero, sgd};
/// use cotangent::prelude::*;
/// let label = |path: &str, _: &Array| if path == ".0" { "frozen" } else { "free" }.to_string();
/// let both = multi_transform([("frozen", set_to_zero()), ("free", sgd(1.0))], label);
/// let w = (array![5.0], array![5.0]);
/// let (u, _) = both.update((array![1.0], array![1.0]), both.init(&w), &w);
/// assert_eq!((u.0.item::<f32>(), u.1.item::<f32>()), (0.0, -1.0));
/// ```
#[doc(alias = "partition")]
pub fn multi_transform<'a>(
    parts: impl IntoIterator<Item = (&'a str, Transform)>,
    label: impl Fn(&str, &Array) -> String + Send + Sync + 'static,
) -> Transform {
    let parts = parts.into_iter().map(|(name, t)| (name.to_string(), t)).collect();
    Transform::new("multi_transform", Multi { parts, label: Arc::new(label) })
}
