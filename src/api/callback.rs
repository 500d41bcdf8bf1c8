//! `pure_callback`, `io_callback`: closures of the host called from traced functions, under `jit`
//! and all transforms.
//!
//! The closure is called with concrete arrays on the thread that runs the program; it may call
//! anything, jitted functions included. If it panics or returns an error, the program ends there,
//! and the call that ran it gives an error that names the line of the callback; the next call
//! works. Not here: looking at values (`debug`).

use super::function::calling;
use super::make_jaxpr::ShapeTree;
use super::pytree::{Flat, Pytree, Token, TreeDef, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::params::Rule;
use crate::core::source::{in_name_of, raise};
use crate::prims::host::callback::{Callback, HostFn, Kind, callback};
use cotangent_jit::{Error, err};
use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

pub use crate::prims::host::callback::Batching;

/// What a callback returns: a pytree, or a `Result` of one, whose error ends the program.
#[diagnostic::on_unimplemented(
    message = "a callback cannot return `{Self}`: expected a pytree of arrays, or a `Result` \
               of one",
    label = "the callback must return arrays, such as `Array::from(number)`, or `()`"
)]
pub trait Outcome {
    type Value: Pytree;
    #[doc(hidden)]
    fn outcome(self) -> Result<Self::Value, Error>;
}

impl<R: Pytree> Outcome for R {
    type Value = R;
    fn outcome(self) -> Result<R, Error> {
        Ok(self)
    }
}

impl<R: Pytree, E: fmt::Display> Outcome for Result<R, E> {
    type Value = R;
    fn outcome(self) -> Result<R, Error> {
        self.map_err(|e| err!(Callback, "{e}"))
    }
}

impl From<Aval> for ShapeTree {
    fn from(aval: Aval) -> ShapeTree {
        let mut tree = TreeDef::default();
        tree.push(Token::Leaf);
        ShapeTree { tree, leaves: vec![aval] }
    }
}

/// The type of this array.
impl From<&Array> for ShapeTree {
    fn from(like: &Array) -> ShapeTree {
        like.aval().strong().into()
    }
}

impl From<Vec<Aval>> for ShapeTree {
    fn from(avals: Vec<Aval>) -> ShapeTree {
        several(Token::Vec(avals.len() as u32), avals)
    }
}

impl From<()> for ShapeTree {
    fn from((): ()) -> ShapeTree {
        several(Token::Tuple(0), [])
    }
}

macro_rules! tuples {
    ($($A:ident $a:ident)+) => {
        impl<$($A: Into<ShapeTree>),+> From<($($A,)+)> for ShapeTree {
            fn from(($($a,)+): ($($A,)+)) -> ShapeTree {
                let parts: Vec<ShapeTree> = vec![$($a.into()),+];
                let mut tree = TreeDef::default();
                tree.push(Token::Tuple(parts.len() as u32));
                let mut leaves = Vec::new();
                for part in parts {
                    part.tree.tokens().iter().for_each(|t| tree.push(t.clone()));
                    leaves.extend(part.leaves);
                }
                ShapeTree { tree, leaves }
            }
        }
    };
}

tuples!(A a);
tuples!(A a B b);
tuples!(A a B b C c);
tuples!(A a B b C c D d);

fn several(head: Token, avals: impl IntoIterator<Item = Aval>) -> ShapeTree {
    let leaves: Vec<Aval> = avals.into_iter().collect();
    let mut tree = TreeDef::default();
    tree.push(head);
    leaves.iter().for_each(|_| tree.push(Token::Leaf));
    ShapeTree { tree, leaves }
}

/// `f(args)`, computed by the closure when the program runs: for what no primitive does.
///
/// `results` tells the types of what `f` returns: an [`Aval`], `&array` for that array's type,
/// tuples of them, or what `eval_shape` gives. `f` must be pure: it may be dropped, merged or
/// called again. It has no derivative (wrap the caller in `custom_jvp` or `custom_vjp`), and under
/// `vmap` it is an error: see [`pure_callback_with`].
///
/// ```
/// use cotangent::prelude::*;
/// let reversed =
///     |x: Array| Array::from_vec(x.to_vec::<f32>().into_iter().rev().collect::<Vec<f32>>());
/// let f = jit(move |x: Array| pure_callback(reversed, &x, &x * 2.0) + 1.0);
/// assert_eq!(f(array![1.0, 2.0]).to_vec::<f32>(), [5.0, 3.0]);
/// ```
#[track_caller]
pub fn pure_callback<A: Pytree, O: Outcome>(
    f: impl Fn(A) -> O + Send + Sync + 'static,
    results: impl Into<ShapeTree>,
    args: A,
) -> O::Value {
    raise(call(Kind::Pure(None), f, results.into(), args))
}

/// [`pure_callback`], told what `vmap` makes of it: a call per lane, or one call with batched
/// arrays.
///
/// ```
/// use cotangent::prelude::*;
/// let double = |x: Array| eager(|| x * 2.0);
/// let f = move |x: Array| pure_callback_with(double, &x, x.clone(), Batching::BroadcastAll);
/// assert_eq!(vmap(f)(array![1.0, 2.0]).to_vec::<f32>(), [2.0, 4.0]);
/// ```
#[track_caller]
pub fn pure_callback_with<A: Pytree, O: Outcome>(
    f: impl Fn(A) -> O + Send + Sync + 'static,
    results: impl Into<ShapeTree>,
    args: A,
    batching: Batching,
) -> O::Value {
    raise(call(Kind::Pure(Some(batching)), f, results.into(), args))
}

