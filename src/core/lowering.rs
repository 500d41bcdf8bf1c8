//! What a primitive tells the compiler: one kind of creature each, in terms of scalars and index maps.

use super::array::Array;
use super::jaxpr::Jaxpr;
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::host::HostCall;
use cotangent_jit::kernel::{Combine, NodeId};
use cotangent_jit::program::Routine;
use cotangent_jit::{Error, Scalar};
use smallvec::SmallVec;
use std::sync::Arc;

/// Outputs at one point from the inputs at the same point.
pub type ScalarFn =
    Arc<dyn Fn(&mut KernelBuilder, &[NodeId]) -> SmallVec<[NodeId; 1]> + Send + Sync>;

/// A value at one point of a domain, with free access to the inputs.
pub type PointFn = Arc<dyn Fn(&mut dyn Point) -> NodeId + Send + Sync>;

/// The point at which a [`PointFn`] computes.
pub trait Point {
    fn builder(&mut self) -> &mut KernelBuilder;

    /// The coordinate along axis `axis` of the domain, an i64 node.
    fn coordinate(&mut self, axis: usize) -> NodeId;

    /// Input `input` at these coordinates (i64 nodes); each is clamped into range.
    fn read(&mut self, input: usize, at: &[NodeId]) -> NodeId;
}

/// How an equation is carried out.
pub enum Lowering {
    /// All outputs at a point from all inputs at that point; rank-0 inputs are read everywhere.
    Elementwise(ScalarFn),
    /// One output whose element at counters `i` is the input's at `map`: one affine function of the output's
    /// coordinates per input axis, always in range.
    View(Vec<Affine>),
    /// The same elements in row-major order under another shape.
    Reshape,
    /// Output `i` is input `i`.
    Forward,
    /// No input; the output is this concrete array, which becomes a hidden input of the executable.
    Constant(Array),
    /// One output, each element computed from its coordinates with reads of the inputs anywhere (iota, gather,
    /// dynamic_slice).
    Indexed(PointFn),
    /// One output: the input folded over these axes.
    Reduce { combine: Combine, axes: SmallVec<[usize; 4]> },
    /// One output of the input's shape, running along an axis: see [`Running`].
    Accumulate(Running),
    /// One output, written piece by piece (concatenate, pad, dynamic_update_slice).
    Assemble { base: Base, pieces: Vec<Piece> },
    /// One output: input `base` with input `updates` stored or folded in at flat positions computed per update; what
    /// falls outside is dropped. In row-major order of the updates.
    Scatter { base: usize, updates: usize, combine: Option<Combine>, position: PointFn },
    /// `out[batch, lhs free, rhs free]`, summed over contracted axes.
    Dot(DotDims),
    /// All operands sorted along `axis` by the first `keys` of them.
    Sort { axis: usize, keys: usize },
    /// A routine that reads its inputs in memory, in row-major order, and so writes the outputs, all of them.
    Routine(Routine),
    /// A call of the host; inputs in memory, in row-major order, and so the outputs.
    Host(HostCall),
    /// The body stands in place of the equation.
    Call(Arc<Jaxpr>),
    /// `arms[clamp(input 0)]` applied to the other inputs; input 0 is an i32.
    Cond { arms: Vec<Arc<Jaxpr>> },
    /// A counted loop, see [`ScanParts`].
    Scan(ScanParts),
    /// In the batch of which it speaks only, where the rule of batching puts something else in its place. What is to be said
    /// where there is no such batch.
    InBatch(Error),
    /// A loop that ends by a test, see [`WhileParts`].
    While(WhileParts),
}

/// The variants of [`Lowering`] without their contents, so that a pass can ask how an equation will be carried out without
/// lowering it. One primitive has one kind, whatever its inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoweringKind {
    /// A conversion that keeps the dtype has this kind, too, though it lowers to [`Lowering::Forward`].
    Elementwise,
    View,
    Reshape,
    Forward,
    Constant,
    Indexed,
    Reduce,
    Accumulate,
    Assemble,
    Scatter,
    Dot,
    Sort,
    Routine,
    Host,
    Call,
    Cond,
    Scan,
    InBatch,
    While,
    /// Lowering fails: the primitive waits for the transform that puts something else in its place.
    Waits,
}

