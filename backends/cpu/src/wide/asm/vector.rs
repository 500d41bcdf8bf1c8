//! Vector instructions whose operands are vectors and memory, and the choice between their forms.
//!
//! The VEX form is taken where it can say what is asked, because it is shorter. The table of
//! instructions does not live here.

use super::assembler::{Assembler, Place};
use super::operands::{Kr, Masked, Mem, Rm, Vr, Width};
use super::prefix::{Fields, Operation};
use super::row::{Map, Operands, Row};
use super::table::Ins;

/// An instruction whose form is not chosen yet.
pub(super) struct Form<'a> {
    pub row: Row,
    pub width: Width,
    pub fields: Fields<'a>,
    pub masked: Option<Masked>,
    /// Memory holds one element for all lanes.
    pub each: bool,
    /// Only the EVEX form means what is asked.
    pub evex: bool,
}

impl Assembler {
    /// An instruction from `a`, if it has a second source, and `b` to `dst`.
    pub fn v(&mut self, i: Ins, w: Width, dst: Vr, a: Option<Vr>, b: Rm) {
        self.any(i, w, dst, a, b, &[], None);
    }

    /// As [`v`](Assembler::v), with an immediate.
    pub fn vi(&mut self, i: Ins, w: Width, dst: Vr, a: Option<Vr>, b: Rm, imm: u8) {
        self.any(i, w, dst, a, b, &[imm], None);
    }

