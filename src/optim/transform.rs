//! What a gradient transformation is: [`Rule`] to those who write one, [`Transform`] to those who
//! use it.

use crate::api::pytree::{Pytree, Tree, TreeDef, try_tree_map2};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::source::{composed, in_name_of, raise};
use cotangent_jit::{DType, Error, err};
use std::fmt;
use std::sync::Arc;

/// What a transformation remembers between updates: a pytree whose structure depends on the
/// transformation and on the parameters. [`Tree::get`] and [`Tree::set`] reach into it by path,
/// [`Tree::typed`] makes it a struct again.
#[doc(alias = "OptState")]
pub type State = Tree;

/// How updates are made of gradients: to be written by those who invent one, and wrapped by
/// [`Transform::new`]. It sees `f32` where parameters are of a narrower dtype.
///
/// ```
/// use cotangent::api::pytree::Tree;
/// use cotangent::optim::{Rule, Transform};
/// use cotangent::prelude::*;
///
/// /// The sign of every element.
/// struct Signs;
/// impl Rule for Signs {
///     type State = ();
///     fn init(&self, _: &Tree) -> Result<(), Error> {
///         Ok(())
///     }
///     fn update(&self, updates: Tree, _: (), _: &Tree) -> Result<(Tree, ()), Error> {
///         Ok((updates.map(|g| g.sign()), ()))
///     }
/// }
/// let signs = Transform::new("signs", Signs);
/// let w = array![1.0, 2.0];
/// let (updates, _) = signs.update(array![-3.0, 0.5], signs.init(&w), &w);
/// assert_eq!(updates.to_vec::<f32>(), [-1.0, 1.0]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no rule of an optimizer",
    label = "expected a type that implements `optim::Rule`, with its state, `init` and `update`",
    note = "ready optimizers, such as `optim::adam(0.001)`, are values already: chain them"
)]
pub trait Rule: Send + Sync + 'static {
    type State: Pytree;

    /// The state before the first update.
    fn init(&self, params: &Tree) -> Result<Self::State, Error>;

    /// The updates made of these, and the next state. `updates` has the structure and the types of
    /// `params`.
    fn update(
        &self,
        updates: Tree,
        state: Self::State,
        params: &Tree,
    ) -> Result<(Tree, Self::State), Error>;
}

/// A gradient transformation: a value that is cheap to clone, can be shared between threads, and
/// has no state of its own.
#[doc(alias("GradientTransformation", "Optimizer"))]
#[derive(Clone)]
pub struct Transform {
    name: Arc<str>,
    rule: Arc<dyn Erased>,
}

/// A [`Rule`] without the type of its state.
trait Erased: Send + Sync {
    fn init(&self, params: &Tree) -> Result<State, Error>;
    fn update(&self, updates: Tree, state: State, params: &Tree) -> Result<(Tree, State), Error>;
}

impl<R: Rule> Erased for R {
    fn init(&self, params: &Tree) -> Result<State, Error> {
        Ok(Tree::of(Rule::init(self, params)?))
    }

    fn update(&self, updates: Tree, state: State, params: &Tree) -> Result<(Tree, State), Error> {
        let state = state.typed().map_err(|e| {
            e.context(
                "optim: the state is not one that this transform's init made of these parameters",
            )
        })?;
        let (updates, state) = Rule::update(self, updates, state, params)?;
        Ok((updates, Tree::of(state)))
    }
}

impl Transform {
    /// A transformation by this rule; messages begin with the name.
    pub fn new(name: &str, rule: impl Rule) -> Transform {
        Transform { name: name.into(), rule: Arc::new(rule) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same under another name.
    pub fn named(self, name: &str) -> Transform {
        Transform { name: name.into(), ..self }
    }

    /// The state before the first update of these parameters. Panics if a leaf is no float.
    #[track_caller]
    pub fn init<P: Pytree>(&self, params: &P) -> State {
        raise(self.try_init(params))
    }

    /// Returns the error of [`Transform::init`] instead of panicking.
    #[track_caller]
    pub fn try_init<P: Pytree>(&self, params: &P) -> Result<State, Error> {
        composed(&self.name, || {
            let params = Tree::of_ref(params);
            floats(&self.name, &params)?;
            self.start(&widened(params))
        })
    }

    /// Updates to add to the parameters (not to subtract: optimisers have turned the sign already),
    /// and the next state.
    ///
    /// Panics if gradients and parameters differ in structure, shapes or dtypes, or if the state is
    /// another's.
    ///
    /// ```
    /// use cotangent::{optim::sgd, prelude::*};
    /// let (descent, w) = (sgd(0.1), array![1.0, 2.0]);
    /// let (updates, _) = descent.update(array![10.0, -10.0], descent.init(&w), &w);
    /// assert_eq!(updates.to_vec::<f32>(), [-1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn update<P: Pytree>(&self, gradients: P, state: State, params: &P) -> (P, State) {
        raise(self.try_update(gradients, state, params))
    }

    /// Returns the error of [`Transform::update`] instead of panicking.
    #[track_caller]
    pub fn try_update<P: Pytree>(
        &self,
        gradients: P,
        state: State,
        params: &P,
    ) -> Result<(P, State), Error> {
        composed(&self.name, || {
            let (gradients, params) = (Tree::of(gradients), Tree::of_ref(params));
            same_types(&self.name, &params, &gradients)?;
            floats(&self.name, &params)?;
            let wide = widened(params.clone());
            let before = Types::of(&state);
            let (updates, next) = self.step(widened(gradients), state, &wide)?;
            before.kept(&self.name, &next)?;
            let updates = updates.zip(&self.name, &params, |u, p| u.astype(p.dtype()))?;
            same_types(&self.name, &params, &updates)?;
            Ok((updates.typed()?, next))
        })
    }

    /// [`Rule::init`], the state erased: what rules that hold others call.
    #[track_caller]
    pub fn start(&self, params: &Tree) -> Result<State, Error> {
        self.rule.init(params)
    }

    /// [`Rule::update`], the state erased.
    #[track_caller]
    pub fn step(&self, updates: Tree, state: State, params: &Tree) -> Result<(Tree, State), Error> {
        self.rule.update(updates, state, params)
    }
}

/// The name.
impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// With `f32` in place of narrower floats: squares of small gradients do not vanish, and running
/// means do not stand still.
fn widened(tree: Tree) -> Tree {
    let wide = |x: Array| if x.dtype().size() < 4 { x.astype(DType::F32) } else { x };
    tree.map(wide)
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" at {path}") }
}

