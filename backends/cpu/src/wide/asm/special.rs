//! Vector instructions with operands of other kinds: general registers, mask registers, and
//! addresses per lane.
//!
//! What moves between mask and general registers does not live here (see `mask`).

use super::assembler::{Assembler, Place};
use super::operands::{Gpr, Kr, Masked, Vr, Vsib, Width};
use super::prefix::Fields;
use super::row::Row;
use super::table::Ins;
use super::vector::Form;

/// The lanes that a gather loads. The instruction clears them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Lanes {
    /// VEX form: the highest bit of each lane. No two of mask, index and destination are equal.
    Vector(Vr),
    /// EVEX form. Index and destination differ.
    Mask(Kr),
}

impl Assembler {
    /// Loads lanes from an address each. The width is that of the destination or of the index,
    /// whichever is larger.
    pub fn gather(&mut self, i: Ins, w: Width, dst: Vr, from: Vsib, lanes: Lanes) {
        debug_assert!(dst != from.index, "{i:?} overwrites its index");
        let (second, masked) = match lanes {
            Lanes::Vector(mask) => {
                debug_assert!(mask != dst && mask != from.index, "{i:?} overwrites its mask");
                (mask.0, None)
            }
            Lanes::Mask(k) => (0, Some(Masked { k, zero: false })),
        };
        let fields = Fields { reg: dst.0, second, place: Place::Vsib(from), imm: &[] };
        self.special(i.row(), w, fields, masked);
    }

    /// Stores lanes to an address each, in the order of the lanes. The instruction clears the mask.
    /// The width is as in [`gather`](Assembler::gather).
    pub fn scatter(&mut self, i: Ins, w: Width, src: Vr, to: Vsib, k: Kr) {
        let fields = Fields { reg: src.0, second: 0, place: Place::Vsib(to), imm: &[] };
        self.special(i.row(), w, fields, Some(Masked { k, zero: false }));
    }

    /// From a general register to a vector: `Vmovd`, `VmovqGpr`, `VpbroadcastdGpr` and its kin.
    pub fn v_from_gpr(&mut self, i: Ins, w: Width, dst: Vr, src: Gpr, m: Option<Masked>) {
        let fields = Fields { reg: dst.0, second: 0, place: Place::Reg(src.0), imm: &[] };
        self.special(i.row(), w, fields, m);
    }

    /// The first lane to a general register: `Vmovd`, `VmovqGpr`.
    pub fn gpr_from_v(&mut self, i: Ins, dst: Gpr, src: Vr) {
        let fields = Fields { reg: src.0, second: 0, place: Place::Reg(dst.0), imm: &[] };
        self.special(i.row().stored(), Width::X128, fields, None);
    }

    /// One lane to a general register, zero-extended: `Vpextrb`, `Vpextrw`, `Vpextrd`, `Vpextrq`.
    pub fn extract(&mut self, i: Ins, dst: Gpr, src: Vr, lane: u8) {
        let (i, reg, place) = match i {
            // Its older form is shorter, and has its operands the other way round.
            Ins::Vpextrw => (Ins::VpextrwReg, dst.0, src.0),
            _ => (i, src.0, dst.0),
        };
        let fields = Fields { reg, second: 0, place: Place::Reg(place), imm: &[lane] };
        self.special(i.row(), Width::X128, fields, None);
    }

    /// `a` with one lane from a general register: `Vpinsrb`, `Vpinsrw`, `Vpinsrd`, `Vpinsrq`.
    pub fn insert(&mut self, i: Ins, dst: Vr, a: Vr, src: Gpr, lane: u8) {
        let fields = Fields { reg: dst.0, second: a.0, place: Place::Reg(src.0), imm: &[lane] };
        self.special(i.row(), Width::X128, fields, None);
    }

    /// The highest bits of the lanes to a general register: `Vmovmskps`, `Vmovmskpd`, `Vpmovmskb`.
    pub fn signs(&mut self, i: Ins, w: Width, dst: Gpr, src: Vr) {
        let fields = Fields { reg: dst.0, second: 0, place: Place::Reg(src.0), imm: &[] };
        self.special(i.row(), w, fields, None);
    }

    /// The highest bits of the lanes to a mask register: `Vpmovd2m` and its kin.
    pub fn mask_from_v(&mut self, i: Ins, w: Width, dst: Kr, src: Vr) {
        let fields = Fields { reg: dst.0, second: 0, place: Place::Reg(src.0), imm: &[] };
        self.special(i.row(), w, fields, None);
    }

    /// Lanes of ones where the mask is set, of zeros elsewhere: `Vpmovm2d` and its kin.
    pub fn v_from_mask(&mut self, i: Ins, w: Width, dst: Vr, src: Kr) {
        let fields = Fields { reg: dst.0, second: 0, place: Place::Reg(src.0), imm: &[] };
        self.special(i.row(), w, fields, None);
    }

    /// Clears the upper parts of all vector registers, which older code must not find in use.
    pub fn vzeroupper(&mut self) {
        self.put(&[0xc5, 0xf8, 0x77]);
    }

    fn special(&mut self, row: Row, width: Width, fields: Fields, masked: Option<Masked>) {
        self.form(Form { row, width, fields, masked, each: false, evex: false });
    }
}
