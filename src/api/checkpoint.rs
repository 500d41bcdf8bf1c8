//! `checkpoint`: less memory for more work in reverse mode, as a policy says; and what reverse mode
//! keeps of a function.

use super::derivative::differentiable;
use super::function::{Func, Function, Sig, calling};
use super::graph::{self, argument, at_caller, avals};
use super::pytree::{Flat, Pytree};
use crate::core::aval::Aval;
use crate::core::jaxpr::{Atom, Jaxpr, Var};
use crate::core::lowering::Lowering;
use crate::core::source::raise;
use crate::prims::carriers::checkpoint;
use crate::prims::carriers::policy::Policy;
use crate::prims::points::name::name_of;
use crate::stage::placement::site_of;
use crate::transforms::{Transforms, vjp};
use cotangent_jit::Error;
use std::fmt;
use std::sync::Arc;

/// `f`, of which reverse mode keeps the arguments only: what else a gradient needs is computed
/// again when it is needed.
///
/// ```
/// use cotangent::prelude::*;
/// let g = grad(checkpoint(|x: Array| x.sin().sin()));
/// assert_eq!(g(array![0.0].sum()).item::<f32>(), 1.0);
/// ```
#[doc(alias = "remat")]
pub fn checkpoint<'f, F, S: Sig<'f>, R: Pytree>(f: F) -> Func<'f, S, R>
where
    F: Function<'f, S, R>,
{
    checkpoint_with(f, Policy::nothing())
}

/// `f`, of which reverse mode keeps the arguments and what the policy says; what else a gradient
/// needs is computed again.
///
/// A policy reaches into jitted functions, branches, loops and checkpoints inside of `f`. Inside a
/// loop, what it keeps of one step is stacked over the steps.
///
/// ```
/// use cotangent::prelude::*;
/// let layer = |w: Array, x: Array| x.matmul(&w).tanh().sum();
/// let g = grad(checkpoint_with(layer, Policy::dots()));
/// assert_eq!(g(array![[0.0], [0.0]], array![[1.0, 2.0]]).to_vec::<f32>(), [1.0, 2.0]);
/// ```
pub fn checkpoint_with<'f, F, S: Sig<'f>, R: Pytree>(f: F, policy: Policy) -> Func<'f, S, R>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("checkpoint"), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        let inputs = graph.inputs(args.leaves);
        let leaves = at_caller(|| checkpoint::checkpoint(graph.jaxpr, &policy, &inputs))?;
        graph::result(&graph.out_tree, leaves)
    })
}

/// A value that lives from the forward to the backward pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedResidual {
    /// Shape and dtype.
    pub aval: Aval,
    /// Where it comes from: `argument 0.w`, `captured array 1`, `output of sin at src/main.rs:3`,
    /// `named hidden at ..`.
    pub origin: String,
}

impl fmt::Display for SavedResidual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.aval, self.origin)
    }
}

/// What the gradient of `f` at arguments of these types keeps from the forward pass for the
/// backward pass, and why it is there: to see what a checkpoint and its policy do.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| checkpoint_name(&x.sin(), "sine").sin().sum();
/// let kept =
///     saved_residuals(checkpoint_with(f, Policy::only_names(["sine"])), (array![1.0, 2.0],));
/// let texts: Vec<String> = kept.iter().map(|k| k.to_string()).collect();
/// assert_eq!(texts[0], "f32[2] argument 0");
/// assert!(texts[1].starts_with("f32[2] named sine at "), "{texts:?}");
/// ```
#[doc(alias = "print_saved_residuals")]
#[track_caller]
pub fn saved_residuals<'f, F, S: Sig<'f>, R: Pytree>(f: F, args: S::Args) -> Vec<SavedResidual>
where
    F: Function<'f, S, R>,
{
    raise(try_saved_residuals(f, args))
}

/// Returns the error of [`saved_residuals`] instead of panicking.
#[track_caller]
pub fn try_saved_residuals<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    args: S::Args,
) -> Result<Vec<SavedResidual>, Error>
where
    F: Function<'f, S, R>,
{
    let args = Flat::of(args);
    calling(|| {
        let types = avals(&args.leaves);
        let graph = graph::trace(&f.erase(), &args.tree, &types, site_of(&args.leaves))?;
        let floats = differentiable(&types);
        let mask = graph.mask(|i| floats[i]);
        let parts = vjp::linearize(&Transforms::new(), &graph.jaxpr, &mask)?;
        let (forward, captured) = (&parts.forward, graph.captured.len());
        let residuals = &forward.outputs[graph.jaxpr.outputs.len()..];
        let origin = |a: &Atom| match a.var().and_then(|v| position(forward, v)) {
            Some(i) if i < captured => format!("captured array {i}"),
            Some(i) => argument(&args.tree, i - captured),
            None => made_by(forward, *a),
        };
        let all = residuals
            .iter()
            .map(|a| SavedResidual { aval: forward.atom_aval(*a), origin: origin(a) });
        Ok(all.collect())
    })
}

fn position(jaxpr: &Jaxpr, v: Var) -> Option<usize> {
    jaxpr.inputs.iter().position(|input| *input == v)
}

/// What computes a value; of what stands for a body, the operation inside.
fn made_by(jaxpr: &Jaxpr, atom: Atom) -> String {
    let Atom::Var(v) = atom else { return format!("the literal {atom:?}") };
    let found = jaxpr.eqns.iter().find_map(|e| Some((e, e.outputs.iter().position(|o| *o == v)?)));
    let Some((eqn, i)) = found else { return "an input of the body".to_owned() };
    if let Some(name) = name_of(&eqn.prim) {
        return format!("named {name} at {}", eqn.source);
    }
    let ins: Vec<Aval> = eqn.inputs.iter().map(|a| jaxpr.atom_aval(*a)).collect();
    let outs: Vec<Aval> = eqn.outputs.iter().map(|v| jaxpr.aval(*v).clone()).collect();
    let body: Option<Arc<Jaxpr>> = match eqn.prim.lower(&ins, &outs) {
        Ok(Lowering::Call(body)) => Some(body),
        Ok(Lowering::Scan(parts)) => Some(parts.body),
        _ => None,
    };
    let inside = body.filter(|b| b.outputs[i].var().is_some_and(|v| position(b, v).is_none()));
    match inside {
        Some(body) => made_by(&body, body.outputs[i]),
        None => format!("output of {} at {}", eqn.prim.name(), eqn.source),
    }
}
