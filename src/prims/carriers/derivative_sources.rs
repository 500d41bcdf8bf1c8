//! The source of the derivative of a function with a custom rule, for each input.

use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::{Ctx, Primitive, Tangent};
use crate::prims::carriers::call::Call;
use crate::prims::carriers::regroup::nonzero;

use crate::prims::lax;
use cotangent_jit::{Error, err};
use std::sync::Arc;

/// Decides which rule gives the derivative with respect to an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DerivativeSource {
    /// The user's rule gives it.
    Rule,
    /// The input has no derivative, because the function closes over the value.
    Captured,
    /// The derivative of the body: the function closes over the value, and the user asked for this
    /// derivative.
    Body,
    /// The input has no derivative, because the user declared the argument of this number
    /// nondifferentiable.
    Nondiff(usize),
}

/// One source per input.
#[derive(Clone, Debug)]
pub struct DerivativeSources(pub Vec<DerivativeSource>);

impl DerivativeSources {
    /// The rule gives the derivatives with respect to all inputs.
    pub fn rule(inputs: usize) -> DerivativeSources {
        DerivativeSources(vec![DerivativeSource::Rule; inputs])
    }

    /// The sources with `n` more inputs in front, whose derivatives the rule gives.
    pub fn after(&self, n: usize) -> DerivativeSources {
        DerivativeSources([vec![DerivativeSource::Rule; n], self.0.clone()].concat())
    }

    /// Divides the tangents into those for the rule and those for the body. Returns an error if an
    /// input without a derivative has a nonzero tangent.
    pub fn divide(
        &self,
        op: &str,
        callee: &str,
        tangents: &[Tangent],
    ) -> Result<(Vec<Tangent>, Vec<Tangent>), Error> {
        let (mut for_rule, mut for_body) = (Vec::new(), Vec::new());
        for (source, t) in self.0.iter().zip(tangents) {
            let zero = Tangent::Zero(t.aval());
            match source {
                _ if t.is_zero() => {
                    for_rule.push(zero.clone());
                    for_body.push(zero);
                }
                DerivativeSource::Rule => {
                    for_rule.push(t.clone());
                    for_body.push(zero);
                }
                DerivativeSource::Body => {
                    for_rule.push(zero);
                    for_body.push(t.clone());
                }
                DerivativeSource::Captured => {
                    return Err(err!(
                        Transform,
                        "{op} of {callee}: differentiated in a value that the function closes \
                         over ({}), of which its rule says nothing; pass the value as an \
                         argument, close over stop_gradient(..) of it, or let the body be \
                         differentiated in it with Custom::new().captured_by_body()",
                        t.aval()
                    ));
                }
                DerivativeSource::Nondiff(n) => {
                    return Err(err!(
                        Transform,
                        "{op} of {callee}: differentiated in argument {n} ({}), which is declared \
                         nondifferentiable; pass stop_gradient(..) of it",
                        t.aval()
                    ));
                }
            }
        }
        Ok((for_rule, for_body))
    }
}

/// Adds the derivative of the body along `tangents` to the tangents of the outputs.
pub fn add_body(
    ctx: &Ctx,
    callee: &str,
    jaxpr: &Arc<Jaxpr>,
    primals: &[Array],
    tangents: &[Tangent],
    dots: Vec<Tangent>,
) -> Result<Vec<Tangent>, Error> {
    if !nonzero(tangents).contains(&true) {
        return Ok(dots);
    }
    let (_, more) = Call::new(callee, jaxpr.clone()).jvp(ctx, primals, tangents)?;
    let add = |(a, b): (Tangent, Tangent)| match (a, b) {
        (Tangent::Value(a), Tangent::Value(b)) => Tangent::Value(lax::add_any(&a, &b)),
        (Tangent::Zero(_), b) => b,
        (a, Tangent::Zero(_)) => a,
    };
    Ok(dots.into_iter().zip(more).map(add).collect())
}
