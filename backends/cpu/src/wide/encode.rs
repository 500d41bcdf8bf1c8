//! From instructions with chosen registers to bytes.
//!
//! A register that lives in the frame is loaded into a scratch register where it is read, or is
//! the memory operand of its instruction, and is stored where it is written. The scratch registers
//! are rax and rcx, the last two vectors, and k7.

use super::allocate::{Home, Registers, allocate};
use super::asm::{
    Assembler, Base as MachineBase, Cond, Gpr, Ins, Kr, Label, Lanes, Load, Masked, Mem, Rm, Shift,
    Size, Vr, Vsib, Width,
};
use super::code::{Amount, Arith, Class, Code, Inst, MaskOp, Operand, R, Within};
use super::dead::drop_unused;
use super::listing;
use super::registers::{Encoder, RAX, RCX, RSP, frame_at};
use super::stub;
use super::tier::Tier;
use cotangent_jit::Error;

const RDX: Gpr = Gpr::RDX;
const RBX: Gpr = Gpr::RBX;
const RBP: Gpr = Gpr::RBP;
const RSI: Gpr = Gpr::RSI;
const RDI: Gpr = Gpr::RDI;

/// All but the stack pointer, the frame pointer and the scratch registers; those that the caller
/// may want back come last.
const GENERAL: &[u8] = &[2, 6, 7, 8, 9, 10, 11, 3, 12, 13, 14, 15];
const FEW_VECTORS: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
const ALL_VECTORS: &[u8] = &[
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    26, 27, 28, 29,
];
const MASKS: &[u8] = &[1, 2, 3, 4, 5, 6];
/// The bytes of a frame that are taken without a look: with the alignment less than a page.
const PROBED: i32 = 3840;
/// Registers that belong to the caller.
const SAVED: [Gpr; 5] = [RBX, Gpr(12), Gpr(13), Gpr(14), Gpr(15)];

/// The machine code of a function, and its listing if asked for.
pub fn encode(
    mut code: Code,
    tier: Tier,
    keep_text: bool,
) -> Result<(Vec<u8>, Option<String>), Error> {
    code.close();
    drop_unused(&mut code);
    let gathers = code.insts.iter().any(|i| matches!(i, Inst::Gather { .. }));
    let registers = Registers {
        general: GENERAL,
        vector: match tier {
            Tier::Avx512 => ALL_VECTORS,
            Tier::Avx2 => &FEW_VECTORS[..FEW_VECTORS.len() - usize::from(gathers)],
        },
        mask: MASKS,
        vector_bytes: tier.width().bytes() as u32,
    };
    let homes = allocate(&mut code, &registers);
    let mut asm = Assembler::new(tier.masks());
    let labels = (0..code.places()).map(|_| asm.label()).collect();
    let scratch = if tier.masks() { [Vr(30), Vr(31)] } else { [Vr(14), Vr(15)] };
    let (constants, classes) = (&code.constants, &code.classes);
    let mut e = Encoder { asm, tier, homes, labels, scratch, constants, classes };
    e.prologue(code.frame);
    for inst in &code.insts {
        e.inst(inst)?;
    }
    e.epilogue();
    let text = keep_text.then(|| listing::listing(&code, &e.homes));
    Ok((e.asm.finish()?, text))
}

