//! Functions with derivative rules of the user's: `custom_jvp` (serves both modes), `custom_vjp` (reverse mode).
//!
//! A rule is called when a derivative is first taken, inside that trace, with lines of its own.

use super::cache::{Cache, Key};
use super::function::{Callee, Func, Function, Sig};
use super::graph::{self, Graph, at_caller};
use super::pytree::{Flat, Pytree, TreeDef, same_structure};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::primitive::{Ctx, Prim};
use crate::core::{source, trace};
use crate::prims::custom_jvp::{CustomJvp, JvpRule};
use crate::prims::custom_vjp::{BwdRule, CustomVjp, FwdRule};
use crate::prims::lax;
use cotangent_jit::{Error, Scalar, err};
use std::sync::{Arc, OnceLock};

/// `f` with a derivative rule: `rule(primals, tangents)` gives the value and its tangent, both of the type of `f`'s result.
///
/// Primals and tangents are tuples of the arguments. The rule must be linear in the tangents; it serves forward and reverse
/// mode, to any order (derivatives of the rule itself are taken as usual).
///
/// ```
/// use cotangent::prelude::*;
/// let log1pexp = custom_jvp(
///     |x: Array| (x.exp() + 1.0).log(),
///     |(x,), (dx,)| ((x.exp() + 1.0).log(), dx * (1.0 - 1.0 / (1.0 + x.exp()))),
/// );
/// assert_eq!(grad(log1pexp)(Array::from(100.0f32)).item::<f32>(), 1.0);
/// ```
pub fn custom_jvp<F, S: Sig<'static>, R: Pytree, D>(f: F, rule: D) -> Func<'static, S, R>
where
    F: Function<'static, S, R>,
    D: Fn(S::Args, S::Args) -> (R, R) + Send + Sync + 'static,
{
    let (f, rule) = (f.erase(), Arc::new(rule));
    with_rules("custom_jvp", f, move |op, graph, key| {
        let (captured, count) = (graph.captured.len(), graph.jaxpr.outputs.len());
        let (rule, tree, out_tree) = (rule.clone(), key.tree.clone(), graph.out_tree.clone());
        let run = move |_: &Ctx, primals: &[Array], tangents: &[Array]| {
            let args = |leaves: &[Array]| graph::result(&tree, leaves[captured..].to_vec());
            let (primals, tangents) = (args(primals)?, args(tangents)?);
            let (outs, dots) = source::afresh(|| rule(primals, tangents));
            let (outs, dots) = (Flat::of(outs), Flat::of(dots));
            same_structure("custom_jvp: value of the rule", &out_tree, &outs.tree)?;
            same_structure("custom_jvp: tangent of the rule", &out_tree, &dots.tree)?;
            debug_assert_eq!(outs.leaves.len(), count);
            Ok((outs.leaves, dots.leaves))
        };
        let rule: Arc<JvpRule> = Arc::new(run);
        Arc::new(CustomJvp::new(op, graph.jaxpr.clone(), rule))
    })
}

