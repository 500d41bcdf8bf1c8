//! General instructions, jumps and mask registers.

use super::assembler::{Assembler, Base, Cond, Gpr, Kr, Label, Mem};
use crate::wide::code::MaskOp;

impl Assembler {
    /// The REX prefix for 64-bit operands (or not) and these registers.
    fn rex(&mut self, wide: bool, reg: u8, index: u8, base: u8, force: bool) {
        let rex = 0x40
            | u8::from(wide) << 3
            | (reg >> 3 & 1) << 2
            | (index >> 3 & 1) << 1
            | (base >> 3 & 1);
        if rex != 0x40 || force {
            self.byte(rex);
        }
    }

    fn rex_mem(&mut self, wide: bool, reg: u8, m: &Mem, force: bool) {
        let base = if let Base::Reg(r) = m.base { r.0 } else { 0 };
        self.rex(wide, reg, m.index.map_or(0, |(i, _)| i.0), base, force);
    }

    fn direct(&mut self, reg: u8, rm: u8) {
        self.byte(0xc0 | (reg & 7) << 3 | rm & 7);
    }

    /// `opcode` on two 64-bit registers.
    fn two(&mut self, opcode: u8, reg: Gpr, rm: Gpr) {
        self.rex(true, reg.0, 0, rm.0, false);
        self.byte(opcode);
        self.direct(reg.0, rm.0);
    }

    /// An operation with a constant of 32 bits.
    fn with_imm(&mut self, digit: u8, r: Gpr, n: i32) {
        self.rex(true, 0, 0, r.0, false);
        match i8::try_from(n) {
            Ok(short) => {
                self.byte(0x83);
                self.direct(digit, r.0);
                self.byte(short as u8);
            }
            Err(_) => {
                self.byte(0x81);
                self.direct(digit, r.0);
                self.long(n);
            }
        }
    }

    pub fn mov(&mut self, to: Gpr, from: Gpr) {
        if to != from {
            self.two(0x89, from, to);
        }
    }

    pub fn mov_imm(&mut self, to: Gpr, n: i64) {
        if n == 0 {
            // xor r32, r32; no flags are alive anywhere around.
            self.rex(false, to.0, 0, to.0, false);
            self.byte(0x31);
            self.direct(to.0, to.0);
        } else if let Ok(n) = u32::try_from(n) {
            self.rex(false, 0, 0, to.0, false);
            self.byte(0xb8 | to.0 & 7);
            self.long(n as i32);
        } else if let Ok(n) = i32::try_from(n) {
            self.rex(true, 0, 0, to.0, false);
            self.byte(0xc7);
            self.direct(0, to.0);
            self.long(n);
        } else {
            self.rex(true, 0, 0, to.0, false);
            self.byte(0xb8 | to.0 & 7);
            self.bytes.extend(n.to_le_bytes());
        }
    }

    /// A load of 1, 2, 4 or 8 bytes, extended to 64.
    pub fn load_general(&mut self, to: Gpr, from: Mem, bytes: u8, signed: bool) {
        let wide = bytes == 8 || signed;
        self.rex_mem(wide, to.0, &from, false);
        match (bytes, signed) {
            (1, false) => self.bytes.extend([0x0f, 0xb6]),
            (1, true) => self.bytes.extend([0x0f, 0xbe]),
            (2, false) => self.bytes.extend([0x0f, 0xb7]),
            (2, true) => self.bytes.extend([0x0f, 0xbf]),
            (4, true) => self.byte(0x63),
            _ => self.byte(0x8b),
        }
        self.memory(to.0, &from, 1, 0);
    }

    pub fn store_general(&mut self, from: Gpr, to: Mem, bytes: u8) {
        if bytes == 2 {
            self.byte(0x66);
        }
        self.rex_mem(bytes == 8, from.0, &to, bytes == 1);
        self.byte(if bytes == 1 { 0x88 } else { 0x89 });
        self.memory(from.0, &to, 1, 0);
    }

    pub fn lea(&mut self, to: Gpr, of: Mem) {
        self.rex_mem(true, to.0, &of, false);
        self.byte(0x8d);
        self.memory(to.0, &of, 1, 0);
    }

    pub fn add(&mut self, to: Gpr, by: Gpr) {
        self.two(0x01, by, to);
    }

    pub fn add_imm(&mut self, to: Gpr, n: i32) {
        self.with_imm(0, to, n);
    }

    pub fn sub(&mut self, to: Gpr, by: Gpr) {
        self.two(0x29, by, to);
    }

    pub fn sub_imm(&mut self, to: Gpr, n: i32) {
        self.with_imm(5, to, n);
    }

    pub fn and(&mut self, to: Gpr, by: Gpr) {
        self.two(0x21, by, to);
    }

    pub fn and_imm(&mut self, to: Gpr, n: i32) {
        self.with_imm(4, to, n);
    }

    pub fn or(&mut self, to: Gpr, by: Gpr) {
        self.two(0x09, by, to);
    }

    pub fn cmp(&mut self, a: Gpr, b: Gpr) {
        self.two(0x39, b, a);
    }

    pub fn cmp_imm(&mut self, a: Gpr, n: i32) {
        self.with_imm(7, a, n);
    }

    pub fn test(&mut self, a: Gpr, b: Gpr) {
        self.two(0x85, b, a);
    }

    /// Tests the low 32 bits.
    pub fn test_imm(&mut self, a: Gpr, n: i32) {
        self.rex(false, 0, 0, a.0, false);
        self.byte(0xf7);
        self.direct(0, a.0);
        self.long(n);
    }

