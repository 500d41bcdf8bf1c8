//! Finds the item of each equation.
//!
//! One pass forward. An elementwise equation joins the latest group over its domain if all its
//! operands are there in time: computed before the group, or inside it at the same point. Views
//! cost nothing: they are index maps that their consumers load through. If a group computes a
//! value, the consumer of a view of that value starts a later group. Domains are compared without
//! axes of one element.
//!
//! Not here: moving equations to later groups (`sink`), memory (`assign`).

use super::super::flatten::{Flat, FlatEqn, ValId, Vals};
use super::super::program::ProgramBuilder;
use super::super::value::{self, Arg, Def, Place, RootId};
use super::grouped::{Alone, BEFORE, Entry, Grouped, Item, Sink};
use super::grouping::{Grouping, Level};
use crate::core::aval::Shape;
use crate::core::lowering::{DotDims, Lowering};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::Combine;
use smallvec::SmallVec;

impl Grouped {
    /// Groups the equations of a region. `args` are its inputs; `dests` are the places where its
    /// outputs are wanted.
    pub fn new(
        program: &mut ProgramBuilder,
        flat: Flat,
        args: Vec<Arg>,
        dests: &[Place],
        level: Level,
    ) -> Grouped {
        let mut grouping = Grouping::new(flat, args, level);
        for eqn in grouping.order() {
            grouping.place_eqn(program, eqn);
        }
        grouping.place_outputs(dests);
        let mut grouped = grouping.grouped;
        grouped.sink();
        grouped
    }
}

impl Grouping {
    /// Finds the root of each output. An output of a nested region that lies in its place already
    /// takes no work.
    fn place_outputs(&mut self, dests: &[Place]) {
        let outputs = self.grouped.flat.outputs().to_vec();
        let stays = |v: ValId, to: &Place| self.grouped.nested && self.lies_at(v, to);
        let wanted: Vec<(ValId, &Place)> =
            outputs.into_iter().zip(dests).filter(|(v, to)| !stays(*v, to)).collect();
        for (v, to) in wanted {
            let root = self.computed(v);
            self.grouped.outputs.push((root, to.clone()));
        }
    }

    /// Tells whether the value was in this place before the region.
    fn lies_at(&self, v: ValId, place: &Place) -> bool {
        self.grouped.whole_root(v).is_some_and(|root| {
            let r = self.grouped.root(root);
            r.item == BEFORE && r.given.as_ref() == Some(place)
        })
    }

    /// The root whose elements are exactly the value's, computed in this region. If there is none,
    /// the value is copied.
    fn computed(&mut self, v: ValId) -> RootId {
        let own = |r: RootId| self.grouped.root(r).item != BEFORE;
        let v = if self.grouped.whole_root(v).is_some_and(own) { v } else { self.copy_once(v) };
        self.grouped.whole_root(v).expect("a value with memory of its own")
    }

    /// The equations in the order in which they are placed. Scalars that depend on inputs alone
    /// come first: at a later position they would split the groups that use them. In loops they
    /// stay where they are, so that carries can be updated in place.
    fn order(&self) -> Vec<usize> {
        let all = 0..self.grouped.flat.eqns().len();
        if self.grouped.depth > 0 {
            return self.grouped.flat.updates_last();
        }
        let mut early: Vec<bool> = self.grouped.values.iter().map(Option::is_some).collect();
        let number = |v: &ValId| self.grouped.flat.shape(*v).is_empty();
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
            all.partition(|n| is_early(self.grouped.flat.eqn(*n)));
        first.into_iter().chain(rest).collect()
    }