/// `f` with a reverse rule: `forward(primals)` gives the value and residuals (any pytree), `backward(residuals, ct)` the
/// cotangents of the arguments, a tuple like them.
///
/// Forward mode through it is an error; so is taking the derivative of `backward`'s residuals in forward mode. What
/// `backward` gives for arguments of ints is not looked at.
///
/// ```
/// use cotangent::prelude::*;
/// // The value passes, the gradient is reversed.
/// let reversed = custom_vjp(|x: Array| x, |(x,): (Array,)| (x, ()), |(), ct: Array| (-ct,));
/// let g = grad(|x: Array| reversed(x) * 100.0);
/// assert_eq!(g(Array::from(2.0f32)).item::<f32>(), -100.0);
/// ```
pub fn custom_vjp<F, S: Sig<'static>, R: Pytree, Res: Pytree, Fwd, Bwd>(
    f: F,
    forward: Fwd,
    backward: Bwd,
) -> Func<'static, S, R>
where
    F: Function<'static, S, R>,
    Fwd: Fn(S::Args) -> (R, Res) + Send + Sync + 'static,
    Bwd: Fn(Res, R) -> S::Args + Send + Sync + 'static,
{
    let (f, forward, backward) = (f.erase(), Arc::new(forward), Arc::new(backward));
    with_rules("custom_vjp", f, move |op, graph, key| {
        let captured = graph.captured.len();
        let (tree, out_tree) = (key.tree.clone(), graph.out_tree.clone());
        // The residuals' structure is known once the forward rule was called; it comes before the backward rule.
        let residuals: Arc<OnceLock<TreeDef>> = Arc::default();
        let (rule, res_tree) = (forward.clone(), residuals.clone());
        let (arg_tree, value_tree) = (tree.clone(), out_tree.clone());
        let fwd = move |_: &Ctx, primals: &[Array]| {
            let args = graph::result(&arg_tree, primals[captured..].to_vec())?;
            let (value, res) = source::afresh(|| rule(args));
            let (value, res) = (Flat::of(value), Flat::of(res));
            same_structure("custom_vjp: value of the forward rule", &value_tree, &value.tree)?;
            let expected = res_tree.get_or_init(|| res.tree.clone());
            same_structure("custom_vjp: residuals of the forward rule", expected, &res.tree)?;
            Ok((value.leaves, res.leaves))
        };
        let (rule, types) = (backward.clone(), graph.jaxpr.in_avals());
        let bwd = move |_: &Ctx, res: &[Array], cts: &[Array]| {
            let res_tree = residuals.get().expect("the forward rule was called");
            let res = graph::result(res_tree, res.to_vec())?;
            let ct = graph::result(&out_tree, cts.to_vec())?;
            let cts = Flat::of(source::afresh(|| rule(res, ct)));
            same_structure("custom_vjp: result of the backward rule", &tree, &cts.tree)?;
            let hidden = types[..captured].iter().map(zeros);
            let given = cts.leaves.into_iter().zip(&types[captured..]);
            hidden.chain(given.map(|(ct, aval)| cotangent(ct, aval))).collect()
        };
        let (fwd, bwd): (Arc<FwdRule>, Arc<BwdRule>) = (Arc::new(fwd), Arc::new(bwd));
        Arc::new(CustomVjp::new(op, graph.jaxpr.clone(), fwd, bwd))
    })
}

/// Ints have no cotangent: whatever the rule gave is replaced.
fn cotangent(ct: Array, aval: &Aval) -> Result<Array, Error> {
    if aval.dtype.is_inexact() { Ok(ct) } else { zeros(aval) }
}

fn zeros(aval: &Aval) -> Result<Array, Error> {
    lax::try_full(&aval.shape, Scalar::zero(aval.dtype))
}

/// A function that binds a primitive made once per type of arguments, so that equal calls give equal equations.
fn with_rules<S: Sig<'static>, R: Pytree>(
    op: &'static str,
    f: Callee<'static, R>,
    make: impl Fn(&str, &Graph, &Key) -> Prim + Send + Sync + 'static,
) -> Func<'static, S, R> {
    let cache: Cache<(Graph, Prim)> = Cache::default();
    Func::new(f.name.clone(), move |args| {
        let entry = match cache.get(&args) {
            Some(entry) => entry,
            None => {
                let key = Key::of(&args);
                let graph = graph::trace(&f, &key.tree, &key.avals)?;
                if let Some(tracer) = graph.captured.iter().find(|a| a.is_tracer()) {
                    return Err(err!(
                        Tracer,
                        "{op} of {}: the function closes over a traced value ({}); pass it as an argument",
                        f.name.text(),
                        tracer.aval()
                    ));
                }
                let prim = make(f.name.text(), &graph, &key);
                cache.insert(&args, key, (graph, prim))
            }
        };
        let (graph, prim) = &entry.value;
        let inputs = graph.inputs(args.leaves);
        let leaves = at_caller(|| trace::bind(prim.clone(), &inputs))?.into_vec();
        graph::result(&graph.out_tree, leaves)
    })
}
