//! Values while a kernel is emitted: lanes in registers, operands, carries and tiles. What computes
//! them does not live here.

use super::code::R;
use crate::plan::lanes::Bits;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::BufferId;
use cotangent_jit::{DType, Scalar};
use smallvec::SmallVec;

pub type Regs = SmallVec<[R; 4]>;

/// The lanes of one value.
#[derive(Clone, Debug)]
pub struct Lanes {
    pub dtype: DType,
    pub bits: Bits,
    /// Vectors; of a bool masks, which are mask registers or vectors of all ones and zeros.
    pub regs: Regs,
}

/// An operand of an op.
#[derive(Clone)]
pub struct Arg {
    pub lanes: Lanes,
    /// The value, if it is a constant.
    pub constant: Option<Scalar>,
    /// True if nothing else uses the lanes, so that their registers may be overwritten.
    pub last: bool,
}

impl Arg {
    pub fn of(lanes: Lanes) -> Arg {
        Arg { lanes, constant: None, last: true }
    }
}

/// The carries of all lanes.
pub struct Carry {
    pub buffer: BufferId,
    pub at: Affine,
    pub lanes: Lanes,
}

/// What the lanes of a tile are in memory.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    /// Rows of some distance, each moved alone.
    Apart,
    /// Rows that follow each other, or lie so near that all are read as one piece.
    Joined,
}

/// A load or store of rows: for each point of the block, the lanes.
pub struct Tile {
    pub buffer: BufferId,
    pub at: Affine,
    /// The loop of the block.
    pub n: usize,
    pub form: Form,
    /// The place of the first point in the frame.
    pub room: u32,
    /// The bytes from there to the current point.
    pub place: R,
    /// The bytes of one point.
    pub step: i64,
}
