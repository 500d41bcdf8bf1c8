//! `checkpoint`: less memory for more work in reverse mode.

use super::function::{Func, Function, Sig};
use super::graph::{self, at_caller};
use super::pytree::Pytree;
use crate::prims::checkpoint;

/// `f`, of which reverse mode keeps the arguments only: what else a gradient needs is computed again when it is needed.
///
/// ```
/// use cotangent::prelude::*;
/// let g = grad(checkpoint(|x: Array| x.sin().sin()));
/// assert_eq!(g(array![0.0].sum()).item::<f32>(), 1.0);
/// ```
pub fn checkpoint<'f, F, S: Sig<'f>, R: Pytree>(f: F) -> Func<'f, S, R>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("checkpoint"), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        let inputs = graph.inputs(args.leaves);
        let leaves = at_caller(|| checkpoint::checkpoint(graph.jaxpr, &inputs))?;
        graph::result(&graph.out_tree, leaves)
    })
}
