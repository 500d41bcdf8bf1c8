//! `newton`, `broyden`: roots of systems; `fixed_point`.

use super::dense::{apply, inverse};
use super::implicit;
use super::solution::{Root, RootOptions};
use crate::api::control::while_loop;
use crate::api::jacobian::jacfwd;
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::core::source::{afresh, in_name_of, raise};
use crate::numpy::join::stack;
use crate::prims::rules::numbers::rounds;
use crate::ravel::{Unravel, ravel, try_ravel};
use cotangent_derive::Pytree;
use cotangent_jit::{DType, Error, err};

/// A root of `f` near `x0`: `f(x) = 0`, `f` giving as many numbers as `x` has.
///
/// Newton's method, `x ← x - a J⁻¹ f(x)`, with the Jacobian in forward mode; `a` is 1 unless that
/// makes the residuals larger: then it is halved until it does not, ten times at most. Work per
/// step grows with the cube of the number of unknowns. Derivatives in what `f` captures are those
/// of the root (see [`RootOptions::implicit`]).
///
/// `x0` is a pytree of floats, and so is what `f` returns. Under `jit` one loop, under `vmap` each
/// lane ends when it is done. Panics if the numbers differ ([`try_newton`] returns other errors).
///
/// ```
/// use cotangent::{prelude::*, root::{RootOptions, newton}};
/// let circle_and_line = |(x, y): (Array, Array)| (&x * &x + &y * &y - 2.0, x - y);
/// let start = (Array::scalar(2.0f64), Array::scalar(0.5f64));
/// let found = newton(circle_and_line, start, RootOptions::default());
/// assert!((found.x.0.item::<f64>() - 1.0).abs() < 1e-6);
/// ```
#[doc(alias = "fsolve")]
#[track_caller]
pub fn newton<X: Pytree, R: Pytree>(
    f: impl Fn(X) -> R + Send + Sync,
    x0: X,
    options: RootOptions,
) -> Root<X> {
    raise(try_newton(f, x0, options))
}

/// Returns the error of [`newton`] instead of panicking.
///
/// Fails if the start is not of floats.
#[track_caller]
pub fn try_newton<X: Pytree, R: Pytree>(
    f: impl Fn(X) -> R + Send + Sync,
    x0: X,
    options: RootOptions,
) -> Result<Root<X>, Error> {
    in_name_of("newton", || {
        let (f, x) = System::new("newton", f, x0)?;
        let step = |at: At| {
            let j = jacfwd(|x: Array| f.at(&x))(at.x.clone());
            let d = apply(&inverse(&j), &at.residual);
            f.moved(at, d)
        };
        let search = |x: Array| while_loop(|at: At| at.condition(&options), step, At::start(&f, x));
        f.root(|x| f.at(x), x, search, &options)
    })
}

/// As [`newton`], with one Jacobian at the start, whose inverse is updated from what each step
/// changes: `good` Broyden's method. Fewer Jacobians, more steps.
///
/// C. G. Broyden, "A class of methods for solving nonlinear simultaneous equations", Math. Comp. 19
/// (1965).
#[doc(alias = "broyden1")]
#[track_caller]
pub fn broyden<X: Pytree, R: Pytree>(
    f: impl Fn(X) -> R + Send + Sync,
    x0: X,
    options: RootOptions,
) -> Root<X> {
    raise(try_broyden(f, x0, options))
}

/// Returns the error of [`broyden`] instead of panicking.
///
/// Fails if the start is not of floats.
#[track_caller]
pub fn try_broyden<X: Pytree, R: Pytree>(
    f: impl Fn(X) -> R + Send + Sync,
    x0: X,
    options: RootOptions,
) -> Result<Root<X>, Error> {
    in_name_of("broyden", || {
        let (f, x) = System::new("broyden", f, x0)?;
        let step = |(at, b): (At, Array)| {
            let d = apply(&b, &at.residual);
            let next = f.moved(at.clone(), d);
            let (s, y) = (&next.x - &at.x, &next.residual - &at.residual);
            let by = apply(&b, &y);
            let sb = s.matmul(&b);
            let scale = (&s * &by).sum();
            let usable = scale.abs().gt(0.0);
            let change = (&s - &by).expand_dims(1) * sb / usable.select(&scale, 1.0);
            (next, usable.select(&b + change, &b))
        };
        let condition = |(at, _): (At, Array)| at.condition(&options);
        let search = |x: Array| {
            let inverse = inverse(&jacfwd(|x: Array| f.at(&x))(x.clone()));
            while_loop(condition, step, (At::start(&f, x), inverse)).0
        };
        f.root(|x| f.at(x), x, search, &options)
    })
}

