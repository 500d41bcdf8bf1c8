//! The kernel language: one loop nest over typed buffers, whose body is a hash-consed graph of
//! scalar ops.
//!
//! ```text
//! kernel  = name, buffers, loops, nodes, stores, reductions
//! loop    = extent, mode                      outermost first, parallel before reduce loops
//! node    = constant | counter of a loop | load | gather | op of earlier nodes
//! store   = buffer[affine (+ offset node)] (combine)= node         at every point of the loops
//! reduce  = buffer[affine of the parallel loops] = op over the reduce loops of node
//! fold    = lanes and chunks in which all reductions combine
//! goes on = node that ends the innermost loop where it is false
//! ```
//!
//! The verifier checks these invariants and numbers its messages by them ([`INVARIANTS`] holds the
//! first sentences):
//! 1. Nodes refer to earlier nodes, and types fit. The types of operands fit the row of their op,
//!    and the graph holds no node twice.
//! 2. Loads stay inside their buffer. For every point that the guard admits, the affine index lies
//!    in `0..len`. A gather clamps its index into `0..len`.
//! 3. Stores stay inside their buffer. So do reductions. A store with an offset node drops what
//!    falls outside.
//! 4. No two parallel points store to one element. Their strides are injective, unless every loop
//!    is sequential.
//! 5. A buffer that is stored to is loaded from only at the same point. The load has the affine
//!    index of the store, so the kernel updates a point in place. A kernel whose loops are all
//!    sequential runs in order and may load any element.
//! 6. Reductions run over reduce loops, which come last. The index of a reduction has stride zero
//!    in these loops.
//! 7. A reduction folds in its own type or its accumulator. [`Combine::accumulator`] names the type
//!    of the latter.
//! 8. The condition that ends the innermost loop is a bool, and stores do not move with that loop.
//!    The loop is sequential, so there are no reduce loops; the stores have no offset and do not
//!    combine.
//! 9. The order of combination fits the loops. Its lanes are a power of two up to [`MOST_LANES`].
//!    The loop that it cuts is a reduce loop; chunks have at least one point and, of the innermost
//!    loop, a multiple of the lanes. Complex numbers that fold as wholes have one lane and one
//!    chunk. A kernel without reductions has lanes or chunks only if it is a scatter that combines
//!    in copies ([`Kernel::scatter`], [`Combine::takes_copies`]): the outermost loop is cut, and
//!    several lanes need a single loop.
//!
//! A reduction over no points gives the identity of its op, so a kernel whose reduce loops have a
//! zero extent still stores.
//!
//! A sequential loop inside of parallel loops stands for time: every point of the parallel loops
//! runs through it in order. An element that such a point loads and stores at one index is a carry:
//! it passes from one iteration to the next, and a backend may hold it in a register.
//!
//! # The order of combination
//!
//! The order in which a reduction combines its points is a part of the meaning ([`Order`]), so
//! every backend gives the same bits, with vectors of any width and any number of threads. A
//! reduction combines in its accumulator's type (f64 for sums of f32, f32 for sums of f16):
//!
//! ```text
//! for each chunk of the loop that is cut, or once for all points:
//!     partial[0..lanes] = identity
//!     for each point of the reduce loops within the chunk, the outermost loop first:
//!         let l = (counter of the innermost reduce loop) mod lanes
//!         partial[l] = op(partial[l], value)
//!     for half in lanes/2, lanes/4 .. 1:
//!         partial[i] = op(partial[i], partial[i + half])        for i in 0..half
//!     chunk = partial[0]
//! result = the one chunk, or op(.. op(op(identity, chunk 0), chunk 1) .., last chunk)
//! ```
//!
//! A scatter that combines updates has an order, too. Without lanes and chunks, every update
//! combines with its element at once, in the element's type. Otherwise each chunk of updates
//! combines in copies of the whole buffer, in the accumulator's type:
//!
//! ```text
//! for each chunk of the outermost loop, or once for all points:
//!     partial[0..lanes][..] = neutral
//!     for each point of the loops within the chunk, the outermost loop first:
//!         let l = (counter of the innermost loop) mod lanes
//!         partial[l][place] = op(partial[l][place], value)
//!     for half in lanes/2, lanes/4 .. 1:
//!         partial[i][..] = op(partial[i][..], partial[i + half][..])        for i in 0..half
//!     chunk[..] = partial[0][..]
//! element = op(.. op(op(element, chunk 0), chunk 1) .., last chunk)         for every element
//! ```
//!
//! The neutral number ([`Combine::neutral`]) leaves every element as it is.
//!
//! [`order`](crate::order) chooses the order from shapes, strides and types when a kernel is built.