    /// As [`v`](Assembler::v), writing the lanes that the mask names.
    #[expect(clippy::too_many_arguments, reason = "these are the operands of the instruction")]
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
        self.any(i, w, dst, a, b, imm.as_slice(), Some(m));
    }

    /// VEX `vblendvps`, `vblendvpd`, `vpblendvb`: `b` where the highest bit of a lane of `mask` is
    /// set, else `a`.
    pub fn blendv(&mut self, i: Ins, w: Width, dst: Vr, a: Vr, b: Rm, mask: Vr) {
        self.any(i, w, dst, Some(a), b, &[mask.0 << 4], None);
    }

    /// EVEX comparisons and tests of `a` with `b` into a mask register, in the lanes of the mask
    /// `m`; in the others the result is 0.
    #[expect(clippy::too_many_arguments, reason = "these are the operands of the instruction")]
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
        debug_assert!(row.operands == Operands::Test, "{i:?} writes no mask register");
        let (place, each) = placed(b);
        let fields = Fields { reg: dst.0, second: a.0, place, imm: imm.as_slice() };
        let masked = m.map(|k| Masked { k, zero: false });
        self.form(Form { row, width: w, fields, masked, each, evex: true });
    }

    /// An instruction from `src` to memory: a store, an extract or a conversion to something
    /// narrower.
    pub fn store(&mut self, i: Ins, w: Width, src: Vr, to: Mem, m: Option<Masked>) {
        self.write_to(i, w, src, Place::Mem(to), &[], m);
    }

    /// As [`store`](Assembler::store), with an immediate.
    pub fn store_imm(&mut self, i: Ins, w: Width, src: Vr, to: Mem, imm: u8, m: Option<Masked>) {
        self.write_to(i, w, src, Place::Mem(to), &[imm], m);
    }

    /// The instruction of [`store`](Assembler::store) with a register as its destination.
    pub fn store_to_reg(
        &mut self,
        i: Ins,
        w: Width,
        dst: Vr,
        src: Vr,
        imm: Option<u8>,
        m: Option<Masked>,
    ) {
        self.write_to(i, w, src, Place::Reg(dst.0), imm.as_slice(), m);
    }

    /// VEX `vmaskmovps` and its kin: stores the lanes of `src` whose highest bit in `mask` is set.
    /// Lanes that are not stored are not touched and cannot fault.
    pub fn store_lanes(&mut self, i: Ins, w: Width, mask: Vr, src: Vr, to: Mem) {
        let row = i.row();
        debug_assert!(row.operands == Operands::Two, "{i:?} has no mask in a vector");
        let fields = Fields { reg: src.0, second: mask.0, place: Place::Mem(to), imm: &[] };
        self.form(Form {
            row: row.stored(),
            width: w,
            fields,
            masked: None,
            each: false,
            evex: false,
        });
    }

    #[expect(clippy::too_many_arguments, reason = "these are the operands of the instruction")]
    fn any(
        &mut self,
        i: Ins,
        width: Width,
        dst: Vr,
        a: Option<Vr>,
        b: Rm,
        imm: &[u8],
        masked: Option<Masked>,
    ) {
        let row = i.row();
        let two = matches!(row.operands, Operands::Two | Operands::Test);
        debug_assert!(row.operands != Operands::To, "{i:?} stores");
        debug_assert!(a.is_some() == two, "{i:?} with {a:?} as its second source");
        let (place, each) = placed(b);
        debug_assert!(!each || row.bytes > 0, "{i:?} broadcasts no element");
        debug_assert!(
            !matches!((i, b), (Ins::Vmovss | Ins::Vmovsd | Ins::Vmovd | Ins::VmovqGpr, Rm::Reg(_))),
            "{i:?} does not move between two vectors"
        );
        let second = a.map_or(0, |r| r.0);
        let fields = match row.extension {
            Some(extension) => Fields { reg: extension, second: dst.0, place, imm },
            None => Fields { reg: dst.0, second, place, imm },
        };
        // In VEX form, an extended opcode has no memory operand.
        let evex = row.extension.is_some() && !matches!(place, Place::Reg(_));
        let form = Form { row, width, fields, masked, each, evex };
        // A move from a high register to a low one is shorter written as a store.
        let low_from_high = dst.0 < 8 && matches!(b, Rm::Reg(Vr(8..16)));
        if let (true, false, true, Rm::Reg(src)) = (low_from_high, two, form.fits_vex(), b)
            && row.store.is_some()
            && row.map == Map::M0F
        {
            self.write_to(i, width, src, Place::Reg(dst.0), imm, None);
        } else {
            debug_assert!(
                row.operands != Operands::Test || form.fits_vex(),
                "the EVEX form of {i:?} writes a mask register: see `compare`"
            );
            self.form(form);
        }
    }

    fn write_to(
        &mut self,
        i: Ins,
        width: Width,
        src: Vr,
        place: Place,
        imm: &[u8],
        masked: Option<Masked>,
    ) {
        let fields = Fields { reg: src.0, second: 0, place, imm };
        let row = i.row().stored();
        self.form(Form { row, width, fields, masked, each: false, evex: false });
    }

    /// Writes the instruction in its shortest form.
    pub(super) fn form(&mut self, f: Form) {
        let Form { row, width, fields, .. } = f;
        let operation =
            |w| Operation { prefix: row.prefix, map: row.map, opcode: row.opcode, w, width };
        match row.vex {
            Some(w) if f.fits_vex() => self.vex(operation(w), fields),
            _ => {
                debug_assert!(row.evex.is_some(), "an instruction without an EVEX form: {row:?}");
                let unit = row.unit(width.bytes(), f.each);
                let w = row.evex.unwrap_or_default();
                self.evex_form(operation(w), fields, f.masked, f.each, unit);
            }
        }
    }
}

impl Form<'_> {
    /// Tells whether there is a VEX form that can say what is asked.
    fn fits_vex(&self) -> bool {
        let Fields { reg, second, place, .. } = self.fields;
        let high = match place {
            Place::Reg(r) => r >= 16,
            Place::Mem(_) => false,
            Place::Vsib(v) => v.index.0 >= 16,
        };
        let low = reg < 16 && second < 16 && !high;
        let plain = self.masked.is_none() && !self.each && !self.evex;
        self.row.vex.is_some() && low && plain && self.width < Width::Z512
    }
}

pub(super) fn placed(b: Rm) -> (Place, bool) {
    match b {
        Rm::Reg(r) => (Place::Reg(r.0), false),
        Rm::Mem(m) => (Place::Mem(m), false),
        Rm::Each(m) => (Place::Mem(m), true),
    }
}