/// A fixed point of `f` near `x0`: `x = f(x)`, by iteration until no element moves by more than the
/// tolerance.
///
/// `x0` is a pytree of floats, and `f` gives one like it. Converges where `f` contracts. Panics if
/// `f` gives something else ([`try_fixed_point`] returns other errors).
///
/// ```
/// use cotangent::{prelude::*, root::{RootOptions, fixed_point}};
/// let found = fixed_point(|x: Array| x.cos(), Array::scalar(1.0f64), RootOptions::default());
/// assert!((found.x.item::<f64>() - 0.739085).abs() < 1e-5);
/// ```
#[track_caller]
pub fn fixed_point<X: Pytree>(
    f: impl Fn(X) -> X + Send + Sync,
    x0: X,
    options: RootOptions,
) -> Root<X> {
    raise(try_fixed_point(f, x0, options))
}

/// Returns the error of [`fixed_point`] instead of panicking.
///
/// Fails if the start is not of floats.
#[track_caller]
pub fn try_fixed_point<X: Pytree>(
    f: impl Fn(X) -> X + Send + Sync,
    x0: X,
    options: RootOptions,
) -> Result<Root<X>, Error> {
    in_name_of("fixed_point", || {
        let (f, x) = System::new("fixed_point", f, x0)?;
        // The residual of a point is what is added to it.
        let advance = |x: &Array| f.at(x) - x;
        let step = |at: At| {
            let x = &at.x + &at.residual;
            At { residual: advance(&x), x, iterations: at.iterations + 1 }
        };
        let search = |x: Array| {
            let start = At { residual: advance(&x), x, iterations: Array::from(0) };
            while_loop(|at: At| at.condition(&options), step, start)
        };
        f.root(advance, x, search, &options)
    })
}

/// `f` of a vector.
struct System<F> {
    op: &'static str,
    f: F,
    back: Unravel,
}

/// Where a search stands.
#[derive(Pytree, Clone)]
struct At {
    x: Array,
    residual: Array,
    iterations: Array,
}

impl At {
    fn start<X: Pytree, R: Pytree, F: Fn(X) -> R>(f: &System<F>, x: Array) -> At {
        At { residual: f.at(&x), x, iterations: Array::from(0) }
    }

    fn error(&self) -> Array {
        let size = self.residual.abs();
        if size.size() == 0 { size.sum() } else { size.max() }
    }

    /// Not if something is NaN.
    fn condition(&self, options: &RootOptions) -> Array {
        let few = self.iterations.lt(rounds(options.max_iterations));
        self.error().gt(options.tolerance).logical_and(&few)
    }
}

impl<F> System<F> {
    fn new<X: Pytree, R: Pytree>(op: &'static str, f: F, x0: X) -> Result<(System<F>, Array), Error>
    where
        F: Fn(X) -> R,
    {
        let (x, back) = try_ravel(x0).map_err(|e| e.context(format!("{op}: the start")))?;
        Ok((System { op, f, back }, x))
    }

    fn at<X: Pytree, R: Pytree>(&self, x: &Array) -> Array
    where
        F: Fn(X) -> R,
    {
        let r = ravel(afresh(|| (self.f)(self.back.tree(x)))).0.astype(self.back.dtype());
        if r.size() != x.size() {
            let (op, n, m) = (self.op, x.size(), r.size());
            raise::<()>(Err(err!(
                Shape,
                "{op}: expected as many equations as unknowns, got {m} for {n}"
            )));
        }
        r
    }

    /// A step against `d`, halved while it makes the residuals larger.
    fn moved<X: Pytree, R: Pytree>(&self, at: At, d: Array) -> At
    where
        F: Fn(X) -> R,
    {
        let size = |r: &Array| (r * r).sum();
        let before = size(&at.residual);
        let to = |a: &Array| {
            let x = &at.x - a * &d;
            (self.at(&x), x)
        };
        let one = 0.0 * &before + 1.0;
        let first = to(&one);
        let worse = |((r, _), a): &((Array, Array), Array)| {
            size(r).le(&before).logical_not().logical_and(a.gt(1.0 / 1024.0))
        };
        let halve = |(_, a): ((Array, Array), Array)| {
            let a = 0.5 * a;
            (to(&a), a)
        };
        let ((residual, x), _) = while_loop(|s| worse(&s), halve, (first, one));
        At { x, residual, iterations: at.iterations + 1 }
    }

    /// What the search finds, as a root of the residual.
    fn root<X: Pytree, R: Pytree>(
        &self,
        residual: impl Fn(&Array) -> Array + Sync,
        x: Array,
        search: impl Fn(Array) -> At,
        options: &RootOptions,
    ) -> Result<Root<X>, Error>
    where
        F: Fn(X) -> R + Sync,
    {
        let dtype = x.dtype();
        let found = |x: Array| {
            let at = search(x);
            let said = stack(&[at.error(), at.iterations.astype(dtype)], 0);
            (at.x, said)
        };
        let (x, said) = match options.implicit {
            true => implicit::root(residual, x, 2, found, implicit::by_matrix),
            false => found(x),
        };
        let residual = said.index(0);
        Ok(Root {
            x: self.back.try_tree(&x)?,
            converged: residual.le(options.tolerance),
            residual,
            iterations: said.index(1).astype(DType::I32),
        })
    }
}