use crate::affine::Affine;
use crate::op::ScalarOp;
use crate::{Complex, DType, Scalar};
use smallvec::SmallVec;

/// The first sentences of the invariants above, by their numbers less one.
pub const INVARIANTS: [&str; 9] = [
    "nodes refer to earlier nodes, and types fit",
    "loads stay inside their buffer",
    "stores stay inside their buffer",
    "no two parallel points store to one element",
    "a buffer that is stored to is loaded from only at the same point",
    "reductions run over reduce loops, which come last",
    "a reduction folds in its own type or its accumulator",
    "the condition that ends the innermost loop is a bool, and stores do not move with that loop",
    "the order of combination fits the loops",
];

/// Index of a node in [`Kernel::nodes`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Index of a buffer in [`Kernel::buffers`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct BufferId(pub u32);

/// A typed parameter of a kernel: `len` elements from the address it is launched with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BufferType {
    pub dtype: DType,
    pub len: usize,
}

/// The order in which a loop may run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// Points are independent: vectors, threads and grids may share them.
    Parallel,
    /// Points are folded by the kernel's reductions.
    Reduce,
    /// Points run in order, one after the other, as scatters need.
    Sequential,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Loop {
    pub extent: usize,
    pub mode: Mode,
}

/// The condition `low <= at < high`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Range {
    pub at: Affine,
    pub low: i64,
    pub high: i64,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Node {
    Constant(Scalar),
    /// The counter of loop `n`, an i64.
    Counter(usize),
    /// `buffer[at]` where every range of the guard holds, else `fill`.
    Load {
        buffer: BufferId,
        at: Affine,
        guard: SmallVec<[Range; 0]>,
        fill: Scalar,
    },
    /// `buffer[clamp(at, 0, len - 1)]`, `at` an i64 node; of an empty buffer, zero.
    Gather {
        buffer: BufferId,
        at: NodeId,
    },
    Op {
        op: ScalarOp,
        args: SmallVec<[NodeId; 3]>,
    },
}

/// The op by which a store or a reduction folds values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Combine {
    Sum,
    Product,
    /// As [`ScalarOp::Max`]: NaN wins among real numbers.
    Max,
    Min,
    And,
    Or,
    Xor,
}

impl Combine {
    pub const ALL: [Combine; 7] = [
        Combine::Sum,
        Combine::Product,
        Combine::Max,
        Combine::Min,
        Combine::And,
        Combine::Or,
        Combine::Xor,
    ];

    pub fn op(self) -> ScalarOp {
        match self {
            Combine::Sum => ScalarOp::Add,
            Combine::Product => ScalarOp::Mul,
            Combine::Max => ScalarOp::Max,
            Combine::Min => ScalarOp::Min,
            Combine::And => ScalarOp::And,
            Combine::Or => ScalarOp::Or,
            Combine::Xor => ScalarOp::Xor,
        }
    }

