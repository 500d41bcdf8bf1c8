//! Taylor coefficients through primitives. Each kind of [`Taylor`] is implemented here once, so no
//! primitive writes a rule for series.
//!
//! A primitive of which only the derivative is known is a differential equation along the curve:
//! `y' = rule(x', x, y)`. Its jvp rule is traced, and each application in the rule becomes an
//! unknown in addition to `y`, with its own equation: the rule of `sin x` applies `cos x`, whose
//! rule applies `sin x` again. The unknowns are solved together, order by order: coefficient `k` of
//! `y` needs only coefficients up to `k - 1` of the others. Equal applications are one unknown, so
//! sine and cosine cost as much as one bilinear recurrence, which is quadratic in the order, and
//! nothing is exponential.
//!
//! The unknowns are in `curves`, their equations in `rule`. Also here: [`Forward`], by which a
//! carrier writes one rule for `jvp` and `jet`.

mod curves;
mod rule;

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::{Ctx, JvpResult, Masked, Prim, Tangent, Taylor};
use crate::core::source::Source;
use cotangent_jit::Error;
use curves::Curves;
use std::sync::Arc;

/// Forward mode as carriers see it: a tangent or Taylor coefficients for every input of a body.
#[derive(Clone, Copy)]
pub enum Forward {
    /// One tangent.
    Jvp,
    /// This many Taylor coefficients.
    Jet(usize),
}

impl Forward {
    /// The number of tangents or coefficients per input.
    pub fn count(self) -> usize {
        match self {
            Forward::Jvp => 1,
            Forward::Jet(order) => order,
        }
    }

    /// The types of the tangents or coefficients of values of these types.
    pub fn avals(self, avals: &[Aval]) -> Vec<Aval> {
        avals.iter().flat_map(|a| std::iter::repeat_n(a.strong(), self.count())).collect()
    }

    /// The body with its tangents or coefficients, by masks of [`Forward::count`] bits per input
    /// and output.
    pub fn of(
        self,
        ctx: &Ctx,
        jaxpr: &Arc<Jaxpr>,
        nonzero: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error> {
        match self {
            Forward::Jvp => ctx.recur.jvp(jaxpr, nonzero, force),
            Forward::Jet(order) => ctx.recur.jet(jaxpr, order, nonzero, force),
        }
    }
}

/// The outputs of a primitive and their coefficients, `order` per output, from those of the inputs.
pub fn along(
    ctx: &Ctx,
    order: usize,
    prim: &Prim,
    source: Source,
    primals: &[Array],
    series: &[Tangent],
) -> JvpResult {
    if let Taylor::Rule(rule) = prim.taylor() {
        return rule.jet(ctx, order, primals, series);
    }
    Curves::new(ctx, order).along(prim, source, primals, series)
}