fn floats(op: &str, params: &Tree) -> Result<(), Error> {
    match params.leaves().iter().position(|x| !x.dtype().is_float()) {
        None => Ok(()),
        Some(i) => Err(err!(
            DType,
            "{op}: expected float parameters, got {}{}; leave it out of the tree, or mark it \
             static",
            params.leaves()[i].aval(),
            at(&params.paths()[i])
        )),
    }
}

/// An error unless both have the same structure, shapes and dtypes.
fn same_types(op: &str, params: &Tree, updates: &Tree) -> Result<(), Error> {
    if params.structure() != updates.structure() {
        updates.clone().zip(op, params, |a, _| a)?;
    }
    let mut pairs = params.leaves().iter().zip(updates.leaves());
    match pairs.position(|(p, u)| p.shape() != u.shape() || p.dtype() != u.dtype()) {
        None => Ok(()),
        Some(i) => Err(err!(
            Shape,
            "{op}: gradients and parameters differ{}: expected {}, got {}",
            at(&params.paths()[i]),
            params.leaves()[i].aval(),
            updates.leaves()[i].aval()
        )),
    }
}

/// What a state is made of.
struct Types {
    structure: TreeDef,
    leaves: Vec<Aval>,
}

impl Types {
    fn of(state: &State) -> Types {
        let leaves = state.leaves().iter().map(Array::aval).collect();
        Types { structure: state.structure().clone(), leaves }
    }

    /// An error if the state was made of parameters of other shapes, with which these gradients
    /// happen to broadcast.
    fn kept(&self, op: &str, next: &State) -> Result<(), Error> {
        let mut pairs = self.leaves.iter().zip(next.leaves());
        let other = pairs.position(|(before, after)| *before != after.aval());
        match other.filter(|_| self.structure == *next.structure()) {
            None => Ok(()),
            Some(i) => Err(err!(
                Shape,
                "{op}: the state is that of other parameters: it has {}{}, of which {} would \
                 follow; make it with init",
                self.leaves[i],
                at(&next.paths()[i]),
                next.leaves()[i].aval()
            )),
        }
    }
}

/// Parameters with updates added: `p + u` at every leaf, in the dtype of `p`. Panics if structures
/// or shapes differ.
///
/// ```
/// use cotangent::{optim::apply_updates, prelude::*};
/// let (w, b) = apply_updates((array![1.0], array![2.0]), (array![0.5], array![-0.5]));
/// assert_eq!((w.item::<f32>(), b.item::<f32>()), (1.5, 1.5));
/// ```
#[track_caller]
pub fn apply_updates<P: Pytree>(params: P, updates: P) -> P {
    raise(try_apply_updates(params, updates))
}

/// Returns the error of [`apply_updates`] instead of panicking.
#[track_caller]
pub fn try_apply_updates<P: Pytree>(params: P, updates: P) -> Result<P, Error> {
    in_name_of("apply_updates", || {
        let (params, updates) = (Tree::of(params), Tree::of(updates));
        same_types("apply_updates", &params, &updates)?;
        params.zip("apply_updates", &updates, |p, u| p + u)?.typed()
    })
}

/// A step from old values towards new ones: `old + size (new - old)` at every leaf, as for running
/// means of parameters.
///
/// ```
/// use cotangent::{optim::incremental_update, prelude::*};
/// assert_eq!(incremental_update(array![4.0], array![0.0], 0.25).item::<f32>(), 1.0);
/// ```
#[track_caller]
pub fn incremental_update<P: Pytree>(new: P, old: P, size: f64) -> P {
    let step = |new: Array, old: Array| new * size + old * (1.0 - size);
    raise(in_name_of("incremental_update", || try_tree_map2(step, new, old)))
}
