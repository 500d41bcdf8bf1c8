//! The axes of a reduction, and the `lax` functions of a family that reduces over axes.

use crate::core::aval::{Aval, Shape};
use crate::core::params::{Param, Params};
use crate::prims::entry::Args;
use cotangent_jit::{Error, err, plural};
use smallvec::{SmallVec, smallvec};
use std::ops::Deref;

/// Axes in increasing order, each once.
#[derive(Clone, Debug)]
pub(crate) struct FoldedAxes(SmallVec<[usize; 4]>);

impl Deref for FoldedAxes {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FoldedAxes {
    /// Sorts the axes. [`FoldedAxes::check`] finds an axis that is given twice.
    pub fn new(axes: &[usize]) -> FoldedAxes {
        let mut axes: SmallVec<[usize; 4]> = axes.into();
        axes.sort_unstable();
        FoldedAxes(axes)
    }

    pub fn params(&self) -> Params {
        smallvec![("axes", Param::ints(self.iter().copied()))]
    }

    /// The inverse of [`FoldedAxes::params`].
    pub fn from_args(args: &Args) -> Result<FoldedAxes, Error> {
        Ok(FoldedAxes(args.sizes("axes")?.into()))
    }

    /// Errors: an axis is out of range for `x` or given twice.
    pub fn check(&self, name: &str, x: &Aval) -> Result<(), Error> {
        if let Some(axis) = self.iter().find(|a| **a >= x.rank()) {
            let axes = plural(x.rank(), "axis");
            return Err(err!(
                Axis,
                "{name}: axis {axis} is out of range for {x}, which has {axes}"
            ));
        }
        if self.windows(2).any(|w| w[0] >= w[1]) {
            return Err(err!(Axis, "{name}: expected each axis of {x} once, got {:?}", &self.0));
        }
        Ok(())
    }

    /// The axes that are not reduced.
    pub fn kept(&self, rank: usize) -> impl Iterator<Item = usize> + '_ {
        (0..rank).filter(|a| !self.contains(a))
    }

    /// The shape without the reduced axes.
    pub fn kept_of(&self, shape: &[usize]) -> Shape {
        self.kept(shape.len()).map(|a| shape[a]).collect()
    }

    /// The same axes for an operand with one axis more, at `batch`, and the position of that axis
    /// in a result without the reduced axes.
    pub fn with_batch(&self, batch: usize) -> (FoldedAxes, usize) {
        let shifted = self.iter().map(|&a| if a < batch { a } else { a + 1 }).collect();
        (FoldedAxes(shifted), batch - self.iter().filter(|a| **a < batch).count())
    }
}

/// Defines for each row a `lax` function, its `try_` version, and an entry of the registry.
/// `$apply` applies the primitive of a member to an array over axes, `$build` makes the primitive
/// from parsed parameters, `$cases` gives its cases; `$note` is documentation for all members.
macro_rules! over_axes {
    (
        apply: $apply:path, build: $build:path, cases: $cases:path, $family:ident, $note:literal;
        $($(#[$doc:meta])* $name:ident, $try:ident: $member:ident;)*
    ) => {
        $(
            $(#[$doc])*
            ///
            #[doc = concat!($note, " Panics where [`", stringify!($try), "`] gives an error.")]
            #[track_caller]
            pub fn $name(x: &Array, axes: &[usize]) -> Array {
                $crate::prims::rules::apply::expect($try(x, axes))
            }

            #[doc = concat!(
                "Returns the error of [`", stringify!($name), "`] instead of panicking."
            )]
            ///
            /// Fails if an axis is out of range or given twice, and for any other dtype.
            #[track_caller]
            pub fn $try(x: &Array, axes: &[usize]) -> Result<Array, Error> {
                $apply($family::$member, axes, x)
            }
        )*

        /// One entry per member of the family.
        pub(crate) fn entries() -> Vec<Entry> {
            vec![$(Entry {
                name: stringify!($name),
                build: |args| $build($family::$member, args),
                cases: || $cases($family::$member),
            }),*]
        }
    };
}

pub(crate) use over_axes;
