//! `custom_vjp` and its forms: rules of reverse mode, rules with symbolic zeros, a gradient from
//! one closure, rules for both modes.
//!
//! Not here: how rules close over traced values (`closure`).

use super::super::function::{Callee, Func, Function, Name, Sig};
use super::super::graph;
use super::super::pytree::{Flat, Pytree, TreeDef, same_structure};
use super::closure::{RuleType, Setting, WithRules, check_leaf, with_rules};
use super::jvp::plain_rule;
use super::options::Custom;
use super::tangents::{Perturbed, Tangents};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::{Ctx, Prim, Tangent};
use crate::core::trace::{self, eval};
use crate::prims::carriers::custom_vjp::CustomVjp;
use crate::prims::rules::zeros::instantiate;
use cotangent_jit::{Error, err};
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Gives `f` a reverse rule. `forward(primals)` returns the value and residuals (any pytree).
/// `backward(residuals, ct)` returns the cotangents of the arguments, a tuple like them.
///
/// Forward mode through it is an error ([`custom_derivatives`] takes a rule for each mode), and so
/// is the forward derivative of `backward`'s residuals. The cotangents that `backward` returns for
/// arguments of ints are ignored. Function and rules may close over traced values. A derivative
/// with respect to one that the function closes over is an error ([`Custom`] has options).
///
/// ```
/// use cotangent::prelude::*;
/// // The value passes, the gradient is reversed.
/// let reversed = custom_vjp(|x: Array| x, |(x,): (Array,)| (x, ()), |(), ct: Array| (-ct,));
/// let g = grad(|x: Array| reversed(x) * 100.0);
/// assert_eq!(g(Array::from(2.0)).item::<f32>(), -100.0);
/// ```
///
/// # Several arguments, several results
///
/// `forward` takes the tuple of arguments. `backward` takes the residuals and a cotangent that has
/// the structure of the value, and returns a tuple like the arguments, also of one: `(dx,)`.
///
/// ```
/// use cotangent::prelude::*;
/// let f = custom_vjp(
///     |x: Array, y: Array| (&x * &y, x + y),
///     |(x, y): (Array, Array)| ((&x * &y, &x + &y), (x, y)),
///     |(x, y): (Array, Array), (a, b): (Array, Array)| (&a * y + &b, a * x + b),
/// );
/// let loss = |x: Array, y: Array| { let (a, b) = f(x, y); a + 10.0 * b };
/// let (dx, dy) = grad_wrt(loss, (Arg::<0>, Arg::<1>))(array![2.0].sum(), array![3.0].sum());
/// assert_eq!((dx.item::<f32>(), dy.item::<f32>()), (13.0, 12.0));
/// ```
///
/// # Borrowed arguments
///
/// The function may be one of references; the rules take values in any case.
///
/// ```
/// use cotangent::prelude::*;
/// let clipped = custom_vjp(
///     |x: &Array| x.clone(),
///     |(x,): (Array,)| (x, ()),
///     |(), ct: Array| (ct.clip(-1.0, 1.0),),
/// );
/// let g = grad(|x: Array| (clipped(&x) * 100.0).sum());
/// assert_eq!(g(array![2.0, -2.0]).to_vec::<f32>(), [1.0, 1.0]);
/// ```
///
/// # Captured values
///
/// The function lives as long as it likes: captures are clones, moved in, one for each closure.
///
/// ```
/// use cotangent::prelude::*;
/// let s = array![2.0].sum();
/// let (a, b) = (s.clone(), s);
/// let scaled = custom_vjp(
///     move |x: Array| x * &a,
///     move |(x,): (Array,)| (x * &b, b.clone()),
///     |s: Array, ct: Array| (ct * s,),
/// );
/// assert_eq!(grad(scaled)(array![3.0].sum()).item::<f32>(), 2.0);
/// ```
///
/// # With other transforms
///
/// ```
/// use cotangent::prelude::*;
/// let sin = custom_vjp(
///     |x: Array| x.sin(),
///     |(x,): (Array,)| (x.sin(), x),
///     |x: Array, ct: Array| (ct * x.cos(),),
/// );
/// let slopes = jit(vmap(grad(sin)));
/// assert_eq!(slopes(array![0.0, 0.0]).to_vec::<f32>(), [1.0, 1.0]);
/// ```
///
/// # Pitfalls
///
/// - `forward` returns the value as `f` does, with the same dtypes, and residuals beside it.
/// - `backward` returns a tuple: `(ct,)`, not `ct`.
/// - Types must be written in all three closures.
/// - Residuals are pytrees of arrays; a number of Rust is captured, or becomes an array.
///
/// See also [`custom_gradient`] (one closure), [`custom_jvp`](super::custom_jvp) (both modes from a
/// forward rule), [`custom_derivatives`], [`Custom`] (options),
/// [`lax::stop_gradient`](crate::lax::stop_gradient).
#[doc(alias("defvjp", "Function"))]
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
    Custom::new().vjp(f, forward, backward)
}

