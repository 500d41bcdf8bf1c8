//! Linear equations `A x = b` where `A` is a function: `cg`, `bicgstab`, `gmres`.

use super::dense::{apply, inverse};
use crate::api::control::{custom_linear_solve, custom_linear_solve_symmetric, scan, while_loop};
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::core::source::{afresh, in_name_of, raise};
use crate::numpy::create::{arange, zeros_dtype};
use crate::numpy::finfo::epsilon;
use crate::numpy::join::stack;
use crate::prims::lax::stop_gradient;
use crate::prims::rules::numbers::rounds;
use crate::ravel::{Unravel, ravel, try_ravel};
use cotangent_derive::Pytree;
use cotangent_jit::{DType, Error, err, plural};

/// How precisely, and how long at most.
#[derive(Clone, Debug, PartialEq)]
pub struct KrylovOptions {
    /// The size of the residual, `|b - A x|`, against that of `b`.
    pub tolerance: f64,
    /// Applications of `A`; of [`bicgstab`] pairs of them.
    pub max_iterations: usize,
    /// Dimension of the spaces in which [`gmres`] looks before it starts again.
    pub restart: usize,
    /// The solution is differentiated as such: in `b` and in what the function captures, by solving
    /// with it again (with its transpose in reverse mode), to any order. Otherwise the iteration
    /// is: forward mode only.
    pub implicit: bool,
}

/// A tolerance of 1e-5, 1,000 iterations, restarts after 20; differentiated implicitly.
impl Default for KrylovOptions {
    fn default() -> KrylovOptions {
        KrylovOptions { tolerance: 1e-5, max_iterations: 1_000, restart: 20, implicit: true }
    }
}

/// The solution found, and how.
#[derive(Pytree, Clone, Debug)]
pub struct LinearSolution<X> {
    pub x: X,
    /// The size of the residual, as the recurrences have it.
    pub residual: Array,
    /// `i32[]`.
    pub iterations: Array,
    /// Whether the residual is within the tolerance, `bool[]`.
    pub converged: Array,
}

/// The solution of `A x = b` for a linear `A` that is symmetric and positive, by conjugate
/// gradients.
///
/// `b` is a pytree of floats, and `a` a function from such to such. M. R. Hestenes, E. Stiefel,
/// "Methods of conjugate gradients for solving linear systems", 1952. Under `jit` one loop, under
/// `vmap` each lane ends when it is done. Panics if `a` gives something unlike `b` ([`try_cg`]
/// returns other errors).
///
/// ```
/// use cotangent::{prelude::*, root::{KrylovOptions, cg}};
/// let a = array![[2.0, 1.0], [1.0, 3.0]];
/// let found = cg(|x: Array| a.matmul(&x), array![3.0, 4.0], KrylovOptions::default());
/// assert!((found.x.index(0).item::<f32>() - 1.0).abs() < 1e-4);
/// ```
#[track_caller]
pub fn cg<X: Pytree>(a: impl Fn(X) -> X + Sync, b: X, options: KrylovOptions) -> LinearSolution<X> {
    raise(try_cg(a, b, options))
}

/// Returns the error of [`cg`] instead of panicking.
///
/// Fails if `b` is not of floats.
#[track_caller]
pub fn try_cg<X: Pytree>(
    a: impl Fn(X) -> X + Sync,
    b: X,
    options: KrylovOptions,
) -> Result<LinearSolution<X>, Error> {
    in_name_of("cg", || {
        let (a, b) = Operator::new("cg", a, b)?;
        let solve = |a: Linear, b: Array| conjugate_gradients(a, b, &options);
        a.solution(b, solve, Kind::Symmetric, &options)
    })
}

fn conjugate_gradients(a: Linear, b: Array, options: &KrylovOptions) -> State {
    let enough = enough(&b, options);
    let start = (State { x: 0.0 * &b, r: b.clone(), iterations: Array::from(0) }, b);
    let condition = |(s, _): (State, Array)| s.condition(&enough, options);
    let step = |(s, p): (State, Array)| {
        let (ap, rr) = (a(p.clone()), dot(&s.r, &s.r));
        let alpha = quotient(&rr, &dot(&p, &ap));
        let r = &s.r - &alpha * ap;
        let p_next = &r + quotient(&dot(&r, &r), &rr) * &p;
        (State { x: &s.x + alpha * p, r, iterations: s.iterations + 1 }, p_next)
    };
    while_loop(condition, step, start).0
}

/// The solution of `A x = b` for any linear `A`, by the stabilised method of biconjugate gradients,
/// which needs no transpose.
///
/// H. A. van der Vorst, "Bi-CGSTAB", SIAM J. Sci. Stat. Comput. 13 (1992). As [`cg`] otherwise.
#[track_caller]
pub fn bicgstab<X: Pytree>(
    a: impl Fn(X) -> X + Sync,
    b: X,
    options: KrylovOptions,
) -> LinearSolution<X> {
    raise(try_bicgstab(a, b, options))
}

