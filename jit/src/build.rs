//! The builder of kernels: the one place where graphs are hash-consed. The builder refuses only
//! what would make a node meaningless (wrong types, unknown buffers); [`verify`](crate::verify)
//! checks a finished kernel in full.
//!
//! Algebra does not live here: the builder never replaces an op by another.

use crate::affine::Affine;
use crate::kernel::{
    BufferId, BufferType, Combine, Kernel, Loop, Node, NodeId, Order, Range, Reduction, Store,
};
use crate::op::ScalarOp;
use crate::order;
use crate::{DType, Error, Scalar, err};
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};

/// Builds one kernel. Asking twice for the same node gives the same id; the cost per node does not
/// grow.
///
/// ```
/// use cotangent_jit::{DType, Scalar, affine::Affine, build::KernelBuilder, op::ScalarOp};
/// use cotangent_jit::kernel::{Loop, Mode};
///
/// let mut b = KernelBuilder::new("double", [Loop { extent: 8, mode: Mode::Parallel }]);
/// let (x, y) = (b.buffer(DType::F32, 8), b.buffer(DType::F32, 8));
/// let two = b.constant(Scalar::from(2f32));
/// let v = b.load(x, Affine::counter(0));
/// let v = b.op(ScalarOp::Mul, &[v, two]);
/// b.store_at(y, Affine::counter(0), v);
/// assert_eq!(b.finish().nodes.len(), 3);
/// ```
pub struct KernelBuilder {
    kernel: Kernel,
    /// The order of combination, if it is given and not chosen at the end.
    order: Option<Order>,
    types: Vec<DType>,
    /// From the hash of a node to its id. Different nodes of equal hash take the next free keys, so
    /// the graph holds each node once.
    known: FxHashMap<u64, NodeId>,
}

impl KernelBuilder {
    pub fn new(name: impl Into<String>, loops: impl IntoIterator<Item = Loop>) -> KernelBuilder {
        KernelBuilder {
            kernel: Kernel {
                name: name.into(),
                buffers: Vec::new(),
                loops: loops.into_iter().collect(),
                nodes: Vec::new(),
                stores: Vec::new(),
                reductions: Vec::new(),
                order: Order::SEQUENTIAL,
                condition: None,
            },
            order: None,
            types: Vec::new(),
            known: FxHashMap::default(),
        }
    }

    /// A builder with the name, loops, buffers and order of combination of another kernel, and no
    /// nodes. Rewrites of a kernel start from it.
    pub fn like(kernel: &Kernel) -> KernelBuilder {
        let mut b = KernelBuilder::new(kernel.name.clone(), kernel.loops.iter().copied());
        b.kernel.buffers = kernel.buffers.clone();
        b.order(kernel.order);
        b
    }

    /// Gives the order in which reductions combine. The loops then stay as they are; otherwise
    /// [`finish`](Self::finish) arranges the reduce loops and chooses the order.
    pub fn order(&mut self, order: Order) {
        self.order = Some(order);
    }

    pub fn buffer(&mut self, dtype: DType, len: usize) -> BufferId {
        self.kernel.buffers.push(BufferType { dtype, len });
        BufferId(self.kernel.buffers.len() as u32 - 1)
    }

    pub fn constant(&mut self, value: Scalar) -> NodeId {
        self.add(Node::Constant(value))
    }

    /// The counter of loop `n`, an i64.
    pub fn counter(&mut self, n: usize) -> NodeId {
        self.add(Node::Counter(n))
    }

    pub fn load(&mut self, buffer: BufferId, at: Affine) -> NodeId {
        let fill = Scalar::zero(self.buffer_dtype(buffer));
        self.load_guarded(buffer, at, [], fill)
    }

    /// `buffer[at]` where every range of the guard holds, else `fill`.
    pub fn load_guarded(
        &mut self,
        buffer: BufferId,
        at: Affine,
        guard: impl IntoIterator<Item = Range>,
        fill: Scalar,
    ) -> NodeId {
        let guard = guard.into_iter().map(|r| Range { at: trimmed(r.at), ..r }).collect();
        self.add(Node::Load { buffer, at: trimmed(at), guard, fill })
    }