/// Works like [`custom_vjp`], for rules with symbolic zeros. `forward` is told the arguments that
/// are differentiated. `backward` takes and returns [`Tangents`], which tell the cotangents that
/// are known to be zero. The rules can then do less work.
///
/// ```
/// use cotangent::prelude::*;
/// let product = custom_vjp_symbolic(
///     |x: Array, y: Array| x * y,
///     |(x, y): (Array, Array), p: Perturbed| {
///         let value = &x * &y;
///         // Only what will be needed is kept.
///         (value, (p.argument(0).then(|| y), p.argument(1).then(|| x)))
///     },
///     |(y, x): (Option<Array>, Option<Array>), ct: Tangents<Array>| {
///         let ct = ct.made();
///         let primal = (ct.clone(), ct.clone());
///         Tangents::of_leaves(&primal, [y.map(|y| &ct * y), x.map(|x| &ct * x)])
///     },
/// );
/// assert_eq!(grad(product)(Array::from(2.0), Array::from(3.0)).item::<f32>(), 3.0);
/// ```
pub fn custom_vjp_symbolic<F, S: Sig<'static>, R: Pytree, Res: Pytree, Fwd, Bwd>(
    f: F,
    forward: Fwd,
    backward: Bwd,
) -> Func<'static, S, R>
where
    F: Function<'static, S, R>,
    Fwd: Fn(S::Args, Perturbed) -> (R, Res) + Send + Sync + 'static,
    Bwd: Fn(Res, Tangents<R>) -> Tangents<S::Args> + Send + Sync + 'static,
{
    Custom::new().vjp_symbolic(f, forward, backward)
}

/// Gives `f` a rule for each mode. `rule`, as in [`custom_jvp`](super::custom_jvp), serves `jvp`,
/// `jet` and `jacfwd`. `forward` and `backward`, as in [`custom_vjp`], serve `grad`, `vjp` and
/// `jacrev`. The two should agree.
///
/// ```
/// use cotangent::prelude::*;
/// let sin = custom_derivatives(
///     |x: Array| x.sin(),
///     |(x,), (dx,)| (x.sin(), dx * x.cos()),
///     |(x,): (Array,)| (x.sin(), x),
///     |x: Array, ct: Array| (ct * x.cos(),),
/// );
/// let x = Array::from(0.0);
/// assert_eq!(grad(sin.clone())(x.clone()).item::<f32>(), 1.0);
/// assert_eq!(jvp(sin, (x.clone(),), (x + 1.0,)).1.item::<f32>(), 1.0);
/// ```
pub fn custom_derivatives<F, S: Sig<'static>, R: Pytree, Res: Pytree, D, Fwd, Bwd>(
    f: F,
    rule: D,
    forward: Fwd,
    backward: Bwd,
) -> Func<'static, S, R>
where
    F: Function<'static, S, R>,
    D: Fn(S::Args, S::Args) -> (R, R) + Send + Sync + 'static,
    Fwd: Fn(S::Args) -> (R, Res) + Send + Sync + 'static,
    Bwd: Fn(Res, R) -> S::Args + Send + Sync + 'static,
{
    Custom::new().derivatives(f, rule, forward, backward)
}

