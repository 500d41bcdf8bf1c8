//! `closure_convert`: a closure and what it closes over, apart.

use super::function::{Func, Function, Own, Sig, calling};
use super::graph::{self, avals};
use super::pytree::{Flat, Pytree, same_structure};
use crate::core::array::Array;
use crate::core::source::raise;
use crate::core::trace::eval;
use crate::stage::placement::site_of;
use cotangent_jit::{Error, err};

/// A function of the former arguments (as a tuple) and of the captured arrays.
pub type Converted<S, R> = Func<'static, (Own<<S as Sig<'static>>::Args>, Own<Vec<Array>>), R>;

/// `f`, for arguments of the types of `example`, as a function that closes over nothing, and the
/// arrays that it closed over: `converted(arguments, captured)` is `f(arguments)`.
///
/// The arrays may be differentiated, batched or passed through rules and loops like any others.
/// Shapes, dtypes and structure of the arguments are those of the example; else it is an error.
///
/// ```
/// use cotangent::prelude::*;
/// let a = array![2.0];
/// let (f, captured) = closure_convert(move |x: Array| (x * &a).sum(), (array![0.0],));
/// assert_eq!(captured.len(), 1);
/// let g = grad_wrt(f, Arg::<1>)((array![3.0],), captured);
/// assert_eq!(g[0].to_vec::<f32>(), [3.0]);
/// ```
#[track_caller]
pub fn closure_convert<F, S: Sig<'static>, R: Pytree>(
    f: F,
    example: S::Args,
) -> (Converted<S, R>, Vec<Array>)
where
    F: Function<'static, S, R>,
{
    raise(try_closure_convert(f, example))
}

/// Returns the error of [`closure_convert`] instead of panicking.
#[track_caller]
pub fn try_closure_convert<F, S: Sig<'static>, R: Pytree>(
    f: F,
    example: S::Args,
) -> Result<(Converted<S, R>, Vec<Array>), Error>
where
    F: Function<'static, S, R>,
{
    let example = Flat::of(example);
    calling(|| {
        let f = f.erase();
        let types = avals(&example.leaves);
        let graph = graph::trace(&f, &example.tree, &types, site_of(&example.leaves))?;
        let captured = graph.captured.clone();
        let n = captured.len();
        let run = move |args: Flat| {
            let (tree, leaves) = args.tree.child(0);
            same_structure("closure_convert: arguments", &example.tree, &tree)?;
            let (arguments, given) = args.leaves.split_at(leaves.end);
            if given.len() != n {
                let got = given.len();
                return Err(err!(
                    Value,
                    "closure_convert: expected {n} captured arrays, got {got}"
                ));
            }
            let inputs = [given, arguments].concat();
            for (i, (x, v)) in inputs.iter().zip(&graph.jaxpr.inputs).enumerate() {
                let expected = graph.jaxpr.aval(*v);
                if x.aval() != *expected {
                    let what = if i < n { "captured array" } else { "leaf of the arguments" };
                    let (i, got) = (if i < n { i } else { i - n }, x.aval());
                    return Err(err!(
                        Shape,
                        "closure_convert: {what} {i} should be {expected} as in the example, got \
                         {got}"
                    ));
                }
            }
            graph::result(&graph.out_tree, eval(&graph.jaxpr, &inputs)?)
        };
        Ok((Func::new(f.name.clone(), run), captured))
    })
}