    /// `buffer[clamp(at, 0, len - 1)]`.
    pub fn gather(&mut self, buffer: BufferId, at: NodeId) -> NodeId {
        self.add(Node::Gather { buffer, at })
    }

    /// An op of earlier nodes; panics if it does not take their types.
    #[track_caller]
    pub fn op(&mut self, op: ScalarOp, args: &[NodeId]) -> NodeId {
        match self.try_op(op, args) {
            Ok(id) => id,
            Err(e) => panic!("{e}"),
        }
    }

    pub fn try_op(&mut self, op: ScalarOp, args: &[NodeId]) -> Result<NodeId, Error> {
        let types: SmallVec<[DType; 3]> = args.iter().map(|a| self.dtype(*a)).collect();
        match op.result(&types) {
            Some(result) => {
                Ok(self.intern(Node::Op { op, args: SmallVec::from_slice(args) }, result))
            }
            None => {
                let (arity, class) = op.signature();
                Err(err!(
                    DType,
                    "{}: expected {operands} of class {class:?} and one type, got {types:?}",
                    op.name(),
                    operands = crate::plural(arity, "operand")
                ))
            }
        }
    }

    /// The node in another type; itself if it has that type.
    #[track_caller]
    pub fn convert(&mut self, node: NodeId, to: DType) -> NodeId {
        if self.dtype(node) == to { node } else { self.op(ScalarOp::Convert(to), &[node]) }
    }

    /// An affine function of the counters as an i64 node, for gathers and offsets.
    pub fn affine(&mut self, at: &Affine) -> NodeId {
        let mut sum = None;
        for (n, &stride) in at.strides.iter().enumerate().filter(|(_, s)| **s != 0) {
            let mut term = self.counter(n);
            if stride != 1 {
                let stride = self.constant(Scalar::from(stride));
                term = self.op(ScalarOp::Mul, &[term, stride]);
            }
            sum = Some(match sum {
                None => term,
                Some(s) => self.op(ScalarOp::Add, &[s, term]),
            });
        }
        match sum {
            Some(s) if at.offset == 0 => s,
            None => self.constant(Scalar::from(at.offset)),
            Some(s) => {
                let offset = self.constant(Scalar::from(at.offset));
                self.op(ScalarOp::Add, &[s, offset])
            }
        }
    }

    /// Adds a node of any kind, for rewrites that copy nodes. It panics if an operand does not
    /// exist or a type does not fit.
    #[track_caller]
    pub fn add(&mut self, node: Node) -> NodeId {
        let dtype = match &node {
            Node::Constant(s) => s.dtype(),
            Node::Counter(n) => {
                let loops = self.kernel.loops.len();
                assert!(*n < loops, "counter: loop {n} of a kernel with {loops} loops");
                DType::I64
            }
            Node::Load { buffer, fill, .. } => {
                let d = self.buffer_dtype(*buffer);
                assert!(fill.dtype() == d, "load: expected a fill of type {d}, got {fill:?}");
                d
            }
            Node::Gather { buffer, at } => {
                let at = self.dtype(*at);
                assert!(at == DType::I64, "gather: expected an i64 index, got {at}");
                self.buffer_dtype(*buffer)
            }
            Node::Op { op, args } => return self.op(*op, args),
        };
        self.intern(node, dtype)
    }

