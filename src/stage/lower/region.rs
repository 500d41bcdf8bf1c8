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
use crate::core::lowering::{Base, Lowering};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::Combine;
use cotangent_jit::{DType, Error};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Most equations in a group: beyond, code no longer gets better, only slower to generate.
const GROUP_LIMIT: usize = 256;

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
    /// Of inputs only: who reads it.
    pub reads: Vec<Read>,
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
    /// Copies to make in the end, because the place was still being read.
    pub last: Vec<(RootId, Place)>,
    /// What the outputs are, once they have places.
    pub outputs: Vec<RootId>,
    latest: FxHashMap<Shape, usize>,
    pub copied: FxHashMap<ValId, ValId>,
}

impl Region {
    pub fn new(cx: &mut Cx, jaxpr: &Jaxpr, args: Vec<Arg>, depth: usize) -> Result<Region, Error> {
        let flat = Flat::new(jaxpr)?;
        let mut region = Region {
            values: flat.vals.iter().map(|_| None).collect(),
            roots: Vec::with_capacity(flat.vals.len()),
            items: Vec::new(),
            depth,
            last: Vec::new(),
            outputs: Vec::new(),
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
        for eqn in 0..region.flat.eqns.len() {
            region.place_eqn(cx, eqn);
        }
        Ok(region)
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

    fn define(&mut self, v: ValId, def: Def, floor: i32) {
        self.values[v.index()] = Some(Value { def, floor });
    }

    fn root(&mut self, dtype: DType, len: usize, item: i32, place: Option<Place>) -> RootId {
        let stored = place.is_some();
        let (also, reads) = (SmallVec::new(), Vec::new());
        self.roots.push(Root {
            dtype,
            len,
            item,
            pointwise: false,
            stored,
            users: 0,
            place,
            also,
            reads,
        });
        RootId(self.roots.len() as u32 - 1)
    }

    /// A new root with a value's type, and the value defined as it.
    fn rooted(&mut self, v: ValId, item: usize, pointwise: bool) -> RootId {
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
            && r.item == item as i32
            && value::dense_offset(at, shape) == Some(0)
            && value::squeeze(shape) == group.domain;
        same.then_some(*root)
    }

    /// The first item that can use this value.
    fn ready(&self, v: ValId) -> i32 {
        let value = self.value(v);
        let computed = match &value.def {
            Def::Strided { root, .. } => {
                let item = self.roots[root.index()].item;
                if item >= 0 && self.at_hand(v, item as usize).is_some() { item } else { item + 1 }
            }
            _ => 0,
        };
        computed.max(value.floor)
    }

    /// The first item that can use all of these, not at hand but from memory if `stored`.
    fn ready_all(&self, vs: &[ValId], stored: bool) -> i32 {
        let ready = |v: &ValId| match self.def(*v) {
            Def::Strided { root, .. } if stored => {
                (self.roots[root.index()].item + 1).max(self.value(*v).floor)
            }
            _ => self.ready(*v),
        };
        vs.iter().map(ready).max().unwrap_or(0)
    }

    /// The group over this domain that stands at `ready` or later and folds over these axes if it folds.
    fn join(&mut self, domain: Shape, ready: i32, folded: &[usize]) -> usize {
        if let Some(&item) = self.latest.get(&domain)
            && let Item::Group(g) = &mut self.items[item]
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
        let item = self.items.len();
        self.items.push(Item::Group(Group {
            domain: domain.clone(),
            entries: Vec::new(),
            folded: folded.into(),
            sinks: Vec::new(),
        }));
        self.latest.insert(domain, item);
        item
    }

    fn group(&mut self, item: usize) -> &mut Group {
        match &mut self.items[item] {
            Item::Group(g) => g,
            Item::Alone { .. } => unreachable!("joined items are groups"),
        }
    }

    /// Notes that an item uses a value.
    fn read(&mut self, v: ValId, item: usize, how: How) {
        if how == How::Point && self.at_hand(v, item).is_some() {
            return;
        }
        let Def::Strided { root, at } = self.def(v) else { return };
        let (root, shape) = (*root, self.flat.shape(v));
        let whole = value::dense_offset(at, shape) == Some(0)
            && self.roots[root.index()].len == shape.iter().product::<usize>();
        let how = match how {
            How::Point => match &self.items[item] {
                Item::Group(g) if whole && value::squeeze(shape) == g.domain => How::Point,
                _ => How::Anywhere,
            },
            How::Start(_) if !whole => How::Anywhere,
            how => how,
        };
        let r = &mut self.roots[root.index()];
        r.stored = true;
        r.users += 1;
        if r.item == BEFORE {
            r.reads.push(Read { item: item as i32, how });
        }
    }

    fn place_eqn(&mut self, cx: &mut Cx, eqn: usize) {
        let e = &self.flat.eqns[eqn];
        let (inputs, outputs) = (e.inputs.clone(), e.outputs.clone());
        match &e.lowering {
            Lowering::Elementwise(_) => {
                let ready = self.ready_all(&inputs, false);
                self.enter(eqn, &inputs, &outputs, ready, How::Point);
            }
            Lowering::Indexed(f) if inputs.is_empty() => {
                let rank = self.flat.shape(outputs[0]).len();
                let maps = (0..rank).map(Affine::counter).collect();
                let def = Def::Inline { f: f.clone(), maps };
                self.define(outputs[0], def, 0);
            }
            Lowering::Indexed(_) => {
                let ready = self.ready_all(&inputs, true);
                self.enter(eqn, &inputs, &outputs, ready, How::Anywhere);
            }
            Lowering::View(maps) => {
                let maps = maps.clone();
                let def = self.viewed(inputs[0], &maps, outputs[0]);
                let floor = self.value(inputs[0]).floor;
                self.define(outputs[0], def, floor);
            }
            Lowering::Reshape => self.reshape(inputs[0], outputs[0]),
            Lowering::Forward => {
                let floor = self.ready_all(&inputs, false);
                for (i, o) in inputs.iter().zip(&outputs) {
                    let def = self.def(*i).clone();
                    self.define(*o, def, floor);
                }
            }
            Lowering::Reduce { combine, axes } => {
                let (combine, axes) = (*combine, axes.clone());
                self.reduce(inputs[0], outputs[0], combine, &axes);
            }
            Lowering::Assemble { base, .. } => {
                let start = if let Base::Input(n) = base { Some(*n) } else { None };
                self.alone(eqn, inputs, &outputs, |n, roots| match start {
                    Some(s) if s == n => How::Start(roots[0]),
                    _ => How::Anywhere,
                });
            }
            Lowering::Scatter { base, .. } => {
                let base = *base;
                self.alone(eqn, inputs, &outputs, |n, roots| {
                    if n == base { How::Start(roots[0]) } else { How::Anywhere }
                });
            }
            Lowering::Dot(dims) => {
                let dims = dims.clone();
                let inputs = self.dot_operands(inputs, &dims);
                self.alone(eqn, inputs, &outputs, |_, _| How::Anywhere);
            }
            Lowering::Sort { .. } => {
                let inputs: Vals = inputs.iter().map(|v| self.in_memory(*v)).collect();
                self.alone(eqn, inputs, &outputs, |n, roots| How::Start(roots[n]));
            }
            Lowering::Cond { .. } => {
                let mut inputs = inputs;
                if !matches!(self.def(inputs[0]), Def::Splat(_)) {
                    inputs[0] = self.in_memory(inputs[0]);
                }
                self.alone(eqn, inputs, &outputs, |n, _| match n {
                    0 => How::Anywhere,
                    _ => How::Arms,
                });
            }
            Lowering::Scan(parts) => {
                let (consts, carry) = (parts.consts, parts.carry);
                let mut inputs = inputs;
                for v in &mut inputs[consts + carry..] {
                    if matches!(self.def(*v), Def::Inline { .. }) {
                        *v = self.in_memory(*v);
                    }
                }
                self.alone(eqn, inputs, &outputs, |n, roots| match n.checked_sub(consts) {
                    Some(n) if n < carry => How::Start(roots[n]),
                    _ => How::Anywhere,
                });
            }
            Lowering::While { test_consts, body_consts, .. } => {
                let consts = test_consts + body_consts;
                self.alone(eqn, inputs, &outputs, |n, roots| match n.checked_sub(consts) {
                    Some(n) => How::Start(roots[n]),
                    None => How::Anywhere,
                });
            }
            Lowering::Constant(array) => {
                let def = match cx.constant(array) {
                    Err(literal) => Def::Splat(literal),
                    Ok(place) => {
                        let (dtype, len) = (array.dtype(), array.size());
                        let at = value::dense(array.shape());
                        Def::Strided { root: self.root(dtype, len, BEFORE, Some(place)), at }
                    }
                };
                self.define(outputs[0], def, 0);
            }
            Lowering::Call(_) => unreachable!("calls are flattened"),
        }
    }

    /// An equation that works point by point, into a group.
    fn enter(&mut self, eqn: usize, inputs: &Vals, outputs: &Vals, ready: i32, how: How) {
        let domain = value::squeeze(self.flat.shape(outputs[0]));
        let item = self.join(domain, ready, &[]);
        for v in inputs {
            self.read(*v, item, how);
        }
        let roots = outputs.iter().map(|v| self.rooted(*v, item, true)).collect();
        self.group(item).entries.push(Entry::Eqn { eqn, roots });
    }

    fn alone(
        &mut self,
        eqn: usize,
        inputs: Vals,
        outputs: &Vals,
        how: impl Fn(usize, &[RootId]) -> How,
    ) {
        let item = self.items.len();
        let roots: SmallVec<[RootId; 2]> =
            outputs.iter().map(|v| self.rooted(*v, item, false)).collect();
        for root in &roots {
            self.roots[root.index()].stored = true;
        }
        for (n, v) in inputs.iter().enumerate() {
            self.read(*v, item, how(n, &roots));
        }
        self.items.push(Item::Alone { eqn, inputs, roots });
    }

    fn viewed(&self, v: ValId, maps: &[Affine], out: ValId) -> Def {
        let shape = self.flat.shape(out);
        match self.def(v) {
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

    fn reshape(&mut self, v: ValId, out: ValId) {
        let (from, to) = (self.flat.shape(v), self.flat.shape(out));
        let def = match self.def(v) {
            Def::Splat(s) => Some(Def::Splat(*s)),
            Def::Strided { root, at } => {
                value::reshape(at, from, to).map(|at| Def::Strided { root: *root, at })
            }
            Def::Inline { f, maps } => {
                let reshaped = maps.iter().map(|at| value::reshape(at, from, to)).collect();
                let maps: Option<Vec<Affine>> = reshaped;
                maps.map(|maps| Def::Inline { f: f.clone(), maps })
            }
        };
        let def = def.unwrap_or_else(|| {
            let to = Shape::from_slice(self.flat.shape(out));
            let copy = self.in_memory(v);
            match self.def(copy) {
                Def::Strided { root, .. } => Def::Strided { root: *root, at: value::dense(&to) },
                _ => unreachable!("a value in memory"),
            }
        });
        let floor = self.value(v).floor;
        self.define(out, def, floor);
    }

    fn reduce(&mut self, v: ValId, out: ValId, combine: Combine, axes: &[usize]) {
        let shape = self.flat.shape(v);
        if axes.iter().all(|a| shape[*a] == 1) {
            return self.reshape(v, out);
        }
        let domain = value::squeeze(shape);
        let mut folded: SmallVec<[usize; 4]> = (axes.iter().filter(|a| shape[**a] != 1))
            .map(|a| shape[..*a].iter().filter(|n| **n != 1).count())
            .collect();
        folded.sort();
        let item = self.join(domain, self.ready(v), &folded);
        self.read(v, item, How::Point);
        let root = self.rooted(out, item, false);
        self.roots[root.index()].stored = true;
        self.group(item).sinks.push(Sink { value: v, combine, root });
    }

    /// The value with its elements row-major in memory: itself, or a copy.
    pub fn in_memory(&mut self, v: ValId) -> ValId {
        if let Def::Strided { at, .. } = self.def(v)
            && value::dense_offset(at, self.flat.shape(v)).is_some()
        {
            return v;
        }
        if let Some(copy) = self.copied.get(&v) {
            return *copy;
        }
        let copy = self.copy(v);
        self.copied.insert(v, copy);
        copy
    }

    /// A copy of the value, made in a group over its domain.
    pub fn copy(&mut self, v: ValId) -> ValId {
        let item = self.join(value::squeeze(self.flat.shape(v)), self.ready(v), &[]);
        self.read(v, item, How::Point);
        let copy = self.fresh(v);
        let root = self.rooted(copy, item, true);
        self.group(item).entries.push(Entry::Same { value: v, root });
        copy
    }

    /// The value seen through maps, as a value of this shape.
    pub fn view(&mut self, v: ValId, maps: &[Affine], shape: Shape) -> ValId {
        let aval = self.flat.vals[v.index()].aval.with_shape(shape);
        let out = self.flat.val(aval);
        self.values.push(None);
        let def = self.viewed(v, maps, out);
        let floor = self.value(v).floor;
        self.define(out, def, floor);
        out
    }

    fn fresh(&mut self, v: ValId) -> ValId {
        let aval = self.flat.vals[v.index()].aval.clone();
        self.values.push(None);
        self.flat.val(aval)
    }
}
