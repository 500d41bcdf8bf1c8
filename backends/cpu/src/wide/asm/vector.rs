//! VEX and EVEX forms.

use super::assembler::{Assembler, Base, Gpr, Kr, Masked, Mem, Rm, Vr, Width};
use super::table::{Ins, Row, Tuple};

impl Ins {
    /// Returns whether this is a shift by a constant.
    pub fn is_shift(self) -> bool {
        self.row().digit.is_some()
    }

    /// Returns whether a memory operand may be one element of so many bytes for all lanes.
    pub fn broadcasts(self, bytes: usize) -> bool {
        let row = self.row();
        row.evex && row.element as usize == bytes
    }
}

/// The fields of one instruction; registers by number.
struct Form {
    row: Row,
    opcode: u8,
    w: Width,
    /// The register in ModRM, or the digit of the opcode.
    reg: u8,
    vvvv: u8,
    rm: Place,
    /// A mask register, and whether the other lanes become zero.
    mask: u8,
    zero: bool,
    imm: Option<u8>,
}

#[derive(Clone, Copy)]
enum Place {
    Vector(u8),
    General(u8),
    Mem(Mem),
    Each(Mem),
    /// `base + index * scale + disp` with a vector of indices.
    Indexed(Gpr, Vr, u8, i32),
}

impl From<Rm> for Place {
    fn from(rm: Rm) -> Place {
        match rm {
            Rm::Reg(r) => Place::Vector(r.0),
            Rm::Mem(m) => Place::Mem(m),
            Rm::Each(m) => Place::Each(m),
        }
    }
}

impl Assembler {
    pub fn v(&mut self, i: Ins, w: Width, dst: Vr, a: Option<Vr>, b: Rm) {
        self.vector(i, w, dst, a, b, None, None);
    }

    pub fn vi(&mut self, i: Ins, w: Width, dst: Vr, a: Option<Vr>, b: Rm, imm: u8) {
        self.vector(i, w, dst, a, b, Some(imm), None);
    }

    #[allow(clippy::too_many_arguments)]
    pub fn v_masked(
        &mut self,
        i: Ins,
        w: Width,
        dst: Vr,
        a: Option<Vr>,
        b: Rm,
        imm: Option<u8>,
        m: Masked,
    ) {
        self.vector(i, w, dst, a, b, imm, Some(m));
    }

    #[allow(clippy::too_many_arguments)]
    fn vector(
        &mut self,
        i: Ins,
        w: Width,
        dst: Vr,
        a: Option<Vr>,
        b: Rm,
        imm: Option<u8>,
        m: Option<Masked>,
    ) {
        let row = i.row();
        let (mask, zero) = m.map_or((0, false), |m| (m.k.0, m.zero));
        // Shifts by a constant name their destination where others have the second source.
        let (reg, vvvv) = match row.digit {
            Some(digit) => (digit, dst.0),
            None => (dst.0, a.map_or(0, |a| a.0)),
        };
        let opcode = row.opcode;
        self.form(Form { row, opcode, w, reg, vvvv, rm: b.into(), mask, zero, imm });
    }

    /// A store, also of a part, or one that narrows.
    pub fn store(&mut self, i: Ins, w: Width, src: Vr, to: Mem, m: Option<Masked>) {
        self.to_rm(i, w, src, Place::Mem(to), None, m);
    }

    /// As `store`, with a register as the destination.
    pub fn part(&mut self, i: Ins, w: Width, dst: Vr, src: Vr, imm: Option<u8>) {
        self.to_rm(i, w, src, Place::Vector(dst.0), imm, None);
    }

    fn to_rm(
        &mut self,
        i: Ins,
        w: Width,
        src: Vr,
        rm: Place,
        imm: Option<u8>,
        m: Option<Masked>,
    ) {
        let row = i.row();
        let opcode = match i {
            Ins::Vmovups | Ins::Vmovaps => row.opcode + 1,
            Ins::Vmovdqu32 | Ins::Vmovdqu64 => 0x7f,
            _ => row.opcode,
        };
        let (mask, zero) = m.map_or((0, false), |m| (m.k.0, m.zero));
        self.form(Form { row, opcode, w, reg: src.0, vvvv: 0, rm, mask, zero, imm });
    }

