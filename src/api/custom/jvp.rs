//! `custom_jvp` and its forms: one rule, one rule per argument, a rule with symbolic zeros.
//!
//! Not here: how rules close over traced values (`closure`).

use super::super::function::{Func, Function, Sig};
use super::super::graph;
use super::super::pytree::{Flat, Pytree, TreeDef, same_structure};
use super::closure::{RuleType, Setting, WithRules, with_rules};
use super::options::Custom;
use super::tangents::Tangents;
use crate::core::array::Array;
use crate::core::primitive::{Ctx, Prim, Tangent};
use crate::core::trace::bind;
use crate::prims::carriers::custom_jvp::CustomJvp;
use crate::prims::lax;
use crate::prims::rules::zeros::instantiate;
use cotangent_jit::Error;
use std::sync::Arc;

/// Gives `f` a derivative rule. `rule(primals, tangents)` returns the value and its tangent, both
/// of the type of `f`'s result.
///
/// Primals and tangents are tuples like the arguments. Symbolic zeros are replaced by arrays of
/// zeros. The rule must be linear in the tangents. It serves forward and reverse mode, to any
/// order: derivatives of the rule itself are taken as usual. Function and rule may close over
/// traced values. A derivative with respect to one that the function closes over is an error, since
/// the rule does not give it ([`Custom`] has options).
///
/// ```
/// use cotangent::prelude::*;
/// let log1pexp = custom_jvp(
///     |x: Array| (x.exp() + 1.0).log(),
///     |(x,), (dx,)| ((x.exp() + 1.0).log(), dx * (1.0 - 1.0 / (1.0 + x.exp()))),
/// );
/// assert_eq!(grad(log1pexp)(Array::from(100.0)).item::<f32>(), 1.0);
/// ```
///
/// # Several arguments
///
/// Primals and tangents are tuples; the tangent of the value is the sum of the arguments' terms.
///
/// ```
/// use cotangent::prelude::*;
/// let times = custom_jvp(
///     |x: Array, y: Array| x * y,
///     |(x, y), (dx, dy)| (&x * &y, dx * y + dy * x),
/// );
/// let (dx, dy) = grad_wrt(times, (Arg::<0>, Arg::<1>))(array![2.0].sum(), array![3.0].sum());
/// assert_eq!((dx.item::<f32>(), dy.item::<f32>()), (3.0, 2.0));
/// ```
///
/// # Borrowed arguments
///
/// The function may be one of references; the rule takes tuples of values in any case.
///
/// ```
/// use cotangent::prelude::*;
/// let square = custom_jvp(|x: &Array| x * x, |(x,), (dx,)| (&x * &x, 2.0 * x * dx));
/// assert_eq!(grad(square)(&array![3.0].sum()).item::<f32>(), 6.0);
/// ```
///
/// # Captured values, several results
///
/// The function lives as long as it likes: captures are clones, moved in, one for each closure.
/// Several results are a tuple, and so is their tangent.
///
/// ```
/// use cotangent::prelude::*;
/// let s = array![2.0].sum();
/// let scaled = custom_jvp(
///     { let s = s.clone(); move |x: Array| (&x * &s, x) },
///     move |(x,): (Array,), (dx,): (Array,)| ((&x * &s, x), (&dx * &s, dx)),
/// );
/// let ((y, _), (dy, _)) = jvp(scaled, (array![3.0].sum(),), (array![1.0].sum(),));
/// assert_eq!((y.item::<f32>(), dy.item::<f32>()), (6.0, 2.0));
/// ```
///
/// # With other transforms
///
/// A rule serves every transform, also inside others: `grad` transposes it, `vmap` batches it,
/// `jit` compiles it, and a second derivative differentiates it.
///
/// ```
/// use cotangent::prelude::*;
/// let sin = custom_jvp(|x: Array| x.sin(), |(x,), (dx,)| (x.sin(), dx * x.cos()));
/// let second = jit(vmap(grad(grad(sin))));
/// assert_eq!(second(array![0.0, 0.0]).to_vec::<f32>(), [0.0, 0.0]);
/// ```
///
/// # Pitfalls
///
/// - The rule is linear in the tangents: no `dx * dx`, no comparison of `dx`.
/// - The tangent has the structure, shapes and dtypes of the value.
/// - The rule returns the value, too: `(f(x), df)`.
/// - Arguments' types must be written in `f`; in the rule Rust finds them, unless it calls methods
///   of nested tuples.
///
/// See also [`custom_jvps`] (a rule per argument), [`custom_vjp`](super::custom_vjp) (reverse
/// mode), [`custom_derivatives`](super::custom_derivatives) (both), [`Custom`] (options).
#[doc(alias = "defjvp")]
pub fn custom_jvp<F, S: Sig<'static>, R: Pytree, D>(f: F, rule: D) -> Func<'static, S, R>
where
    F: Function<'static, S, R>,
    D: Fn(S::Args, S::Args) -> (R, R) + Send + Sync + 'static,
{
    Custom::new().jvp(f, rule)
}

