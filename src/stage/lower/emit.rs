//! A region's items as steps; a group as a kernel.
//!
//! Not here: the kernels and routines of equations that stand alone (assemble, routine, control).

use super::Cx;
use super::flatten::ValId;
use super::normal;
use super::region::{Entry, Group, Item, Region};
use super::value::{self, Def, Place, RootId};
use crate::core::lowering::{Lowering, Point, PointFn};
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{BufferId, Kernel, Loop, Mode, Node, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{Step, View};
use cotangent_jit::{DType, Error, Scalar, err};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The loop that walks each axis; none where there is one element.
pub type Lanes = SmallVec<[Option<usize>; 4]>;
/// A kernel and a view for each of its buffers.
pub type Launch = (Kernel, SmallVec<[View; 4]>);

impl Region {
    pub fn emit(&self, cx: &mut Cx) -> Result<Vec<Step>, Error> {
        let mut steps = Vec::with_capacity(self.items.len() + self.last.len());
        for (n, item) in self.items.iter().enumerate() {
            match item {
                Item::Group(group) => self.emit_group(cx, n, group, &mut steps)?,
                Item::Alone { eqn, inputs, roots } => {
                    let eqn = &self.flat.eqns[*eqn];
                    match &eqn.lowering {
                        Lowering::Assemble { base, pieces } => self.assemble(
                            cx,
                            inputs,
                            &eqn.outputs,
                            roots[0],
                            base,
                            pieces,
                            &mut steps,
                        )?,
                        Lowering::Scatter { base, updates, combine, position } => {
                            let spec = (*base, *updates, *combine, position);
                            self.scatter(cx, inputs, roots[0], spec, &mut steps)?
                        }
                        Lowering::Accumulate(running) => {
                            self.accumulate(cx, inputs[0], roots[0], running, &mut steps)
                        }
                        Lowering::Dot(dims) => self.dot(cx, inputs, roots[0], dims, &mut steps)?,
                        Lowering::Sort { axis, keys } => {
                            self.sort(inputs, roots, *axis, *keys, &mut steps)
                        }
                        Lowering::Routine(routine) => {
                            self.routine(routine, inputs, roots, &mut steps)
                        }
                        Lowering::Host(call) => steps.push(self.host(call, inputs, roots)),
                        Lowering::Cond { arms } => {
                            self.cond(cx, inputs, roots, arms, &mut steps)?
                        }
                        Lowering::Scan(parts) => self.scan(cx, inputs, roots, parts, &mut steps)?,
                        Lowering::While(parts) => {
                            self.while_loop(cx, inputs, roots, parts, &mut steps)?
                        }
                        _ => unreachable!("other equations are views or members of groups"),
                    }
                }
            }
        }
        for (root, to) in &self.last {
            let r = &self.roots[root.index()];
            if r.len > 0 {
                let from = self.place(*root).view();
                steps.push(Step::Copy { from, to: to.view(), len: r.len });
            }
        }
        Ok(steps)
    }

    pub fn place(&self, root: RootId) -> &Place {
        self.roots[root.index()].place.as_ref().expect("a root that is read has memory")
    }

    fn emit_group(
        &self,
        cx: &mut Cx,
        item: usize,
        group: &Group,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        if group.domain.contains(&0) {
            // Nothing is computed at all; what folds over nothing is the identity.
            for sink in &group.sinks {
                let identity = sink.combine.identity(self.roots[sink.root.index()].dtype);
                self.fill_root(cx, sink.root, steps, |w| w.b.constant(identity));
            }
            return Ok(());
        }
        if let Some((kernel, args)) = self.group_kernel(item)? {
            steps.push(Step::Launch { kernel: cx.kernel(kernel), args });
        }
        Ok(())
    }

    /// The kernel of a group over some points, and its arguments; `None` if it has no effect.
    pub fn group_kernel(&self, item: usize) -> Result<Option<Launch>, Error> {
        let Item::Group(group) = &self.items[item] else { return Ok(None) };
        let rank = group.domain.len();
        let kept = (0..rank).filter(|a| !group.folded.contains(a));
        let kept: SmallVec<[usize; 4]> = kept.collect();
        let mut loops: SmallVec<[Loop; 6]> = SmallVec::new();
        let mut loop_of: SmallVec<[usize; 4]> = SmallVec::from_elem(0, rank);
        for (axes, mode) in [(&kept, Mode::Parallel), (&group.folded, Mode::Reduce)] {
            for axis in axes {
                loop_of[*axis] = loops.len();
                loops.push(Loop { extent: group.domain[*axis], mode });
            }
        }
        let name = group.sinks.first().map_or("fused", |s| s.combine.name());
        let mut w = Writer::new(self, name, &loops);
        w.item = Some(item);
        let lanes: Lanes = loop_of.iter().map(|n| Some(*n)).collect();
        let every_point = mapped(&value::dense(&group.domain), &lanes);
        for entry in &group.entries {
            match entry {
                Entry::Eqn { eqn, roots } => {
                    let nodes = w.eqn(*eqn, &loop_of)?;
                    for (root, node) in roots.iter().zip(nodes) {
                        w.computed(*root, node, &every_point, &loop_of)?;
                    }
                }
                Entry::Same { value, root } => {
                    let node = w.operand(*value, &loop_of);
                    w.computed(*root, node, &every_point, &loop_of)?;
                }
            }
        }
        let extents: SmallVec<[usize; 4]> = kept.iter().map(|a| group.domain[*a]).collect();
        for sink in &group.sinks {
            let node = w.operand(sink.value, &loop_of);
            let to = w.root_buffer(sink.root);
            w.b.reduce(to, value::dense(&extents), sink.combine, node);
        }
        Ok(w.finish())
    }
}

/// Turns a function of a value's coordinates into one of the loops' counters.
pub fn mapped(at: &Affine, lanes: &[Option<usize>]) -> Affine {
    let mut out = Affine::constant(at.offset);
    for (axis, lane) in lanes.iter().enumerate() {
        if let (Some(n), by) = (lane, at.stride(axis))
            && by != 0
        {
            if out.strides.len() <= *n {
                out.strides.resize(n + 1, 0);
            }
            out.strides[*n] += by;
        }
    }
    out
}

/// The loops of a value's axes, given those of the axes of its domain that have more than one element.
pub fn lanes(shape: &[usize], loop_of: &[usize]) -> Lanes {
    let mut loops = loop_of.iter();
    // Operands of rank 0 have no axes, whatever the domain; others have the domain's.
    shape.iter().map(|n| if *n == 1 { None } else { loops.next().copied() }).collect()
}

/// A kernel under construction, with the memory its buffers stand for.
pub struct Writer<'r> {
    pub region: &'r Region,
    pub b: KernelBuilder,
    /// The group being written.
    item: Option<usize>,
    loops: SmallVec<[Loop; 6]>,
    args: SmallVec<[View; 4]>,
    buffers: FxHashMap<(Place, usize), BufferId>,
    computed: FxHashMap<RootId, NodeId>,
}

