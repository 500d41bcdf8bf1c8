//! A function to minimise as one of a vector, and where a descent stands.

use super::minimum::{MinimizeOptions, Minimum};
use crate::api::grad::value_and_grad;
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::core::source::afresh;
use crate::numpy::finfo::epsilon;
use crate::numpy::join::stack;
use crate::prims::lax::stop_gradient;
use crate::prims::rules::numbers::rounds;
use crate::ravel::{Unravel, try_ravel};
use crate::root::implicit::{Slope, root};
use crate::root::{KrylovOptions, cg};
use cotangent_derive::Pytree;
use cotangent_jit::{DType, Error};

/// `f` of a vector.
pub(super) struct Objective<F> {
    f: F,
    back: Unravel,
}

impl<F> Objective<F> {
    /// With the start as a vector.
    pub fn new<X: Pytree>(op: &'static str, f: F, x0: X) -> Result<(Objective<F>, Array), Error>
    where
        F: Fn(X) -> Array + Send + Sync,
    {
        let (x, back) = try_ravel(x0).map_err(|e| e.context(format!("{op}: the start")))?;
        Ok((Objective { f, back }, x))
    }

    pub fn value<X: Pytree>(&self, x: &Array) -> Array
    where
        F: Fn(X) -> Array + Send + Sync,
    {
        afresh(|| (self.f)(self.back.tree(x)))
    }

    /// Value and gradient.
    pub fn both<X: Pytree>(&self, x: &Array) -> (Array, Array)
    where
        F: Fn(X) -> Array + Send + Sync,
    {
        value_and_grad(|x: Array| self.value(&x))(x.clone())
    }

    /// What a descent finds from `x`.
    pub fn minimum<X: Pytree>(
        &self,
        x: Array,
        descend: impl Fn(Array) -> Descent,
        options: &MinimizeOptions,
    ) -> Result<Minimum<X>, Error>
    where
        F: Fn(X) -> Array + Send + Sync,
    {
        if !options.implicit {
            return self.found(descend(x));
        }
        let dtype = x.dtype();
        let search = |x: Array| {
            let d = descend(x);
            let said = [&d.iterations, &d.evaluations, &d.status].map(|n| n.astype(dtype));
            (d.x, stack(&said, 0))
        };
        let (x, said) = root(|x| self.both(x).1, x, 3, search, positive);
        let said = |i: i64| said.index(i).astype(DType::I32);
        let (value, gradient) = self.both(&x);
        self.found(Descent {
            gradient: stop_gradient(&gradient),
            x,
            value,
            iterations: said(0),
            evaluations: said(1),
            status: said(2),
        })
    }

    pub fn found<X: Pytree>(&self, s: Descent) -> Result<Minimum<X>, Error> {
        Ok(Minimum {
            x: self.back.try_tree(&s.x)?,
            gradient_norm: largest(&s.gradient),
            value: s.value,
            iterations: s.iterations,
            evaluations: s.evaluations,
            status: s.status.eq(RUNNING).select(Array::from(1), &s.status),
        })
    }
}

/// Solves the equations of a Hessian at a minimum.
pub(super) fn positive(hessian: Slope, r: &Array) -> Array {
    let options = KrylovOptions {
        tolerance: 16.0 * epsilon(r.dtype()),
        max_iterations: 10 * r.size() + 10,
        ..Default::default()
    };
    cg(hessian, r.clone(), KrylovOptions { implicit: false, ..options }).x
}

/// Where a descent stands.
#[derive(Pytree, Clone)]
pub(super) struct Descent {
    pub x: Array,
    pub value: Array,
    pub gradient: Array,
    pub iterations: Array,
    pub evaluations: Array,
    pub status: Array,
}

/// The status of a descent that goes on.
pub(super) const RUNNING: i32 = -1;

impl Descent {
    pub fn start(
        x: Array,
        (value, gradient): (Array, Array),
        options: &MinimizeOptions,
    ) -> Descent {
        let finite = value.is_finite().logical_and(gradient.is_finite().all());
        let going = largest(&gradient).gt(options.tolerance).select(Array::from(RUNNING), 0);
        let status = finite.select(&going, 3);
        let (iterations, evaluations) = (Array::from(0), Array::from(1));
        Descent { x, value, gradient, iterations, evaluations, status }
    }

    pub fn condition(&self, options: &MinimizeOptions) -> Array {
        let few = self.iterations.lt(rounds(options.max_iterations));
        self.status.eq(RUNNING).logical_and(&few)
    }

    /// After a step to a point that is `better`, or to none.
    pub fn moved(
        self,
        to: &Array,
        (value, gradient): (&Array, &Array),
        better: &Array,
        evaluations: &Array,
        options: &MinimizeOptions,
    ) -> Descent {
        let gradient = better.select(gradient, &self.gradient);
        let done = largest(&gradient).le(options.tolerance);
        let status = done.select(Array::from(0), better.select(Array::from(RUNNING), 2));
        Descent {
            x: better.select(to, &self.x),
            value: better.select(value, &self.value),
            gradient,
            iterations: self.iterations + 1,
            evaluations: self.evaluations + evaluations,
            status,
        }
    }
}

/// The largest element in size; 0 of nothing.
pub(super) fn largest(x: &Array) -> Array {
    if x.size() == 0 { Array::scalar(0.0).astype(x.dtype()) } else { x.abs().max() }
}

pub(super) fn dot(a: &Array, b: &Array) -> Array {
    (a * b).sum()
}