/// Returns the error of [`bicgstab`] instead of panicking.
///
/// Fails if `b` is not of floats.
#[track_caller]
pub fn try_bicgstab<X: Pytree>(
    a: impl Fn(X) -> X + Sync,
    b: X,
    options: KrylovOptions,
) -> Result<LinearSolution<X>, Error> {
    in_name_of("bicgstab", || {
        let (a, b) = Operator::new("bicgstab", a, b)?;
        let solve = |a: Linear, b: Array| stabilised(a, b, &options);
        a.solution(b, solve, Kind::Any, &options)
    })
}

fn stabilised(a: Linear, b: Array, options: &KrylovOptions) -> State {
    let enough = enough(&b, options);
    let shadow = b.clone();
    let rho = dot(&shadow, &b);
    let start = (State { x: 0.0 * &b, r: b.clone(), iterations: Array::from(0) }, b, rho);
    let condition = |(s, _, _): (State, Array, Array)| s.condition(&enough, options);
    let step = |(s, p, rho): (State, Array, Array)| {
        let ap = a(p.clone());
        let alpha = quotient(&rho, &dot(&shadow, &ap));
        let half = &s.r - &alpha * &ap;
        let ah = a(half.clone());
        let omega = quotient(&dot(&ah, &half), &dot(&ah, &ah));
        let x = &s.x + &alpha * &p + &omega * &half;
        let r = half - &omega * ah;
        let next = dot(&shadow, &r);
        let beta = quotient(&next, &rho) * quotient(&alpha, &omega);
        let p = &r + beta * (p - omega * ap);
        (State { x, r, iterations: s.iterations + 1 }, p, next)
    };
    while_loop(condition, step, start).0
}

/// The solution of `A x = b` for any linear `A`, by minimal residuals over spaces of dimension
/// `restart`.
///
/// Y. Saad, M. H. Schultz, "GMRES", SIAM J. Sci. Stat. Comput. 7 (1986); vectors are made
/// orthogonal by the classical method of Gram and Schmidt, twice. Memory grows with `restart`. As
/// [`cg`] otherwise.
#[track_caller]
pub fn gmres<X: Pytree>(
    a: impl Fn(X) -> X + Sync,
    b: X,
    options: KrylovOptions,
) -> LinearSolution<X> {
    raise(try_gmres(a, b, options))
}

/// Returns the error of [`gmres`] instead of panicking.
///
/// Fails if `b` is not of floats.
#[track_caller]
pub fn try_gmres<X: Pytree>(
    a: impl Fn(X) -> X + Sync,
    b: X,
    options: KrylovOptions,
) -> Result<LinearSolution<X>, Error> {
    in_name_of("gmres", || {
        let (a, b) = Operator::new("gmres", a, b)?;
        let solve = |a: Linear, b: Array| minimal_residuals(a, b, &options);
        a.solution(b, solve, Kind::Any, &options)
    })
}

fn minimal_residuals(a: Linear, b: Array, options: &KrylovOptions) -> State {
    let enough = enough(&b, options);
    let m = options.restart.clamp(1, b.size().max(1));
    let start = State { x: 0.0 * &b, r: b.clone(), iterations: Array::from(0) };
    let cycle = |s: State| {
        let x = &s.x + minimal_residual(a, &s.r, m);
        State { r: &b - a(x.clone()), x, iterations: s.iterations + m as i32 }
    };
    while_loop(|s: State| s.condition(&enough, options), cycle, start)
}

/// Where an iteration stands.
#[derive(Pytree, Clone)]
struct State {
    x: Array,
    r: Array,
    iterations: Array,
}

impl State {
    /// Not if something is NaN.
    fn condition(&self, enough: &Array, options: &KrylovOptions) -> Array {
        let few = self.iterations.lt(rounds(options.max_iterations));
        dot(&self.r, &self.r).sqrt().gt(enough).logical_and(&few)
    }
}

/// Orthonormal vectors, as rows; zeros where there is none.
#[derive(Pytree, Clone)]
struct Basis {
    vectors: Array,
}

impl Basis {
    fn none(m: usize, like: &Array) -> Basis {
        Basis { vectors: zeros_dtype([m, like.size()], like.dtype()) }
    }

    /// Puts what of `w` is orthogonal to the vectors at place `i`, if there is such a place;
    /// returns it and the components of `w`. Of what lies in their span nothing is left but
    /// roundings: then it is zero, and its component counts as 1.
    fn with(&mut self, w: &Array, i: &Array) -> (Array, Array) {
        let project = |w: &Array| {
            let along = self.vectors.matmul(w);
            let rest = w - along.matmul(&self.vectors);
            (along, rest)
        };
        // Once more for what the roundings of the first time left.
        let (first, rest) = project(w);
        let (second, rest) = project(&rest);
        let length = dot(&rest, &rest).sqrt();
        let new = length.gt(16.0 * epsilon(w.dtype()) * dot(w, w).sqrt());
        let unit = new.select(rest / new.select(&length, 1.0), 0.0);
        let here = arange(self.vectors.shape()[0] as i32).eq(i);
        let own = here.select(new.select(length, 1.0), 0.0);
        self.vectors = here.expand_dims(1).select(&unit, &self.vectors);
        (unit, first + second + own)
    }
}