impl<'r> Writer<'r> {
    pub fn new(region: &'r Region, name: &str, loops: &[Loop]) -> Writer<'r> {
        Writer {
            region,
            b: KernelBuilder::new(name, loops.iter().copied()),
            item: None,
            loops: loops.into(),
            args: SmallVec::new(),
            buffers: FxHashMap::default(),
            computed: FxHashMap::default(),
        }
    }

    pub fn buffer(&mut self, place: &Place, dtype: DType, len: usize) -> BufferId {
        let Writer { b, args, buffers, .. } = self;
        *buffers.entry((place.clone(), len)).or_insert_with(|| {
            args.push(place.view());
            b.buffer(dtype, len)
        })
    }

    pub fn root_buffer(&mut self, root: RootId) -> BufferId {
        let region = self.region;
        let r = &region.roots[root.index()];
        self.buffer(region.place(root), r.dtype, r.len)
    }

    /// What was written, if it has any effect.
    fn finish(self) -> Option<Launch> {
        let mut kernel = self.b.finish();
        if kernel.stores.is_empty() && kernel.reductions.is_empty() {
            return None;
        }
        normal::simplify(&mut kernel);
        Some((kernel, self.args))
    }

    /// Launches what was written, if it has any effect.
    pub fn launch(self, cx: &mut Cx, steps: &mut Vec<Step>) {
        if let Some((kernel, args)) = self.finish() {
            steps.push(Step::Launch { kernel: cx.kernel(kernel), args });
        }
    }

    /// The value at the point of the domain whose axes of more than one element these loops walk.
    pub fn operand(&mut self, v: ValId, loop_of: &[usize]) -> NodeId {
        let region = self.region;
        if let Some(root) = self.item.and_then(|item| region.at_hand(v, item))
            && let Some(node) = self.computed.get(&root)
        {
            return *node;
        }
        let lanes = lanes(region.flat.shape(v), loop_of);
        self.at_lanes(v, &lanes)
    }

    /// The value's element at the counters of these loops.
    pub fn at_lanes(&mut self, v: ValId, lanes: &[Option<usize>]) -> NodeId {
        match self.region.def(v) {
            Def::Splat(s) => self.b.constant(*s),
            Def::Strided { root, at } => {
                let buffer = self.root_buffer(*root);
                self.b.load(buffer, mapped(at, lanes))
            }
            Def::Inline { f, maps } => {
                let coords = maps.iter().map(|m| self.b.affine(&mapped(m, lanes))).collect();
                self.point(f, coords, &[])
            }
        }
    }

    /// A function at these coordinates, reading these values.
    pub fn point(
        &mut self,
        f: &PointFn,
        coords: SmallVec<[NodeId; 4]>,
        inputs: &[ValId],
    ) -> NodeId {
        f(&mut At { w: self, coords, inputs })
    }

    /// The nodes of these axes' coordinates.
    pub fn coords(&mut self, lanes: &[Option<usize>]) -> SmallVec<[NodeId; 4]> {
        let coord = |n: &Option<usize>| match n {
            Some(n) => self.b.counter(*n),
            None => self.b.constant(Scalar::from(0i64)),
        };
        lanes.iter().map(coord).collect()
    }

    fn eqn(&mut self, eqn: usize, loop_of: &[usize]) -> Result<SmallVec<[NodeId; 1]>, Error> {
        let region = self.region;
        let eqn = &region.flat.eqns[eqn];
        match &eqn.lowering {
            Lowering::Elementwise(f) => {
                let args: SmallVec<[NodeId; 3]> =
                    eqn.inputs.iter().map(|v| self.operand(*v, loop_of)).collect();
                Ok(f(&mut self.b, &args))
            }
            Lowering::Indexed(f) => {
                let lanes = lanes(region.flat.shape(eqn.outputs[0]), loop_of);
                let coords = self.coords(&lanes);
                Ok(SmallVec::from_iter([self.point(f, coords, &eqn.inputs)]))
            }
            _ => Err(err!(Compile, "lower: an equation in a group that works not by points")),
        }
    }

    /// The group computed a root: stores it if it has memory.
    fn computed(
        &mut self,
        root: RootId,
        node: NodeId,
        at: &Affine,
        loop_of: &[usize],
    ) -> Result<(), Error> {
        let region = self.region;
        self.computed.insert(root, node);
        let r = &region.roots[root.index()];
        let got = self.b.dtype(node);
        if got != r.dtype {
            return Err(err!(Compile, "lower: expected a value of type {}, got {got}", r.dtype));
        }
        if self.item != Some(r.item as usize) {
            // Computed here for this group alone.
            return Ok(());
        }
        if let (Some(part), true) = (&r.part, r.len > 0) {
            let lanes: Lanes = loop_of.iter().map(|n| Some(*n)).collect();
            let to = self.root_buffer(part.of);
            self.b.store_at(to, mapped(&part.at, &lanes), node);
        }
        if r.stored && r.len > 0 {
            for place in r.place.iter().chain(&r.also) {
                let to = self.buffer(place, r.dtype, r.len);
                self.b.store_at(to, at.clone(), node);
            }
        }
        Ok(())
    }

    /// Between which numbers an i64 node lies, looking so many operands deep.
    fn bounds(&self, node: NodeId, depth: usize) -> (i64, i64) {
        const ANY: (i64, i64) = (i64::MIN, i64::MAX);
        let (op, args) = match self.b.node(node) {
            Node::Counter(n) => return (0, self.loops[*n].extent as i64 - 1),
            Node::Constant(s) => return s.to_i64().map_or(ANY, |c| (c, c)),
            Node::Op { op, args } if depth > 0 => (op, args),
            _ => return ANY,
        };
        let arg = |n: usize| self.bounds(args[n], depth - 1);
        match op {
            _ if self.b.dtype(node) != DType::I64 => ANY,
            ScalarOp::Min | ScalarOp::Max => {
                let pick = if *op == ScalarOp::Min { i64::min } else { i64::max };
                let (a, b) = (arg(0), arg(1));
                (pick(a.0, b.0), pick(a.1, b.1))
            }
            ScalarOp::Add => {
                let (a, b) = (arg(0), arg(1));
                match (a.0.checked_add(b.0), a.1.checked_add(b.1)) {
                    (Some(low), Some(high)) => (low, high),
                    _ => ANY,
                }
            }
            ScalarOp::Select => {
                let (a, b) = (arg(1), arg(2));
                (a.0.min(b.0), a.1.max(b.1))
            }
            _ => ANY,
        }
    }

    /// `low <= node <= high`, without work where that is known.
    pub fn clamp(&mut self, node: NodeId, low: i64, high: i64) -> NodeId {
        let (least, most) = self.bounds(node, 8);
        let within = low <= least && most <= high;
        if within {
            return node;
        }
        let (low, high) = (Scalar::from(low), Scalar::from(high));
        let (low, high) = (self.b.constant(low), self.b.constant(high));
        let node = self.b.op(ScalarOp::Min, &[node, high]);
        self.b.op(ScalarOp::Max, &[node, low])
    }

    /// An affine function of nodes.
    pub fn affine_of(&mut self, at: &Affine, coords: &[NodeId]) -> NodeId {
        let mut sum = None;
        for (axis, coord) in coords.iter().enumerate() {
            let by = at.stride(axis);
            if by == 0 {
                continue;
            }
            let mut term = *coord;
            if by != 1 {
                let by = self.b.constant(Scalar::from(by));
                term = self.b.op(ScalarOp::Mul, &[term, by]);
            }
            sum = Some(match sum {
                None => term,
                Some(s) => self.b.op(ScalarOp::Add, &[s, term]),
            });
        }
        let offset = self.b.constant(Scalar::from(at.offset));
        match sum {
            None => offset,
            Some(s) if at.offset == 0 => s,
            Some(s) => self.b.op(ScalarOp::Add, &[s, offset]),
        }
    }

    /// A value's element at these coordinates, each clamped into range.
    fn read(&mut self, v: ValId, at: &[NodeId]) -> NodeId {
        let region = self.region;
        let shape = region.flat.shape(v);
        if shape.contains(&0) {
            return self.b.constant(Scalar::zero(region.dtype(v)));
        }
        if let Def::Splat(s) = region.def(v) {
            return self.b.constant(*s);
        }
        let clamped: SmallVec<[NodeId; 4]> =
            at.iter().zip(shape).map(|(c, n)| self.clamp(*c, 0, *n as i64 - 1)).collect();
        match region.def(v) {
            Def::Splat(s) => self.b.constant(*s),
            Def::Strided { root, at } if shape.is_empty() => {
                let buffer = self.root_buffer(*root);
                self.b.load(buffer, Affine::constant(at.offset))
            }
            Def::Strided { root, at } => {
                let position = self.affine_of(at, &clamped);
                let buffer = self.root_buffer(*root);
                self.b.gather(buffer, position)
            }
            Def::Inline { f, maps } => {
                let coords = maps.iter().map(|m| self.affine_of(m, &clamped)).collect();
                self.point(f, coords, &[])
            }
        }
    }
}

/// Where a function of points stands.
struct At<'a, 'r> {
    w: &'a mut Writer<'r>,
    coords: SmallVec<[NodeId; 4]>,
    inputs: &'a [ValId],
}

impl Point for At<'_, '_> {
    fn builder(&mut self) -> &mut KernelBuilder {
        &mut self.w.b
    }

    fn coordinate(&mut self, axis: usize) -> NodeId {
        self.coords[axis]
    }

    fn read(&mut self, input: usize, at: &[NodeId]) -> NodeId {
        self.w.read(self.inputs[input], at)
    }
}
