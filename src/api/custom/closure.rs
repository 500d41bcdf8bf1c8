//! Functions with rules as closures: the values that function and rules close over, and the
//! primitive that is made once per type of arguments.
//!
//! Captured arrays are hidden inputs of the primitive. A trace of the function finds the arrays
//! that the function closes over. A trial call of a rule finds those that the rule closes over.
//! Rules are tried only inside a trace, and only if they close over anything. A rule that is being
//! tried is not tried again: it may call the function that it is a rule of.
//!
//! Not here: the rules themselves (`jvp`, `vjp`, `batch`).

use super::super::cache::{Cache, Key, site_of_call};
use super::super::function::{Callee, Func, Sig};
use super::super::graph::{self, Graph, argument, at_caller};
use super::super::pytree::{Pytree, TreeDef};
use super::options::Custom;
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::primitive::{Ctx, Prim};
use crate::core::standin::{StandIn, TracerKey, recording_stand_ins, with_stand_ins};
use crate::core::{scoped, source, trace};
use crate::prims::carriers::derivative_sources::{DerivativeSource, DerivativeSources};
use crate::prims::carriers::regroup::with_inputs;
use crate::transforms::Transforms;
use cotangent_jit::{Error, err};
use std::any::TypeId;
use std::cell::RefCell;
use std::sync::Arc;

/// The inputs that function and rules close over.
#[derive(Clone, Default)]
pub struct Hidden {
    arrays: Vec<Array>,
    /// The tracers under which closures may know each array.
    keys: Vec<Vec<TracerKey>>,
}

impl Hidden {
    pub fn count(&self) -> usize {
        self.arrays.len()
    }

    fn extend(&mut self, arrays: Vec<Array>, seen: &[StandIn]) {
        for array in arrays {
            let own = TracerKey::of(&array);
            if own.is_some() && self.arrays.iter().any(|a| TracerKey::of(a) == own) {
                continue;
            }
            let alias = |(key, a): &StandIn| (TracerKey::of(a) == own).then_some(*key);
            let aliases = seen.iter().filter(|_| own.is_some()).filter_map(alias);
            self.keys.push(own.into_iter().chain(aliases).collect());
            self.arrays.push(array);
        }
    }

    /// Runs a rule of the user's. `values` are the current values of the hidden inputs.
    pub fn within<R>(&self, values: &[Array], rule: impl FnOnce() -> R) -> R {
        let pairs = self.keys.iter().zip(values);
        let pairs = pairs.flat_map(|(keys, value)| keys.iter().map(move |k| (*k, value.clone())));
        with_stand_ins(pairs, || source::afresh(rule))
    }
}

/// The parts of the primitive of a function with rules.
pub struct Setting<'a> {
    pub name: &'a str,
    pub graph: &'a Graph,
    pub hidden: Hidden,
    /// Structure and types of the arguments.
    pub tree: TreeDef,
    pub types: Vec<Aval>,
    pub sources: DerivativeSources,
    /// See `Custom::forward_cure`.
    pub forward_cure: Option<&'static str>,
}

/// A primitive with rules that can be tried.
pub trait WithRules {
    /// The tracers that the rules close over.
    fn captured(&self, ctx: &Ctx) -> Result<Vec<Array>, Error>;

    fn into_prim(self) -> Prim;
}

/// The type of a rule, and whether the rule closes over anything.
#[derive(Clone, Copy)]
pub struct RuleType {
    id: TypeId,
    captures: bool,
}

impl RuleType {
    pub fn of<D: 'static>() -> RuleType {
        RuleType { id: TypeId::of::<D>(), captures: size_of::<D>() > 0 }
    }

    /// The type of two rules together.
    pub fn and(self, other: RuleType) -> RuleType {
        RuleType { id: self.id, captures: self.captures || other.captures }
    }
}

thread_local! {
    static TRIED: RefCell<Vec<TypeId>> = const { RefCell::new(Vec::new()) };
}

/// The arrays that the rules close over, if the rules can be tried. Their errors are reported when
/// they are used.
fn try_rules(rules: RuleType, prim: &impl WithRules) -> (Vec<Array>, Vec<StandIn>) {
    let again = TRIED.with_borrow(|t| t.contains(&rules.id));
    if again || !rules.captures || !trace::is_tracing() {
        return Default::default();
    }
    let (captured, seen) = scoped::with_pushed(&TRIED, rules.id, || {
        recording_stand_ins(|| prim.captured(&Transforms::new().ctx()))
    });
    (captured.unwrap_or_default(), seen)
}

