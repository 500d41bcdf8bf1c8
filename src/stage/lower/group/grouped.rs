//! The result of grouping: the items of a region, the values that its equations compute, and the
//! roots that hold the values' elements.
//!
//! Not here: how an equation finds its item (`place`, `sink`), and which roots get memory
//! (`assign`).

use super::super::flatten::{Flat, ValId, Vals};
use super::super::value::{self, Def, Place, RootId};
use crate::core::aval::Shape;
use crate::core::lowering::DotDims;
use cotangent_jit::DType;
use cotangent_jit::kernel::Combine;
use smallvec::SmallVec;

/// The position of values that were there before the region.
pub const BEFORE: i32 = -1;
/// Most equations in a group. Beyond this number code gets slower to generate and no better.
pub const GROUP_LIMIT: usize = 256;

pub(super) struct Value {
    pub(super) def: Def,
    /// No consumer may stand before this item.
    pub(super) floor: i32,
}

/// Elements that one item computes, or that were there before the region.
pub struct Root {
    pub dtype: DType,
    pub len: usize,
    /// The item that computes it, or [`BEFORE`].
    pub item: i32,
    /// Groups that compute it once more, for themselves.
    pub again: SmallVec<[i32; 2]>,
    /// Tells whether it is computed at every point of a group's domain.
    pub pointwise: bool,
    /// Tells whether its item always computes it into memory.
    pub stored: bool,
    /// The place of a root that was there before the region.
    pub given: Option<Place>,
}

#[derive(Clone)]
pub enum Entry {
    /// An elementwise or indexed equation, and the roots of its outputs.
    Eqn { eqn: usize, roots: SmallVec<[RootId; 1]> },
    /// A copy of this value's elements in row-major order.
    Copy { value: ValId, root: RootId },
}

/// A fold over some axes of a group's domain.
pub struct Sink {
    pub value: ValId,
    pub combine: Combine,
    pub root: RootId,
}

pub struct Group {
    pub domain: Shape,
    pub entries: Vec<Entry>,
    /// Axes of the domain over which the sinks fold, ascending. Empty if there are no sinks.
    pub folded: SmallVec<[usize; 4]>,
    pub sinks: Vec<Sink>,
}

/// An equation that stands alone.
pub struct Alone {
    pub eqn: usize,
    /// The operands in a form that the equation can read.
    pub inputs: Vals,
    pub roots: SmallVec<[RootId; 2]>,
    /// The dot that computes the transposed output instead of the equation's own dot.
    pub turned: Option<DotDims>,
}

pub enum Item {
    Group(Group),
    Alone(Alone),
}

/// A region as items.
pub struct Grouped {
    pub(super) flat: Flat,
    pub(super) values: Vec<Option<Value>>,
    pub(super) roots: Vec<Root>,
    pub(super) items: Vec<Item>,
    /// Number of loops around the region.
    pub(super) depth: usize,
    /// Tells whether the region is part of another one.
    pub(super) nested: bool,
    /// The roots of the outputs that need work, and their places.
    pub(super) outputs: Vec<(RootId, Place)>,
}

impl Grouped {
    pub fn flat(&self) -> &Flat {
        &self.flat
    }

    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    pub fn root(&self, root: RootId) -> &Root {
        &self.roots[root.index()]
    }

    pub fn items(&self) -> &[Item] {
        &self.items
    }

    pub fn depth(&self) -> usize {
        self.depth
    }

    pub fn outputs(&self) -> &[(RootId, Place)] {
        &self.outputs
    }

    pub fn def(&self, v: ValId) -> &Def {
        &self.value(v).def
    }

    pub(super) fn value(&self, v: ValId) -> &Value {
        self.values[v.index()].as_ref().expect("a value is defined before its use")
    }

    /// The root whose elements are exactly the value's, in row-major order.
    pub fn whole_root(&self, v: ValId) -> Option<RootId> {
        let Def::Strided { root, at } = self.def(v) else { return None };
        let whole = value::dense_offset(at, self.flat.shape(v)) == Some(0)
            && self.root(*root).len == self.flat.size(v);
        whole.then_some(*root)
    }

    /// The root of a value that item `item` computes at the same point of its domain. The group can
    /// then use the computed number instead of a load.
    pub fn at_hand(&self, v: ValId, item: usize) -> Option<RootId> {
        let Def::Strided { root, at } = self.def(v) else { return None };
        let r = self.root(*root);
        let Item::Group(group) = self.items.get(item)? else { return None };
        let shape = self.flat.shape(v);
        let same = r.pointwise
            && (r.item == item as i32 || r.again.contains(&(item as i32)))
            && value::dense_offset(at, shape) == Some(0)
            && value::squeeze(shape) == group.domain;
        same.then_some(*root)
    }

    /// Tells whether a group finds the value's element for each point of its domain at the same
    /// place of a whole root.
    pub fn same_point(&self, v: ValId, item: usize) -> bool {
        match &self.items[item] {
            Item::Group(g) => {
                self.whole_root(v).is_some() && value::squeeze(self.flat.shape(v)) == g.domain
            }
            Item::Alone(_) => false,
        }
    }

    pub(super) fn group_mut(&mut self, item: usize) -> &mut Group {
        match &mut self.items[item] {
            Item::Group(g) => g,
            Item::Alone(_) => unreachable!("the item is a group"),
        }
    }
}