/// Makes a differentiable function of one that returns its value and a pullback. The pullback is a
/// closure from the value's cotangent to the cotangents of the arguments (a tuple). The values that
/// it closes over are the residuals.
///
/// ```
/// use cotangent::prelude::*;
/// let square = custom_gradient(|x: Array| {
///     let twice = &x * 2.0;
///     (&x * &x, move |ct: Array| (ct * &twice,))
/// });
/// assert_eq!(grad(square)(Array::from(3.0)).item::<f32>(), 6.0);
/// ```
pub fn custom_gradient<F, S: Sig<'static>, R: Pytree, Bwd>(f: F) -> Func<'static, S, R>
where
    F: Function<'static, S, (R, Bwd)>,
    Bwd: Fn(R) -> S::Args + 'static,
{
    let f = f.erase();
    let (value, name) = (f.clone(), f.name.clone());
    let run = move |_: &Name, args: Flat| Ok(value.call(args)?.0);
    let value = Callee { run: Arc::new(run), name };
    // The function returns the rule, so that the rule closes over the same values as the function.
    let rules = RuleType::of::<F>();
    with_rules("custom_gradient", value, Custom::new(), rules, move |s: &Setting| {
        let (f, tree, out_tree) = (f.clone(), s.tree.clone(), s.graph.out_tree.clone());
        let (hidden, types) = (s.hidden.clone(), s.types.clone());
        let n = hidden.count();
        let inputs = s.graph.jaxpr.in_avals();
        // The forward rule runs before the backward rule, so that the pullback is known then.
        let pullback: Arc<OnceLock<Arc<Jaxpr>>> = Arc::default();
        let traced = pullback.clone();
        let (arg_tree, value_tree) = (tree.clone(), out_tree.clone());
        let forward = move |_: &Ctx, primals: &[Array], _: &[bool]| {
            let args = Flat { leaves: primals[n..].to_vec(), tree: arg_tree.clone() };
            hidden.within(&primals[..n], || {
                let (value, backward) = f.call(args)?;
                let value = Flat::of(value);
                same_structure("custom_gradient: value", &value_tree, &value.tree)?;
                let cts: Vec<Aval> = value.leaves.iter().map(|a| a.aval().strong()).collect();
                let back = trace::trace(&cts, |cts| {
                    let given = Flat::of(backward(graph::result(&value_tree, cts)?));
                    same_structure("custom_gradient: cotangents", &arg_tree, &given.tree)?;
                    Ok(given.leaves)
                })?;
                let known = traced.get_or_init(|| Arc::new(back.jaxpr));
                if known.inputs.len() != back.captured.len() + cts.len() {
                    return Err(err!(
                        Value,
                        "custom_gradient: the function returned another closure when it was \
                         called again; it should do \
                         the same for arguments of the same types"
                    ));
                }
                Ok((value.leaves, back.captured))
            })
        };
        let backward = move |_: &Ctx, _: &[bool], res: &[Array], cts: &[Tangent]| {
            let back = pullback.get().expect("the forward rule was called");
            let args: Vec<Array> = res.iter().cloned().chain(cts.iter().map(instantiate)).collect();
            let cts = eval(back, &args)?.into_iter().map(Tangent::Value).collect();
            all_cotangents("custom_gradient: the closure", &tree, &inputs[..n], &types, cts)
        };
        let (fwd, bwd) = (Arc::new(forward), Arc::new(backward));
        CustomVjp::new(s.name, s.graph.jaxpr.clone(), fwd, bwd).with_sources(s.sources.clone())
    })
}

impl Custom {
    /// Works like [`custom_vjp`], with these options.
    pub fn vjp<F, S: Sig<'static>, R: Pytree, Res: Pytree, Fwd, Bwd>(
        self,
        f: F,
        forward: Fwd,
        backward: Bwd,
    ) -> Func<'static, S, R>
    where
        F: Function<'static, S, R>,
        Fwd: Fn(S::Args) -> (R, Res) + Send + Sync + 'static,
        Bwd: Fn(Res, R) -> S::Args + Send + Sync + 'static,
    {
        let rules = RuleType::of::<Fwd>().and(RuleType::of::<Bwd>());
        let (forward, backward) = (Arc::new(forward), Arc::new(backward));
        with_rules("custom_vjp", f.erase(), self, rules, move |s: &Setting| {
            let (forward, backward) = (forward.clone(), backward.clone());
            reverse(
                s,
                Arc::new(move |a, _| forward(a)),
                Arc::new(move |r, ct: Tangents<R>| Tangents::of(backward(r, ct.made()))),
            )
        })
    }

    /// Works like [`custom_vjp_symbolic`], with these options.
    pub fn vjp_symbolic<F, S: Sig<'static>, R: Pytree, Res: Pytree, Fwd, Bwd>(
        self,
        f: F,
        forward: Fwd,
        backward: Bwd,
    ) -> Func<'static, S, R>
    where
        F: Function<'static, S, R>,
        Fwd: Fn(S::Args, Perturbed) -> (R, Res) + Send + Sync + 'static,
        Bwd: Fn(Res, Tangents<R>) -> Tangents<S::Args> + Send + Sync + 'static,
    {
        let rules = RuleType::of::<Fwd>().and(RuleType::of::<Bwd>());
        let (forward, backward) = (Arc::new(forward), Arc::new(backward));
        with_rules("custom_vjp", f.erase(), self, rules, move |s: &Setting| {
            reverse(s, forward.clone(), backward.clone())
        })
    }

    /// Works like [`custom_derivatives`], with these options.
    pub fn derivatives<F, S: Sig<'static>, R: Pytree, Res: Pytree, D, Fwd, Bwd>(
        self,
        f: F,
        rule: D,
        forward: Fwd,
        backward: Bwd,
    ) -> Func<'static, S, R>
    where
        F: Function<'static, S, R>,
        D: Fn(S::Args, S::Args) -> (R, R) + Send + Sync + 'static,
        Fwd: Fn(S::Args) -> (R, Res) + Send + Sync + 'static,
        Bwd: Fn(Res, R) -> S::Args + Send + Sync + 'static,
    {
        let rules = RuleType::of::<Fwd>().and(RuleType::of::<Bwd>()).and(RuleType::of::<D>());
        let (forward, backward, rule) = (Arc::new(forward), Arc::new(backward), Arc::new(rule));
        with_rules("custom_derivatives", f.erase(), self, rules, move |s: &Setting| {
            let (forward, backward) = (forward.clone(), backward.clone());
            let reverse = reverse(
                s,
                Arc::new(move |a, _| forward(a)),
                Arc::new(move |r, ct: Tangents<R>| Tangents::of(backward(r, ct.made()))),
            );
            reverse.both_ways(plain_rule(s, rule.clone()))
        })
    }
}