    /// The identity of the op: 0, 1, the least value, the greatest value, or all ones. Of complex
    /// numbers the real infinities stand for the least and the greatest value.
    pub fn identity(self, d: DType) -> Scalar {
        let least = |negate: bool| -> Scalar {
            match d {
                DType::F16 => Scalar::from_bits(d, if negate { 0xfc00 } else { 0x7c00 }),
                DType::BF16 => Scalar::from_bits(d, if negate { 0xff80 } else { 0x7f80 }),
                DType::F32 if negate => Scalar::from(f32::NEG_INFINITY),
                DType::F32 => Scalar::from(f32::INFINITY),
                DType::F64 if negate => Scalar::from(f64::NEG_INFINITY),
                DType::F64 => Scalar::from(f64::INFINITY),
                DType::C64 if negate => Scalar::from(Complex::new(f32::NEG_INFINITY, 0.0)),
                DType::C64 => Scalar::from(Complex::new(f32::INFINITY, 0.0)),
                DType::C128 if negate => Scalar::from(Complex::new(f64::NEG_INFINITY, 0.0)),
                DType::C128 => Scalar::from(Complex::new(f64::INFINITY, 0.0)),
                d if d.is_signed() && negate => Scalar::from_bits(d, 1 << (d.bits() - 1)),
                d if d.is_signed() => Scalar::from_bits(d, (1 << (d.bits() - 1)) - 1),
                _ if negate => Scalar::zero(d),
                _ => Scalar::from_bits(d, u128::MAX),
            }
        };
        match self {
            Combine::Sum | Combine::Or | Combine::Xor => Scalar::zero(d),
            Combine::Product => Scalar::one(d),
            Combine::Max => least(true),
            Combine::Min => least(false),
            Combine::And => Scalar::from_bits(d, u128::MAX),
        }
    }

    /// The number that changes no other: -0 for sums of real floats, and otherwise the identity.
    pub fn neutral(self, d: DType) -> Scalar {
        match self {
            Combine::Sum if d.is_float() => Scalar::from_bits(d, 1 << (d.bits() - 1)),
            _ => self.identity(d),
        }
    }

    /// The type to fold in: f64 for sums and products of f32, c128 for sums of c64, the 32-bit type
    /// for sums and products of narrow types, f32 for the extremes of narrow floats, and otherwise
    /// the type itself.
    pub fn accumulator(self, d: DType) -> DType {
        match (self, d) {
            (Combine::Sum | Combine::Product, DType::F32) => DType::F64,
            (Combine::Sum, DType::C64) => DType::C128,
            (Combine::Sum | Combine::Product, d) => d.widened(),
            (_, DType::F16 | DType::BF16) => DType::F32,
            _ => d,
        }
    }

    /// Returns whether the updates of a scatter to elements of this type may combine in copies of
    /// the elements.
    pub fn takes_copies(self, d: DType) -> bool {
        let op = matches!(self, Combine::Sum | Combine::Product | Combine::Max | Combine::Min);
        op && !d.is_complex() && (d.is_float() || d.is_int() && d.size() >= 4)
    }

    /// Returns whether the op on complex numbers takes both parts together.
    pub fn of_whole_numbers(self) -> bool {
        matches!(self, Combine::Product | Combine::Max | Combine::Min)
    }

    pub fn name(self) -> &'static str {
        match self {
            Combine::Sum => "sum",
            Combine::Product => "prod",
            Combine::Max => "max",
            Combine::Min => "min",
            Combine::And => "and",
            Combine::Or => "or",
            Combine::Xor => "xor",
        }
    }
}

/// `buffer[at + offset] = value`, or `combine(buffer[at + offset], value)`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Store {
    pub buffer: BufferId,
    pub at: Affine,
    /// An i64 node; with it, a store outside the buffer is dropped.
    pub offset: Option<NodeId>,
    pub combine: Option<Combine>,
    pub value: NodeId,
}

/// `buffer[at] = fold of value over the reduce loops`, once per point of the parallel loops.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reduction {
    pub buffer: BufferId,
    pub at: Affine,
    pub combine: Combine,
    pub accumulator: DType,
    pub value: NodeId,
}

/// The most lanes of an [`Order`].
pub const MOST_LANES: usize = 32;

/// The order in which reductions and scatters combine their points, as [the module](self) defines
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Order {
    /// The number of partial results among which the innermost loop deals its points.
    pub lanes: usize,
    /// The loop that is cut into chunks.
    pub cut: Option<Cut>,
}

/// A loop in chunks that are folded one by one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cut {
    /// The number of the loop.
    pub of: usize,
    /// The points of that loop per chunk. The last chunk may be shorter.
    pub length: usize,
}

