//! How equations find their items: who can join which group, and what only waits to be looked through.
//!
//! Not here: the items themselves (region).

use super::Cx;
use super::accumulate;
use super::flatten::{FlatEqn, ValId, Vals};
use super::region::{BEFORE, Entry, Group, Item, Region, Sink};
use super::value::{self, Def, RootId};
use crate::core::aval::Shape;
use crate::core::lowering::{DotDims, Lowering};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::Combine;
use smallvec::SmallVec;

/// Most equations in a group: beyond, code no longer gets better, only slower to generate.
pub const GROUP_LIMIT: usize = 256;

impl Region {
    /// Equations in the order in which they are placed. Numbers that need nothing but inputs come first, so that their
    /// late appearance does not cut the groups that use them; in loops they stay, for the sake of carries in place.
    pub fn order(&self) -> Vec<usize> {
        let all = 0..self.flat.eqns.len();
        if self.depth > 0 {
            return self.flat.updates_last();
        }
        let mut early: Vec<bool> = self.values.iter().map(Option::is_some).collect();
        let number = |v: &ValId| self.flat.shape(*v).is_empty();
        let mut is_early = |e: &FlatEqn| {
            let pure = matches!(
                e.lowering,
                Lowering::Elementwise(_) | Lowering::View(_) | Lowering::Reshape
            );
            let early_now = pure
                && e.inputs.iter().all(|v| early[v.index()] && number(v))
                && e.outputs.iter().all(number);
            e.outputs.iter().for_each(|v| early[v.index()] = early_now);
            early_now
        };
        let (first, rest): (Vec<usize>, Vec<usize>) =
            all.partition(|n| is_early(&self.flat.eqns[*n]));
        first.into_iter().chain(rest).collect()
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

    pub fn group(&mut self, item: usize) -> &mut Group {
        match &mut self.items[item] {
            Item::Group(g) => g,
            Item::Alone { .. } => unreachable!("joined items are groups"),
        }
    }

    pub fn place_eqn(&mut self, cx: &mut Cx, eqn: usize) {
        let e = &self.flat.eqns[eqn];
        let (inputs, outputs) = (e.inputs.clone(), e.outputs.clone());
        match &e.lowering {
            Lowering::Elementwise(_) => {
                let ready = self.ready_all(&inputs, false);
                self.enter(eqn, &outputs, ready);
            }
            Lowering::Indexed(f) if inputs.is_empty() => {
                let rank = self.flat.shape(outputs[0]).len();
                let maps = (0..rank).map(Affine::counter).collect();
                let def = Def::Inline { f: f.clone(), maps };
                self.define(outputs[0], def, 0);
            }
            Lowering::Indexed(_) => {
                let ready = self.ready_all(&inputs, true);
                self.enter(eqn, &outputs, ready);
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
            Lowering::Assemble { .. } | Lowering::Scatter { .. } | Lowering::While(_) => {
                self.alone(eqn, inputs, &outputs)
            }
            Lowering::Accumulate(running) => {
                let (axis, reverse) = (running.axis, running.reverse);
                let mut inputs = inputs;
                if reverse {
                    let shape = Shape::from_slice(self.flat.shape(inputs[0]));
                    let maps = accumulate::along(&shape, axis, reverse);
                    inputs[0] = self.view(inputs[0], &maps, shape);
                }
                self.alone(eqn, inputs, &outputs)
            }
            Lowering::Dot(dims) => self.place_dot(eqn, inputs, &outputs, dims.clone()),
            Lowering::Sort { .. } | Lowering::Routine(_) | Lowering::Host(_) => {
                let inputs: Vals = inputs.iter().map(|v| self.in_memory(*v)).collect();
                self.alone(eqn, inputs, &outputs);
            }
            Lowering::Cond { .. } => {
                let mut inputs = inputs;
                if !matches!(self.def(inputs[0]), Def::Splat(_)) {
                    inputs[0] = self.in_memory(inputs[0]);
                }
                self.alone(eqn, inputs, &outputs);
            }
            Lowering::Scan(parts) => {
                let kept = parts.consts + parts.carry;
                let mut inputs = inputs;
                for v in &mut inputs[kept..] {
                    if matches!(self.def(*v), Def::Inline { .. }) {
                        *v = self.in_memory(*v);
                    }
                }
                self.alone(eqn, inputs, &outputs);
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
            Lowering::Call(_) | Lowering::InBatch(_) => {
                unreachable!("flattened and refused before")
            }
        }
    }

    /// An equation that works point by point, into a group.
    fn enter(&mut self, eqn: usize, outputs: &Vals, ready: i32) {
        let domain = value::squeeze(self.flat.shape(outputs[0]));
        let item = self.join(domain, ready, &[]);
        let roots = outputs.iter().map(|v| self.rooted(*v, item, true)).collect();
        self.group(item).entries.push(Entry::Eqn { eqn, roots });
    }

    fn place_dot(&mut self, eqn: usize, mut inputs: Vals, outputs: &Vals, mut dims: DotDims) {
        let turned = self.turned(eqn);
        if let Some(turned) = &turned {
            inputs.swap(0, 1);
            dims = turned.clone();
        }
        let free =
            self.flat.shape(inputs[0]).len() - dims.lhs_batch.len() - dims.lhs_contract.len();
        inputs = self.dot_operands(inputs, &dims);
        self.alone(eqn, inputs, outputs);
        if turned.is_some() {
            // In memory the free axes of what is now the left operand come first.
            let batch = dims.lhs_batch.len();
            self.flat.eqns[eqn].lowering = Lowering::Dot(dims);
            let shape = Shape::from_slice(self.flat.shape(outputs[0]));
            let rank = shape.len();
            let order = (0..batch).chain(rank - free..rank).chain(batch..rank - free);
            let order: SmallVec<[usize; 4]> = order.collect();
            let lying: Shape = order.iter().map(|a| shape[*a]).collect();
            let dense = value::dense(&lying);
            let mut at = Affine { offset: 0, strides: SmallVec::from_elem(0, rank) };
            for (n, axis) in order.iter().enumerate() {
                at.strides[*axis] = dense.stride(n);
            }
            if let Def::Strided { root, .. } = *self.def(outputs[0]) {
                self.define(outputs[0], Def::Strided { root, at }, 0);
            }
        }
    }

    fn alone(&mut self, eqn: usize, inputs: Vals, outputs: &Vals) {
        let item = self.items.len();
        let roots: SmallVec<[RootId; 2]> =
            outputs.iter().map(|v| self.rooted(*v, item, false)).collect();
        for root in &roots {
            self.roots[root.index()].stored = true;
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
