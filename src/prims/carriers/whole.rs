//! Primitives whose body is never split in two, because a custom rule or a solver is for the whole
//! body.

use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use crate::core::params::{Param, Params, Rule};
use crate::core::policy::KeepPolicy;

use crate::core::primitive::{Carrier, Ctx, Kept, PartialEval, Prim, Shrunk, ThreadResult};
use crate::prims::carriers::call::Call;
use crate::prims::carriers::regroup::{all, all_unknown};
use crate::prims::carriers::with_bodies::WithBodies;
use cotangent_jit::Error;
use std::sync::Arc;

/// A carrier whose body is never split, shrunk by dead code elimination or kept in part.
/// [`Carrier`] follows from these methods.
pub trait Whole: WithBodies {
    /// [`Carrier::with_jaxprs`] of the primitive.
    fn with_bodies(&self, jaxprs: Vec<Arc<Jaxpr>>) -> Prim;

    /// [`Carrier::threaded`] of the primitive. By default, this is a `call` of the body that runs;
    /// the other bodies, which only serve derivatives, are dropped.
    fn thread(&self, bodies: Vec<Arc<Jaxpr>>, state: &[Array], inputs: &[Array]) -> ThreadResult {
        let params = self.params();
        let mut own = params.iter().flat_map(|(_, p)| p.jaxprs());
        let first = own.position(|j| Arc::ptr_eq(j, self.bodies().first()));
        let body = &bodies[first.unwrap_or(0)];
        Call::new("solve", body.clone()).threaded(vec![body.clone()], state, inputs)
    }
}

/// The parameters of a function with custom rules.
pub fn with_rules<const N: usize>(
    callee: &str,
    jaxpr: &Arc<Jaxpr>,
    rules: [(&'static str, &Rule); N],
) -> Params {
    let own = [("name", Param::Name(callee.to_owned())), ("jaxpr", Param::Jaxpr(jaxpr.clone()))];
    let rules = rules.map(|(name, rule)| (name, Param::Rule(rule.clone())));
    own.into_iter().chain(rules).collect()
}

impl<T: Whole> Carrier for T {
    /// All of the primitive is unknown, because no custom rule is for a part of the body.
    fn partial_eval(&self, _: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        all_unknown(Arc::new(self.clone()), &self.bodies().first().in_avals(), unknown)
    }

    /// Nothing inside is kept, because the custom rule does not use the values inside the body.
    fn keep(
        &self,
        _: &Ctx,
        _: &[bool],
        _: &[bool],
        _: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        Ok(None)
    }

    fn with_jaxprs(&self, jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        self.with_bodies(jaxprs)
    }

    /// Nothing is dropped, because a custom rule takes all inputs and returns all outputs.
    fn dce(&self, _: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let inputs = all(self.bodies().first().inputs.len());
        Ok(Shrunk { prim: Arc::new(self.clone()), inputs, outputs: all(used.len()) })
    }

    fn threaded(&self, bodies: Vec<Arc<Jaxpr>>, state: &[Array], inputs: &[Array]) -> ThreadResult {
        self.thread(bodies, state, inputs)
    }
}
