//! Virtual registers while code is encoded: each in its register, or by way of a scratch register
//! from and to the frame. The instructions themselves are encoded in `encode`.

use super::allocate::Home;
use super::asm::{
    self, Assembler, Base as MachineBase, Gpr, Ins, Kr, Label, Load, Mem, Rm, Size, Vr, Width,
};
use super::code::{Address, Base, Class, Constant, MaskOp, Operand, Place, R};
use super::tier::Tier;

/// The scratch registers.
pub const RAX: Gpr = Gpr::RAX;
pub const RCX: Gpr = Gpr::RCX;
pub const RSP: Gpr = Gpr::RSP;

pub struct Encoder<'c> {
    pub asm: Assembler,
    pub tier: Tier,
    pub homes: Vec<Home>,
    pub labels: Vec<Label>,
    pub scratch: [Vr; 2],
    pub constants: &'c [Constant],
    pub classes: &'c [Class],
}

impl Encoder<'_> {
    pub fn home(&self, r: R) -> Home {
        self.homes[r.0 as usize]
    }

    // ---- general registers

    /// The register that holds `r`; loaded into `scratch` if it lives in the frame.
    pub fn general(&mut self, r: R, scratch: Gpr) -> Gpr {
        match self.home(r) {
            Home::Reg(n) => Gpr(n),
            Home::Frame(at) => {
                self.asm.load(Load::U64, scratch, frame_at(at as i32));
                scratch
            }
            Home::Constant(_) | Home::Nowhere => scratch,
        }
    }

    /// The register to compute `r` in; `put` stores it.
    pub fn target(&self, r: R, scratch: Gpr) -> Gpr {
        match self.home(r) {
            Home::Reg(n) => Gpr(n),
            _ => scratch,
        }
    }

    pub fn put(&mut self, r: R, from: Gpr) {
        if let Home::Frame(at) = self.home(r) {
            self.asm.store_gpr(Size::Q64, from, frame_at(at as i32));
        }
    }

    /// An address, whose registers may use both scratch registers.
    pub fn mem(&mut self, a: &Address) -> Mem {
        let base = match a.base {
            Base::Frame => RSP,
            Base::Reg(r) => self.general(r, RAX),
        };
        let index = a.index.map(|(r, scale)| (self.general(r, RCX), scale));
        Mem { base: MachineBase::Reg(base), index, disp: a.disp }
    }

    // ---- vectors

    /// The register that holds a vector; loaded whole into a scratch register if it has none.
    pub fn vector(&mut self, r: R, scratch: usize) -> Vr {
        let to = self.scratch[scratch];
        match self.home(r) {
            Home::Reg(n) => Vr(n),
            Home::Frame(at) => {
                let from = Rm::Mem(frame_at(at as i32));
                self.asm.v(Ins::Vmovups, self.tier.width(), to, None, from);
                to
            }
            Home::Constant(n) => {
                self.load_constant(to, n);
                to
            }
            Home::Nowhere => to,
        }
    }

    pub fn load_constant(&mut self, to: Vr, n: u32) {
        let w = self.tier.width();
        match &self.constants[n as usize] {
            Constant::Each(bytes) if bytes.iter().all(|b| *b == 0) => {
                self.asm.v(Ins::Vxorps, Width::X128, to, Some(to), Rm::Reg(to));
            }
            Constant::Each(bytes) => {
                let from = self.asm.constant(bytes);
                let ins = if bytes.len() == 8 { Ins::Vbroadcastsd } else { Ins::Vbroadcastss };
                self.asm.v(ins, w, to, None, Rm::Mem(from));
            }
            Constant::Lanes(bytes) => {
                let from = self.asm.constant(bytes);
                self.asm.v(Ins::Vmovups, w, to, None, Rm::Mem(from));
            }
        }
    }

    /// An operand that may lie in memory.
    pub fn rm(&mut self, o: &Operand, ins: Ins, w: Width) -> Rm {
        let r = match o {
            Operand::Mem(a) => return Rm::Mem(self.mem(a)),
            Operand::Reg(r) => *r,
        };
        match self.home(r) {
            Home::Reg(n) => Rm::Reg(Vr(n)),
            Home::Frame(at) => Rm::Mem(frame_at(at as i32)),
            Home::Constant(n) => match &self.constants[n as usize] {
                Constant::Each(bytes) if self.tier.masks() && ins.broadcasts(bytes.len()) => {
                    Rm::Each(self.asm.constant(bytes))
                }
                Constant::Each(bytes) => {
                    Rm::Mem(self.asm.constant(&bytes.repeat(w.bytes() / bytes.len())))
                }
                Constant::Lanes(bytes) => Rm::Mem(self.asm.constant(bytes)),
            },
            Home::Nowhere => Rm::Reg(self.scratch[1]),
        }
    }

    pub fn vector_target(&self, r: R) -> Vr {
        match self.home(r) {
            Home::Reg(n) => Vr(n),
            _ => self.scratch[0],
        }
    }

    pub fn put_vector(&mut self, r: R, from: Vr) {
        if let Home::Frame(at) = self.home(r) {
            let to = frame_at(at as i32);
            self.asm.store(Ins::Vmovups, self.tier.width(), from, to, None);
        }
    }

    pub fn move_vector(&mut self, to: Vr, from: Vr) {
        if to != from {
            self.asm.v(Ins::Vmovaps, self.tier.width(), to, None, Rm::Reg(from));
        }
    }

    // ---- masks

    pub fn mask(&mut self, r: R) -> Kr {
        match self.home(r) {
            Home::Reg(n) => Kr(n),
            Home::Frame(at) => {
                self.asm.kload(Size::Q64, Kr(7), frame_at(at as i32));
                Kr(7)
            }
            _ => Kr(7),
        }
    }

    pub fn mask_target(&self, r: R) -> Kr {
        match self.home(r) {
            Home::Reg(n) => Kr(n),
            _ => Kr(7),
        }
    }

    pub fn put_mask(&mut self, r: R, from: Kr) {
        if let Home::Frame(at) = self.home(r) {
            self.asm.kstore(Size::Q64, from, frame_at(at as i32));
        }
    }

    pub fn move_mask(&mut self, to: Kr, from: Kr) {
        if to != from {
            self.asm.kmov(Size::Q64, to, from);
        }
    }

    /// An op on masks, of all 64 bits of their registers.
    pub fn mask_op(&mut self, op: MaskOp, to: Kr, x: Kr, y: Kr) {
        let q = Size::Q64;
        match op {
            MaskOp::And => self.asm.k(asm::MaskOp::And, q, to, x, y),
            MaskOp::AndNot => self.asm.k(asm::MaskOp::Andn, q, to, x, y),
            MaskOp::Or => self.asm.k(asm::MaskOp::Or, q, to, x, y),
            MaskOp::Xor => self.asm.k(asm::MaskOp::Xor, q, to, x, y),
            MaskOp::Xnor => self.asm.k(asm::MaskOp::Xnor, q, to, x, y),
            MaskOp::Not => self.asm.knot(q, to, x),
            MaskOp::Copy => self.move_mask(to, x),
            MaskOp::Shift(n) => self.asm.kshiftr(q, to, x, n),
            MaskOp::Join(8) => self.asm.kunpck(Size::W16, to, x, y),
            MaskOp::Join(16) => self.asm.kunpck(Size::D32, to, x, y),
            MaskOp::Join(_) => self.asm.kunpck(q, to, x, y),
        }
    }

    pub fn label(&self, p: Place) -> Label {
        self.labels[p.0 as usize]
    }

    /// A vector, loaded into this register if it has none.
    pub fn vector_at(&mut self, r: R, to: Vr) -> Vr {
        match self.home(r) {
            Home::Reg(n) => return Vr(n),
            Home::Frame(at) => {
                let from = Rm::Mem(frame_at(at as i32));
                self.asm.v(Ins::Vmovups, self.tier.width(), to, None, from);
            }
            Home::Constant(n) => self.load_constant(to, n),
            Home::Nowhere => {}
        }
        to
    }
}

/// A place in the frame.
pub fn frame_at(at: i32) -> Mem {
    Mem { base: MachineBase::Reg(RSP), index: None, disp: at }
}
