//! Hyperparameters as part of the state, so that they can be changed between updates without
//! compiling anew.

use super::transform::{Rule, State, Transform};
use crate::api::pytree::Tree;
use crate::core::array::Array;
use cotangent_derive::Pytree;
use cotangent_jit::Error;
use std::collections::BTreeMap;

/// The state of [`inject`]: the values in force, and the state of what is made with them.
#[derive(Clone, Pytree)]
pub struct Injected {
    pub values: BTreeMap<String, Array>,
    pub inner: State,
}

type Values = BTreeMap<String, Array>;

struct Inject<F> {
    start: BTreeMap<String, f64>,
    make: F,
}

impl<F: Fn(&Values) -> Transform + Send + Sync + 'static> Rule for Inject<F> {
    type State = Injected;

    fn init(&self, params: &Tree) -> Result<Injected, Error> {
        let value = |(name, x): (&String, &f64)| (name.clone(), Array::scalar(*x));
        let values: Values = self.start.iter().map(value).collect();
        let inner = (self.make)(&values).start(params)?;
        Ok(Injected { values, inner })
    }

    fn update(&self, g: Tree, state: Injected, params: &Tree) -> Result<(Tree, Injected), Error> {
        let Injected { values, inner } = state;
        let (updates, inner) = (self.make)(&values).step(g, inner, params)?;
        Ok((updates, Injected { values, inner }))
    }
}

/// A transformation made anew at every update from values that are part of the state (f64 scalars),
/// where [`Tree::set`] changes them.
///
/// ```
/// use cotangent::optim::{inject, sgd};
/// use cotangent::prelude::*;
/// let descent = inject([("rate", 0.5)], |values| sgd(&values["rate"]));
/// let w = array![0.0];
/// let mut state = descent.init(&w);
/// let (u, _) = descent.update(array![1.0], state.clone(), &w);
/// assert_eq!(u.item::<f32>(), -0.5);
/// state.set(".values[\"rate\"]", Array::scalar(0.25))?;
/// let (u, _) = descent.update(array![1.0], state, &w);
/// assert_eq!(u.item::<f32>(), -0.25);
/// # Ok::<(), Error>(())
/// ```
#[doc(alias = "inject_hyperparams")]
pub fn inject<'a>(
    values: impl IntoIterator<Item = (&'a str, f64)>,
    make: impl Fn(&BTreeMap<String, Array>) -> Transform + Send + Sync + 'static,
) -> Transform {
    let start = values.into_iter().map(|(name, x)| (name.to_string(), x)).collect();
    Transform::new("inject", Inject { start, make })
}
