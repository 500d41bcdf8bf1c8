//! Closures of control flow as jaxprs, and what is checked of a carry.

use crate::api::pytree::{Flat, Pytree, Token, TreeDef, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::source::afresh;
use crate::core::trace::trace;
use crate::prims::lax;
use cotangent_jit::{Error, err};

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
        let mut out_tree = TreeDef::default();
        let traced = trace(avals, |leaves| {
            let args = try_tree_unflatten(tree, leaves)?;
            let result = Flat::of(afresh(|| f(args)));
            out_tree = result.tree;
            Ok(result.leaves)
        })?;
        Ok(Body { jaxpr: traced.jaxpr, captured: traced.captured, out_tree })
    }
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
    /// Traces the body and checks that it returns the carry as it takes it. A literal as initial carry takes the type that
    /// the body gives it.
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
        for ((path, x), after) in init.tree.paths().iter().zip(&init.leaves).zip(outs) {
            let before = x.aval();
            if before != after {
                return Err(err!(
                    Shape,
                    "{op}: `carry{path}` changes type: it starts as {before} and {closure} returns {after}; make {closure} return {before}, or start with {after}"
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