/// Returns the error of [`pure_callback_with`] instead of panicking.
///
/// `None` in the place of [`Batching`] refuses `vmap`.
#[track_caller]
pub fn try_pure_callback<A: Pytree, O: Outcome>(
    f: impl Fn(A) -> O + Send + Sync + 'static,
    results: impl Into<ShapeTree>,
    args: A,
    batching: Option<Batching>,
) -> Result<O::Value, Error> {
    in_name_of("pure_callback", || call(Kind::Pure(batching), f, results.into(), args))
}

/// `f(args)`, called once whenever the program gets there: for what changes the world. Never
/// dropped, merged or repeated.
///
/// `ordered` ones keep their order among each other, in loops and branches too; then `vmap` is an
/// error. Others are called once per lane. No derivative: pass arguments through `stop_gradient` if
/// they are differentiated.
///
/// ```
/// use cotangent::prelude::*;
/// use std::sync::{Arc, Mutex};
/// let log: Arc<Mutex<Vec<f32>>> = Arc::default();
/// let sink = log.clone();
/// let f = jit(move |xs: Array| {
///     let sink = sink.clone();
///     let step = move |c: Array, x: Array| {
///         let sink = sink.clone();
///         io_callback(move |x: Array| sink.lock().unwrap().push(x.item()), (), x.clone(), true);
///         (c + x, ())
///     };
///     scan(step, Array::from(0.0), xs).0
/// });
/// f(array![1.0, 2.0]);
/// assert_eq!(*log.lock().unwrap(), [1.0, 2.0]);
/// ```
#[track_caller]
pub fn io_callback<A: Pytree, O: Outcome>(
    f: impl Fn(A) -> O + Send + Sync + 'static,
    results: impl Into<ShapeTree>,
    args: A,
    ordered: bool,
) -> O::Value {
    raise(try_io_callback(f, results, args, ordered))
}

/// Returns the error of [`io_callback`] instead of panicking.
#[track_caller]
pub fn try_io_callback<A: Pytree, O: Outcome>(
    f: impl Fn(A) -> O + Send + Sync + 'static,
    results: impl Into<ShapeTree>,
    args: A,
    ordered: bool,
) -> Result<O::Value, Error> {
    in_name_of("io_callback", || call(Kind::Io { ordered }, f, results.into(), args))
}

/// Waits for the effects of all that was called. Programs run on the calling thread and have had
/// their effects when they return, so there is nothing to wait for on the CPU.
pub fn effects_barrier() {}

#[track_caller]
pub(crate) fn call<F, A: Pytree, O: Outcome>(
    kind: Kind,
    f: F,
    results: ShapeTree,
    args: A,
) -> Result<O::Value, Error>
where
    F: Fn(A) -> O + Send + Sync + 'static,
{
    let args = Flat::of(args);
    let ShapeTree { tree, leaves } = results;
    let rule = rule(f, &args.tree, &tree);
    let leaves = callback(kind, rule, leaves, &args.leaves)?;
    try_tree_unflatten(&tree, leaves)
}

/// A closure, and the structures that it takes and gives.
type Key = (TypeId, TreeDef, TreeDef);

/// Closures that capture nothing are what their types are. One rule for all their calls: then equal
/// programs are found to be equal, and are compiled once.
static PLAIN: LazyLock<Mutex<HashMap<Key, Rule>>> = LazyLock::new(Mutex::default);

fn rule<F, A: Pytree, O: Outcome>(f: F, takes: &TreeDef, gives: &TreeDef) -> Rule
where
    F: Fn(A) -> O + Send + Sync + 'static,
{
    let name = closure_name(type_name::<F>());
    let key = (TypeId::of::<F>(), takes.clone(), gives.clone());
    let plain = || PLAIN.lock().unwrap_or_else(PoisonError::into_inner);
    let captures_nothing = size_of::<F>() == 0;
    if captures_nothing && let Some(rule) = plain().get(&key) {
        return rule.clone();
    }
    let (takes, gives) = (takes.clone(), gives.clone());
    let run = move |leaves: &[Array]| {
        calling(|| {
            let args: A = try_tree_unflatten(&takes, leaves.to_vec())?;
            let result = Flat::of(f(args).outcome()?);
            if result.tree != gives {
                return Err(err!(
                    Tree,
                    "the closure was declared to return {gives:?}, got {:?}",
                    result.tree
                ));
            }
            Ok(result.leaves)
        })
    };
    let rule = Callback::rule(&name, Arc::new(run) as Arc<HostFn>);
    if captures_nothing {
        return plain().entry(key).or_insert(rule).clone();
    }
    rule
}

/// `my::module::f` is `f`, and a closure in it is `f's closure`.
fn closure_name(path: &str) -> String {
    let path = path.split('<').next().unwrap_or(path);
    let mut parts = path.rsplit("::").filter(|p| *p != "{{closure}}");
    let owner = parts.next().unwrap_or(path);
    if path.ends_with("{{closure}}") { format!("{owner}'s closure") } else { owner.to_owned() }
}