    /// The node's definition.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.kernel.nodes[id.0 as usize]
    }

    #[track_caller]
    pub fn dtype(&self, id: NodeId) -> DType {
        match self.types.get(id.0 as usize) {
            Some(d) => *d,
            None => panic!("v{}: no such node, there are {}", id.0, self.types.len()),
        }
    }

    /// Number of nodes so far.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    #[track_caller]
    pub fn store(&mut self, store: Store) {
        self.expect_value("store", store.buffer, self.dtype(store.value));
        if let Some(offset) = store.offset {
            let d = self.dtype(offset);
            assert!(d == DType::I64, "store: expected an i64 offset, got {d}");
        }
        self.kernel.stores.push(Store { at: trimmed(store.at), ..store });
    }

    /// `buffer[at] = value`.
    #[track_caller]
    pub fn store_at(&mut self, buffer: BufferId, at: Affine, value: NodeId) {
        self.store(Store { buffer, at, offset: None, combine: None, value });
    }

    /// `buffer[at] = fold of value over the reduce loops`, in the type that
    /// [`Combine::accumulator`] names.
    #[track_caller]
    pub fn reduce(&mut self, buffer: BufferId, at: Affine, combine: Combine, value: NodeId) {
        let dtype = self.dtype(value);
        self.expect_value("reduce", buffer, dtype);
        let accumulator = combine.accumulator(dtype);
        self.kernel.reductions.push(Reduction {
            buffer,
            at: trimmed(at),
            combine,
            accumulator,
            value,
        });
    }

    /// Ends the innermost loop, which is sequential, for a point at which this bool is false, after
    /// the stores of that point.
    #[track_caller]
    pub fn condition(&mut self, holds: NodeId) {
        let d = self.dtype(holds);
        assert!(d == DType::Bool, "condition: expected a bool, got {d}");
        self.kernel.condition = Some(holds);
    }

    /// The kernel, without the nodes that nothing stored depends on, and with the order of
    /// combination that its shapes, strides and types ask for (see [`order`]).
    pub fn finish(self) -> Kernel {
        let mut kernel = self.kernel;
        drop_unused(&mut kernel);
        match self.order {
            Some(order) => kernel.order = order,
            None => order::choose(&mut kernel),
        }
        kernel
    }

    fn intern(&mut self, node: Node, dtype: DType) -> NodeId {
        let mut hasher = FxHasher::default();
        node.hash(&mut hasher);
        let mut key = hasher.finish();
        while let Some(&id) = self.known.get(&key) {
            if self.kernel.nodes[id.0 as usize] == node {
                return id;
            }
            key = key.wrapping_add(1);
        }
        let id = NodeId(self.kernel.nodes.len() as u32);
        self.known.insert(key, id);
        self.kernel.nodes.push(node);
        self.types.push(dtype);
        id
    }

    #[track_caller]
    fn buffer_dtype(&self, id: BufferId) -> DType {
        match self.kernel.buffers.get(id.0 as usize) {
            Some(b) => b.dtype,
            None => panic!("buffer {}: no such buffer of {}", id.0, self.kernel.buffers.len()),
        }
    }

    #[track_caller]
    fn expect_value(&self, what: &str, buffer: BufferId, got: DType) {
        let expected = self.buffer_dtype(buffer);
        assert!(expected == got, "{what}: expected a value of type {expected}, got {got}");
    }
}

/// Drops the nodes that nothing stored depends on.
fn drop_unused(kernel: &mut Kernel) {
    let used = live_nodes(kernel);
    if used.iter().all(|u| *u) {
        return;
    }
    let mut next = 0;
    let renamed: Vec<NodeId> = used
        .iter()
        .map(|u| {
            next += *u as u32;
            NodeId(next.wrapping_sub(1))
        })
        .collect();
    let rename = |id: &mut NodeId| *id = renamed[id.0 as usize];
    let mut n = 0;
    kernel.nodes.retain_mut(|node| {
        match node {
            Node::Gather { at, .. } => rename(at),
            Node::Op { args, .. } => args.iter_mut().for_each(rename),
            Node::Constant(_) | Node::Counter(_) | Node::Load { .. } => {}
        }
        n += 1;
        used[n - 1]
    });
    for s in &mut kernel.stores {
        rename(&mut s.value);
        s.offset.iter_mut().for_each(rename);
    }
    kernel.reductions.iter_mut().for_each(|r| rename(&mut r.value));
    kernel.condition.iter_mut().for_each(rename);
}