/// Works like [`custom_jvp`], for a rule with symbolic zeros: `rule(primals, tangents)` takes and
/// returns [`Tangents`], which tell the tangents that are known to be zero. The rule can then do
/// less work.
///
/// ```
/// use cotangent::prelude::*;
/// let product = custom_jvp_symbolic(
///     |x: Array, y: Array| x * y,
///     |(x, y), t: Tangents<(Array, Array)>| {
///         let (dx, dy) = (t.child(0)[0].clone(), t.child(1)[0].clone());
///         let value = &x * &y;
///         let parts = [dx.map(|d| d * &y), dy.map(|d| d * &x)].into_iter().flatten();
///         let sum = parts.reduce(|a, b| a + b);
///         let t = Tangents::of_leaves(&value, [sum]);
///         (value, t)
///     },
/// );
/// assert_eq!(grad(product)(Array::from(2.0), Array::from(3.0)).item::<f32>(), 3.0);
/// ```
pub fn custom_jvp_symbolic<F, S: Sig<'static>, R: Pytree, D>(f: F, rule: D) -> Func<'static, S, R>
where
    F: Function<'static, S, R>,
    D: Fn(S::Args, Tangents<S::Args>) -> (R, Tangents<R>) + Send + Sync + 'static,
{
    Custom::new().jvp_symbolic(f, rule)
}

/// Gives `f` one derivative rule per argument. `rules.n(tangent of argument n, value, arguments)`
/// returns the argument's term of the value's tangent. A rule is called only if the tangent of its
/// argument is not zero. [`NoRule`] stands for a derivative of zero.
///
/// ```
/// use cotangent::prelude::*;
/// let scaled = custom_jvps(
///     |x: Array, y: Array| x.sin() * y,
///     (
///         |dx: Array, _: Array, (x, y): (Array, Array)| dx * x.cos() * y,
///         |dy: Array, _: Array, (x, _): (Array, Array)| dy * x.sin(),
///     ),
/// );
/// assert_eq!(grad(scaled)(Array::from(0.0), Array::from(3.0)).item::<f32>(), 3.0);
/// ```
#[doc(alias = "defjvps")]
pub fn custom_jvps<F, S: Sig<'static>, R: Pytree, D>(f: F, rules: D) -> Func<'static, S, R>
where
    F: Function<'static, S, R>,
    D: JvpRules<S::Args, R>,
{
    Custom::new().jvps(f, rules)
}

impl Custom {
    /// Works like [`custom_jvp`], with these options.
    pub fn jvp<F, S: Sig<'static>, R: Pytree, D>(self, f: F, rule: D) -> Func<'static, S, R>
    where
        F: Function<'static, S, R>,
        D: Fn(S::Args, S::Args) -> (R, R) + Send + Sync + 'static,
    {
        let rule = Arc::new(rule);
        with_rules("custom_jvp", f.erase(), self, RuleType::of::<D>(), move |s: &Setting| {
            plain_rule(s, rule.clone())
        })
    }

