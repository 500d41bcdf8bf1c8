//! Which axes `vmap` maps: prefixes of pytrees, with an axis or nothing at the leaves.

use super::pytree::{Token, TreeDef};
use crate::core::arity::each_tuple;
use crate::core::aval::Aval;
use cotangent_jit::{Error, err, plural};

/// A prefix: what stands at a node goes for everything below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Axes {
    /// The axis; negative ones count from the end.
    Axis(isize),
    /// Not mapped.
    None,
    /// One per child: of a tuple, `Vec`, fixed array or struct.
    Children(Vec<Axes>),
}

/// What can be written for axes: `0`, `-1`, an int of type `i32`, `i64`, `isize`, `u32` or `usize`,
/// `None`, `Some(1)`, tuples and arrays of those, [`Axes`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no axes: expected `0`, `-1`, `None`, `Some(1)`, or a tuple or array \
               of those",
    label = "expected an axis per argument, such as `(None, 0)`",
    note = "an axis is an int of type `i32`, `i64`, `isize`, `u32` or `usize`; a bare `None` is \
            written `Axes::None` where its type is open"
)]
pub trait IntoAxes {
    fn into_axes(self) -> Axes;
}

impl IntoAxes for Axes {
    fn into_axes(self) -> Axes {
        self
    }
}

macro_rules! axis {
    ($($t:ty)*) => {$(
        impl IntoAxes for $t {
            /// A number that no isize is becomes the greatest one, which is no axis.
            fn into_axes(self) -> Axes {
                Axes::Axis(isize::try_from(self).unwrap_or(isize::MAX))
            }
        }
    )*};
}

// `None` has one type only: with an `Option` per int type it would need an annotation.
axis!(i32 i64 isize u32 usize);

impl IntoAxes for Option<isize> {
    fn into_axes(self) -> Axes {
        self.map_or(Axes::None, Axes::Axis)
    }
}

impl<T: IntoAxes> IntoAxes for Vec<T> {
    fn into_axes(self) -> Axes {
        Axes::Children(self.into_iter().map(T::into_axes).collect())
    }
}

impl<T: IntoAxes, const N: usize> IntoAxes for [T; N] {
    fn into_axes(self) -> Axes {
        Axes::Children(self.into_iter().map(T::into_axes).collect())
    }
}

macro_rules! tuple_axes {
    ($($($t:ident $i:tt)+;)*) => {$(
        impl<$($t: IntoAxes),+> IntoAxes for ($($t,)+) {
            fn into_axes(self) -> Axes {
                Axes::Children(vec![$(self.$i.into_axes()),+])
            }
        }
    )*};
}

each_tuple!(tuple_axes);

impl Axes {
    /// One entry per leaf of `tree`.
    pub(crate) fn per_leaf(&self, what: &str, tree: &TreeDef) -> Result<Vec<Option<isize>>, Error> {
        let mut leaves = Vec::new();
        self.spread(what, tree, 0, &mut String::new(), &mut leaves)?;
        Ok(leaves)
    }

    fn spread(
        &self,
        what: &str,
        tree: &TreeDef,
        at: usize,
        path: &mut String,
        to: &mut Vec<Option<isize>>,
    ) -> Result<usize, Error> {
        let end = tree.skip(at);
        let children = match self {
            Axes::Children(children) => children,
            Axes::Axis(_) | Axes::None => {
                let axis = if let Axes::Axis(a) = self { Some(*a) } else { None };
                let leaf = |t: &&Token| matches!(t, Token::Leaf);
                to.extend(tree.tokens()[at..end].iter().filter(leaf).map(|_| axis));
                return Ok(end);
            }
        };
        let token = &tree.tokens()[at];
        let count = match token {
            Token::Tuple(n) | Token::Vec(n) | Token::Array(n) => Some(*n as usize),
            Token::Struct(info) => Some(info.fields.len()),
            _ => None,
        };
        if count != Some(children.len()) {
            let place = if path.is_empty() { "the whole".to_string() } else { path.clone() };
            return Err(err!(
                Tree,
                "vmap: {what} are no prefix of the tree: {axes} for {place}, which is {token}",
                axes = plural(children.len(), "axis")
            ));
        }
        let mut next = at + 1;
        for (i, child) in children.iter().enumerate() {
            let length = path.len();
            path.push_str(&format!(".{i}"));
            next = child.spread(what, tree, next, path, to)?;
            path.truncate(length);
        }
        Ok(next)
    }
}

/// A possibly negative axis of `aval` as an index, or `None` if it is out of range. `rank` is that
/// of the mapped array.
pub(crate) fn resolve(axis: isize, rank: usize) -> Option<usize> {
    let index = if axis < 0 { axis + rank as isize } else { axis };
    (0..rank as isize).contains(&index).then_some(index as usize)
}

/// The axis, or an error that names the leaf.
pub(crate) fn resolve_leaf(name: &str, aval: &Aval, axis: isize) -> Result<usize, Error> {
    resolve(axis, aval.rank()).ok_or_else(|| {
        err!(Axis, "vmap: {name} is {aval}, which has no axis {axis} to map over; use None for it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::pytree::tree_structure;
    use crate::core::array::Array;
    use cotangent_jit::Scalar;

    #[test]
    fn prefixes_spread_over_subtrees() {
        let x = || Array::strong_literal(Scalar::from(1f32));
        let tree = tree_structure(&((x(), x()), vec![x()], x()));
        let axes = ((0, None), -1, Some(2)).into_axes();
        assert_eq!(axes.per_leaf("in_axes", &tree), Ok(vec![Some(0), None, Some(-1), Some(2)]));
        let (narrow, wide) = (0i32, 2usize);
        assert_eq!((narrow, None, [wide, 0]).into_axes(), (0, None, [2, 0]).into_axes());
        let error = (0, (1, 2)).into_axes().per_leaf("in_axes", &tree).unwrap_err();
        assert_eq!(
            error.message(),
            "vmap: in_axes are no prefix of the tree: 2 axes for the whole, which is a tuple of 3"
        );
    }
}