/// For each node of the kernel, whether something that it stores depends on the node.
pub fn live_nodes(kernel: &Kernel) -> Vec<bool> {
    let mut live = vec![false; kernel.nodes.len()];
    let mut mark = |id: NodeId| live[id.0 as usize] = true;
    for s in &kernel.stores {
        mark(s.value);
        s.offset.into_iter().for_each(&mut mark);
    }
    kernel.reductions.iter().for_each(|r| mark(r.value));
    kernel.condition.into_iter().for_each(&mut mark);
    for n in (0..live.len()).rev() {
        if live[n] {
            operands(&kernel.nodes[n]).into_iter().for_each(|a| live[a.0 as usize] = true);
        }
    }
    live
}

/// The nodes that a node refers to.
pub fn operands(node: &Node) -> SmallVec<[NodeId; 3]> {
    match node {
        Node::Gather { at, .. } => SmallVec::from_slice(&[*at]),
        Node::Op { args, .. } => args.clone(),
        Node::Constant(_) | Node::Counter(_) | Node::Load { .. } => SmallVec::new(),
    }
}

/// The function without trailing zero strides, so that equal functions are equal values.
fn trimmed(mut at: Affine) -> Affine {
    while at.strides.last() == Some(&0) {
        at.strides.pop();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Mode;

    fn builder() -> KernelBuilder {
        KernelBuilder::new("k", [Loop { extent: 4, mode: Mode::Parallel }])
    }

    #[test]
    fn equal_nodes_are_one() {
        let mut b = builder();
        let x = b.buffer(DType::F32, 4);
        let v = b.load(x, Affine::new(0, [1, 0, 0]));
        assert_eq!(b.load(x, Affine::counter(0)), v);
        let s = b.op(ScalarOp::Add, &[v, v]);
        assert_eq!(b.op(ScalarOp::Add, &[v, v]), s);
        assert_eq!(b.convert(s, DType::F32), s);
        assert_eq!(b.len(), 2);
        let zero = b.constant(Scalar::from(0f32));
        assert_ne!(b.constant(Scalar::from(-0f32)), zero);
    }

    #[test]
    fn finish_drops_what_nothing_needs() {
        let mut b = builder();
        let y = b.buffer(DType::I64, 4);
        b.constant(Scalar::from(7f32));
        let i = b.counter(0);
        b.op(ScalarOp::Neg, &[i]);
        let v = b.op(ScalarOp::Add, &[i, i]);
        b.store_at(y, Affine::counter(0), v);
        let k = b.finish();
        assert_eq!(k.nodes.len(), 2);
        assert_eq!(k.stores[0].value, NodeId(1));
        assert_eq!(operands(&k.nodes[1]).as_slice(), [NodeId(0), NodeId(0)]);
    }

    #[test]
    fn types_must_fit() {
        let mut b = builder();
        let (i, x) = (b.counter(0), b.constant(Scalar::from(1f32)));
        let e = b.try_op(ScalarOp::Add, &[i, x]).unwrap_err();
        assert_eq!(
            e.message(),
            "add: expected 2 operands of class Number and one type, got [i64, f32]"
        );
    }

    #[test]
    fn a_hundred_thousand_nodes_take_no_time() {
        let mut b = builder();
        let y = b.buffer(DType::F64, 4);
        let mut v = b.constant(Scalar::from(1f64));
        for n in 0..100_000 {
            let c = b.constant(Scalar::from(n as f64));
            v = b.op(ScalarOp::Add, &[v, c]);
        }
        b.store_at(y, Affine::counter(0), v);
        assert_eq!(b.finish().nodes.len(), 200_000);
    }

    #[test]
    fn affine_nodes_are_sums_of_counters() {
        let mut b = builder();
        let v = b.affine(&Affine::new(3, [2]));
        assert!(matches!(b.node(v), Node::Op { op: ScalarOp::Add, .. }));
        let c = b.affine(&Affine::constant(5));
        assert_eq!(b.node(c), &Node::Constant(Scalar::from(5i64)));
    }
}
