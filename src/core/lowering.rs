//! The contract between primitives and the compiler: each equation is lowered to one [`Lowering`],
//! in terms of scalar functions and index maps.

use super::array::Array;
use super::jaxpr::Jaxpr;
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::host::HostCall;
use cotangent_jit::kernel::{Combine, NodeId};
use cotangent_jit::program::{Precision, Routine};
use cotangent_jit::{Error, Scalar};
use smallvec::SmallVec;
use std::sync::Arc;

/// Builds the outputs at one point from the inputs at the same point.
pub type ScalarFn =
    Arc<dyn Fn(&mut KernelBuilder, &[NodeId]) -> SmallVec<[NodeId; 1]> + Send + Sync>;

/// Builds the value at one point of a domain. It may read the inputs anywhere.
pub type PointFn = Arc<dyn Fn(&mut dyn Point) -> NodeId + Send + Sync>;

/// The point that a [`PointFn`] computes.
pub trait Point {
    fn builder(&mut self) -> &mut KernelBuilder;

    /// The coordinate along axis `axis` of the domain, an i64 node.
    fn coordinate(&mut self, axis: usize) -> NodeId;

    /// Reads input `input` at these coordinates (i64 nodes). Each coordinate is clamped into range.
    fn read(&mut self, input: usize, at: &[NodeId]) -> NodeId;
}

/// The way in which an equation is executed.
pub enum Lowering {
    /// Computes all outputs at a point from all inputs at that point. A rank-0 input is read at
    /// every point.
    Elementwise(ScalarFn),
    /// One output. Its element at coordinates `i` is the input's element at `map(i)`. The map has
    /// one affine function of `i` per input axis and is always in range.
    View(Vec<Affine>),
    /// The same elements in row-major order under another shape.
    Reshape,
    /// Output `i` is input `i`.
    Forward,
    /// No input. The output is this concrete array, which becomes a hidden input of the executable.
    Constant(Array),
    /// One output. Each element is computed from its coordinates and may read the inputs anywhere
    /// (iota, gather, dynamic_slice).
    Indexed(PointFn),
    /// One output: the input reduced over these axes.
    Reduce { combine: Combine, axes: SmallVec<[usize; 4]> },
    /// One output of the input's shape, accumulated along an axis: see [`Running`].
    Accumulate(Running),
    /// One output, written piece by piece (concatenate, pad, dynamic_update_slice).
    Assemble { base: Base, pieces: Vec<Piece> },
    /// One output: a copy of input `base`. Each element of input `updates`, in row-major order, is
    /// stored at its flat position or combined with the element there. An update at a position out
    /// of range is dropped.
    Scatter { base: usize, updates: usize, combine: Option<Combine>, position: PointFn },
    /// `out[batch, lhs free, rhs free]`, summed over the contracted axes.
    Dot { dims: DotDims, precision: Precision },
    /// Sorts all operands along `axis`; the first `keys` operands are the keys.
    Sort { axis: usize, keys: usize },
    /// A routine that reads all inputs and writes all outputs in memory, in row-major order.
    Routine(Routine),
    /// A call on the host, with inputs and outputs in memory, in row-major order.
    Host(HostCall),
    /// The body replaces the equation.
    Call(Arc<Jaxpr>),
    /// `arms[clamp(input 0)]` applied to the other inputs; input 0 is an i32.
    Cond { arms: Vec<Arc<Jaxpr>> },
    /// A counted loop: see [`ScanParts`].
    Scan(ScanParts),
    /// The primitive can run only in a batch over the axis that it names, where its batch rule
    /// replaces it. Outside of such a batch, lowering fails with this error.
    InBatch(Error),
    /// A loop that ends by a test: see [`WhileParts`].
    While(WhileParts),
}

/// The variants of [`Lowering`] without their contents, so that a pass can ask how an equation is
/// executed without lowering it. A primitive has one kind, whatever its inputs are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoweringKind {
    /// A conversion that keeps the dtype also has this kind, though it lowers to
    /// [`Lowering::Forward`].
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
    /// Lowering fails. The primitive waits for the transform that replaces it.
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
            Lowering::Dot { .. } => LoweringKind::Dot,
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

/// `state, out[i] = step(state, x[i])` for every `i` along `axis`, in order, or from the last one
/// down if `reverse`. All other axes are independent.
///
/// The fold is associative, so long axes are cut into blocks. The order depends on the shape alone.
#[derive(Clone)]
pub struct Running {
    pub axis: usize,
    pub reverse: bool,
    /// The state before the first step.
    pub start: Scalar,
    /// Maps the state and an element to the new state and the output's element.
    pub step: ScalarFn,
    /// Maps the states of two neighbouring parts of the axis to that of both.
    pub join: ScalarFn,
    /// The reduction that gives the last state, if there is one.
    pub combine: Option<Combine>,
}

/// The content of an assembled output before its pieces are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// No content: the pieces cover the output.
    Nothing,
    /// The value of this rank-0 input everywhere.
    Fill(usize),
    /// A copy of this input, which has the output's shape.
    Input(usize),
}

/// A part of an input, written to the output at `offset + step * coordinate`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    pub input: usize,
    /// The range of the part, per axis of the input.
    pub take: Vec<std::ops::Range<usize>>,
    /// The position in the output of element 0 of the *taken part*, per axis.
    pub offset: Vec<i64>,
    /// The distance between neighbours in the output, per axis.
    pub step: Vec<i64>,
    /// Rank-0 int inputs, one per axis, that are added to `offset` after they are clamped so that
    /// the piece fits.
    pub starts: Option<Vec<usize>>,
}

/// The axes of a dot. Batch axes pair up, contracted axes pair up, and all other axes are free.
#[doc(alias = "DotDimensionNumbers")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct DotDims {
    pub lhs_contract: SmallVec<[usize; 2]>,
    pub rhs_contract: SmallVec<[usize; 2]>,
    pub lhs_batch: SmallVec<[usize; 2]>,
    pub rhs_batch: SmallVec<[usize; 2]>,
}

/// `while test(test_consts, carry) { carry = body(body_consts, carry) }`, at most `limit`
/// iterations if there is a limit. Inputs: test consts, body consts, carry. Outputs: the final
/// carry.
#[derive(Clone, Debug)]
pub struct WhileParts {
    pub test: Arc<Jaxpr>,
    pub body: Arc<Jaxpr>,
    pub test_consts: usize,
    pub body_consts: usize,
    pub limit: Option<usize>,
}

/// `carry, ys[t] = body(consts, carry, xs[t])` for `t` in `0..length`, or backwards if `reverse`.
/// Inputs: consts, carry, xs. Outputs: the final carry, ys. `xs` and `ys` have the time axis in
/// front.
#[derive(Clone, Debug)]
pub struct ScanParts {
    pub body: Arc<Jaxpr>,
    pub consts: usize,
    pub carry: usize,
    pub length: usize,
    pub reverse: bool,
    /// The number of steps that one iteration of the loop executes, at least 1. The values do not
    /// depend on it.
    pub unroll: usize,
}