    fn place_eqn(&mut self, program: &mut ProgramBuilder, eqn: usize) {
        let e = self.grouped.flat.eqn(eqn);
        let (inputs, outputs) = (e.inputs.clone(), e.outputs.clone());
        match &e.lowering {
            Lowering::Elementwise(_) => {
                let ready = self.ready_all(&inputs, false);
                self.enter(eqn, &outputs, ready);
            }
            Lowering::Indexed(f) if inputs.is_empty() => {
                let rank = self.grouped.flat.shape(outputs[0]).len();
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
                let floor = self.grouped.value(inputs[0]).floor;
                self.define(outputs[0], def, floor);
            }
            Lowering::Reshape => self.reshape(inputs[0], outputs[0]),
            Lowering::Forward => {
                let floor = self.ready_all(&inputs, false);
                for (i, o) in inputs.iter().zip(&outputs) {
                    let def = self.grouped.def(*i).clone();
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
                    let shape = Shape::from_slice(self.grouped.flat.shape(inputs[0]));
                    let maps = value::along_axis(&shape, axis, reverse);
                    inputs[0] = self.view(inputs[0], &maps, shape);
                }
                self.alone(eqn, inputs, &outputs)
            }
            Lowering::Dot { dims, .. } => self.place_dot(eqn, inputs, &outputs, dims.clone()),
            Lowering::Sort { .. } | Lowering::Routine(_) | Lowering::Host(_) => {
                let inputs: Vals = inputs.iter().map(|v| self.in_memory(*v)).collect();
                self.alone(eqn, inputs, &outputs);
            }
            Lowering::Cond { .. } => {
                let mut inputs = inputs;
                if !matches!(self.grouped.def(inputs[0]), Def::Splat(_)) {
                    inputs[0] = self.in_memory(inputs[0]);
                }
                self.alone(eqn, inputs, &outputs);
            }
            Lowering::Scan(parts) => {
                let kept = parts.consts + parts.carry;
                let mut inputs = inputs;
                for v in &mut inputs[kept..] {
                    if matches!(self.grouped.def(*v), Def::Inline { .. }) {
                        *v = self.in_memory(*v);
                    }
                }
                self.alone(eqn, inputs, &outputs);
            }
            Lowering::Constant(array) => {
                let def = match program.constant(array) {
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
                unreachable!("flattening inlines calls and refuses errors")
            }
        }
    }

    /// Puts an equation that works point by point into a group.
    fn enter(&mut self, eqn: usize, outputs: &Vals, ready: i32) {
        let domain = value::squeeze(self.grouped.flat.shape(outputs[0]));
        let item = self.join(domain, ready, &[]);
        let roots = outputs.iter().map(|v| self.rooted(*v, item, true)).collect();
        self.grouped.group_mut(item).entries.push(Entry::Eqn { eqn, roots });
    }

    /// Places a dot. If a transposition is the only use of its output, the dot computes the
    /// transposed output, and the output is a view of that.
    fn place_dot(&mut self, eqn: usize, mut inputs: Vals, outputs: &Vals, mut dims: DotDims) {
        let turned = self.turned(eqn);
        if let Some(turned) = &turned {
            inputs.swap(0, 1);
            dims = turned.clone();
        }
        let free = self.grouped.flat.shape(inputs[0]).len()
            - dims.lhs_batch.len()
            - dims.lhs_contract.len();
        inputs = self.dot_operands(inputs, &dims);
        self.alone(eqn, inputs, outputs);
        if turned.is_some() {
            if let Some(Item::Alone(dot)) = self.grouped.items.last_mut() {
                dot.turned = Some(dims.clone());
            }
            // In memory the free axes of the operand that is now on the left come first.
            let batch = dims.lhs_batch.len();
            let shape = Shape::from_slice(self.grouped.flat.shape(outputs[0]));
            let rank = shape.len();
            let order = (0..batch).chain(rank - free..rank).chain(batch..rank - free);
            let order: SmallVec<[usize; 4]> = order.collect();
            let lying: Shape = order.iter().map(|a| shape[*a]).collect();
            let dense = value::dense(&lying);
            let mut at = Affine { offset: 0, strides: SmallVec::from_elem(0, rank) };
            for (n, axis) in order.iter().enumerate() {
                at.strides[*axis] = dense.stride(n);
            }
            if let Def::Strided { root, .. } = *self.grouped.def(outputs[0]) {
                self.define(outputs[0], Def::Strided { root, at }, 0);
            }
        }
    }

    fn alone(&mut self, eqn: usize, inputs: Vals, outputs: &Vals) {
        let item = self.grouped.items.len();
        let roots: SmallVec<[RootId; 2]> =
            outputs.iter().map(|v| self.rooted(*v, item, false)).collect();
        for root in &roots {
            self.grouped.roots[root.index()].stored = true;
        }
        self.grouped.items.push(Item::Alone(Alone { eqn, inputs, roots, turned: None }));
    }

    fn reshape(&mut self, v: ValId, out: ValId) {
        let (from, to) = (self.grouped.flat.shape(v), self.grouped.flat.shape(out));
        let def = match self.grouped.def(v) {
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
            let to = Shape::from_slice(self.grouped.flat.shape(out));
            let copy = self.in_memory(v);
            match self.grouped.def(copy) {
                Def::Strided { root, .. } => Def::Strided { root: *root, at: value::dense(&to) },
                _ => unreachable!("a value in memory"),
            }
        });
        let floor = self.grouped.value(v).floor;
        self.define(out, def, floor);
    }

    fn reduce(&mut self, v: ValId, out: ValId, combine: Combine, axes: &[usize]) {
        let shape = self.grouped.flat.shape(v);
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
        self.grouped.roots[root.index()].stored = true;
        self.grouped.group_mut(item).sinks.push(Sink { value: v, combine, root });
    }
}