/// Returns a function that binds a primitive. The primitive is made once per type of arguments, so
/// that equal calls give equal equations.
pub fn with_rules<S: Sig<'static>, R: Pytree, P: WithRules>(
    op: &'static str,
    f: Callee<'static, R>,
    custom: Custom,
    rules: RuleType,
    make: impl Fn(&Setting) -> P + Send + Sync + 'static,
) -> Func<'static, S, R> {
    // Outside of traces rules are not tried, so that primitives that were made there may lack
    // hidden inputs.
    let caches: [Cache<Made>; 2] = Default::default();
    Func::new(f.name.clone(), move |args| {
        let cache = &caches[trace::is_tracing() as usize];
        let site = site_of_call(&args)?;
        let entry = match cache.get(&args, site) {
            Some(entry) => entry,
            None => {
                let key = Key::of(&args, site);
                let made = Made::new(op, &f, &custom, rules, &key, &make)?;
                let closed = made.hidden.iter().any(Array::is_tracer);
                if closed { Cache::once(key, made) } else { cache.insert(&args, key, made) }
            }
        };
        let Made { hidden, prim, out_tree } = &entry.value;
        let inputs: Vec<Array> = hidden.iter().cloned().chain(args.leaves).collect();
        let leaves = at_caller(|| trace::bind(prim.clone(), &inputs))?.into_vec();
        graph::result(out_tree, leaves)
    })
}

struct Made {
    hidden: Vec<Array>,
    prim: Prim,
    out_tree: TreeDef,
}

impl Made {
    fn new<R: Pytree, P: WithRules>(
        op: &'static str,
        f: &Callee<'static, R>,
        custom: &Custom,
        rules: RuleType,
        key: &Key,
        make: impl Fn(&Setting) -> P,
    ) -> Result<Made, Error> {
        let (graph, seen) =
            recording_stand_ins(|| graph::trace(f, &key.tree, &key.avals, key.site));
        let mut graph = graph?;
        let mut hidden = Hidden::default();
        hidden.extend(std::mem::take(&mut graph.captured), &seen);
        let by_body = hidden.count();
        let nondiff = nondiff(op, f.name.text(), custom, &key.tree)?;
        let source = if custom.captured_by_body {
            DerivativeSource::Body
        } else {
            DerivativeSource::Captured
        };
        let setting = |hidden: &Hidden| {
            let sources =
                DerivativeSources([vec![source; hidden.count()], nondiff.clone()].concat());
            (hidden.clone(), sources)
        };
        let with = |graph: &Graph, (hidden, sources): (Hidden, DerivativeSources)| {
            let (tree, types, name) = (key.tree.clone(), key.avals.clone(), f.name.text());
            let forward_cure = custom.forward_cure;
            make(&Setting { name, graph, hidden, tree, types, sources, forward_cure })
        };
        let mut prim = with(&graph, setting(&hidden));
        let (captured, seen) = try_rules(rules, &prim);
        hidden.extend(captured, &seen);
        let more = hidden.count() - by_body;
        if more > 0 {
            let (old, n) = (graph.jaxpr.in_avals(), graph.jaxpr.inputs.len());
            let fresh = hidden.arrays[by_body..].iter().map(Array::aval);
            let avals: Vec<Aval> = old[..by_body]
                .iter()
                .cloned()
                .chain(fresh)
                .chain(old[by_body..].to_vec())
                .collect();
            let is_old = |i: usize| i < by_body || i >= by_body + more;
            let have: Vec<bool> = (0..n + more).map(is_old).collect();
            graph.jaxpr = Arc::new(with_inputs(&graph.jaxpr, &have, &vec![true; n + more], &avals));
            prim = with(&graph, setting(&hidden));
        }
        let out_tree = graph.out_tree.clone();
        Ok(Made { hidden: hidden.arrays, prim: prim.into_prim(), out_tree })
    }
}

/// Decides where the derivative with respect to each leaf of the arguments comes from.
fn nondiff(
    op: &str,
    name: &str,
    custom: &Custom,
    tree: &TreeDef,
) -> Result<Vec<DerivativeSource>, Error> {
    let mut sources = vec![DerivativeSource::Rule; tree.leaf_count()];
    let arguments = tree.child_count();
    for n in &custom.nondiff {
        if *n >= arguments {
            return Err(err!(
                Value,
                "{op} of {name}: argument {n} is declared nondifferentiable, but there are only \
                 {arguments}"
            ));
        }
        sources[tree.child(*n).1].fill(DerivativeSource::Nondiff(*n));
    }
    Ok(sources)
}

/// Returns an error unless the result of a rule for leaf `index` has this type.
pub fn check_leaf(
    what: &str,
    tree: &TreeDef,
    index: usize,
    expected: &Aval,
    got: &Aval,
) -> Result<(), Error> {
    if expected == got {
        return Ok(());
    }
    let place = argument(tree, index);
    Err(err!(Shape, "{what}: {place} should be {expected} like the argument, got {got}"))
}