fn dot(a: &Array, b: &Array) -> Array {
    (a * b).sum()
}

/// `a / b`, or 0 where `b` is 0: at the solution all recurrences stand still.
fn quotient(a: &Array, b: &Array) -> Array {
    let zero = b.eq(0.0);
    zero.select(0.0, a / zero.select(1.0, b))
}

/// A linear function of vectors.
struct Operator<A> {
    op: &'static str,
    a: A,
    back: Unravel,
}

impl<A> Operator<A> {
    fn new<X: Pytree>(op: &'static str, a: A, b: X) -> Result<(Operator<A>, Array), Error>
    where
        A: Fn(X) -> X + Sync,
    {
        let (b, back) = try_ravel(b).map_err(|e| e.context(format!("{op}: the right side")))?;
        Ok((Operator { op, a, back }, b))
    }

    fn at<X: Pytree>(&self, x: &Array) -> Array
    where
        A: Fn(X) -> X + Sync,
    {
        let (y, like) = ravel(afresh(|| (self.a)(self.back.tree(x))));
        if like.structure() != self.back.structure() || y.size() != x.size() {
            let (op, n, m) = (self.op, x.size(), y.size());
            raise::<()>(Err(err!(
                Shape,
                "{op}: the function should give something like the right side, which has \
                 {elements}, got {m}",
                elements = plural(n, "element")
            )));
        }
        y.astype(self.back.dtype())
    }

    fn solution<X: Pytree>(
        &self,
        b: Array,
        solve: impl Fn(Linear, Array) -> State,
        kind: Kind,
        options: &KrylovOptions,
    ) -> Result<LinearSolution<X>, Error>
    where
        A: Fn(X) -> X + Sync,
    {
        type Pair = (Array, Array);
        let dtype = b.dtype();
        let said = |s: State| {
            let residual = dot(&s.r, &s.r).sqrt();
            (s.x, stack(&[residual, s.iterations.astype(dtype)], 0))
        };
        let (x, said) = match options.implicit {
            false => said(solve(&|x| self.at(&x), b.clone())),
            // What is said rides along as two more unknowns; it has no derivative.
            true => {
                let solve = |a: &(dyn Fn(Pair) -> Pair + Sync), (b, none): Pair| {
                    said(solve(&|x| a((x, none.clone())).0, b))
                };
                let matvec = |(x, said): Pair| (self.at(&x), said);
                let right = (b.clone(), zeros_dtype([2], dtype));
                let (x, said) = match kind {
                    Kind::Symmetric => custom_linear_solve_symmetric(matvec, right, solve),
                    Kind::Any => custom_linear_solve(matvec, right, solve, solve),
                };
                (x, stop_gradient(&said))
            }
        };
        let residual = said.index(0);
        Ok(LinearSolution {
            x: self.back.try_tree(&x)?,
            converged: residual.le(stop_gradient(&enough(&b, options))),
            residual,
            iterations: said.index(1).astype(DType::I32),
        })
    }
}

/// What is known of a function.
enum Kind {
    Symmetric,
    Any,
}

/// A linear function of a vector.
type Linear<'a> = &'a dyn Fn(Array) -> Array;

fn enough(b: &Array, options: &KrylovOptions) -> Array {
    options.tolerance * dot(b, b).sqrt()
}

/// The `d` of the space `r, A r, .. Aᵐ⁻¹ r` for which `|r - A d|` is least.
fn minimal_residual(a: Linear, r: &Array, m: usize) -> Array {
    let mut first = Basis::none(m, r);
    let (start, _) = first.with(r, &Array::from(0));
    // Arnoldi: the image of each vector, made orthogonal to those before, is the next.
    let extend = |(basis, v): (Basis, Array), i: Array| {
        let image = a(v);
        let mut basis = basis;
        let (next, _) = basis.with(&image, &(i + 1));
        ((basis, next), image)
    };
    let ((basis, _), images) = scan(extend, (first, start), arange(m as i32));
    // |r - ∑ d_i A v_i| is least where R d = Qᵀ r, the images being Q R.
    let factor = |mut q: Basis, (image, i): (Array, Array)| {
        let (_, column) = q.with(&image, &i);
        (q, column)
    };
    let (q, columns) = scan(factor, Basis::none(m, r), (images, arange(m as i32)));
    let d = apply(&inverse(&columns.t()), &q.vectors.matmul(r));
    d.matmul(&basis.vectors)
}
