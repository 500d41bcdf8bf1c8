//! A region whose equations are being placed: how values, roots and groups are added.
//!
//! Not here: which item an equation goes to (`place`), and the operands of dots (`dots`).

use super::super::flatten::{Flat, Users, ValId};
use super::super::value::{self, Arg, Def, Place, RootId};
use super::grouped::{BEFORE, Entry, GROUP_LIMIT, Group, Grouped, Item, Root, Value};
use crate::core::aval::Shape;
use cotangent_jit::DType;
use cotangent_jit::affine::Affine;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The position of a region in the program.
#[derive(Clone, Copy)]
pub struct Level {
    /// Number of loops around it.
    pub depth: usize,
    /// Tells whether it is part of another region.
    pub nested: bool,
}

/// A region whose equations are being placed.
pub(super) struct Grouping {
    pub(super) grouped: Grouped,
    pub(super) users: Vec<Users>,
    /// The latest group over each domain.
    latest: FxHashMap<Shape, usize>,
    copied: FxHashMap<ValId, ValId>,
}

impl Grouping {
    pub(super) fn new(flat: Flat, args: Vec<Arg>, Level { depth, nested }: Level) -> Grouping {
        let count = flat.val_count();
        let users = flat.users();
        let grouped = Grouped {
            values: (0..count).map(|_| None).collect(),
            roots: Vec::with_capacity(count),
            items: Vec::new(),
            depth,
            nested,
            outputs: Vec::new(),
            flat,
        };
        let (latest, copied) = (FxHashMap::default(), FxHashMap::default());
        let mut grouping = Grouping { grouped, users, latest, copied };
        for (n, arg) in args.into_iter().enumerate() {
            let v = grouping.grouped.flat.inputs()[n];
            let def = match arg {
                Arg::Splat(s) => Def::Splat(s),
                Arg::Inline { f, maps } => Def::Inline { f, maps },
                Arg::Strided { place, len, at } => {
                    let dtype = grouping.grouped.flat.dtype(v);
                    Def::Strided { root: grouping.root(dtype, len, BEFORE, Some(place)), at }
                }
            };
            grouping.define(v, def, 0);
        }
        for v in (0..count).map(|n| ValId(n as u32)) {
            if let Some(s) = grouping.grouped.flat.literal(v) {
                grouping.define(v, Def::Splat(s), 0);
            }
        }
        grouping
    }

    pub(super) fn define(&mut self, v: ValId, def: Def, floor: i32) {
        self.grouped.values[v.index()] = Some(Value { def, floor });
    }

    pub(super) fn root(
        &mut self,
        dtype: DType,
        len: usize,
        item: i32,
        given: Option<Place>,
    ) -> RootId {
        let (stored, again) = (given.is_some(), SmallVec::new());
        let root = Root { dtype, len, item, again, pointwise: false, stored, given };
        self.grouped.roots.push(root);
        RootId(self.grouped.roots.len() as u32 - 1)
    }

    /// Adds a root of a value's type, and defines the value as the root.
    pub(super) fn rooted(&mut self, v: ValId, item: usize, pointwise: bool) -> RootId {
        let flat = &self.grouped.flat;
        let (dtype, size, at) = (flat.dtype(v), flat.size(v), value::dense(flat.shape(v)));
        let root = self.root(dtype, size, item as i32, None);
        self.grouped.roots[root.index()].pointwise = pointwise;
        self.define(v, Def::Strided { root, at }, 0);
        root
    }

    pub(super) fn copy_once(&mut self, v: ValId) -> ValId {
        if let Some(copy) = self.copied.get(&v) {
            return *copy;
        }
        let copy = self.copy(v);
        self.copied.insert(v, copy);
        copy
    }

    /// The first item that can use this value.
    pub(super) fn ready(&self, v: ValId) -> i32 {
        let value = self.grouped.value(v);
        let computed = match &value.def {
            Def::Strided { root, .. } => {
                let item = self.grouped.roots[root.index()].item;
                if item >= 0 && self.grouped.at_hand(v, item as usize).is_some() {
                    item
                } else {
                    item + 1
                }
            }
            _ => 0,
        };
        computed.max(value.floor)
    }

    /// The first item that can use all of these. With `stored` they are read from memory.
    pub(super) fn ready_all(&self, vs: &[ValId], stored: bool) -> i32 {
        let ready = |v: &ValId| match self.grouped.def(*v) {
            Def::Strided { root, .. } if stored => {
                (self.grouped.roots[root.index()].item + 1).max(self.grouped.value(*v).floor)
            }
            _ => self.ready(*v),
        };
        vs.iter().map(ready).max().unwrap_or(0)
    }

    /// The latest group over this domain, if it stands at `ready` or later and can fold over these
    /// axes; else a new group.
    pub(super) fn join(&mut self, domain: Shape, ready: i32, folded: &[usize]) -> usize {
        if let Some(&item) = self.latest.get(&domain)
            && let Item::Group(g) = &mut self.grouped.items[item]
        {
            let fits = folded.is_empty() || g.folded.is_empty() || g.folded[..] == *folded;
            let room = g.entries.len() + g.sinks.len() < GROUP_LIMIT;
            if item as i32 >= ready && fits && room {
                if g.folded.is_empty() {
                    g.folded = folded.into();
                }
                return item;
            }
        }
        let item = self.grouped.items.len();
        self.grouped.items.push(Item::Group(Group {
            domain: domain.clone(),
            entries: Vec::new(),
            folded: folded.into(),
            sinks: Vec::new(),
        }));
        self.latest.insert(domain, item);
        item
    }

    pub(super) fn viewed(&self, v: ValId, maps: &[Affine], out: ValId) -> Def {
        let shape = self.grouped.flat.shape(out);
        match self.grouped.def(v) {
            Def::Splat(s) => Def::Splat(*s),
            Def::Strided { root, at } => {
                Def::Strided { root: *root, at: value::compose(at, maps, shape) }
            }
            Def::Inline { f, maps: inner } => {
                let maps = inner.iter().map(|at| value::compose(at, maps, shape)).collect();
                Def::Inline { f: f.clone(), maps }
            }
        }
    }

    /// The value itself if its elements lie row-major in memory, else a copy of it.
    pub(super) fn in_memory(&mut self, v: ValId) -> ValId {
        if let Def::Strided { at, .. } = self.grouped.def(v)
            && value::dense_offset(at, self.grouped.flat.shape(v)).is_some()
        {
            return v;
        }
        self.copy_once(v)
    }

    /// A copy of the value, made in a group over its domain.
    pub(super) fn copy(&mut self, v: ValId) -> ValId {
        let item = self.join(value::squeeze(self.grouped.flat.shape(v)), self.ready(v), &[]);
        let copy = self.fresh(v);
        let root = self.rooted(copy, item, true);
        self.grouped.group_mut(item).entries.push(Entry::Copy { value: v, root });
        copy
    }

    /// The value seen through maps, as a value of this shape.
    pub(super) fn view(&mut self, v: ValId, maps: &[Affine], shape: Shape) -> ValId {
        let aval = self.grouped.flat.aval(v).with_shape(shape);
        let out = self.grouped.flat.val(aval);
        self.grouped.values.push(None);
        let def = self.viewed(v, maps, out);
        let floor = self.grouped.value(v).floor;
        self.define(out, def, floor);
        out
    }

    fn fresh(&mut self, v: ValId) -> ValId {
        let aval = self.grouped.flat.aval(v).clone();
        self.grouped.values.push(None);
        self.grouped.flat.val(aval)
    }
}