    /// A store of the lanes whose sign is set in a vector.
    pub fn store_masked(&mut self, i: Ins, w: Width, src: Vr, mask: Vr, to: Mem) {
        let row = i.row();
        let rm = Place::Mem(to);
        let opcode = row.opcode + 2;
        let (reg, vvvv) = (src.0, mask.0);
        self.form(Form { row, opcode, w, reg, vvvv, rm, mask: 0, zero: false, imm: None });
    }

    /// A comparison into a mask register.
    #[allow(clippy::too_many_arguments)]
    pub fn compare(
        &mut self,
        i: Ins,
        w: Width,
        dst: Kr,
        a: Vr,
        b: Rm,
        imm: Option<u8>,
        m: Option<Kr>,
    ) {
        let row = i.row();
        let mask = m.map_or(0, |k| k.0);
        let (opcode, reg, vvvv) = (row.opcode, dst.0, a.0);
        self.form(Form { row, opcode, w, reg, vvvv, rm: b.into(), mask, zero: false, imm });
    }

    /// `b` where the sign of the mask is set, else `a`.
    pub fn blendv(&mut self, i: Ins, w: Width, dst: Vr, a: Vr, b: Rm, mask: Vr) {
        self.vi(i, w, dst, Some(a), b, mask.0 << 4);
    }

    #[allow(clippy::too_many_arguments)]
    pub fn gather(
        &mut self,
        i: Ins,
        w: Width,
        dst: Vr,
        base: Gpr,
        index: Vr,
        scale: u8,
        disp: i32,
        k: Kr,
    ) {
        let (row, rm) = (i.row(), Place::Indexed(base, index, scale, disp));
        let (opcode, reg, mask) = (row.opcode, dst.0, k.0);
        self.form(Form { row, opcode, w, reg, vvvv: 0, rm, mask, zero: false, imm: None });
    }

    #[allow(clippy::too_many_arguments)]
    pub fn scatter(
        &mut self,
        i: Ins,
        w: Width,
        src: Vr,
        base: Gpr,
        index: Vr,
        scale: u8,
        disp: i32,
        k: Kr,
    ) {
        self.gather(i, w, src, base, index, scale, disp, k);
    }

    #[allow(clippy::too_many_arguments)]
    pub fn gather_by_vector(
        &mut self,
        i: Ins,
        w: Width,
        dst: Vr,
        base: Gpr,
        index: Vr,
        scale: u8,
        disp: i32,
        mask: Vr,
    ) {
        let (row, rm) = (i.row(), Place::Indexed(base, index, scale, disp));
        let (opcode, reg, vvvv) = (row.opcode, dst.0, mask.0);
        self.form(Form { row, opcode, w, reg, vvvv, rm, mask: 0, zero: false, imm: None });
    }

    /// The signs of all lanes.
    pub fn signs(&mut self, i: Ins, w: Width, dst: Gpr, src: Vr) {
        let row = i.row();
        let rm = Place::Vector(src.0);
        let opcode = row.opcode;
        self.form(Form { row, opcode, w, reg: dst.0, vvvv: 0, rm, mask: 0, zero: false, imm: None });
    }

    pub fn vptest(&mut self, w: Width, a: Vr, b: Vr) {
        self.v(Ins::Vptest, w, a, None, Rm::Reg(b));
    }

    /// A general register into the first lane.
    pub fn vmov_from_general(&mut self, dst: Vr, src: Gpr, bytes: u8) {
        self.general_move(0x6e, dst, src, bytes);
    }

    pub fn vmov_to_general(&mut self, dst: Gpr, src: Vr, bytes: u8) {
        self.general_move(0x7e, src, dst, bytes);
    }

