//! Closures of control flow as jaxprs, and what is checked of a carry.

use crate::api::pytree::{Flat, Pytree, Token, TreeDef, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::{Atom, Jaxpr, Var};
use crate::core::source::afresh;
use crate::core::trace::trace;
use crate::prims::carriers::regroup::with_inputs;
use crate::prims::lax;
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

/// A traced branch or body.
pub(super) struct Body {
    pub jaxpr: Jaxpr,
    pub captured: Vec<Array>,
    pub out_tree: TreeDef,
}

impl Body {
    #[track_caller]
    pub fn trace<A: Pytree, R: Pytree>(args: &Flat, f: impl FnOnce(A) -> R) -> Result<Body, Error> {
        let avals: Vec<Aval> = args.leaves.iter().map(Array::aval).collect();
        Body::of(&args.tree, &avals, f)
    }

    #[track_caller]
    pub fn of<A: Pytree, R: Pytree>(
        tree: &TreeDef,
        avals: &[Aval],
        f: impl FnOnce(A) -> R,
    ) -> Result<Body, Error> {
        Body::flat(avals, |leaves| Ok(f(try_tree_unflatten(tree, leaves)?)))
    }

    /// Says at which line the dtype of an output entered the body, if it is another than expected
    /// and not a narrower one: the equation furthest back that makes it of operands without it, or
    /// of what the body captured.
    pub fn entry(&self, output: usize, expected: DType) -> String {
        let jaxpr = &self.jaxpr;
        let dtype = jaxpr.out_avals()[output].dtype;
        let Atom::Var(result) = jaxpr.outputs[output] else { return String::new() };
        if dtype == expected || dtype.size() < expected.size() {
            return String::new();
        }
        if jaxpr.inputs[..self.captured.len()].contains(&result) {
            return format!("; the {dtype} is that of an array which the closure captured");
        }
        let of_it = |a: &Atom| a.var().filter(|v| jaxpr.aval(*v).dtype == dtype);
        let (mut wanted, mut first) = (vec![result], None);
        for (i, eqn) in jaxpr.eqns.iter().enumerate().rev() {
            if !eqn.outputs.iter().any(|v| wanted.contains(v)) {
                continue;
            }
            let from: Vec<Var> = eqn.inputs.iter().filter_map(of_it).collect();
            let outside = from.iter().any(|v| jaxpr.inputs.contains(v));
            if from.is_empty() || outside {
                first = Some(i);
            }
            wanted.extend(from);
        }
        let line = first.map(|i| jaxpr.eqns[i].source);
        line.map_or(String::new(), |at| format!("; the {dtype} comes in at {at}"))
    }

    /// Of a closure that takes leaves.
    #[track_caller]
    pub fn flat<R: Pytree>(
        avals: &[Aval],
        f: impl FnOnce(Vec<Array>) -> Result<R, Error>,
    ) -> Result<Body, Error> {
        let mut out_tree = TreeDef::default();
        let traced = trace(avals, |leaves| {
            let result = Flat::of(afresh(|| f(leaves))?);
            out_tree = result.tree;
            Ok(result.leaves)
        })?;
        Ok(Body { jaxpr: traced.jaxpr, captured: traced.captured, out_tree })
    }
}

/// Everything that any of the bodies captured, and the bodies as jaxprs that take all of it in
/// front.
pub(super) fn together(bodies: &[Body]) -> (Vec<Array>, Vec<Arc<Jaxpr>>) {
    let captured: Vec<Array> = bodies.iter().flat_map(|b| b.captured.iter().cloned()).collect();
    let total = captured.len();
    let mut before = 0;
    let widened = bodies.iter().map(|b| {
        let mine = before..before + b.captured.len();
        before = mine.end;
        let rest = &b.jaxpr.in_avals()[mine.len()..];
        let avals: Vec<Aval> = captured.iter().map(Array::aval).chain(rest.to_vec()).collect();
        let have: Vec<bool> = (0..avals.len()).map(|i| i >= total || mine.contains(&i)).collect();
        Arc::new(with_inputs(&b.jaxpr, &have, &vec![true; avals.len()], &avals))
    });
    let widened = widened.collect();
    (captured, widened)
}

/// What a closure returns must be like `given`, which the message calls `name`.
pub(super) fn same_types(
    op: &str,
    closure: &str,
    name: &str,
    given: &Flat,
    body: &Body,
) -> Result<(), Error> {
    if body.out_tree != given.tree {
        return Err(err!(
            Tree,
            "{op}: {closure} should return a structure like `{name}`, {:?}, got {:?}",
            given.tree,
            body.out_tree
        ));
    }
    let outs = body.jaxpr.out_avals();
    for (i, ((path, x), got)) in given.tree.paths().iter().zip(&given.leaves).zip(outs).enumerate()
    {
        let expected = x.aval();
        if expected != got {
            let entry = body.entry(i, expected.dtype);
            return Err(err!(
                Shape,
                "{op}: {closure} should return {expected} at `result{path}`, like `{name}{path}`, \
                 got {got}; convert or reshape it{entry}"
            ));
        }
    }
    Ok(())
}

/// What a closure is called with must be like `expected`.
pub(super) fn same_leaves(op: &str, what: &str, expected: &Flat, got: &Flat) -> Result<(), Error> {
    if expected.tree != got.tree {
        return Err(err!(
            Tree,
            "{op}: {what} should be called with {:?}, got {:?}",
            expected.tree,
            got.tree
        ));
    }
    for ((path, e), g) in expected.tree.paths().iter().zip(&expected.leaves).zip(&got.leaves) {
        if e.aval() != g.aval() {
            return Err(err!(
                Shape,
                "{op}: {what} should be called with {} at `argument{path}`, got {}",
                e.aval(),
                g.aval()
            ));
        }
    }
    Ok(())
}

/// All leaves must have derivatives.
pub(super) fn check_floats(op: &str, name: &str, given: &Flat) -> Result<(), Error> {
    for (path, x) in given.tree.paths().iter().zip(&given.leaves) {
        if !x.dtype().is_inexact() {
            return Err(err!(
                DType,
                "{op}: `{name}{path}` should be floats, got {}; convert it with astype, or capture \
                 it",
                x.aval()
            ));
        }
    }
    Ok(())
}

/// A loop as its messages name it.
pub(super) struct Loop {
    pub op: &'static str,
    /// What returns the next carry: `the step`, `the body`.
    pub closure: &'static str,
    /// What it returns besides: `(carry, y)`, `the carry`.
    pub returns: &'static str,
    /// Tokens of the returned structure before the carry's.
    pub skip: usize,
}

impl Loop {
    /// Traces the body and checks that it returns the carry as it takes it. A literal as initial
    /// carry takes the type that the body gives it.
    #[track_caller]
    pub fn body(
        &self,
        init: &mut Flat,
        once: impl Fn(&Flat) -> Result<Body, Error>,
    ) -> Result<Body, Error> {
        loop {
            let body = once(init)?;
            self.check_tree(init, &body)?;
            if !adopt(init, &body)? {
                self.check_types(init, &body)?;
                return Ok(body);
            }
        }
    }

    fn check_tree(&self, init: &Flat, body: &Body) -> Result<(), Error> {
        let out = body.out_tree.tokens();
        let carry = init.tree.tokens();
        if out.get(self.skip..self.skip + carry.len()) != Some(carry) {
            return Err(err!(
                Tree,
                "{}: the carry changes structure: it starts as {:?}, and {} returns {} as {:?}",
                self.op,
                init.tree,
                self.closure,
                self.returns,
                body.out_tree
            ));
        }
        Ok(())
    }

    fn check_types(&self, init: &Flat, body: &Body) -> Result<(), Error> {
        let Loop { op, closure, .. } = self;
        let outs = body.jaxpr.out_avals();
        let carry = init.tree.paths().into_iter().zip(&init.leaves).zip(outs);
        for (i, ((path, x), after)) in carry.enumerate() {
            let before = x.aval();
            if before != after {
                let entry = body.entry(i, before.dtype);
                return Err(err!(
                    Shape,
                    "{op}: `carry{path}` changes type: it starts as {before} and {closure} returns \
                     {after}; make {closure} return {before}, or start with {after}{entry}"
                ));
            }
        }
        Ok(())
    }
}

/// Weak initial carries take the dtype their body returns; whether any changed.
fn adopt(init: &mut Flat, body: &Body) -> Result<bool, Error> {
    let mut changed = false;
    for (x, out) in init.leaves.iter_mut().zip(body.jaxpr.out_avals()) {
        if x.is_weak() && x.dtype() != out.dtype && x.shape() == &out.shape[..] {
            *x = lax::try_convert_element_type(x, out.dtype)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// The structure of a pair of these structures.
pub(super) fn pair(a: &TreeDef, b: &TreeDef) -> TreeDef {
    let mut tree = TreeDef::default();
    tree.push(Token::Tuple(2));
    a.tokens().iter().chain(b.tokens()).for_each(|t| tree.push(t.clone()));
    tree
}
