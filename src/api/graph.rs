//! Traces a function of pytrees to a jaxpr, and applies a jaxpr to arrays in the current context.
//! All transforms use this.
//!
//! Not here: the transforms of jaxprs (`transforms`).

use super::function::{Callee, caller};
use super::pytree::{Flat, Pytree, TreeDef, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::{ClosedJaxpr, Jaxpr};
use crate::core::source;
use crate::core::trace;
use crate::stage::placement::{Site, at_home_of, site_of};
use crate::transforms::simplify::{Options, simplify};
use cotangent_jit::Error;
use std::sync::Arc;

/// A traced function.
pub(crate) struct Graph {
    /// From the captured arrays, then the arguments' leaves, to the result's leaves.
    pub jaxpr: Arc<Jaxpr>,
    pub captured: Vec<Array>,
    pub out_tree: TreeDef,
    /// The weakness of each result. Jaxprs that differ in weakness only share an executable.
    pub out_weak: Vec<bool>,
}

impl Graph {
    pub fn closed(&self) -> ClosedJaxpr {
        ClosedJaxpr { jaxpr: self.jaxpr.clone(), consts: self.captured.clone() }
    }

    /// The mask of the jaxpr's inputs that are these leaves.
    pub fn mask(&self, leaves: impl Fn(usize) -> bool) -> Vec<bool> {
        let n = self.captured.len();
        (0..self.jaxpr.inputs.len()).map(|i| i >= n && leaves(i - n)).collect()
    }

    /// The captured arrays, then these leaves.
    pub fn inputs(&self, leaves: Vec<Array>) -> Vec<Array> {
        if self.captured.is_empty() {
            return leaves;
        }
        self.captured.iter().cloned().chain(leaves).collect()
    }
}

/// Traces `f` for arguments of this structure and these types. Arrays that it makes live at the
/// site.
pub(crate) fn trace<R: Pytree>(
    f: &Callee<'_, R>,
    tree: &TreeDef,
    avals: &[Aval],
    site: Option<Site>,
) -> Result<Graph, Error> {
    // A trace inside another is for the device of that one.
    let _home = site.filter(|_| !trace::is_tracing()).map(Site::as_home);
    let mut out_tree = TreeDef::default();
    let body = |leaves: Vec<Array>| {
        // Operations of the closure get their own lines, not that of the call.
        let result = source::afresh(|| f.call(Flat { leaves, tree: tree.clone() }))?;
        let flat = Flat::of(result);
        out_tree = flat.tree;
        Ok(flat.leaves)
    };
    let traced = at_caller(|| trace::trace(avals, body))?;
    let jaxpr = Arc::new(traced.jaxpr);
    let out_weak = jaxpr.outputs.iter().map(|a| jaxpr.atom_aval(*a).weak).collect();
    Ok(Graph { jaxpr, captured: traced.captured, out_tree, out_weak })
}

/// Traces `f` for these arguments.
pub(crate) fn trace_flat<R: Pytree>(f: &Callee<'_, R>, args: &Flat) -> Result<Graph, Error> {
    trace(f, &args.tree, &avals(&args.leaves), site_of(&args.leaves))
}

pub(crate) fn avals(arrays: &[Array]) -> Vec<Aval> {
    arrays.iter().map(Array::aval).collect()
}

/// Applies a jaxpr: inside a trace equation by equation, outside as one executable.
pub(crate) fn apply(jaxpr: &Jaxpr, inputs: Vec<Array>) -> Result<Vec<Array>, Error> {
    if trace::is_tracing() {
        trace::eval(&simplify(jaxpr, Options { inline: false })?, &inputs)
    } else {
        crate::stage::run_jaxpr(&simplify(jaxpr, Options { inline: true })?, inputs)
    }
}

/// Sets the weakness of the results of an executable.
pub(crate) fn typed(mut results: Vec<Array>, weak: &[bool]) -> Vec<Array> {
    for (array, weak) in results.iter_mut().zip(weak) {
        array.set_weak(*weak);
    }
    results
}

/// Builds a result from its leaves.
pub(crate) fn result<R: Pytree>(tree: &TreeDef, leaves: Vec<Array>) -> Result<R, Error> {
    try_tree_unflatten(tree, leaves)
}

/// Runs `f`, and gives its operations the line of the call in progress.
pub(crate) fn at_caller<T>(f: impl FnOnce() -> T) -> T {
    match caller() {
        Some(line) => source::replaying(line, f),
        None => f(),
    }
}

/// The name of leaf `index` of the arguments in messages: `argument 0.w`.
pub(crate) fn argument(tree: &TreeDef, index: usize) -> String {
    let path = &tree.paths()[index];
    format!("argument {}", path.strip_prefix('.').unwrap_or(path))
}

/// Applies a function of arrays that is written with operations. Inside a trace its operations are
/// recorded there. Outside, it is traced to a jaxpr, which runs at once.
pub(crate) fn apply_fn(
    inputs: Vec<Array>,
    f: impl FnOnce(Vec<Array>) -> Result<Vec<Array>, Error>,
) -> Result<Vec<Array>, Error> {
    if trace::is_tracing() {
        return at_caller(|| f(inputs));
    }
    let traced = at_home_of(&inputs, || at_caller(|| trace::trace(&avals(&inputs), f)))?;
    let all = traced.captured.into_iter().chain(inputs).collect();
    apply(&traced.jaxpr, all)
}