    /// Works like [`custom_jvp_symbolic`], with these options.
    pub fn jvp_symbolic<F, S: Sig<'static>, R: Pytree, D>(
        self,
        f: F,
        rule: D,
    ) -> Func<'static, S, R>
    where
        F: Function<'static, S, R>,
        D: Fn(S::Args, Tangents<S::Args>) -> (R, Tangents<R>) + Send + Sync + 'static,
    {
        let rule = Arc::new(rule);
        with_rules("custom_jvp", f.erase(), self, RuleType::of::<D>(), move |s: &Setting| {
            let (rule, tree, out_tree) = (rule.clone(), s.tree.clone(), s.graph.out_tree.clone());
            let hidden = s.hidden.clone();
            let n = hidden.count();
            let run = move |_: &Ctx, _: &CustomJvp, primals: &[Array], tangents: &[Tangent]| {
                let args = graph::result(&tree, primals[n..].to_vec())?;
                let tangents = Tangents::new(&tree, &tangents[n..]);
                let (outs, dots) = hidden.within(&primals[..n], || rule(args, tangents));
                let outs = Flat::of(outs);
                same_structure("custom_jvp: value of the rule", &out_tree, &outs.tree)?;
                let dots = dots.of_structure("custom_jvp: tangent of the rule", &out_tree)?;
                Ok((outs.leaves, dots))
            };
            CustomJvp::new(s.name, s.graph.jaxpr.clone(), Arc::new(run))
                .with_sources(s.sources.clone())
        })
    }

    /// Works like [`custom_jvps`], with these options.
    pub fn jvps<F, S: Sig<'static>, R: Pytree, D>(self, f: F, rules: D) -> Func<'static, S, R>
    where
        F: Function<'static, S, R>,
        D: JvpRules<S::Args, R>,
    {
        let rules = Arc::new(rules);
        with_rules("custom_jvps", f.erase(), self, RuleType::of::<D>(), move |s: &Setting| {
            let (rules, tree, out_tree) = (rules.clone(), s.tree.clone(), s.graph.out_tree.clone());
            let hidden = s.hidden.clone();
            let n = hidden.count();
            let run = move |_: &Ctx, this: &CustomJvp, primals: &[Array], tangents: &[Tangent]| {
                // The value comes from the function itself, whose rules apply to higher
                // derivatives.
                let outs = bind(Arc::new(this.clone()), primals)?.into_vec();
                let call = PerArgument {
                    tree: &tree,
                    out_tree: &out_tree,
                    primals: &primals[n..],
                    tangents: &tangents[n..],
                    outs: &outs,
                };
                let parts = hidden.within(&primals[..n], || rules.apply(&call))?;
                let mut sums: Vec<Tangent> =
                    outs.iter().map(|o| Tangent::Zero(o.aval().strong())).collect();
                for part in parts {
                    same_structure("custom_jvps: tangent of a rule", &out_tree, &part.tree)?;
                    for (sum, t) in sums.iter_mut().zip(part.leaves) {
                        *sum = Tangent::Value(match &sum {
                            Tangent::Zero(_) => t,
                            Tangent::Value(sum) => lax::try_add(sum, &t)?,
                        });
                    }
                }
                Ok((outs, sums))
            };
            CustomJvp::new(s.name, s.graph.jaxpr.clone(), Arc::new(run))
                .with_sources(s.sources.clone())
        })
    }
}

/// The primitive of a function with a rule that gets arrays in place of symbolic zeros.
pub(super) fn plain_rule<A: Pytree, R: Pytree>(
    s: &Setting,
    rule: Arc<dyn Fn(A, A) -> (R, R) + Send + Sync>,
) -> CustomJvp {
    let (tree, out_tree, hidden) = (s.tree.clone(), s.graph.out_tree.clone(), s.hidden.clone());
    let n = hidden.count();
    let run = move |_: &Ctx, _: &CustomJvp, primals: &[Array], tangents: &[Tangent]| {
        let tangents = tangents[n..].iter().map(instantiate).collect();
        let args = graph::result(&tree, primals[n..].to_vec())?;
        let tangents = graph::result(&tree, tangents)?;
        let (outs, dots) = hidden.within(&primals[..n], || rule(args, tangents));
        let (outs, dots) = (Flat::of(outs), Flat::of(dots));
        same_structure("custom_jvp: value of the rule", &out_tree, &outs.tree)?;
        same_structure("custom_jvp: tangent of the rule", &out_tree, &dots.tree)?;
        Ok((outs.leaves, dots.leaves.into_iter().map(Tangent::Value).collect()))
    };
    CustomJvp::new(s.name, s.graph.jaxpr.clone(), Arc::new(run)).with_sources(s.sources.clone())
}

impl WithRules for CustomJvp {
    fn captured(&self, ctx: &Ctx) -> Result<Vec<Array>, Error> {
        self.captured_by_rule(ctx)
    }

    fn into_prim(self) -> Prim {
        Arc::new(self)
    }
}

