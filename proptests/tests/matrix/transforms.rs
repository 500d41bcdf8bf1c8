//! Transforms as operators on functions of one number, applied to traced functions and to the
//! oracle.

use super::series::Series;
use cotangent::prelude::*;
use std::sync::Arc;

/// A function of one number, an `f64[]`.
pub type Function = Arc<dyn Fn(Array) -> Array + Send + Sync>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transform {
    Grad,
    Jvp,
    Vmap,
    Jit,
    Hessian,
    Checkpoint,
    Jet,
}

pub const ALL: [Transform; 7] = [
    Transform::Grad,
    Transform::Jvp,
    Transform::Vmap,
    Transform::Jit,
    Transform::Hessian,
    Transform::Checkpoint,
    Transform::Jet,
];

/// Where the function is batched, as multiples of its argument, and how the results are weighed.
const AT: [f64; 3] = [1.0, -0.5, 0.6];
const WEIGHTS: [f64; 3] = [1.0, 0.7, -0.4];

impl Transform {
    pub fn name(self) -> &'static str {
        match self {
            Transform::Grad => "grad",
            Transform::Jvp => "jvp",
            Transform::Vmap => "vmap",
            Transform::Jit => "jit",
            Transform::Hessian => "hessian",
            Transform::Checkpoint => "checkpoint",
            Transform::Jet => "jet",
        }
    }

    /// How many derivatives it takes.
    pub fn order(self) -> usize {
        match self {
            Transform::Grad | Transform::Jvp => 1,
            Transform::Hessian | Transform::Jet => 2,
            Transform::Vmap | Transform::Jit | Transform::Checkpoint => 0,
        }
    }

    /// Whether it needs reverse mode.
    pub fn is_reverse(self) -> bool {
        matches!(self, Transform::Grad | Transform::Hessian)
    }

    /// The traced function transformed. `vmap` weighs what the function gives at several multiples
    /// of its argument; `jet` is asked for the second derivative.
    pub fn of(self, f: Function) -> Function {
        let g = move |x: Array| f(x);
        match self {
            Transform::Grad => shared(grad(g)),
            Transform::Jvp => {
                let g = Arc::new(g);
                Arc::new(move |x| {
                    let (g, one) = (g.clone(), full_like(&x, 1.0));
                    jvp(move |x: Array| g(x), (x,), (one,)).1
                })
            }
            Transform::Vmap => {
                let many = vmap(g);
                Arc::new(move |x| (many(x * Array::from(&AT)) * Array::from(&WEIGHTS)).sum())
            }
            Transform::Jit => shared(jit(g)),
            Transform::Hessian => shared(hessian(g)),
            Transform::Checkpoint => shared(checkpoint(g)),
            Transform::Jet => {
                let g = Arc::new(g);
                Arc::new(move |x| {
                    let (one, zero) = (full_like(&x, 1.0), full_like(&x, 0.0));
                    let g = g.clone();
                    let (_, mut series) = jet(move |x: Array| g(x), (x,), vec![(one,), (zero,)]);
                    series.remove(1)
                })
            }
        }
    }
}

// The closure is not its callee: that is behind a pointer of its own.
#[allow(clippy::redundant_closure)]
fn shared(f: Func<'static, (Own<Array>,), Array>) -> Function {
    Arc::new(move |x| f(x))
}

/// Transforms from the innermost outwards.
pub type Chain = [Transform];

pub fn applied(chain: &Chain, f: Function) -> Function {
    chain.iter().fold(f, |f, t| t.of(f))
}

/// `grad(jit(vmap(f)))`
pub fn name(chain: &Chain) -> String {
    chain.iter().fold("f".to_owned(), |f, t| format!("{}({f})", t.name()))
}

/// What the transformed function's series at `x` is, from that of the function.
pub fn expected(chain: &Chain, f: &dyn Fn(&Series) -> Series, x: f64, order: usize) -> Series {
    let Some((last, inner)) = chain.split_last() else { return f(&Series::variable(x, order)) };
    match last {
        Transform::Vmap => {
            let one = |(at, weight): (&f64, &f64)| {
                let y = expected(inner, f, at * x, order);
                let chained = y.0.iter().enumerate().map(|(k, c)| c * at.powi(k as i32) * weight);
                Series(chained.collect())
            };
            let parts: Vec<Series> = AT.iter().zip(&WEIGHTS).map(one).collect();
            parts.iter().skip(1).fold(parts[0].clone(), |sum, p| &sum + p)
        }
        _ => {
            let mut y = expected(inner, f, x, order + last.order());
            for _ in 0..last.order() {
                y = Series((1..y.0.len()).map(|k| k as f64 * y.0[k]).collect());
            }
            y
        }
    }
}