/// Structures of residuals, by the mask of the inputs that are differentiated.
type Structures = Mutex<FxHashMap<Vec<bool>, TreeDef>>;

type Forward<A, R, Res> = Arc<dyn Fn(A, Perturbed) -> (R, Res) + Send + Sync>;
type Backward<A, R, Res> = Arc<dyn Fn(Res, Tangents<R>) -> Tangents<A> + Send + Sync>;

/// The primitive of a function with rules of reverse mode. Its residuals are the user's, then the
/// hidden inputs.
fn reverse<A: Pytree, R: Pytree, Res: Pytree>(
    s: &Setting,
    forward: Forward<A, R, Res>,
    backward: Backward<A, R, Res>,
) -> CustomVjp {
    let (tree, out_tree, types) = (s.tree.clone(), s.graph.out_tree.clone(), s.types.clone());
    let (hidden, n) = (s.hidden.clone(), s.hidden.count());
    let inputs = s.graph.jaxpr.in_avals();
    // The forward rule runs before the backward rule, so that the residuals' structure is known
    // then. It may depend on the mask of differentiated inputs.
    let residuals: Arc<Structures> = Arc::default();
    let (structures, arg_tree, value_tree) = (residuals.clone(), tree.clone(), out_tree.clone());
    let around = hidden.clone();
    let fwd = move |_: &Ctx, primals: &[Array], differentiated: &[bool]| {
        let args = graph::result(&arg_tree, primals[n..].to_vec())?;
        let perturbed = Perturbed::new(&arg_tree, &differentiated[n..]);
        let (value, res) = around.within(&primals[..n], || forward(args, perturbed));
        let (value, mut res) = (Flat::of(value), Flat::of(res));
        same_structure("custom_vjp: value of the forward rule", &value_tree, &value.tree)?;
        let mut known = structures.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = known.entry(differentiated.to_vec()).or_insert_with(|| res.tree.clone());
        same_structure("custom_vjp: residuals of the forward rule", expected, &res.tree)?;
        res.leaves.extend_from_slice(&primals[..n]);
        Ok((value.leaves, res.leaves))
    };
    let bwd = move |_: &Ctx, moved: &[bool], res: &[Array], cts: &[Tangent]| {
        let known = residuals.lock().unwrap_or_else(PoisonError::into_inner);
        let res_tree = known.get(moved).expect("the forward rule was called").clone();
        drop(known);
        let (res, known) = res.split_at(res.len() - n);
        let res = graph::result(&res_tree, res.to_vec())?;
        let ct = Tangents::new(&out_tree, cts);
        let cts = hidden.within(known, || backward(res, ct));
        let what = "custom_vjp: result of the backward rule";
        let cts = cts.of_structure(what, &tree)?;
        all_cotangents(what, &tree, &inputs[..n], &types, cts)
    };
    CustomVjp::new(s.name, s.graph.jaxpr.clone(), Arc::new(fwd), Arc::new(bwd))
        .with_sources(s.sources.clone())
        .curing(s.forward_cure)
}

/// One cotangent per input: zero for the hidden inputs, these for the arguments.
fn all_cotangents(
    what: &str,
    tree: &TreeDef,
    hidden: &[Aval],
    types: &[Aval],
    cts: Vec<Tangent>,
) -> Result<Vec<Tangent>, Error> {
    let hidden = hidden.iter().map(|a| Ok(Tangent::Zero(a.strong())));
    let given = cts.into_iter().zip(types).enumerate();
    hidden.chain(given.map(|(i, (ct, aval))| cotangent(what, tree, i, ct, aval))).collect()
}

/// Ints have no cotangent, so that the result of the rule is replaced.
fn cotangent(
    what: &str,
    tree: &TreeDef,
    index: usize,
    ct: Tangent,
    aval: &Aval,
) -> Result<Tangent, Error> {
    let aval = aval.strong();
    if !aval.dtype.is_inexact() {
        return Ok(Tangent::Zero(aval));
    }
    check_leaf(what, tree, index, &aval, &ct.aval())?;
    Ok(ct)
}

impl WithRules for CustomVjp {
    fn captured(&self, ctx: &Ctx) -> Result<Vec<Array>, Error> {
        self.captured_by_rules(ctx)
    }

    fn into_prim(self) -> Prim {
        Arc::new(self)
    }
}
