//! Sine, cosine and tangent of huge numbers: one test for all lanes, and in the rare case a call of
//! the runtime, which computes them lane by lane, as the interpreter does.
//!
//! The operands go to the frame, lane after lane, and the results come back in the place of the
//! first. The call goes through a stub that saves every register, so the loop around it needs no
//! spills. Data of calls live as long as the process: there are few functions, types and numbers of
//! lanes. Every other op has instructions.

use super::asm::Ins;
use super::code::{Address, Inst, MaskOp, R};
use super::emitter::Emitter;
use super::masks::by;
use super::values::{Arg, Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::math::far;
use cotangent_jit::op::MachineOp;
use cotangent_jit::{DType, Scalar};
use rustc_hash::FxHashMap;
use std::sync::{Mutex, PoisonError};

/// One function on this many lanes of this type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FarCall {
    op: MachineOp,
    dtype: DType,
    lanes: usize,
}

impl FarCall {
    /// The address of an equal value that is never freed.
    fn forever(self) -> usize {
        static KNOWN: Mutex<Option<FxHashMap<FarCall, &'static FarCall>>> = Mutex::new(None);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(FxHashMap::default);
        let kept: &'static FarCall = known.entry(self).or_insert_with(|| Box::leak(Box::new(self)));
        std::ptr::from_ref(kept) as usize
    }

    /// The bytes of one operand.
    fn stride(&self) -> usize {
        (self.lanes * self.dtype.size()).next_multiple_of(64)
    }

    /// The function of a huge number, else what the short reduction gave.
    fn value(&self, x: Scalar, near: Scalar) -> Scalar {
        let function = match self.op {
            MachineOp::FarSin => far::Function::Sin,
            MachineOp::FarCos => far::Function::Cos,
            _ => far::Function::Tan,
        };
        let x = x.to_f64().unwrap_or(f64::NAN);
        if x.abs() <= far::reach(self.dtype) || x.is_nan() {
            return near;
        }
        let value = far::value(function, x);
        match self.dtype {
            DType::F32 => Scalar::from(value as f32),
            _ => Scalar::from(value),
        }
    }
}

impl Emitter<'_> {
    /// The second operand; of huge numbers the function of the first one.
    pub fn far(&mut self, op: MachineOp, d: DType, args: &[Arg]) -> Lanes {
        let (x, near) = (args[0].lanes.clone(), args[1].lanes.clone());
        let bits = x.bits;
        let (w, _) = self.shape(bits);
        let reach = Scalar::from_f64(d, far::reach(d)).map_or(0, |s| s.bits() as u64);
        let reach = self.repeated(bits, reach);
        let rest = if bits == Bits::B32 { 0x7fff_ffff } else { i64::MAX as u64 };
        let rest = self.repeated(bits, rest);
        let results = self.own(&near);
        let mut beyond: Option<R> = None;
        for &v in &x.regs {
            let size = self.v(by(bits, Ins::Vandps, Ins::Vandpd), w, v, rest);
            let mask = self.compare_floats(0x1e, bits, w, size, reach);
            beyond = Some(match beyond {
                None => mask,
                Some(all) => self.mask_op(MaskOp::Or, w, all, mask),
            });
        }
        let Some(beyond) = beyond else { return results };
        let after = self.code.place();
        self.jump_if_none(beyond, bits, w, after);
        let computed = self.call(FarCall { op, dtype: d, lanes: self.lanes }, [&x, &near]);
        for (to, from) in results.regs.iter().zip(&computed.regs) {
            self.assign(*to, *from);
        }
        self.code.push(Inst::Bind(after));
        results
    }

    fn call(&mut self, call: FarCall, operands: [&Lanes; 2]) -> Lanes {
        let stride = call.stride() as u32;
        let values = self.code.room(2 * stride);
        for (lanes, at) in operands.into_iter().zip([values, values + stride]) {
            self.spill_lanes(lanes, at);
        }
        self.code.push(Inst::Call { data: call.forever(), values });
        self.frame_lanes(call.dtype, values)
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
/// `call` is what [`FarCall::forever`] returned, and `values` has room for its operands.
pub unsafe extern "C" fn run(call: *const FarCall, values: *mut u8) {
    crate::run::runtime::guarded(|| {
        // SAFETY: the caller's promise.
        let call = unsafe { &*call };
        let (stride, size) = (call.stride(), call.dtype.size());
        // SAFETY: the frame has this room, and it is ours during the call.
        let values = unsafe { std::slice::from_raw_parts_mut(values, 2 * stride) };
        let (results, near) = values.split_at_mut(stride);
        for (x, near) in results.chunks_mut(size).zip(near.chunks(size)).take(call.lanes) {
            let [of, otherwise] = [&*x, near].map(|bytes| Scalar::from_bytes(call.dtype, bytes));
            let value = call.value(of, otherwise);
            x.copy_from_slice(&value.bits().to_le_bytes()[..size]);
        }
    });
}