    fn general_move(&mut self, opcode: u8, v: Vr, g: Gpr, bytes: u8) {
        let w = u8::from(bytes == 8);
        let row = Row {
            pp: 1,
            map: 1,
            opcode,
            w,
            vex_w: w,
            element: 0,
            tuple: Tuple::Bytes(bytes),
            vex: true,
            evex: true,
            digit: None,
        };
        let (w, rm) = (Width::X128, Place::General(g.0));
        self.form(Form { row, opcode, w, reg: v.0, vvvv: 0, rm, mask: 0, zero: false, imm: None });
    }

    /// A general register into all lanes of 4 or 8 bytes.
    pub fn broadcast_general(&mut self, w: Width, dst: Vr, src: Gpr, bytes: u8) {
        let wide = u8::from(bytes == 8);
        let row = Row {
            pp: 1,
            map: 2,
            opcode: 0x7c,
            w: wide,
            vex_w: 0,
            element: 0,
            tuple: Tuple::Full,
            vex: false,
            evex: true,
            digit: None,
        };
        let (opcode, rm) = (0x7c, Place::General(src.0));
        self.form(Form { row, opcode, w, reg: dst.0, vvvv: 0, rm, mask: 0, zero: false, imm: None });
    }

    pub fn vzeroupper(&mut self) {
        self.bytes.extend([0xc5, 0xf8, 0x77]);
    }

    fn form(&mut self, f: Form) {
        let rm_high = match f.rm {
            Place::Vector(r) => r >= 16,
            Place::Indexed(_, v, ..) => v.0 >= 16,
            _ => false,
        };
        let each = matches!(f.rm, Place::Each(_));
        // By the width of a mask, gathers are EVEX where masks are registers.
        let by_mask = f.mask != 0 || f.zero;
        let high = f.reg >= 16 || f.vvvv >= 16 || rm_high;
        let evex = !f.row.vex || f.w == Width::Z512 || high || each || by_mask;
        debug_assert!(if evex { f.row.evex && self.evex } else { f.row.vex }, "{:?}", f.row);
        if evex {
            self.evex_form(&f);
        } else {
            self.vex_form(&f);
        }
    }

    fn vex_form(&mut self, f: &Form) {
        let (x, b) = high_bits(&f.rm);
        let l = u8::from(f.w == Width::Y256);
        let low = (!f.vvvv & 15) << 3 | l << 2 | f.row.pp;
        if f.row.map == 1 && f.row.vex_w == 0 && !x && !b {
            self.bytes.extend([0xc5, u8::from(f.reg < 8) << 7 | low]);
        } else {
            let first = u8::from(f.reg < 8) << 7 | u8::from(!x) << 6 | u8::from(!b) << 5 | f.row.map;
            self.bytes.extend([0xc4, first, f.row.vex_w << 7 | low]);
        }
        self.byte(f.opcode);
        self.modrm(f, 1);
    }

    fn evex_form(&mut self, f: &Form) {
        let (x, b) = high_bits(&f.rm);
        // Of a register operand, X is its fifth bit.
        let (x, v_high) = match f.rm {
            Place::Vector(r) => (r & 16 != 0, f.vvvv & 16 != 0),
            Place::Indexed(_, v, ..) => (x, v.0 & 16 != 0),
            _ => (x, f.vvvv & 16 != 0),
        };
        let not = |bit: bool| u8::from(!bit);
        let p0 = not(f.reg & 8 != 0) << 7
            | not(x) << 6
            | not(b) << 5
            | not(f.reg & 16 != 0) << 4
            | f.row.map;
        let p1 = f.row.w << 7 | (!f.vvvv & 15) << 3 | 4 | f.row.pp;
        let length = match f.w {
            Width::X128 => 0,
            Width::Y256 => 1,
            Width::Z512 => 2,
        };
        let each = u8::from(matches!(f.rm, Place::Each(_)));
        let p2 = u8::from(f.zero) << 7 | length << 5 | each << 4 | not(v_high) << 3 | f.mask;
        self.bytes.extend([0x62, p0, p1, p2, f.opcode]);
        let n = match (f.rm, f.row.tuple) {
            (Place::Each(_), _) => f.row.element.into(),
            (_, Tuple::Full) => f.w.bytes(),
            (_, Tuple::Half) => f.w.bytes() / 2,
            (_, Tuple::Quarter) => f.w.bytes() / 4,
            (_, Tuple::Eighth) => f.w.bytes() / 8,
            (_, Tuple::Bytes(n)) => n.into(),
        };
        self.modrm(f, n as i32);
    }

