//! Equations into items: groups, which become one kernel each, and equations that stand alone.
//!
//! One pass forward. An elementwise equation joins the latest group over its domain if all its operands are there in
//! time: computed before the group, or inside it at the same point. Views cost nothing: they are index maps that their
//! consumers load through. A view of something computed in the same group makes its consumer start a later one.
//! Domains are compared without axes of one element.
//!
//! Not here: memory (assign), code (emit).

use super::Cx;
use super::flatten::{Flat, ValId, Vals};
use super::value::{self, Arg, Def, Place, RootId};
use crate::core::aval::Shape;
use crate::core::jaxpr::Jaxpr;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::Combine;
use cotangent_jit::{DType, Error};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Position of what was there before the region.
pub const BEFORE: i32 = -1;

pub struct Value {
    pub def: Def,
    /// No consumer may stand before this item.
    pub floor: i32,
}

pub struct Root {
    pub dtype: DType,
    pub len: usize,
    /// The item that computes it, or [`BEFORE`].
    pub item: i32,
    /// Groups that compute it once more, for themselves.
    pub again: SmallVec<[i32; 2]>,
    /// Computed at every point of a group's domain.
    pub pointwise: bool,
    /// Somebody needs it in memory.
    pub stored: bool,
    /// How many reads of it from memory there are.
    pub users: u32,
    /// Where it lies; written by its item.
    pub place: Option<Place>,
    /// Further places to which its group stores it.
    pub also: SmallVec<[Place; 1]>,
    /// Instead of to a place of its own, its group writes it into this one.
    pub part: Option<Part>,
    /// Of inputs only: who reads it.
    pub reads: Vec<Read>,
}

/// Where a value lies inside another one that is assembled from it.
pub struct Part {
    pub of: RootId,
    /// Position of its elements in the whole, in the coordinates of its group's domain.
    pub at: Affine,
}

/// An item reads an input of the region.
#[derive(Clone, Copy)]
pub struct Read {
    pub item: i32,
    pub how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A group, at the point that it computes.
    Point,
    /// To start this output from: harmless if they share memory.
    Start(RootId),
    /// Inside the arms of a branch, which look after themselves.
    Arms,
    Anywhere,
}

#[derive(Clone)]
pub enum Entry {
    /// An elementwise or indexed equation, and the roots of its outputs.
    Eqn { eqn: usize, roots: SmallVec<[RootId; 1]> },
    /// This value's elements, in row-major order.
    Same { value: ValId, root: RootId },
}

pub struct Sink {
    pub value: ValId,
    pub combine: Combine,
    pub root: RootId,
}

pub struct Group {
    pub domain: Shape,
    pub entries: Vec<Entry>,
    /// Axes of the domain over which the sinks fold, ascending; empty without sinks.
    pub folded: SmallVec<[usize; 4]>,
    pub sinks: Vec<Sink>,
}

pub enum Item {
    Group(Group),
    /// The equation, its operands ready to use, and the roots of its outputs.
    Alone {
        eqn: usize,
        inputs: Vals,
        roots: SmallVec<[RootId; 2]>,
    },
}

pub struct Region {
    pub flat: Flat,
    pub values: Vec<Option<Value>>,
    pub roots: Vec<Root>,
    pub items: Vec<Item>,
    /// How many loops enclose the region.
    pub depth: usize,
    /// Whether this is part of another region.
    pub nested: bool,
    /// Whether outputs take their places whoever still reads there; who asks for that looks at the result.
    pub by_lanes: bool,
    /// Copies to make in the end, because the place was still being read.
    pub last: Vec<(RootId, Place)>,
    /// What the outputs are, once they have places.
    pub outputs: Vec<RootId>,
    /// How many equations and outputs use each value, and one of the equations.
    pub users: Vec<(u32, u32)>,
    pub latest: FxHashMap<Shape, usize>,
    pub copied: FxHashMap<ValId, ValId>,
}