impl Encoder<'_> {
    /// The frame lies below the saved registers, aligned for vectors; rbp finds the way back.
    fn prologue(&mut self, frame: u32) {
        self.asm.push(RBP);
        self.asm.mov(RBP, RSP);
        SAVED.into_iter().for_each(|r| self.asm.push(r));
        let mut size = frame.next_multiple_of(64) as i32 + 64;
        // The page below the stack that stops an overflow must not be stepped over.
        while size > PROBED {
            self.asm.sub(RSP, PROBED);
            self.asm.store_gpr(Size::Q64, RDI, frame_at(0));
            size -= PROBED;
        }
        self.asm.sub(RSP, size);
        self.asm.and(RSP, -64);
        for (n, r) in [RDI, RSI, RDX].into_iter().enumerate() {
            self.asm.store_gpr(Size::Q64, r, frame_at(8 * n as i32));
        }
    }

    fn epilogue(&mut self) {
        self.asm.vzeroupper();
        let saved = 8 * SAVED.len() as i32;
        let back = Mem { base: MachineBase::Reg(RBP), index: None, disp: -saved };
        self.asm.lea(RSP, back);
        SAVED.into_iter().rev().for_each(|r| self.asm.pop(r));
        self.asm.pop(RBP);
        self.asm.ret();
    }

    fn inst(&mut self, inst: &Inst) -> Result<(), Error> {
        match inst {
            Inst::Vector { ins, w, dst, tied, a, b, imm, within } => {
                self.vector_inst(*ins, *w, *dst, (*tied, *a, b), *imm, *within);
            }
            Inst::Store { ins, w, src, to, within } => {
                let src = self.vector(*src, 0);
                let m = within.map(|m| Masked { k: self.mask(m), zero: false });
                let to = self.mem(to);
                self.asm.store(*ins, *w, src, to, m);
            }
            Inst::Part { ins, w, dst, src, imm } => {
                let src = self.vector(*src, 1);
                let to = self.vector_target(*dst);
                self.asm.store_to_reg(*ins, *w, to, src, *imm, None);
                self.put_vector(*dst, to);
            }
            Inst::Compare { ins, w, dst, a, b, imm, within } => {
                let a = self.vector(*a, 0);
                let k = within.map(|m| self.mask(m));
                let b = self.rm(b, *ins, *w);
                let to = self.mask_target(*dst);
                self.asm.compare(*ins, *w, to, a, b, *imm, k);
                self.put_mask(*dst, to);
            }
            Inst::Blend { ins, w, dst, a, b, mask } => {
                let a = self.vector(*a, 0);
                let mask = self.vector(*mask, 1);
                let b = self.rm(b, *ins, *w);
                let to = self.vector_target(*dst);
                self.asm.blendv(*ins, *w, to, a, b, mask);
                self.put_vector(*dst, to);
            }
            Inst::MaskedLoad { ins, w, dst, mask, from } => {
                let mask = self.vector(*mask, 1);
                let from = self.mem(from);
                let to = self.vector_target(*dst);
                self.asm.v(*ins, *w, to, Some(mask), Rm::Mem(from));
                self.put_vector(*dst, to);
            }
            Inst::MaskedStore { ins, w, src, mask, to } => {
                let src = self.vector(*src, 0);
                let mask = self.vector(*mask, 1);
                let to = self.mem(to);
                self.asm.store_lanes(*ins, *w, mask, src, to);
            }
            Inst::Gather { ins, w, dst, base, index, scale, disp, mask } => {
                let index = self.vector(*index, 1);
                let base = self.general(*base, RAX);
                self.gather(*ins, *w, *dst, base, (index, *scale, *disp), *mask);
            }
            Inst::Scatter { ins, w, src, base, index, scale, disp, mask } => {
                let index = self.vector(*index, 1);
                let base = self.general(*base, RAX);
                let src = self.vector(*src, 0);
                let k = self.mask(*mask);
                self.move_mask(Kr(7), k);
                let to = Vsib { base, index, scale: *scale, disp: *disp };
                self.asm.scatter(*ins, *w, src, to, Kr(7));
            }
            Inst::Mask { op, dst, a, b } => self.mask_inst(*op, *dst, *a, *b),
            Inst::MaskFrom { dst, src } => {
                let src = self.general(*src, RAX);
                let to = self.mask_target(*dst);
                self.asm.k_from_gpr(Size::Q64, to, src);
                self.put_mask(*dst, to);
            }
            Inst::Spread { dst, w, src, bytes } => {
                let src = self.general(*src, RAX);
                let to = self.vector_target(*dst);
                self.spread(to, *w, src, *bytes);
                self.put_vector(*dst, to);
            }
            Inst::First { dst, src, bytes } => {
                let src = self.vector(*src, 0);
                let to = self.target(*dst, RAX);
                self.asm.gpr_from_v(to_general(*bytes), to, src);
                self.put(*dst, to);
            }
            Inst::Copy { dst, src } => self.copy(*dst, *src),
            Inst::Constant { dst, constant } => {
                if let Home::Reg(n) = self.home(*dst) {
                    self.load_constant(Vr(n), *constant);
                }
            }
            Inst::Call { data, values } => {
                // The stub finds the data in the frame, behind the parameters.
                self.asm.mov_imm(RCX, *data as i64);
                self.asm.store_gpr(Size::Q64, RCX, frame_at(stub::DATA));
                self.asm.lea(RAX, frame_at(*values as i32));
                let address = stub::address(self.tier)? as u64;
                let slot = self.asm.constant(&address.to_le_bytes());
                self.asm.load(Load::U64, RCX, slot);
                self.asm.call(RCX);
            }
            Inst::Bind(p) => self.asm.bind(self.labels[p.0 as usize]),
            Inst::Fence => self.asm.sfence(),
            Inst::Prefetch { of } => {
                let of = self.mem(of);
                self.asm.prefetch(of);
            }
            Inst::Jump(p) => {
                let to = self.label(*p);
                self.asm.jmp(to);
            }
            Inst::Branch { a, cond, b, to } => self.branch(*a, *cond, *b, self.label(*to)),
            Inst::NoneSet { mask, bits, to } => {
                let k = self.mask(*mask);
                self.asm.gpr_from_k(Size::Q64, RAX, k);
                let keep = if *bits >= 64 { -1 } else { (1i64 << bits) - 1 };
                if *bits < 32 {
                    self.asm.test(Size::D32, RAX, keep as i32);
                } else {
                    self.asm.mov_imm(RCX, keep);
                    self.asm.test(Size::Q64, RAX, RCX);
                }
                self.asm.jcc(Cond::E, self.label(*to));
            }
            Inst::NoneSetVector { mask, w, to } => {
                let v = self.vector(*mask, 0);
                self.asm.v(Ins::Vptest, *w, v, None, Rm::Reg(v));
                self.asm.jcc(Cond::E, self.label(*to));
            }
            Inst::LoopBegin | Inst::LoopEnd => {}
            Inst::Set { dst, to } => {
                let at = self.target(*dst, RAX);
                self.asm.mov_imm(at, *to);
                self.put(*dst, at);
            }
            Inst::Load { dst, from, extend } => {
                let from = self.mem(from);
                let to = self.target(*dst, RAX);
                self.asm.load(load(extend.bytes, extend.signed), to, from);
                self.put(*dst, to);
            }
            Inst::StoreGeneral { src, to, bytes } => {
                let mut to = self.mem(to);
                if to.index.is_some_and(|(i, _)| i == RCX) {
                    self.asm.lea(RAX, to);
                    to = Mem { base: MachineBase::Reg(RAX), index: None, disp: 0 };
                }
                let src = self.general(*src, RCX);
                self.asm.store_gpr(size(*bytes), src, to);
            }
            Inst::Lea { dst, of } => {
                let of = self.mem(of);
                let to = self.target(*dst, RAX);
                self.asm.lea(to, of);
                self.put(*dst, to);
            }
            Inst::Update { op, dst, by } => self.update(*op, *dst, *by),
            Inst::KeepLow { dst, bits } => {
                let bits = self.general(*bits, RCX);
                let to = self.general(*dst, RAX);
                self.asm.bzhi(Size::Q64, to, to, bits);
                self.put(*dst, to);
            }
        }
        Ok(())
    }

    fn update(&mut self, op: Arith, dst: R, by: Amount) {
        let to = self.general(dst, RAX);
        let by = match by {
            Amount::Now(n) => match (op, i32::try_from(n)) {
                (Arith::Add, Ok(n)) => {
                    self.asm.add(to, n);
                    return self.put(dst, to);
                }
                (Arith::Sub, Ok(n)) => {
                    self.asm.sub(to, n);
                    return self.put(dst, to);
                }
                (Arith::And, Ok(n)) => {
                    self.asm.and(to, n);
                    return self.put(dst, to);
                }
                (Arith::Mul, Ok(n)) => {
                    match n {
                        n if n > 0 && n.count_ones() == 1 => {
                            self.asm.shift(Shift::Shl, Size::Q64, to, n.trailing_zeros() as u8);
                        }
                        n => self.asm.imul_imm(to, to, n),
                    }
                    return self.put(dst, to);
                }
                _ => {
                    self.asm.mov_imm(RCX, n);
                    RCX
                }
            },
            Amount::Reg(r) => self.general(r, RCX),
        };
        match op {
            Arith::Add => self.asm.add(to, by),
            Arith::Sub => self.asm.sub(to, by),
            Arith::Mul => self.asm.imul(to, by),
            Arith::And => self.asm.and(to, by),
            Arith::Min | Arith::Max => {
                self.asm.cmp(by, to);
                self.asm.cmov(if op == Arith::Min { Cond::L } else { Cond::G }, Size::Q64, to, by);
            }
        }
        self.put(dst, to);
    }

    fn branch(&mut self, a: R, cond: Cond, b: Amount, to: Label) {
        let a = self.general(a, RAX);
        match b {
            Amount::Now(n) => match i32::try_from(n) {
                Ok(n) => self.asm.cmp(a, n),
                Err(_) => {
                    self.asm.mov_imm(RCX, n);
                    self.asm.cmp(a, RCX);
                }
            },
            Amount::Reg(b) => {
                let b = self.general(b, RCX);
                self.asm.cmp(a, b);
            }
        }
        self.asm.jcc(cond, to);
    }

    fn vector_inst(
        &mut self,
        ins: Ins,
        w: Width,
        dst: R,
        (tied, a, b): (Option<R>, Option<R>, &Operand),
        imm: Option<u8>,
        within: Option<Within>,
    ) {
        let to = self.vector_target(dst);
        let m = within.map(|w| Masked { k: self.mask(w.mask), zero: w.zero });
        let a = a.map(|a| self.vector(a, 1));
        if let Some(t) = tied {
            let from = self.vector(t, 0);
            self.move_vector(to, from);
        }
        let b = match b {
            // Shifts by a constant take memory in their EVEX form only.
            Operand::Reg(r) if ins.is_shift() && !self.tier.masks() => Rm::Reg(self.vector(*r, 1)),
            b => self.rm(b, ins, w),
        };
        match (m, imm) {
            (Some(m), _) => self.asm.v_masked(ins, w, to, a, b, imm, m),
            (None, Some(imm)) => self.asm.vi(ins, w, to, a, b, imm),
            (None, None) => self.asm.v(ins, w, to, a, b),
        }
        self.put_vector(dst, to);
    }

    fn gather(
        &mut self,
        ins: Ins,
        w: Width,
        dst: R,
        base: Gpr,
        (index, scale, disp): (Vr, u8, i32),
        mask: R,
    ) {
        let to = self.vector_target(dst);
        let from = Vsib { base, index, scale, disp };
        self.asm.v(Ins::Vxorps, Width::X128, to, Some(to), Rm::Reg(to));
        if self.tier.masks() {
            let k = self.mask(mask);
            self.move_mask(Kr(7), k);
            self.asm.gather(ins, w, to, from, Lanes::Mask(Kr(7)));
        } else {
            // The instruction clears its mask, which is copied to a register that code with
            // gathers leaves free.
            let spare = Vr(FEW_VECTORS.len() as u8 - 1);
            let lanes = self.vector_at(mask, spare);
            self.move_vector(spare, lanes);
            self.asm.gather(ins, w, to, from, Lanes::Vector(spare));
        }
        self.put_vector(dst, to);
    }

    fn mask_inst(&mut self, op: MaskOp, dst: R, a: R, b: R) {
        let to = self.mask_target(dst);
        // Two masks in the frame: the second goes through a general register.
        let x = self.mask(a);
        let y = match self.home(b) {
            Home::Reg(n) => Kr(n),
            _ if a == b => x,
            Home::Frame(at) => {
                self.asm.kload(Size::Q64, Kr(0), frame_at(at as i32));
                Kr(0)
            }
            _ => Kr(7),
        };
        self.mask_op(op, to, x, y);
        self.put_mask(dst, to);
    }

    fn spread(&mut self, to: Vr, w: Width, src: Gpr, bytes: u8) {
        if self.tier.masks() {
            let ins = if bytes == 8 { Ins::VpbroadcastqGpr } else { Ins::VpbroadcastdGpr };
            self.asm.v_from_gpr(ins, w, to, src, None);
            return;
        }
        self.asm.v_from_gpr(to_general(bytes), Width::X128, to, src, None);
        let ins = if bytes == 8 { Ins::Vpbroadcastq } else { Ins::Vpbroadcastd };
        self.asm.v(ins, w, to, None, Rm::Reg(to));
    }

    fn copy(&mut self, dst: R, src: R) {
        match (self.home(dst), self.home(src)) {
            (Home::Nowhere, _) => {}
            (to, from) if to == from => {}
            _ => match self.classes[dst.0 as usize] {
                Class::General => {
                    let from = self.general(src, RAX);
                    if let Home::Reg(n) = self.home(dst)
                        && n != from.0
                    {
                        self.asm.mov(Gpr(n), from);
                    }
                    self.put(dst, from);
                }
                Class::Vector => {
                    let to = self.vector_target(dst);
                    let from = self.vector_at(src, to);
                    self.move_vector(to, from);
                    self.put_vector(dst, to);
                }
                Class::Mask => {
                    let from = self.mask(src);
                    if let Home::Reg(n) = self.home(dst) {
                        self.move_mask(Kr(n), from);
                    }
                    self.put_mask(dst, from);
                }
            },
        }
    }
}

fn size(bytes: u8) -> Size {
    match bytes {
        1 => Size::B8,
        2 => Size::W16,
        4 => Size::D32,
        _ => Size::Q64,
    }
}

fn load(bytes: u8, signed: bool) -> Load {
    match (bytes, signed) {
        (1, false) => Load::U8,
        (1, true) => Load::S8,
        (2, false) => Load::U16,
        (2, true) => Load::S16,
        (4, false) => Load::U32,
        (4, true) => Load::S32,
        _ => Load::U64,
    }
}

/// The move between a general register and the first lane.
fn to_general(bytes: u8) -> Ins {
    if bytes == 8 { Ins::VmovqGpr } else { Ins::Vmovd }
}