    /// ModRM, SIB, displacement (short ones in units of `n`) and immediate.
    fn modrm(&mut self, f: &Form, n: i32) {
        let tail = usize::from(f.imm.is_some());
        match f.rm {
            Place::Vector(r) | Place::General(r) => self.byte(0xc0 | (f.reg & 7) << 3 | r & 7),
            Place::Mem(m) | Place::Each(m) => self.memory(f.reg, &m, n, tail),
            Place::Indexed(base, index, scale, disp) => {
                self.sib_memory(f.reg, base.0, index.0, scale, disp, n);
            }
        }
        if let Some(imm) = f.imm {
            self.byte(imm);
        }
    }

    /// A memory operand; `tail` bytes of the instruction follow.
    pub(super) fn memory(&mut self, reg: u8, m: &Mem, n: i32, tail: usize) {
        match (m.base, m.index) {
            (Base::Code(label), _) => {
                self.byte((reg & 7) << 3 | 5);
                let at = self.bytes.len();
                self.long(0);
                self.patches.push((at, label, at + 4 + tail));
            }
            (Base::Reg(base), Some((index, scale))) => {
                self.sib_memory(reg, base.0, index.0, scale, m.disp, n);
            }
            // rsp and r12 as a base need the longer form.
            (Base::Reg(base), None) if base.0 & 7 == 4 => {
                self.sib_memory(reg, base.0, 4, 1, m.disp, n);
            }
            (Base::Reg(base), None) => {
                let (mode, short) = displacement(m.disp, n, base.0);
                self.byte(mode << 6 | (reg & 7) << 3 | base.0 & 7);
                self.displace(mode, short, m.disp);
            }
        }
    }

    fn sib_memory(&mut self, reg: u8, base: u8, index: u8, scale: u8, disp: i32, n: i32) {
        let (mode, short) = displacement(disp, n, base);
        self.byte(mode << 6 | (reg & 7) << 3 | 4);
        self.byte((scale.trailing_zeros() as u8) << 6 | (index & 7) << 3 | base & 7);
        self.displace(mode, short, disp);
    }

    fn displace(&mut self, mode: u8, short: i8, disp: i32) {
        match mode {
            0 => {}
            1 => self.byte(short as u8),
            _ => self.long(disp),
        }
    }
}

/// The mode of a displacement, and its short form in units of `n`.
fn displacement(disp: i32, n: i32, base: u8) -> (u8, i8) {
    // rbp and r13 as a base have no form without a displacement.
    if disp == 0 && base & 7 != 5 {
        return (0, 0);
    }
    match i8::try_from(disp / n) {
        Ok(short) if disp % n == 0 => (1, short),
        _ => (2, 0),
    }
}

/// The fourth bits of the index and the base, or of the register.
fn high_bits(rm: &Place) -> (bool, bool) {
    match rm {
        Place::Vector(r) | Place::General(r) => (false, r & 8 != 0),
        Place::Mem(m) | Place::Each(m) => {
            let base = matches!(m.base, Base::Reg(r) if r.0 & 8 != 0);
            (m.index.is_some_and(|(i, _)| i.0 & 8 != 0), base)
        }
        Place::Indexed(base, index, ..) => (index.0 & 8 != 0, base.0 & 8 != 0),
    }
}
