//! VEX and EVEX prefixes, and the instruction behind them.
//!
//! Nothing here knows which instruction it is: callers bring opcode and operands by number.

use super::assembler::{Assembler, Place};
use super::operands::{Masked, Width};
use super::row::{Map, Prefix};

/// What prefix and opcode say about the operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub prefix: Prefix,
    pub map: Map,
    pub opcode: u8,
    /// The bit W.
    pub w: bool,
    pub width: Width,
}

/// Operands by number. `second` is 0 where an instruction has no second source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    pub reg: u8,
    pub second: u8,
    pub place: Place,
    pub imm: &'a [u8],
}

impl Assembler {
    /// Writes an instruction with the shortest VEX prefix.
    pub(super) fn vex(&mut self, o: Operation, f: Fields) {
        debug_assert!(o.width < Width::Z512 && f.reg < 16 && f.second < 16, "no VEX form: {f:?}");
        let [b, x, _] = f.place.high_bits();
        let r = f.reg >> 3;
        let last = (!f.second & 15) << 3 | (o.width as u8) << 2 | o.prefix as u8;
        if (b | x) == 0 && !o.w && o.map == Map::M0F {
            self.put(&[0xc5, (1 - r) << 7 | last]);
        } else {
            let first = (1 - r) << 7 | (1 - x) << 6 | (1 - b) << 5 | o.map as u8;
            self.put(&[0xc4, first, u8::from(o.w) << 7 | last]);
        }
        self.byte(o.opcode);
        self.tail(f.reg, f.place, 1, f.imm);
    }

    /// Writes an instruction with an EVEX prefix. `each`: memory holds one element for all lanes.
    /// `unit` is that of a short displacement.
    pub(super) fn evex_form(
        &mut self,
        o: Operation,
        f: Fields,
        masked: Option<Masked>,
        each: bool,
        unit: u8,
    ) {
        debug_assert!(self.evex(), "an EVEX form, which is not allowed: {o:?} {f:?}");
        debug_assert!(masked.is_none_or(|m| m.k.0 != 0), "k0 as a mask would mask nothing");
        let [b, x, v] = f.place.high_bits();
        let inverted = |bit: u8, at: u8| (bit & 1 ^ 1) << at;
        let (r, r_high) = (f.reg >> 3, f.reg >> 4);
        let v_high = v | f.second >> 4;
        let zero = masked.is_some_and(|m| m.zero);
        self.put(&[
            0x62,
            inverted(r, 7) | inverted(x, 6) | inverted(b, 5) | inverted(r_high, 4) | o.map as u8,
            u8::from(o.w) << 7 | (!f.second & 15) << 3 | 4 | o.prefix as u8,
            u8::from(zero) << 7
                | (o.width as u8) << 5
                | u8::from(each) << 4
                | inverted(v_high, 3)
                | masked.map_or(0, |m| m.k.0 & 7),
            o.opcode,
        ]);
        self.tail(f.reg, f.place, unit, f.imm);
    }
}
