//! The function through which generated code calls the runtime: it saves every register that the
//! callee may change, so that the loop around a rare call needs no spills.
//!
//! It takes the address of the values in rax and that of the op in the caller's frame, and is made
//! once per process.

use super::asm::{Assembler, Gpr, Ins, Kr, Load, Mem, Rm, Size, Vr};
use super::far;
use super::tier::Tier;
use crate::code::link::{Code, Compiled};
use crate::plan::launch::FunctionId;
use cotangent_jit::Error;
use std::sync::OnceLock;

const RSP: Gpr = Gpr::RSP;
const RBP: Gpr = Gpr::RBP;
/// The place of the op's address in the caller's frame.
pub const DATA: i32 = 24;
/// rdx, rsi, rdi, r8 to r11: the callee's, as are all vectors and masks.
const SAVED: [Gpr; 7] = [Gpr(2), Gpr(6), Gpr(7), Gpr(8), Gpr(9), Gpr(10), Gpr(11)];

/// The address of the stub.
pub fn address(tier: Tier) -> Result<usize, Error> {
    static STUB: OnceLock<Result<Code, Error>> = OnceLock::new();
    let code = STUB.get_or_init(|| {
        let id = FunctionId(0);
        Code::link(&[Compiled::from_bytes(id, build(tier)?, None)])
    });
    code.as_ref().map(|code| code.address(FunctionId(0)) as usize).map_err(Clone::clone)
}

fn build(tier: Tier) -> Result<Vec<u8>, Error> {
    let mut a = Assembler::new(tier.masks());
    let w = tier.width();
    let vectors = if tier.masks() { 32 } else { 16 };
    let masks = if tier.masks() { 8 } else { 0 };
    let vector = |n: u8| Mem::new(RSP, i32::from(n) * w.bytes() as i32);
    let above = i32::from(vectors) * w.bytes() as i32;
    let mask = |n: u8| Mem::new(RSP, above + 8 * i32::from(n));
    a.push(RBP);
    a.mov(RBP, RSP);
    SAVED.into_iter().for_each(|r| a.push(r));
    a.sub(RSP, mask(masks).disp + 64);
    a.and(RSP, -64);
    (0..vectors).for_each(|n| a.store(Ins::Vmovups, w, Vr(n), vector(n), None));
    (0..masks).for_each(|n| a.kstore(Size::Q64, Kr(n), mask(n)));
    // rdi: the op; rsi: the values.
    // The caller's frame lies above its return address and the saved rbp.
    a.load(Load::U64, Gpr::RDI, Mem::new(RBP, 16 + DATA));
    a.mov(Gpr::RSI, Gpr::RAX);
    a.vzeroupper();
    let target = far::run as *const () as usize as u64;
    let target = a.constant(&target.to_le_bytes());
    a.load(Load::U64, Gpr::RAX, target);
    a.call(Gpr::RAX);
    (0..vectors).for_each(|n| a.v(Ins::Vmovups, w, Vr(n), None, Rm::Mem(vector(n))));
    (0..masks).for_each(|n| a.kload(Size::Q64, Kr(n), mask(n)));
    let back = Mem::new(RBP, -8 * SAVED.len() as i32);
    a.lea(RSP, back);
    SAVED.into_iter().rev().for_each(|r| a.pop(r));
    a.pop(RBP);
    a.ret();
    a.finish()
}
