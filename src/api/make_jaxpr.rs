//! `make_jaxpr`: what a function records; `eval_shape`: only the types of its results.

use super::function::{Func, Function, Sig};
use super::graph;
use super::pytree::{Pytree, TreeDef, try_tree_unflatten};
use crate::core::aval::Aval;
use crate::core::jaxpr::ClosedJaxpr;
use crate::core::trace::type_only;
use cotangent_jit::Error;
use std::fmt;

/// The jaxpr of `f` for arguments of the types given at the call; nothing is computed.
///
/// ```
/// use cotangent::prelude::*;
/// let jaxpr = make_jaxpr(|x: Array| x.sin() * 2.0)(array![1.0, 2.0]);
/// assert_eq!(
///     jaxpr.to_string(),
///     "{ lambda ; a:f32[2]. let\n    b:f32[2] = sin a\n    \
///      c:f32[2] = mul b 2.0:f32[]\n  in (c,) }"
/// );
/// ```
#[doc(alias("symbolic_trace", "make_fx"))]
pub fn make_jaxpr<'f, F, S: Sig<'f>, R: Pytree>(f: F) -> Func<'f, S, ClosedJaxpr>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("make_jaxpr"), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        Ok(ClosedJaxpr { jaxpr: graph.jaxpr, consts: graph.captured })
    })
}

/// The structure and the types of the results of `f`, without computing them. Arguments may be
/// types only ([`shape_dtype`](super::shape_dtype::shape_dtype)).
///
/// ```
/// use cotangent::prelude::*;
/// let shape = eval_shape(|x: Array| (x.sin(), x.sum()))(array![[1.0, 2.0]]);
/// assert_eq!(shape.to_string(), "(f32[1,2], f32[])");
/// ```
pub fn eval_shape<'f, F, S: Sig<'f>, R: Pytree>(f: F) -> Func<'f, S, ShapeTree>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("eval_shape"), move |args| {
        let graph = graph::trace_flat(&f, &args)?;
        Ok(ShapeTree { tree: graph.out_tree, leaves: graph.jaxpr.out_avals() })
    })
}

/// A pytree of types instead of arrays.
#[derive(Clone, PartialEq, Eq)]
pub struct ShapeTree {
    pub tree: TreeDef,
    pub leaves: Vec<Aval>,
}

impl ShapeTree {
    /// The typed tree, of arrays that are a type only (see
    /// [`shape_dtype`](super::shape_dtype::shape_dtype)).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let types = eval_shape(|x: Array| (x.sin(), x.sum()))(shape_dtype([2], DType::F32));
    /// let (_, sum): (Array, Array) = types.typed()?;
    /// assert_eq!(sum.ndim(), 0);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn typed<R: Pytree>(&self) -> Result<R, Error> {
        let leaves = self.leaves.iter().cloned().map(type_only).collect();
        try_tree_unflatten(&self.tree, leaves).map_err(|e| e.told_by("typed"))
    }
}

impl fmt::Display for ShapeTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tree.text_with(&mut self.leaves.iter().map(Aval::to_string)))
    }
}

impl fmt::Debug for ShapeTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
