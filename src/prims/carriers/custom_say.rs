//! Which inputs a custom derivative rule speaks of, and what is done about the others.

use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::{Ctx, Tangent};
use crate::prims::carriers::call::called;
use crate::prims::carriers::regroup::nonzero;
use crate::prims::lax;
use cotangent_jit::{Error, err};
use std::sync::Arc;

/// Whose word the derivative in an input is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Say {
    /// The rule's.
    Rule,
    /// Nobody's: the function closes over the value.
    Captured,
    /// The body's: the function closes over the value, and the user wants it so.
    Body,
    /// Nobody's: the argument of this number is declared nondifferentiable.
    Nondiff(usize),
}

/// One per input.
#[derive(Clone, Debug)]
pub struct Says(pub Vec<Say>);

impl Says {
    /// All inputs are the rule's.
    pub fn rule(inputs: usize) -> Says {
        Says(vec![Say::Rule; inputs])
    }

    /// With `n` more inputs in front.
    pub fn after(&self, n: usize) -> Says {
        Says([vec![Say::Rule; n], self.0.clone()].concat())
    }

    /// The tangents for the rule and those for the body; an error if one is neither's.
    pub fn divide(
        &self,
        op: &str,
        callee: &str,
        tangents: &[Tangent],
    ) -> Result<(Vec<Tangent>, Vec<Tangent>), Error> {
        let (mut rules, mut bodies) = (Vec::new(), Vec::new());
        for (say, t) in self.0.iter().zip(tangents) {
            let zero = Tangent::Zero(t.aval());
            match say {
                _ if t.is_zero() => {
                    rules.push(zero.clone());
                    bodies.push(zero);
                }
                Say::Rule => {
                    rules.push(t.clone());
                    bodies.push(zero);
                }
                Say::Body => {
                    rules.push(zero);
                    bodies.push(t.clone());
                }
                Say::Captured => {
                    return Err(err!(
                        Transform,
                        "{op} of {callee}: differentiated in a value that the function closes over ({}), of which its rule \
                         says nothing; pass the value as an argument, close over stop_gradient(..) of it, or let the body \
                         be differentiated in it with Custom::new().captured_by_body()",
                        t.aval()
                    ));
                }
                Say::Nondiff(n) => {
                    return Err(err!(
                        Transform,
                        "{op} of {callee}: differentiated in argument {n} ({}), which is declared nondifferentiable; pass \
                         stop_gradient(..) of it",
                        t.aval()
                    ));
                }
            }
        }
        Ok((rules, bodies))
    }
}

/// Adds what the body's derivative along `tangents` contributes to the outputs' tangents.
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
    let (_, more) = called(callee, jaxpr).jvp(ctx, primals, tangents)?;
    let add = |(a, b): (Tangent, Tangent)| match (a, b) {
        (Tangent::Value(a), Tangent::Value(b)) => Tangent::Value(lax::add_any(&a, &b)),
        (Tangent::Zero(_), b) => b,
        (a, Tangent::Zero(_)) => a,
    };
    Ok(dots.into_iter().zip(more).map(add).collect())
}
