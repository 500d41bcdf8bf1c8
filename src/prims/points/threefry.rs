//! Threefry-2x32 with 20 rounds, at every point: four u32 inputs (two words of the key, two of the
//! counter), two u32 outputs.
//!
//! The counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
//! as 1, 2, 3" (2011). No derivative. Not here: keys and distributions (`random`).

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::Lowering;
use crate::core::params::Params;
use crate::core::primitive::{Known, Simpler};
use crate::core::trace::bind;
use crate::prims::cases::samples::array;
use crate::prims::entry::{Case, Entry};
use crate::prims::points::elementwise::{common_dtype, common_shape, unify};
use crate::prims::points::pointwise::{Derivative, Function, Pointwise};
use crate::prims::rules::apply::{expect, expect_inputs};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::NodeId;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// See [`threefry2x32`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threefry2x32;

impl Function for Threefry2x32 {
    fn name(&self) -> &'static str {
        "threefry2x32"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 4)?;
        common_dtype(self.name(), inputs)?;
        if inputs[0].dtype != DType::U32 {
            return Err(err!(DType, "threefry2x32: expected u32, got {}; convert it", inputs[0]));
        }
        let out = Aval::new(common_shape(self.name(), inputs)?, DType::U32);
        Ok(smallvec![out.clone(), out])
    }

    fn derivative(&self) -> Derivative<Self> {
        Derivative::Zero
    }

    fn code(&self, _: &[Aval]) -> Lowering {
        Lowering::Elementwise(Arc::new(|b, x| {
            SmallVec::from_slice(&hash(b, [x[0], x[1]], [x[2], x[3]]))
        }))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }
}

/// The number of bits by which the second word is rotated in each of four rounds, in even and odd
/// groups of rounds.
const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
/// Keeps the third word of a key of zeros from being zero (Skein's constant, cut to 32 bits).
const PARITY: u32 = 0x1BD1_1BDA;

/// Five groups of four rounds; the key is added before the first group and after each group.
fn hash(b: &mut KernelBuilder, key: [NodeId; 2], counter: [NodeId; 2]) -> [NodeId; 2] {
    use ScalarOp::{Add, Or, Shl, ShrLogical, Xor};
    let parity = b.constant(Scalar::from(PARITY));
    let both = b.op(Xor, &[key[0], key[1]]);
    let key = [key[0], key[1], b.op(Xor, &[both, parity])];
    let mut x0 = b.op(Add, &[counter[0], key[0]]);
    let mut x1 = b.op(Add, &[counter[1], key[1]]);
    for group in 0..5 {
        for by in ROTATIONS[group % 2] {
            x0 = b.op(Add, &[x0, x1]);
            let (up, down) = (b.constant(Scalar::from(by)), b.constant(Scalar::from(32 - by)));
            let (high, low) = (b.op(Shl, &[x1, up]), b.op(ShrLogical, &[x1, down]));
            let rotated = b.op(Or, &[high, low]);
            x1 = b.op(Xor, &[rotated, x0]);
        }
        x0 = b.op(Add, &[x0, key[(group + 1) % 3]]);
        x1 = b.op(Add, &[x1, key[(group + 2) % 3]]);
        let number = b.constant(Scalar::from(group as u32 + 1));
        x1 = b.op(Add, &[x1, number]);
    }
    [x0, x1]
}

/// The two words that Threefry-2x32 with 20 rounds computes from a counter `x0, x1` and a key
/// `k0, k1`. All operands are u32 of one shape, or scalars; no derivative. Panics where
/// [`try_threefry2x32`] gives an error.
#[doc(alias = "threefry")]
#[track_caller]
pub fn threefry2x32(k0: &Array, k1: &Array, x0: &Array, x1: &Array) -> (Array, Array) {
    expect(try_threefry2x32(k0, k1, x0, x1))
}

/// Returns the error of [`threefry2x32`] instead of panicking.
///
/// Fails if shapes or dtypes do not fit.
#[track_caller]
pub fn try_threefry2x32(
    k0: &Array,
    k1: &Array,
    x0: &Array,
    x1: &Array,
) -> Result<(Array, Array), Error> {
    let operands = unify(&[k0, k1, x0, x1])?;
    let mut words = bind(Arc::new(Pointwise(Threefry2x32)), &operands)?.into_iter();
    let mut next = || words.next().expect("two outputs");
    Ok((next(), next()))
}

pub(crate) fn entries() -> Vec<Entry> {
    vec![Entry { name: "threefry2x32", build: |_| Ok(Arc::new(Pointwise(Threefry2x32))), cases }]
}

fn cases() -> Vec<Case> {
    let words = |w: [u32; 3]| array(&[3], DType::U32, w.map(f64::from));
    let inputs = vec![
        words([0, u32::MAX, 0x13198a2e]),
        words([0, u32::MAX, 0x03707344]),
        words([0, u32::MAX, 0x243f6a88]),
        words([0, u32::MAX, 0x85a308d3]),
    ];
    vec![Case::new(Arc::new(Pointwise(Threefry2x32)), inputs)]
}