/// A call of rules per argument.
#[doc(hidden)]
pub struct PerArgument<'a> {
    tree: &'a TreeDef,
    out_tree: &'a TreeDef,
    primals: &'a [Array],
    tangents: &'a [Tangent],
    outs: &'a [Array],
}

impl PerArgument<'_> {
    /// The tangent of argument `n`, if it is not zero.
    fn tangent<A: Pytree>(&self, n: usize) -> Option<Result<A, Error>> {
        let (tree, leaves) = self.tree.child(n);
        let tangents = &self.tangents[leaves];
        if tangents.iter().all(Tangent::is_zero) {
            return None;
        }
        Some(graph::result(&tree, tangents.iter().map(instantiate).collect()))
    }
}

/// The derivative with respect to one argument `A`: a closure of its tangent, the value and all
/// arguments, or [`NoRule`].
#[diagnostic::on_unimplemented(
    message = "expected the derivative with respect to one argument: a closure of the tangent, the \
               value and the tuple of all arguments, or `NoRule`",
    label = "expected `|t: {A}, value: {R}, args: {Args}| -> {R}`, or `NoRule`"
)]
pub trait ArgumentRule<A, R, Args>: Send + Sync + 'static {
    #[doc(hidden)]
    fn rule(&self) -> Option<&dyn Fn(A, R, Args) -> R>;
}

/// States that the derivative with respect to an argument is zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRule;

impl<A, R, Args> ArgumentRule<A, R, Args> for NoRule {
    fn rule(&self) -> Option<&dyn Fn(A, R, Args) -> R> {
        None
    }
}

impl<A, R, Args, F: Fn(A, R, Args) -> R + Send + Sync + 'static> ArgumentRule<A, R, Args> for F {
    fn rule(&self) -> Option<&dyn Fn(A, R, Args) -> R> {
        Some(self)
    }
}

/// One [`ArgumentRule`] per argument of a function of arguments `Args`.
#[diagnostic::on_unimplemented(
    message = "expected a tuple of rules, one per argument: closures of the tangent, the value and \
               the tuple of all arguments, or `NoRule`",
    label = "the arguments are `{Args}`, so that each rule is `|t, value: {R}, args: {Args}|`",
    note = "one rule is written `(rule,)`; write the types of a closure's arguments"
)]
pub trait JvpRules<Args, R>: Send + Sync + 'static {
    /// The terms of the arguments whose tangents are not zero.
    #[doc(hidden)]
    fn apply(&self, call: &PerArgument) -> Result<Vec<Flat>, Error>;
}

macro_rules! jvp_rules {
    ($Args:ty; $($A:ident $D:ident $i:tt)+) => {
        impl<R: Pytree, $($A: Pytree,)+ $($D: ArgumentRule<$A, R, $Args>),+>
            JvpRules<$Args, R> for ($($D,)+)
        {
            fn apply(&self, call: &PerArgument) -> Result<Vec<Flat>, Error> {
                let mut parts = Vec::new();
                $(if let (Some(rule), Some(t)) = (self.$i.rule(), call.tangent::<$A>($i)) {
                    let value = graph::result(call.out_tree, call.outs.to_vec())?;
                    let args = graph::result(call.tree, call.primals.to_vec())?;
                    parts.push(Flat::of(rule(t?, value, args)));
                })+
                Ok(parts)
            }
        }
    };
}

jvp_rules!((A,); A D0 0);
jvp_rules!((A, B,); A D0 0 B D1 1);
jvp_rules!((A, B, C,); A D0 0 B D1 1 C D2 2);
jvp_rules!((A, B, C, E,); A D0 0 B D1 1 C D2 2 E D3 3);
jvp_rules!((A, B, C, E, G,); A D0 0 B D1 1 C D2 2 E D3 3 G D4 4);
jvp_rules!((A, B, C, E, G, H,); A D0 0 B D1 1 C D2 2 E D3 3 G D4 4 H D5 5);
jvp_rules!((A, B, C, E, G, H, I,); A D0 0 B D1 1 C D2 2 E D3 3 G D4 4 H D5 5 I D6 6);
jvp_rules!((A, B, C, E, G, H, I, J,); A D0 0 B D1 1 C D2 2 E D3 3 G D4 4 H D5 5 I D6 6 J D7 7);
