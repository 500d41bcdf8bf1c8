//! The function through which generated code calls the runtime: it saves every register that the
//! callee may change, so that the loop around a rare call needs no spills.
//!
//! It takes the address of the values in rax and of the op in rcx, and is made once per process.

use super::asm::{Assembler, Base, Gpr, Ins, Kr, Mem, Rm, Vr};
use super::slow;
use super::tier::Tier;
use crate::code::{Code, Compiled, FunctionId};
use cotangent_jit::Error;
use std::sync::OnceLock;

const RSP: Gpr = Gpr(4);
const RBP: Gpr = Gpr(5);
/// rdx, rsi, rdi, r8 to r11: the callee's, as are all vectors and masks.
const SAVED: [Gpr; 7] = [Gpr(2), Gpr(6), Gpr(7), Gpr(8), Gpr(9), Gpr(10), Gpr(11)];

/// The address of the stub.
pub fn address(tier: Tier) -> Result<usize, Error> {
    static STUB: OnceLock<Result<Code, Error>> = OnceLock::new();
    let code = STUB.get_or_init(|| {
        let id = FunctionId(0);
        Code::link(&[Compiled::from_bytes(id, build(tier)?)])
    });
    code.as_ref().map(|code| code.address(FunctionId(0)) as usize).map_err(Clone::clone)
}

fn build(tier: Tier) -> Result<Vec<u8>, Error> {
    let mut a = Assembler::new(tier.masks());
    let w = tier.width();
    let vectors = if tier.masks() { 32 } else { 16 };
    let masks = if tier.masks() { 8 } else { 0 };
    let vector = |n: u8| Mem {
        base: Base::Reg(RSP),
        index: None,
        disp: i32::from(n) * w.bytes() as i32,
    };
    let mask = |n: u8| Mem {
        disp: i32::from(vectors) * w.bytes() as i32 + 8 * i32::from(n),
        ..vector(0)
    };
    a.push(RBP);
    a.mov(RBP, RSP);
    SAVED.into_iter().for_each(|r| a.push(r));
    a.sub_imm(RSP, mask(masks).disp + 64);
    a.and_imm(RSP, -64);
    (0..vectors).for_each(|n| a.store(Ins::Vmovups, w, Vr(n), vector(n), None));
    (0..masks).for_each(|n| a.store_mask(Kr(n), mask(n)));
    // rdi: the op; rsi: the values.
    a.mov(Gpr(7), Gpr(1));
    a.mov(Gpr(6), Gpr(0));
    a.vzeroupper();
    let target = slow::run as *const () as usize as u64;
    let target = a.constant(&target.to_le_bytes());
    a.call_mem(target);
    (0..vectors).for_each(|n| a.v(Ins::Vmovups, w, Vr(n), None, Rm::Mem(vector(n))));
    (0..masks).for_each(|n| a.load_mask(Kr(n), mask(n)));
    let back = Mem { base: Base::Reg(RBP), index: None, disp: -8 * SAVED.len() as i32 };
    a.lea(RSP, back);
    SAVED.into_iter().rev().for_each(|r| a.pop(r));
    a.pop(RBP);
    a.ret();
    a.finish()
}