impl Region {
    pub fn new(
        cx: &mut Cx,
        jaxpr: &Jaxpr,
        args: Vec<Arg>,
        depth: usize,
        nested: bool,
    ) -> Result<Region, Error> {
        let mut flat = Flat::new(jaxpr)?;
        flat.merge_pads();
        flat.add_updates();
        Ok(Region::of(cx, flat, args, depth, nested, false))
    }

    pub fn of(
        cx: &mut Cx,
        flat: Flat,
        args: Vec<Arg>,
        depth: usize,
        nested: bool,
        by_lanes: bool,
    ) -> Region {
        let mut region = Region {
            values: flat.vals.iter().map(|_| None).collect(),
            roots: Vec::with_capacity(flat.vals.len()),
            items: Vec::new(),
            depth,
            nested,
            by_lanes,
            last: Vec::new(),
            outputs: Vec::new(),
            users: flat.users(),
            latest: FxHashMap::default(),
            copied: FxHashMap::default(),
            flat,
        };
        for (n, arg) in args.into_iter().enumerate() {
            let v = region.flat.inputs[n];
            let def = match arg {
                Arg::Splat(s) => Def::Splat(s),
                Arg::Inline { f, maps } => Def::Inline { f, maps },
                Arg::Strided { place, len, at } => {
                    let dtype = region.dtype(v);
                    Def::Strided { root: region.root(dtype, len, BEFORE, Some(place)), at }
                }
            };
            region.define(v, def, 0);
        }
        for v in 0..region.flat.vals.len() {
            if let Some(s) = region.flat.vals[v].literal {
                region.define(ValId(v as u32), Def::Splat(s), 0);
            }
        }
        for eqn in region.order() {
            region.place_eqn(cx, eqn);
        }
        region
    }

    pub fn value(&self, v: ValId) -> &Value {
        self.values[v.index()].as_ref().expect("a value is defined before its use")
    }

    pub fn def(&self, v: ValId) -> &Def {
        &self.value(v).def
    }

    pub fn dtype(&self, v: ValId) -> DType {
        self.flat.vals[v.index()].aval.dtype
    }

    pub fn size(&self, v: ValId) -> usize {
        self.flat.shape(v).iter().product()
    }

    pub fn define(&mut self, v: ValId, def: Def, floor: i32) {
        self.values[v.index()] = Some(Value { def, floor });
    }

    pub fn root(&mut self, dtype: DType, len: usize, item: i32, place: Option<Place>) -> RootId {
        let stored = place.is_some();
        let (also, reads) = (SmallVec::new(), Vec::new());
        self.roots.push(Root {
            dtype,
            len,
            item,
            again: SmallVec::new(),
            pointwise: false,
            stored,
            users: 0,
            place,
            also,
            part: None,
            reads,
        });
        RootId(self.roots.len() as u32 - 1)
    }

    /// A new root with a value's type, and the value defined as it.
    pub fn rooted(&mut self, v: ValId, item: usize, pointwise: bool) -> RootId {
        let root = self.root(self.dtype(v), self.size(v), item as i32, None);
        self.roots[root.index()].pointwise = pointwise;
        let at = value::dense(self.flat.shape(v));
        self.define(v, Def::Strided { root, at }, 0);
        root
    }

    /// Whether the group that computes the root has the value at hand when it works at the same point of its domain.
    pub fn at_hand(&self, v: ValId, item: usize) -> Option<RootId> {
        let Def::Strided { root, at } = self.def(v) else { return None };
        let r = &self.roots[root.index()];
        let Item::Group(group) = self.items.get(item)? else { return None };
        let shape = self.flat.shape(v);
        let same = r.pointwise
            && (r.item == item as i32 || r.again.contains(&(item as i32)))
            && value::dense_offset(at, shape) == Some(0)
            && value::squeeze(shape) == group.domain;
        same.then_some(*root)
    }
}
