//! Ops without instructions: the runtime computes them, lane by lane, as the interpreter does.
//!
//! The operands go to the frame, lane after lane, and the results come back in the place of the
//! first. The call goes through a stub that saves every register, so the loop around it needs no
//! spills. Data of calls live as long as the process: there are few ops, types and numbers of
//! lanes.

use super::asm::Ins;
use super::code::{Address, Inst};
use super::emitter::Emitter;
use super::values::Arg;
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::interp;
use cotangent_jit::math::far;
use cotangent_jit::op::{MachineOp, ScalarOp};
use cotangent_jit::{DType, Error, Scalar};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::{Mutex, PoisonError};

/// One op on this many lanes of this type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SlowOp {
    op: MachineOp,
    dtype: DType,
    result: DType,
    arity: usize,
    lanes: usize,
}

impl SlowOp {
    /// The address of an equal value that is never freed.
    fn forever(self) -> usize {
        static KNOWN: Mutex<Option<FxHashMap<SlowOp, &'static SlowOp>>> = Mutex::new(None);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(FxHashMap::default);
        let kept: &'static SlowOp = known.entry(self).or_insert_with(|| Box::leak(Box::new(self)));
        std::ptr::from_ref(kept) as usize
    }

    /// The bytes of one operand.
    fn stride(&self) -> usize {
        let size = |d: DType| d.size().max(4);
        (self.lanes * size(self.dtype).max(size(self.result))).next_multiple_of(64)
    }
}

impl Emitter<'_> {
    /// The op by the runtime.
    pub fn slow(
        &mut self,
        op: MachineOp,
        d: DType,
        result: DType,
        args: &[Arg],
    ) -> Result<Lanes, Error> {
        let slow = SlowOp { op, dtype: d, result, arity: args.len(), lanes: self.lanes };
        let stride = slow.stride() as u32;
        let values = self.code.room(stride * args.len() as u32);
        for (n, a) in args.iter().enumerate() {
            let lanes = a.lanes.clone();
            self.spill_lanes(&lanes, values + n as u32 * stride);
        }
        self.code.push(Inst::Call { data: slow.forever(), values });
        Ok(self.frame_lanes(result, values))
    }

    /// Stores the lanes of a number, one after the other.
    pub fn spill_lanes(&mut self, x: &Lanes, at: u32) {
        let (w, _) = self.shape(x.bits);
        for (r, v) in x.regs.iter().enumerate() {
            let to = Address::frame(at + (r * w.bytes()) as u32);
            self.code.push(Inst::Store { ins: Ins::Vmovups, w, src: *v, to, within: None });
        }
    }

    pub fn frame_lanes(&mut self, d: DType, at: u32) -> Lanes {
        let bits = Bits::of(d).unwrap_or(Bits::B32);
        let (w, count) = self.shape(bits);
        let mut regs = Regs::new();
        for r in 0..count {
            regs.push(self.u(Ins::Vmovups, w, Address::frame(at + (r * w.bytes()) as u32)));
        }
        Lanes { dtype: d, bits, regs }
    }
}

/// Generated code calls this function, through the stub that saves its registers.
///
/// # Safety
/// `op` is what [`SlowOp::forever`] returned, and `values` has room for its operands.
pub unsafe extern "C" fn run(op: *const SlowOp, values: *mut u8) {
    crate::run::runtime::guarded(|| {
        // SAFETY: the caller's promise.
        let op = unsafe { &*op };
        let stride = op.stride();
        // SAFETY: the frame has this room, and it is ours during the call.
        let values = unsafe { std::slice::from_raw_parts_mut(values, stride * op.arity) };
        let size = op.dtype.size().max(4);
        // Results may be wider than operands, so all are computed before the first is written.
        let compute = |lane: usize| {
            compute(op, &|n| Scalar::from_bytes(op.dtype, &values[n * stride + lane * size..]))
        };
        let results: SmallVec<[Scalar; 16]> = (0..op.lanes).map(compute).collect();
        let step = op.result.size().max(4);
        for (place, value) in values.chunks_mut(step).zip(results) {
            let size = op.result.size();
            place[..size].copy_from_slice(&value.bits().to_le_bytes()[..size]);
        }
    });
}

fn compute(op: &SlowOp, arg: &dyn Fn(usize) -> Scalar) -> Scalar {
    let function = match op.op {
        MachineOp::FarSin => Some(far::Function::Sin),
        MachineOp::FarCos => Some(far::Function::Cos),
        MachineOp::FarTan => Some(far::Function::Tan),
        _ => None,
    };
    if let Some(function) = function {
        let x = arg(0).to_f64().unwrap_or(f64::NAN);
        if x.abs() <= far::reach(op.dtype) || x.is_nan() {
            return arg(1);
        }
        let value = far::value(function, x);
        return match op.dtype {
            DType::F32 => Scalar::from(value as f32),
            _ => Scalar::from(value),
        };
    }
    let args: SmallVec<[Scalar; 3]> = (0..op.arity).map(arg).collect();
    let op: ScalarOp = op.op.into();
    interp::scalar::apply(op, &args).unwrap_or(args[0])
}