    pub fn imul(&mut self, to: Gpr, by: Gpr) {
        self.rex(true, to.0, 0, by.0, false);
        self.bytes.extend([0x0f, 0xaf]);
        self.direct(to.0, by.0);
    }

    pub fn imul_imm(&mut self, to: Gpr, n: i32) {
        self.rex(true, to.0, 0, to.0, false);
        self.byte(0x69);
        self.direct(to.0, to.0);
        self.long(n);
    }

    /// A shift by a constant: to the left, or logically to the right.
    pub fn shift_imm(&mut self, left: bool, to: Gpr, n: u8) {
        self.rex(true, 0, 0, to.0, false);
        self.byte(0xc1);
        self.direct(if left { 4 } else { 5 }, to.0);
        self.byte(n);
    }

    /// Moves under a condition of the last comparison.
    pub fn cmov(&mut self, c: Cond, to: Gpr, from: Gpr) {
        self.rex(true, to.0, 0, from.0, false);
        self.bytes.extend([0x0f, 0x40 | c as u8]);
        self.direct(to.0, from.0);
    }

    /// The lowest `count` bits of `from`.
    pub fn bzhi(&mut self, to: Gpr, from: Gpr, count: Gpr) {
        let first = u8::from(to.0 < 8) << 7 | 0x40 | u8::from(from.0 < 8) << 5 | 2;
        self.bytes.extend([0xc4, first, 0x80 | (!count.0 & 15) << 3, 0xf5]);
        self.direct(to.0, from.0);
    }

    pub fn push(&mut self, r: Gpr) {
        self.rex(false, 0, 0, r.0, false);
        self.byte(0x50 | r.0 & 7);
    }

    pub fn pop(&mut self, r: Gpr) {
        self.rex(false, 0, 0, r.0, false);
        self.byte(0x58 | r.0 & 7);
    }

    pub fn ret(&mut self) {
        self.byte(0xc3);
    }

    /// Calls the address at a place in memory.
    pub fn call_mem(&mut self, m: Mem) {
        self.rex_mem(false, 0, &m, false);
        self.byte(0xff);
        self.memory(2, &m, 1, 0);
    }

    pub fn jmp(&mut self, to: Label) {
        self.byte(0xe9);
        self.distance(to);
    }

    pub fn jcc(&mut self, c: Cond, to: Label) {
        self.bytes.extend([0x0f, 0x80 | c as u8]);
        self.distance(to);
    }

    fn distance(&mut self, to: Label) {
        let at = self.bytes.len();
        self.long(0);
        self.patches.push((at, to, at + 4));
    }

    // ---- mask registers, all 64 bits of them

    /// A VEX instruction on mask registers.
    fn mask_vex(&mut self, [pp, map, w, l]: [u8; 4], opcode: u8, reg: u8, vvvv: u8, rm: u8) {
        let first = u8::from(reg < 8) << 7 | 0x40 | u8::from(rm < 8) << 5 | map;
        let second = w << 7 | (!vvvv & 15) << 3 | l << 2 | pp;
        self.bytes.extend([0xc4, first, second, opcode]);
        self.direct(reg, rm);
    }

    pub fn kmov(&mut self, to: Kr, from: Kr) {
        if to != from {
            self.mask_vex([0, 1, 1, 0], 0x90, to.0, 0, from.0);
        }
    }

    pub fn kmov_from(&mut self, to: Kr, from: Gpr) {
        self.mask_vex([3, 1, 1, 0], 0x92, to.0, 0, from.0);
    }

    pub fn kmov_to(&mut self, to: Gpr, from: Kr) {
        self.mask_vex([3, 1, 1, 0], 0x93, to.0, 0, from.0);
    }

    pub fn load_mask(&mut self, to: Kr, from: Mem) {
        self.mask_memory(0x90, to, &from);
    }

    pub fn store_mask(&mut self, from: Kr, to: Mem) {
        self.mask_memory(0x91, from, &to);
    }

    fn mask_memory(&mut self, opcode: u8, k: Kr, m: &Mem) {
        let base = if let Base::Reg(r) = m.base { r.0 } else { 0 };
        let index = m.index.map_or(0, |(i, _)| i.0);
        let first = 0x80 | u8::from(index < 8) << 6 | u8::from(base < 8) << 5 | 1;
        self.bytes.extend([0xc4, first, 0x80 | 15 << 3, opcode]);
        self.memory(k.0, m, 1, 0);
    }

    pub fn mask_op(&mut self, op: MaskOp, to: Kr, a: Kr, b: Kr) {
        let mut two = |opcode| self.mask_vex([0, 1, 1, 1], opcode, to.0, a.0, b.0);
        match op {
            MaskOp::And => two(0x41),
            MaskOp::AndNot => two(0x42),
            MaskOp::Or => two(0x45),
            MaskOp::Xnor => two(0x46),
            MaskOp::Xor => two(0x47),
            MaskOp::Join(8) => self.mask_vex([1, 1, 0, 1], 0x4b, to.0, a.0, b.0),
            MaskOp::Join(16) => self.mask_vex([0, 1, 0, 1], 0x4b, to.0, a.0, b.0),
            MaskOp::Join(_) => self.mask_vex([0, 1, 1, 1], 0x4b, to.0, a.0, b.0),
            MaskOp::Not => self.mask_vex([0, 1, 1, 0], 0x44, to.0, 0, a.0),
            MaskOp::Copy => self.kmov(to, a),
            MaskOp::Shift(n) => {
                self.mask_vex([1, 3, 1, 0], 0x31, to.0, 0, a.0);
                self.byte(n);
            }
        }
    }
}
