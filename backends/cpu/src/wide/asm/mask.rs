//! Instructions on mask registers.
//!
//! Comparisons that write masks do not live here (see `vector`).

use super::assembler::{Assembler, Place};
use super::operands::{Gpr, Kr, Mem, Size, Width};
use super::prefix::{Fields, Operation};
use super::row::{Map, Prefix};

/// An operation on two masks, numbered by its opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum MaskOp {
    And = 0x41,
    /// `!a & b`.
    Andn = 0x42,
    Or = 0x45,
    Xnor = 0x46,
    Xor = 0x47,
    Add = 0x4a,
}

impl Assembler {
    /// `kandw` and its kin: an operation on two masks.
    pub fn k(&mut self, op: MaskOp, s: Size, dst: Kr, a: Kr, b: Kr) {
        self.mask(op as u8, s, Width::Y256, dst.0, a.0, Place::Reg(b.0));
    }

    /// `knot`.
    pub fn knot(&mut self, s: Size, dst: Kr, a: Kr) {
        self.mask(0x44, s, Width::X128, dst.0, 0, Place::Reg(a.0));
    }

    /// `kunpckbw`, `kunpckwd`, `kunpckdq`: `low` below `high`; `s` is the size of the result, which
    /// has at least 16 bits.
    pub fn kunpck(&mut self, s: Size, dst: Kr, high: Kr, low: Kr) {
        debug_assert!(s != Size::B8, "kunpck makes no mask of 8 bits");
        let (prefix, w) = match s {
            Size::B8 | Size::W16 => (Prefix::P66, false),
            Size::D32 => (Prefix::P0, false),
            Size::Q64 => (Prefix::P0, true),
        };
        self.kop(prefix, w, 0x4b, Width::Y256, dst.0, high.0, Place::Reg(low.0));
    }

    /// `kortest`: `E` if no bit of either mask is set, `B` if all are set in one or the other.
    pub fn kortest(&mut self, s: Size, a: Kr, b: Kr) {
        self.mask(0x98, s, Width::X128, a.0, 0, Place::Reg(b.0));
    }

    /// `ktest`: `E` if `a & b` is 0, `B` if `!a & b` is 0.
    pub fn ktest(&mut self, s: Size, a: Kr, b: Kr) {
        self.mask(0x99, s, Width::X128, a.0, 0, Place::Reg(b.0));
    }

    /// `kmov` between mask registers.
    pub fn kmov(&mut self, s: Size, dst: Kr, src: Kr) {
        self.mask(0x90, s, Width::X128, dst.0, 0, Place::Reg(src.0));
    }

    /// `kmov` from memory.
    pub fn kload(&mut self, s: Size, dst: Kr, from: Mem) {
        self.mask(0x90, s, Width::X128, dst.0, 0, Place::Mem(from));
    }

    /// `kmov` to memory.
    pub fn kstore(&mut self, s: Size, src: Kr, to: Mem) {
        self.mask(0x91, s, Width::X128, src.0, 0, Place::Mem(to));
    }

    /// `kmov` from a general register.
    pub fn k_from_gpr(&mut self, s: Size, dst: Kr, src: Gpr) {
        let (prefix, w) = with_gpr(s);
        self.kop(prefix, w, 0x92, Width::X128, dst.0, 0, Place::Reg(src.0));
    }

    /// `kmov` to a general register, zero-extended.
    pub fn gpr_from_k(&mut self, s: Size, dst: Gpr, src: Kr) {
        let (prefix, w) = with_gpr(s);
        self.kop(prefix, w, 0x93, Width::X128, dst.0, 0, Place::Reg(src.0));
    }

    /// `kshiftl`: the mask's bits move up by `n`.
    pub fn kshiftl(&mut self, s: Size, dst: Kr, src: Kr, n: u8) {
        self.kshift(0x32, s, dst, src, n);
    }

    /// `kshiftr`: the mask's bits move down by `n`.
    pub fn kshiftr(&mut self, s: Size, dst: Kr, src: Kr, n: u8) {
        self.kshift(0x30, s, dst, src, n);
    }

    fn kshift(&mut self, opcode: u8, s: Size, dst: Kr, src: Kr, n: u8) {
        let opcode = opcode | u8::from(s >= Size::D32);
        let w = matches!(s, Size::W16 | Size::Q64);
        let (prefix, map, width) = (Prefix::P66, Map::M3A, Width::X128);
        let fields = Fields { reg: dst.0, second: 0, place: Place::Reg(src.0), imm: &[n] };
        self.vex(Operation { prefix, map, opcode, w, width }, fields);
    }

    fn mask(&mut self, opcode: u8, s: Size, width: Width, reg: u8, second: u8, place: Place) {
        let prefix = if matches!(s, Size::B8 | Size::D32) { Prefix::P66 } else { Prefix::P0 };
        self.kop(prefix, s >= Size::D32, opcode, width, reg, second, place);
    }

    #[expect(clippy::too_many_arguments, reason = "these are the fields of the instruction")]
    fn kop(
        &mut self,
        prefix: Prefix,
        w: bool,
        opcode: u8,
        width: Width,
        reg: u8,
        second: u8,
        place: Place,
    ) {
        debug_assert!(self.evex(), "mask registers are not allowed");
        let operation = Operation { prefix, map: Map::M0F, opcode, w, width };
        self.vex(operation, Fields { reg, second, place, imm: &[] });
    }
}

/// Prefix and W of a move between a mask register and a general one.
fn with_gpr(s: Size) -> (Prefix, bool) {
    match s {
        Size::B8 => (Prefix::P66, false),
        Size::W16 => (Prefix::P0, false),
        Size::D32 => (Prefix::PF2, false),
        Size::Q64 => (Prefix::PF2, true),
    }
}
