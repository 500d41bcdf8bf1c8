//! Taylor coefficients through primitives: all kinds of [`Taylor`] once, so that no primitive writes a rule of series.
//!
//! A primitive that is known by its derivative alone is a differential equation along the curve: `y' = rule(x', x, y)`. Its
//! jvp rule is traced, and what the rule applies becomes unknowns beside `y`, each with its own equation: of `sin x` the
//! rule asks for `cos x`, whose rule asks for `sin x` again. The unknowns are solved for together, order by order: to
//! coefficient `k` of `y` only coefficients up to `k - 1` of the others are needed. Equal applications are one unknown, so
//! sine and cosine cost what one bilinear recurrence costs, quadratic in the order, and nothing is exponential.
//!
//! The unknowns are in `curves`, their equations in `rule`. Also here: [`Forward`], by which a carrier writes one rule for `jvp` and `jet`.

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

/// Forward mode as carriers see it: what rides beside every input of a body.
#[derive(Clone, Copy)]
pub enum Forward {
    /// A tangent.
    Jvp,
    /// So many Taylor coefficients.
    Jet(usize),
}

impl Forward {
    /// How many ride beside each input.
    pub fn count(self) -> usize {
        match self {
            Forward::Jvp => 1,
            Forward::Jet(order) => order,
        }
    }

    /// Types of all that ride beside values of these types.
    pub fn avals(self, avals: &[Aval]) -> Vec<Aval> {
        avals.iter().flat_map(|a| std::iter::repeat_n(a.strong(), self.count())).collect()
    }

    /// The body with what rides, by masks of [`Forward::count`] bits per input and output.
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

/// Outputs of a primitive and their coefficients, `order` per output, from those of the inputs.
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