impl Order {
    /// One point after the other.
    pub const SEQUENTIAL: Order = Order { lanes: 1, cut: None };
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Kernel {
    pub name: String,
    pub buffers: Vec<BufferType>,
    pub loops: Vec<Loop>,
    pub nodes: Vec<Node>,
    pub stores: Vec<Store>,
    pub reductions: Vec<Reduction>,
    /// The order in which the reductions, or the updates of a scatter, combine.
    pub order: Order,
    /// The condition under which the innermost loop, which is sequential, continues. It is read
    /// after the stores of a point; where it is false, the loop ends for this point of the other
    /// loops.
    pub condition: Option<NodeId>,
}

impl Kernel {
    pub fn extents(&self) -> SmallVec<[usize; 6]> {
        self.loops.iter().map(|l| l.extent).collect()
    }

    /// Number of points of the whole domain.
    pub fn points(&self) -> usize {
        self.loops.iter().map(|l| l.extent).product()
    }

    /// The number of leading loops that are parallel.
    pub fn parallel_rank(&self) -> usize {
        self.loops.iter().take_while(|l| l.mode == Mode::Parallel).count()
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The type of every node, in order; `None` if some op does not take its operands.
    pub fn node_types(&self) -> Option<Vec<DType>> {
        let mut types: Vec<DType> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            types.push(match node {
                Node::Constant(s) => s.dtype(),
                Node::Counter(_) => DType::I64,
                Node::Load { buffer, .. } | Node::Gather { buffer, .. } => {
                    self.buffers.get(buffer.0 as usize)?.dtype
                }
                Node::Op { op, args } => {
                    let operands: Option<SmallVec<[DType; 3]>> =
                        args.iter().map(|a| types.get(a.0 as usize).copied()).collect();
                    op.result(&operands?)?
                }
            });
        }
        Some(types)
    }

    /// The innermost loop, if it is a reduce loop.
    pub fn innermost_reduce(&self) -> Option<usize> {
        let last = self.loops.len().checked_sub(1)?;
        (self.loops[last].mode == Mode::Reduce).then_some(last)
    }

    /// Returns whether some store or reduction combines complex numbers as wholes, by a product or
    /// an extreme. On parts such a kernel runs in order.
    pub fn combines_whole_numbers(&self) -> bool {
        let whole = |buffer: BufferId, combine: Option<Combine>| {
            combine.is_some_and(Combine::of_whole_numbers)
                && self.buffers.get(buffer.0 as usize).is_some_and(|b| b.dtype.is_complex())
        };
        self.stores.iter().any(|s| whole(s.buffer, s.combine))
            || self.reductions.iter().any(|r| whole(r.buffer, Some(r.combine)))
    }

    /// The store of a scatter. A scatter is a kernel that runs in order and does nothing but store
    /// real numbers at computed offsets, into a buffer that no node reads.
    pub fn scatter(&self) -> Option<&Store> {
        let [store] = &self.stores[..] else { return None };
        let in_order = self.loops.iter().all(|l| l.mode == Mode::Sequential);
        let alone = self.reductions.is_empty() && self.condition.is_none();
        let real = !self.buffers.get(store.buffer.0 as usize)?.dtype.is_complex();
        let reads = |n: &Node| match n {
            Node::Load { buffer, .. } | Node::Gather { buffer, .. } => *buffer == store.buffer,
            _ => false,
        };
        let fits = in_order && !self.loops.is_empty() && alone && real && store.offset.is_some();
        (fits && !self.nodes.iter().any(reads)).then_some(store)
    }

    /// Returns whether the kernel writes to this buffer.
    pub fn writes(&self, id: BufferId) -> bool {
        self.stores.iter().any(|s| s.buffer == id) || self.reductions.iter().any(|r| r.buffer == id)
    }

    /// Returns whether the kernel reads from this buffer (a combining store reads too).
    pub fn reads(&self, id: BufferId) -> bool {
        self.stores.iter().any(|s| s.buffer == id && s.combine.is_some())
            || self.nodes.iter().any(|n| match n {
                Node::Load { buffer, .. } | Node::Gather { buffer, .. } => *buffer == id,
                _ => false,
            })
    }
}
