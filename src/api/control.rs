//! Control flow over traced values: `cond`, `switch`, `scan`, `fori_loop`, with closures as branches and bodies.
//!
//! Branches and bodies are traced at once, so they may borrow and capture anything: arrays they capture become operands.
//! The rules of differentiation and batching are the primitives' (`prims::cond`, `prims::scan`).

use super::pytree::{Flat, Pytree, TreeDef, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::ScanParts;
use crate::core::source::{afresh, raise};
use crate::core::trace::trace;
use crate::prims::bodies::with_inputs;
use crate::prims::{cond as cond_prim, lax, scan as scan_prim};
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

/// `on_true(operands)` where `predicate`, a `bool[]`, holds, else `on_false(operands)`. Only one of them runs, unless the
/// predicate is batched by `vmap`: then both run and the result is selected.
///
/// Both branches return the same structure, shapes and dtypes. Derivatives flow through the branch taken.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| cond(&x.gt(0.0), |x| x.sin(), |x| x * 2.0, x.clone());
/// assert_eq!(grad(f)(array![-1.0].sum()).item::<f32>(), 2.0);
/// ```
#[track_caller]
pub fn cond<A: Pytree, R: Pytree>(
    predicate: &Array,
    on_true: impl FnOnce(A) -> R,
    on_false: impl FnOnce(A) -> R,
    operands: A,
) -> R {
    raise(try_cond(predicate, on_true, on_false, operands))
}

/// As [`cond`], with an error instead of a panic.
#[track_caller]
pub fn try_cond<A: Pytree, R: Pytree>(
    predicate: &Array,
    on_true: impl FnOnce(A) -> R,
    on_false: impl FnOnce(A) -> R,
    operands: A,
) -> Result<R, Error> {
    if predicate.aval() != Aval::scalar(DType::Bool) {
        return Err(err!(
            DType,
            "cond: the predicate should be bool[], got {}; to choose element by element use select",
            predicate.aval()
        ));
    }
    let index = lax::try_convert_element_type(predicate, DType::I32)?;
    let args = Flat::of(operands);
    let branches = vec![Body::trace(&args, on_false)?, Body::trace(&args, on_true)?];
    choose("cond", &index, branches, args.leaves)
}

/// `branches[index](operands)`, `index` an `i32[]` clamped into range. As [`cond`] otherwise.
///
/// ```
/// use cotangent::prelude::*;
/// let branches: [fn(Array) -> Array; 3] = [|x| x.sin(), |x| x.cos(), |x| x];
/// let y = switch(&Array::from(2), &branches, array![1.5]);
/// assert_eq!(y.to_vec::<f32>(), [1.5]);
/// ```
#[track_caller]
pub fn switch<A: Pytree, R: Pytree, F: Fn(A) -> R>(
    index: &Array,
    branches: &[F],
    operands: A,
) -> R {
    raise(try_switch(index, branches, operands))
}

/// As [`switch`], with an error instead of a panic.
#[track_caller]
pub fn try_switch<A: Pytree, R: Pytree, F: Fn(A) -> R>(
    index: &Array,
    branches: &[F],
    operands: A,
) -> Result<R, Error> {
    if index.ndim() > 0 || !index.dtype().is_int() {
        return Err(err!(DType, "switch: the index should be i32[], got {}", index.aval()));
    }
    let index = lax::try_convert_element_type(index, DType::I32)?;
    let args = Flat::of(operands);
    let bodies: Result<Vec<Body>, Error> = branches.iter().map(|f| Body::trace(&args, f)).collect();
    choose("switch", &index, bodies?, args.leaves)
}

/// A traced branch or body.
struct Body {
    jaxpr: Jaxpr,
    captured: Vec<Array>,
    out_tree: TreeDef,
}

impl Body {
    #[track_caller]
    fn trace<A: Pytree, R: Pytree>(args: &Flat, f: impl FnOnce(A) -> R) -> Result<Body, Error> {
        let avals: Vec<Aval> = args.leaves.iter().map(Array::aval).collect();
        Body::of(&args.tree, &avals, f)
    }

    #[track_caller]
    fn of<A: Pytree, R: Pytree>(
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

#[track_caller]
fn choose<R: Pytree>(
    op: &str,
    index: &Array,
    bodies: Vec<Body>,
    args: Vec<Array>,
) -> Result<R, Error> {
    let Some(first) = bodies.first() else {
        return Err(err!(Value, "{op}: expected at least one branch, got none"));
    };
    let out_tree = first.out_tree.clone();
    for (i, b) in bodies.iter().enumerate() {
        if b.out_tree != out_tree {
            return Err(err!(
                Tree,
                "{op}: branches return different structures: branch 0 {out_tree:?}, branch {i} {:?}",
                b.out_tree
            ));
        }
        let (expected, got) = (first.jaxpr.out_avals(), b.jaxpr.out_avals());
        for ((path, e), g) in out_tree.paths().iter().zip(&expected).zip(&got) {
            if e != g {
                return Err(err!(
                    Shape,
                    "{op}: branches return different types at `result{path}`: branch 0 gives {e}, branch {i} gives {g}; convert or broadcast one of them"
                ));
            }
        }
    }
    // Every branch takes what any branch captured.
    let captured: Vec<Array> = bodies.iter().flat_map(|b| b.captured.iter().cloned()).collect();
    let operands: Vec<Array> = captured.into_iter().chain(args).collect();
    let avals: Vec<Aval> = operands.iter().map(Array::aval).collect();
    let total: usize = bodies.iter().map(|b| b.captured.len()).sum();
    let mut before = 0;
    let branches = bodies.iter().map(|b| {
        let mine = before..before + b.captured.len();
        before = mine.end;
        let have: Vec<bool> =
            (0..operands.len()).map(|i| i >= total || mine.contains(&i)).collect();
        Arc::new(with_inputs(&b.jaxpr, &have, &vec![true; operands.len()], &avals))
    });
    let leaves = cond_prim::cond(index, branches.collect(), &operands)?;
    try_tree_unflatten(&out_tree, leaves)
}

/// How a [`scan_with`] runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScanOptions {
    /// From the last slice to the first.
    pub reverse: bool,
    /// Number of steps; needed when there are no xs to count.
    pub length: Option<usize>,
}

/// `carry, y[t] = step(carry, xs[t])` for every slice along axis 0 of `xs`: returns the final carry and the stacked ys.
///
/// The step is traced once and compiled to one loop, so time to compile does not depend on the number of steps. The carry
/// keeps its structure, shapes and dtypes. Differentiable in all inputs; reverse mode stacks what the step's derivative
/// needs, or recomputes it if the step is wrapped in `checkpoint`.
///
/// ```
/// use cotangent::prelude::*;
/// let sums = |xs: Array| scan(|c: Array, x: Array| { let s = c + x; (s.clone(), s) }, Array::from(0.0f32), xs);
/// let (total, partial) = sums(array![1.0, 2.0, 3.0]);
/// assert_eq!(total.item::<f32>(), 6.0);
/// assert_eq!(partial.to_vec::<f32>(), [1.0, 3.0, 6.0]);
/// ```
#[track_caller]
pub fn scan<C: Pytree, X: Pytree, Y: Pytree>(
    step: impl Fn(C, X) -> (C, Y),
    init: C,
    xs: X,
) -> (C, Y) {
    raise(try_scan(step, init, xs, ScanOptions::default()))
}

/// [`scan`] with options.
///
/// ```
/// use cotangent::prelude::*;
/// let options = ScanOptions { length: Some(10), ..Default::default() };
/// let (x, ()) = scan_with(|x: Array, ()| (x * 2.0, ()), Array::from(1.0f32), (), options);
/// assert_eq!(x.item::<f32>(), 1024.0);
/// ```
#[track_caller]
pub fn scan_with<C: Pytree, X: Pytree, Y: Pytree>(
    step: impl Fn(C, X) -> (C, Y),
    init: C,
    xs: X,
    options: ScanOptions,
) -> (C, Y) {
    raise(try_scan(step, init, xs, options))
}

/// `x = body(i, x)` for `i` in `range`, as a [`scan`]: differentiable in both modes.
///
/// ```
/// use cotangent::prelude::*;
/// let x = fori_loop(0..5, |i, x: Array| x + i, Array::from(0));
/// assert_eq!(x.item::<i32>(), 10);
/// ```
#[track_caller]
pub fn fori_loop<C: Pytree>(
    range: std::ops::Range<i32>,
    body: impl Fn(Array, C) -> C,
    init: C,
) -> C {
    let n = (i64::from(range.end) - i64::from(range.start)).max(0) as usize;
    let numbers = lax::iota(DType::I32, &[n], 0);
    let start = Array::strong_literal(range.start.into());
    let step = |c: C, i: Array| (body(lax::add(&i, &start), c), ());
    scan(step, init, numbers).0
}

/// As [`scan_with`], with an error instead of a panic.
#[track_caller]
pub fn try_scan<C: Pytree, X: Pytree, Y: Pytree>(
    step: impl Fn(C, X) -> (C, Y),
    init: C,
    xs: X,
    options: ScanOptions,
) -> Result<(C, Y), Error> {
    let mut init = Flat::of(init);
    let xs = Flat::of(xs);
    let length = length_of(&xs, options.length)?;
    let tree = pair(&init.tree, &xs.tree);
    let slices = xs.leaves.iter().map(|x| x.aval().unbatched(0));
    let slices: Vec<Aval> = slices.collect();
    let once = |init: &Flat| -> Result<Body, Error> {
        let avals: Vec<Aval> =
            init.leaves.iter().map(Array::aval).chain(slices.iter().cloned()).collect();
        Body::of(&tree, &avals, |(c, x): (C, X)| step(c, x))
    };
    let mut body = once(&init)?;
    // A literal as initial carry takes the type that the step gives it.
    if adopt(&mut init, &body)? {
        body = once(&init)?;
    }
    let n = init.leaves.len();
    check_carry(&init, &body)?;
    let inputs: Vec<Array> = [&body.captured[..], &init.leaves, &xs.leaves].concat();
    let parts = ScanParts {
        body: Arc::new(body.jaxpr),
        consts: body.captured.len(),
        carry: n,
        length,
        reverse: options.reverse,
    };
    try_tree_unflatten(&body.out_tree, scan_prim::scan(parts, &inputs)?)
}

/// The structure of a pair of these structures.
fn pair(a: &TreeDef, b: &TreeDef) -> TreeDef {
    let mut tree = TreeDef::default();
    tree.push(super::pytree::Token::Tuple(2));
    a.tokens().iter().chain(b.tokens()).for_each(|t| tree.push(t.clone()));
    tree
}

fn length_of(xs: &Flat, given: Option<usize>) -> Result<usize, Error> {
    let mut found = given.map(|n| (n, "length".to_owned()));
    for (x, path) in xs.leaves.iter().zip(xs.tree.paths()) {
        let name = format!("xs{path}");
        let Some(n) = x.shape().first().copied() else {
            return Err(err!(
                Shape,
                "scan: `{name}` is a scalar, {}, with no axis to step along; capture it, or put it into the carry",
                x.aval()
            ));
        };
        match &found {
            None => found = Some((n, name)),
            Some((m, other)) if *m != n => {
                return Err(err!(
                    Shape,
                    "scan: `{other}` has {m} steps, `{name}` ({}) has {n}",
                    x.aval()
                ));
            }
            Some(_) => {}
        }
    }
    found.map(|(n, _)| n).ok_or_else(|| {
        err!(
            Value,
            "scan: there are no xs to count the steps; give ScanOptions {{ length: Some(n) }}"
        )
    })
}

/// Weak initial carries take the dtype their step returns; whether any changed.
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

fn check_carry(init: &Flat, body: &Body) -> Result<(), Error> {
    let out = body.out_tree.tokens();
    let carry = init.tree.tokens();
    if out.get(1..1 + carry.len()) != Some(carry) {
        return Err(err!(
            Tree,
            "scan: the carry changes structure: it starts as {:?}, and the step returns (carry, y) as {:?}",
            init.tree,
            body.out_tree
        ));
    }
    let outs = body.jaxpr.out_avals();
    for ((path, x), after) in init.tree.paths().iter().zip(&init.leaves).zip(outs) {
        let before = x.aval();
        if before != after {
            return Err(err!(
                Shape,
                "scan: `carry{path}` changes type: it starts as {before} and the step returns {after}; make the step return {before}, or start with {after}"
            ));
        }
    }
    Ok(())
}