impl Lowering {
    pub fn kind(&self) -> LoweringKind {
        match self {
            Lowering::Elementwise(_) => LoweringKind::Elementwise,
            Lowering::View(_) => LoweringKind::View,
            Lowering::Reshape => LoweringKind::Reshape,
            Lowering::Forward => LoweringKind::Forward,
            Lowering::Constant(_) => LoweringKind::Constant,
            Lowering::Indexed(_) => LoweringKind::Indexed,
            Lowering::Reduce { .. } => LoweringKind::Reduce,
            Lowering::Accumulate(_) => LoweringKind::Accumulate,
            Lowering::Assemble { .. } => LoweringKind::Assemble,
            Lowering::Scatter { .. } => LoweringKind::Scatter,
            Lowering::Dot(_) => LoweringKind::Dot,
            Lowering::Sort { .. } => LoweringKind::Sort,
            Lowering::Routine(_) => LoweringKind::Routine,
            Lowering::Host(_) => LoweringKind::Host,
            Lowering::Call(_) => LoweringKind::Call,
            Lowering::Cond { .. } => LoweringKind::Cond,
            Lowering::Scan(_) => LoweringKind::Scan,
            Lowering::InBatch(_) => LoweringKind::InBatch,
            Lowering::While(_) => LoweringKind::While,
        }
    }
}

/// `state, out[i] = step(state, x[i])` for every `i` along `axis` in order, or from the last one down; all other axes are
/// independent.
#[derive(Clone)]
pub struct Running {
    pub axis: usize,
    pub reverse: bool,
    /// What the state is before the first step.
    pub start: Scalar,
    /// From the state and an element to the new state and the output's element.
    pub step: ScalarFn,
}

/// What an assembled output holds before its pieces are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// The pieces cover it.
    Nothing,
    /// This rank-0 input everywhere.
    Fill(usize),
    /// This input, of the output's shape.
    Input(usize),
}

/// Part `lo..hi` (per axis) of an input, put at `offset + step * coordinate`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    pub input: usize,
    /// Which part of the input, per axis.
    pub take: Vec<std::ops::Range<usize>>,
    /// Where element 0 of the *taken part* lands in the output, per axis.
    pub offset: Vec<i64>,
    /// How far apart neighbours land, per axis.
    pub step: Vec<i64>,
    /// Rank-0 integer inputs, one per axis, added to `offset` after clamping so that the piece fits.
    pub starts: Option<Vec<usize>>,
}

/// Axes of a dot: batch axes pair up, contracted axes pair up, the rest are free.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct DotDims {
    pub lhs_contract: SmallVec<[usize; 2]>,
    pub rhs_contract: SmallVec<[usize; 2]>,
    pub lhs_batch: SmallVec<[usize; 2]>,
    pub rhs_batch: SmallVec<[usize; 2]>,
}

/// `while test(test_consts, carry) { carry = body(body_consts, carry) }`, at most `limit` rounds if one is given. Inputs:
/// test consts, body consts, carry; outputs: the final carry.
#[derive(Clone, Debug)]
pub struct WhileParts {
    pub test: Arc<Jaxpr>,
    pub body: Arc<Jaxpr>,
    pub test_consts: usize,
    pub body_consts: usize,
    pub limit: Option<usize>,
}

/// `carry, ys[t] = body(consts, carry, xs[t])` for t in 0..length (or backwards). Inputs: consts, carry, xs; outputs:
/// final carry, ys; xs and ys have the time axis in front.
#[derive(Clone, Debug)]
pub struct ScanParts {
    pub body: Arc<Jaxpr>,
    pub consts: usize,
    pub carry: usize,
    pub length: usize,
    pub reverse: bool,
    /// Steps that one round of the loop executes, at least 1. Values do not depend on it.
    pub unroll: usize,
}
