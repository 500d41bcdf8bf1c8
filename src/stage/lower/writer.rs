//! A kernel under construction: its buffers, and the numbers that it loads at a point.
//!
//! Not here: which kernels a region consists of (`emit`), and a group's equations (`fuse`).

use super::assign::Placed;
use super::flatten::ValId;
use super::program::ProgramBuilder;
use super::value::{Def, Place, RootId};
use crate::core::lowering::{Point, PointFn};
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{BufferId, Kernel, Loop, Node, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::prepare::loops::coalesce_neighbours;
use cotangent_jit::program::{Step, View};
use cotangent_jit::{DType, Scalar};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The loop that walks each axis. An axis of one element has none.
pub type Lanes = SmallVec<[Option<usize>; 4]>;
/// A kernel and a view for each of its buffers.
pub type Launch = (Kernel, SmallVec<[View; 4]>);

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

/// The loops of a value's axes, given those of the axes of its domain that have more than one
/// element.
pub fn lanes(shape: &[usize], loop_of: &[usize]) -> Lanes {
    let mut loops = loop_of.iter();
    // Operands of rank 0 have no axes, whatever the domain; others have the domain's.
    shape.iter().map(|n| if *n == 1 { None } else { loops.next().copied() }).collect()
}

/// A kernel under construction, with the memory that its buffers stand for.
pub struct Writer<'r> {
    placed: &'r Placed,
    pub b: KernelBuilder,
    loops: SmallVec<[Loop; 6]>,
    args: SmallVec<[View; 4]>,
    buffers: FxHashMap<(Place, usize), BufferId>,
}

impl<'r> Writer<'r> {
    pub fn new(placed: &'r Placed, name: &str, loops: &[Loop]) -> Writer<'r> {
        Writer {
            placed,
            b: KernelBuilder::new(name, loops.iter().copied()),
            loops: loops.into(),
            args: SmallVec::new(),
            buffers: FxHashMap::default(),
        }
    }

    pub fn placed(&self) -> &'r Placed {
        self.placed
    }

    pub fn buffer(&mut self, place: &Place, dtype: DType, len: usize) -> BufferId {
        let Writer { b, args, buffers, .. } = self;
        *buffers.entry((place.clone(), len)).or_insert_with(|| {
            args.push(place.view());
            b.buffer(dtype, len)
        })
    }

    pub fn root_buffer(&mut self, root: RootId) -> BufferId {
        let placed = self.placed;
        let r = placed.root(root);
        self.buffer(placed.place(root), r.dtype, r.len)
    }

    /// The kernel that was written, if it has any effect.
    pub fn finish(self) -> Option<Launch> {
        let mut kernel = self.b.finish();
        if kernel.stores.is_empty() && kernel.reductions.is_empty() {
            return None;
        }
        coalesce_neighbours(&mut kernel);
        Some((kernel, self.args))
    }

    /// Launches the kernel that was written, if it has any effect.
    pub fn launch(self, program: &mut ProgramBuilder, steps: &mut Vec<Step>) {
        if let Some((kernel, args)) = self.finish() {
            steps.push(Step::Launch { kernel: program.kernel(kernel), args });
        }
    }

    /// The value's element at the counters of these loops.
    pub fn at_lanes(&mut self, v: ValId, lanes: &[Option<usize>]) -> NodeId {
        match self.placed.def(v) {
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

    /// The least and the greatest number that an i64 or i32 node can be. The search goes `depth`
    /// operands deep.
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
            _ if !matches!(self.b.dtype(node), DType::I64 | DType::I32) => ANY,
            ScalarOp::Convert(DType::I64) if self.b.dtype(args[0]) == DType::I32 => {
                let (low, high) = arg(0);
                (low.max(i32::MIN.into()), high.min(i32::MAX.into()))
            }
            ScalarOp::Min | ScalarOp::Max => {
                let pick = if *op == ScalarOp::Min { i64::min } else { i64::max };
                let (a, b) = (arg(0), arg(1));
                (pick(a.0, b.0), pick(a.1, b.1))
            }
            ScalarOp::Add if self.b.dtype(node) == DType::I64 => {
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

    /// The node clamped to `low..=high`. There is no work if its bounds are known to be inside.
    pub fn clamp(&mut self, node: NodeId, low: i64, high: i64) -> NodeId {
        let (least, most) = self.bounds(node, 8);
        let within = low <= least && most <= high;
        if within {
            return node;
        }
        // What was converted from i32 is clamped there: lanes are half as wide.
        if let Node::Op { op: ScalarOp::Convert(DType::I64), args } = self.b.node(node)
            && let (from, DType::I32) = (args[0], self.b.dtype(args[0]))
            && let (Ok(low), Ok(high)) = (i32::try_from(low), i32::try_from(high))
        {
            let node = self.clamped(from, Scalar::from(low), Scalar::from(high));
            return self.b.convert(node, DType::I64);
        }
        self.clamped(node, Scalar::from(low), Scalar::from(high))
    }

    fn clamped(&mut self, node: NodeId, low: Scalar, high: Scalar) -> NodeId {
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
        let placed = self.placed;
        let shape = placed.flat().shape(v);
        if shape.contains(&0) {
            return self.b.constant(Scalar::zero(placed.flat().dtype(v)));
        }
        if let Def::Splat(s) = placed.def(v) {
            return self.b.constant(*s);
        }
        let clamped: SmallVec<[NodeId; 4]> =
            at.iter().zip(shape).map(|(c, n)| self.clamp(*c, 0, *n as i64 - 1)).collect();
        match placed.def(v) {
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

/// The point at which a function of points is called.
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
