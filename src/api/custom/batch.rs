//! `custom_vmap` and `sequential_vmap`: functions with a batching rule.
//!
//! Not here: how rules close over traced values (`closure`).

use super::super::function::{Func, Function, Sig};
use super::super::graph;
use super::super::pytree::{Flat, Pytree, TreeDef, same_structure};
use super::closure::{RuleType, Setting, WithRules, with_rules};
use super::options::Custom;
use crate::core::array::Array;
use crate::core::primitive::{Ctx, Prim};
use crate::prims::carriers::custom_vmap::{CustomVmap, VmapRule};
use cotangent_jit::{Error, err, plural};
use std::sync::Arc;

/// A mask of the leaves of a batching rule's arguments that have the batch axis. The axis is in
/// front.
#[derive(Clone, Debug)]
pub struct Batched {
    tree: TreeDef,
    leaves: Vec<bool>,
}

impl Batched {
    /// The mask, in the order of the leaves.
    pub fn leaves(&self) -> &[bool] {
        &self.leaves
    }

    /// Tells whether any leaf of argument `n` has the axis.
    pub fn argument(&self, n: usize) -> bool {
        self.leaves[self.tree.child(n).1].contains(&true)
    }
}

/// A mask of the leaves of a rule's result that have the batch axis in front: a `bool` for all
/// leaves, or a `Vec<bool>` with one entry per leaf.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which results are batched",
    label = "expected a `bool` for all leaves, or a `Vec<bool>` with one entry per leaf",
    note = "the rule of `custom_vmap` returns `(results, batched)`: the mask stands behind the \
            results"
)]
pub trait ResultBatched {
    #[doc(hidden)]
    fn per_leaf(self, leaves: usize) -> Vec<bool>;
}

impl ResultBatched for bool {
    fn per_leaf(self, leaves: usize) -> Vec<bool> {
        vec![self; leaves]
    }
}

impl ResultBatched for Vec<bool> {
    fn per_leaf(self, _: usize) -> Vec<bool> {
        self
    }
}

/// Gives `f` a batching rule. `rule(size, batched, arguments)` returns the results for a batch of
/// that size, and the mask of those that have the batch axis. The axis is in front, in the
/// arguments that have one (see [`Batched`]) and in the results.
///
/// Without a batch, `f` itself runs. Derivatives keep the rule: the batched derivative is the
/// derivative of the rule, so that `vmap(grad(f))` and `grad` of `vmap(f)` agree. If `f` closes
/// over a batched value, the rule cannot know it, and `f` itself is batched.
///
/// ```
/// use cotangent::prelude::*;
/// // One product of matrices instead of a batch of them.
/// let times = custom_vmap(
///     |w: Array, x: Array| w.matmul(&x),
///     |_, batched, (w, x)| {
///         assert!(!batched.argument(0) && batched.argument(1));
///         (x.matmul(&w.t()), true)
///     },
/// );
/// let w = array![[1.0, 2.0], [3.0, 4.0]];
/// let y = vmap_axes(times, (None, 0))(w, array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
/// assert_eq!(y.to_vec::<f32>(), [1.0, 3.0, 2.0, 4.0, 3.0, 7.0]);
/// ```
pub fn custom_vmap<F, S: Sig<'static>, R: Pytree, D, B: ResultBatched>(
    f: F,
    rule: D,
) -> Func<'static, S, R>
where
    F: Function<'static, S, R>,
    D: Fn(usize, Batched, S::Args) -> (R, B) + Send + Sync + 'static,
{
    let rule = Arc::new(rule);
    with_rules("custom_vmap", f.erase(), Custom::new(), RuleType::of::<D>(), move |s: &Setting| {
        let (rule, tree, out_tree) = (rule.clone(), s.tree.clone(), s.graph.out_tree.clone());
        let hidden = s.hidden.clone();
        let n = hidden.count();
        let run = move |_: &Ctx, size: usize, batched: &[bool], inputs: &[Array]| {
            if batched[..n].contains(&true) {
                return Ok(None);
            }
            let args = graph::result(&tree, inputs[n..].to_vec())?;
            let given = Batched { tree: tree.clone(), leaves: batched[n..].to_vec() };
            let (outs, has) = hidden.within(&inputs[..n], || rule(size, given, args));
            let outs = Flat::of(outs);
            same_structure("custom_vmap: result of the rule", &out_tree, &outs.tree)?;
            let has = has.per_leaf(outs.leaves.len());
            if has.len() != outs.leaves.len() {
                let (e, g) = (outs.leaves.len(), has.len());
                return Err(err!(
                    Tree,
                    "custom_vmap: the rule should say whether each of {results} is batched, got \
                     {g}",
                    results = plural(e, "result")
                ));
            }
            Ok(Some((outs.leaves, has)))
        };
        let rule: Arc<VmapRule> = Arc::new(run);
        let prim = CustomVmap::new(s.name, s.graph.jaxpr.clone(), rule);
        WithHidden { prim, hidden: n }
    })
}

/// Makes `vmap` apply `f` to one example after the other, in a loop. It is for functions of which a
/// batch does not fit in memory, and for functions whose branches would all run.
///
/// ```
/// use cotangent::prelude::*;
/// let root = |x: Array| cond(x.gt(0.0), |x: Array| x.sqrt(), |x: Array| -x, x.clone());
/// let f = sequential_vmap(root);
/// assert_eq!(vmap(f)(array![4.0, -1.0]).to_vec::<f32>(), [2.0, 1.0]);
/// ```
pub fn sequential_vmap<F, S: Sig<'static>, R: Pytree>(f: F) -> Func<'static, S, R>
where
    F: Function<'static, S, R>,
{
    let rules = RuleType::of::<()>();
    with_rules("sequential_vmap", f.erase(), Custom::new(), rules, move |s: &Setting| {
        let prim = CustomVmap::sequential(s.name, s.graph.jaxpr.clone());
        WithHidden { prim, hidden: s.hidden.count() }
    })
}

struct WithHidden {
    prim: CustomVmap,
    hidden: usize,
}

impl WithRules for WithHidden {
    fn captured(&self, ctx: &Ctx) -> Result<Vec<Array>, Error> {
        self.prim.captured_by_rule(ctx, self.hidden)
    }

    fn into_prim(self) -> Prim {
        Arc::new(self.prim)
    }
}
