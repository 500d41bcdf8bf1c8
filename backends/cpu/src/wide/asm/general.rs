//! General instructions: ints in general registers, moves, jumps and calls.
//!
//! Methods without a size work on 64 bits. Results of 32 bits clear the upper half of their
//! register. Vectors and masks do not live here.

use super::assembler::{Assembler, Place};
use super::operands::{Cond, Gpr, Label, Mem, Operand, Size, Width};
use super::prefix::{Fields, Operation};
use super::row::{Map, Prefix};

/// Arithmetic of two operands, numbered as instructions encode it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Alu {
    Add,
    Or,
    Adc,
    Sbb,
    And,
    Sub,
    Xor,
    Cmp,
}

/// Arithmetic of one operand, numbered as instructions encode it. `Mul`, `Div` and `Idiv` work on
/// `RAX` and `RDX`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Unary {
    Not = 2,
    Neg,
    Mul,
    Imul,
    Div,
    Idiv,
}

/// Shifts, numbered as instructions encode them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Shift {
    Rol = 0,
    Ror = 1,
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

/// How a load fills a register of 64 bits: by zeros or by the sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Load {
    U8,
    S8,
    U16,
    S16,
    U32,
    S32,
    U64,
}

/// An opcode of the general map or of the map 0F, with what stands before it.
#[derive(Clone, Copy)]
struct Opcode {
    /// 0x66, 0xf2 or 0xf3; 0 for none.
    prefix: u8,
    /// The operation has 64 bits.
    wide: bool,
    escape: bool,
    byte: u8,
    /// Registers of 8 bits, of which 4 to 7 exist beside a REX prefix alone.
    bytes: bool,
}

impl Opcode {
    fn new(s: Size, byte: u8) -> Opcode {
        let prefix = if s == Size::W16 { 0x66 } else { 0 };
        Opcode { prefix, wide: s == Size::Q64, escape: false, byte, bytes: s == Size::B8 }
    }

    /// In the map 0F.
    fn escaped(self) -> Opcode {
        Opcode { escape: true, ..self }
    }
}

impl Assembler {
    pub fn mov(&mut self, dst: Gpr, src: Gpr) {
        self.general(Opcode::new(Size::Q64, 0x89), src.0, Place::Reg(dst.0), &[]);
    }

    pub fn mov32(&mut self, dst: Gpr, src: Gpr) {
        self.general(Opcode::new(Size::D32, 0x89), src.0, Place::Reg(dst.0), &[]);
    }

    /// Sets all 64 bits, by the shortest move that leaves the flags alone.
    pub fn mov_imm(&mut self, dst: Gpr, value: i64) {
        if let Ok(value) = u32::try_from(value) {
            self.with_register(false, 0xb8, dst);
            self.put(&value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            let opcode = Opcode::new(Size::Q64, 0xc7);
            self.general(opcode, 0, Place::Reg(dst.0), &value.to_le_bytes());
        } else {
            self.with_register(true, 0xb8, dst);
            self.put(&value.to_le_bytes());
        }
    }

    pub fn load(&mut self, how: Load, dst: Gpr, from: Mem) {
        self.general(loading(how), dst.0, Place::Mem(from), &[]);
    }

    /// As [`load`](Assembler::load), from the low bits of a register.
    pub fn extend(&mut self, how: Load, dst: Gpr, src: Gpr) {
        let opcode = loading(how);
        let bytes = matches!(how, Load::U8 | Load::S8);
        self.general(Opcode { bytes, ..opcode }, dst.0, Place::Reg(src.0), &[]);
    }

    /// Stores the low bits of a register.
    pub fn store_gpr(&mut self, s: Size, src: Gpr, to: Mem) {
        let byte = if s == Size::B8 { 0x88 } else { 0x89 };
        self.general(Opcode::new(s, byte), src.0, Place::Mem(to), &[]);
    }

    /// Stores the low bits of an immediate; of 64 bits, its sign extension.
    pub fn store_value(&mut self, s: Size, value: i32, to: Mem) {
        let byte = if s == Size::B8 { 0xc6 } else { 0xc7 };
        let imm = &value.to_le_bytes()[..immediate_bytes(s)];
        self.general(Opcode::new(s, byte), 0, Place::Mem(to), imm);
    }

    pub fn lea(&mut self, dst: Gpr, of: Mem) {
        self.general(Opcode::new(Size::Q64, 0x8d), dst.0, Place::Mem(of), &[]);
    }

    /// Arithmetic on a register of 32 or 64 bits.
    pub fn alu(&mut self, op: Alu, s: Size, dst: Gpr, src: impl Into<Operand>) {
        debug_assert!(s >= Size::D32, "arithmetic of {s:?}");
        let code = (op as u8) << 3;
        match src.into() {
            Operand::Reg(r) => self.general(Opcode::new(s, code | 1), r.0, Place::Reg(dst.0), &[]),
            Operand::Mem(m) => self.general(Opcode::new(s, code | 3), dst.0, Place::Mem(m), &[]),
            Operand::Imm(imm) if dst == Gpr::RAX && i8::try_from(imm).is_err() => {
                if s == Size::Q64 {
                    self.byte(0x48);
                }
                self.byte(code | 5);
                self.put(&imm.to_le_bytes());
            }
            Operand::Imm(imm) => self.alu_imm(op, s, Place::Reg(dst.0), imm),
        }
    }

    /// Arithmetic on memory, from a register or an immediate.
    pub fn alu_to(&mut self, op: Alu, s: Size, dst: Mem, src: impl Into<Operand>) {
        let byte = (op as u8) << 3 | u8::from(s != Size::B8);
        match src.into() {
            Operand::Reg(r) => self.general(Opcode::new(s, byte), r.0, Place::Mem(dst), &[]),
            Operand::Imm(imm) => self.alu_imm(op, s, Place::Mem(dst), imm),
            Operand::Mem(_) => debug_assert!(false, "{op:?} of two operands in memory"),
        }
    }

    fn alu_imm(&mut self, op: Alu, s: Size, place: Place, imm: i32) {
        let bytes = &imm.to_le_bytes();
        let (byte, imm) = match i8::try_from(imm) {
            _ if s == Size::B8 => (0x80, &bytes[..1]),
            Ok(_) => (0x83, &bytes[..1]),
            Err(_) => (0x81, &bytes[..immediate_bytes(s)]),
        };
        // A place of 8 bits is memory here.
        self.general(Opcode { bytes: false, ..Opcode::new(s, byte) }, op as u8, place, imm);
    }

    pub fn add(&mut self, dst: Gpr, src: impl Into<Operand>) {
        self.alu(Alu::Add, Size::Q64, dst, src);
    }

    pub fn sub(&mut self, dst: Gpr, src: impl Into<Operand>) {
        self.alu(Alu::Sub, Size::Q64, dst, src);
    }

    pub fn and(&mut self, dst: Gpr, src: impl Into<Operand>) {
        self.alu(Alu::And, Size::Q64, dst, src);
    }

    pub fn or(&mut self, dst: Gpr, src: impl Into<Operand>) {
        self.alu(Alu::Or, Size::Q64, dst, src);
    }

    pub fn xor(&mut self, dst: Gpr, src: impl Into<Operand>) {
        self.alu(Alu::Xor, Size::Q64, dst, src);
    }

    pub fn cmp(&mut self, a: Gpr, b: impl Into<Operand>) {
        self.alu(Alu::Cmp, Size::Q64, a, b);
    }

    /// Sets the register to 0 in two or three bytes. It changes the flags.
    pub fn zero(&mut self, dst: Gpr) {
        self.alu(Alu::Xor, Size::D32, dst, dst);
    }

    /// The flags of `a & b`, of 32 or 64 bits.
    pub fn test(&mut self, s: Size, a: Gpr, b: impl Into<Operand>) {
        match b.into() {
            Operand::Reg(r) => self.general(Opcode::new(s, 0x85), r.0, Place::Reg(a.0), &[]),
            Operand::Mem(m) => self.general(Opcode::new(s, 0x85), a.0, Place::Mem(m), &[]),
            Operand::Imm(imm) if a == Gpr::RAX => {
                if s == Size::Q64 {
                    self.byte(0x48);
                }
                self.byte(0xa9);
                self.put(&imm.to_le_bytes());
            }
            Operand::Imm(imm) => {
                self.general(Opcode::new(s, 0xf7), 0, Place::Reg(a.0), &imm.to_le_bytes());
            }
        }
    }

    /// `dst * src`, or `dst * imm`, to `dst`.
    pub fn imul(&mut self, dst: Gpr, src: impl Into<Operand>) {
        match src.into() {
            Operand::Imm(imm) => self.imul_imm(dst, dst, imm),
            Operand::Reg(r) => self.two(0xaf, Size::Q64, dst, Place::Reg(r.0)),
            Operand::Mem(m) => self.two(0xaf, Size::Q64, dst, Place::Mem(m)),
        }
    }

    /// `src * imm` to `dst`.
    pub fn imul_imm(&mut self, dst: Gpr, src: Gpr, imm: i32) {
        let bytes = &imm.to_le_bytes();
        let short = i8::try_from(imm).is_ok();
        let (byte, imm) = if short { (0x6b, &bytes[..1]) } else { (0x69, &bytes[..]) };
        self.general(Opcode::new(Size::Q64, byte), dst.0, Place::Reg(src.0), imm);
    }

    pub fn unary(&mut self, op: Unary, s: Size, r: Gpr) {
        debug_assert!(s >= Size::D32, "arithmetic of {s:?}");
        self.general(Opcode::new(s, 0xf7), op as u8, Place::Reg(r.0), &[]);
    }

    /// The sign of `RAX` to all bits of `RDX`, as a division wants it.
    pub fn cqo(&mut self) {
        self.put(&[0x48, 0x99]);
    }

    /// As [`cqo`](Assembler::cqo), of `EAX` to `EDX`.
    pub fn cdq(&mut self) {
        self.byte(0x99);
    }

    /// A shift of 32 or 64 bits by an immediate.
    pub fn shift(&mut self, op: Shift, s: Size, r: Gpr, n: u8) {
        debug_assert!(s >= Size::D32, "a shift of {s:?}");
        match n {
            1 => self.general(Opcode::new(s, 0xd1), op as u8, Place::Reg(r.0), &[]),
            _ => self.general(Opcode::new(s, 0xc1), op as u8, Place::Reg(r.0), &[n]),
        }
    }

    /// BMI2: `src` shifted by the register `n`. The flags stay.
    pub fn shiftx(&mut self, op: Shift, s: Size, dst: Gpr, src: Gpr, n: Gpr) {
        let prefix = match op {
            Shift::Shl => Prefix::P66,
            Shift::Sar => Prefix::PF3,
            Shift::Shr => Prefix::PF2,
            Shift::Rol | Shift::Ror => {
                debug_assert!(false, "no rotation by a register");
                Prefix::P66
            }
        };
        self.bmi(prefix, 0xf7, s, dst, src, n);
    }

    /// BMI2: the lowest `n` bits of `src`, where `n` is the lowest byte of a register.
    pub fn bzhi(&mut self, s: Size, dst: Gpr, src: Gpr, n: Gpr) {
        self.bmi(Prefix::P0, 0xf5, s, dst, src, n);
    }

    fn bmi(&mut self, prefix: Prefix, opcode: u8, s: Size, dst: Gpr, src: Gpr, n: Gpr) {
        let w = s == Size::Q64;
        let operation = Operation { prefix, map: Map::M38, opcode, w, width: Width::X128 };
        let place = Place::Reg(src.0);
        self.vex(operation, Fields { reg: dst.0, second: n.0, place, imm: &[] });
    }

    pub fn popcnt(&mut self, s: Size, dst: Gpr, src: Gpr) {
        self.count(0xb8, s, dst, src);
    }

    pub fn lzcnt(&mut self, s: Size, dst: Gpr, src: Gpr) {
        self.count(0xbd, s, dst, src);
    }

    pub fn tzcnt(&mut self, s: Size, dst: Gpr, src: Gpr) {
        self.count(0xbc, s, dst, src);
    }

    fn count(&mut self, byte: u8, s: Size, dst: Gpr, src: Gpr) {
        let opcode = Opcode { prefix: 0xf3, ..Opcode::new(s, byte).escaped() };
        self.general(opcode, dst.0, Place::Reg(src.0), &[]);
    }

    pub fn cmov(&mut self, c: Cond, s: Size, dst: Gpr, src: impl Into<Operand>) {
        let place = match src.into() {
            Operand::Reg(r) => Place::Reg(r.0),
            Operand::Mem(m) => Place::Mem(m),
            Operand::Imm(imm) => {
                debug_assert!(false, "a conditional move of the immediate {imm}");
                return;
            }
        };
        self.two(0x40 | c as u8, s, dst, place);
    }

    /// 1 or 0 to the lowest byte; the other bytes stay.
    pub fn setcc(&mut self, c: Cond, dst: Gpr) {
        let opcode = Opcode::new(Size::B8, 0x90 | c as u8).escaped();
        self.general(opcode, 0, Place::Reg(dst.0), &[]);
    }

    pub fn push(&mut self, r: Gpr) {
        self.with_register(false, 0x50, r);
    }

    pub fn pop(&mut self, r: Gpr) {
        self.with_register(false, 0x58, r);
    }

    /// Calls the address in a register.
    pub fn call(&mut self, r: Gpr) {
        self.general(Opcode::new(Size::D32, 0xff), 2, Place::Reg(r.0), &[]);
    }

    pub fn ret(&mut self) {
        self.byte(0xc3);
    }

    /// Jumps to a label: in two bytes to one that is bound and near, else in five.
    pub fn jmp(&mut self, to: Label) {
        match self.near(to) {
            Some(distance) => self.put(&[0xeb, distance]),
            None => {
                self.byte(0xe9);
                self.distance(to);
            }
        }
    }

    /// Jumps where the condition holds: in two bytes to a label that is bound and near, else in
    /// six.
    pub fn jcc(&mut self, c: Cond, to: Label) {
        match self.near(to) {
            Some(distance) => self.put(&[0x70 | c as u8, distance]),
            None => {
                self.put(&[0x0f, 0x80 | c as u8]);
                self.distance(to);
            }
        }
    }

    /// The distance from the end of a jump of two bytes to a label behind it.
    fn near(&self, to: Label) -> Option<u8> {
        let distance = self.position(to)? as i64 - (self.len() as i64 + 2);
        i8::try_from(distance).ok().map(|d| d as u8)
    }

    /// Loads the register of floating-point modes.
    pub fn ldmxcsr(&mut self, from: Mem) {
        self.general(Opcode::new(Size::D32, 0xae).escaped(), 2, Place::Mem(from), &[]);
    }

    pub fn stmxcsr(&mut self, to: Mem) {
        self.general(Opcode::new(Size::D32, 0xae).escaped(), 3, Place::Mem(to), &[]);
    }

    /// Asks for a line of memory in all caches.
    pub fn prefetch(&mut self, of: Mem) {
        self.general(Opcode::new(Size::D32, 0x18).escaped(), 1, Place::Mem(of), &[]);
    }

    /// Orders stores that bypass the caches before those that follow.
    pub fn sfence(&mut self) {
        self.put(&[0x0f, 0xae, 0xf8]);
    }

    fn two(&mut self, byte: u8, s: Size, dst: Gpr, place: Place) {
        self.general(Opcode::new(s, byte).escaped(), dst.0, place, &[]);
    }

    /// An opcode that holds a register in its low bits.
    fn with_register(&mut self, wide: bool, byte: u8, r: Gpr) {
        let rex = 0x40 | u8::from(wide) << 3 | r.0 >> 3;
        if rex != 0x40 {
            self.byte(rex);
        }
        self.byte(byte | r.0 & 7);
    }

    fn general(&mut self, o: Opcode, reg: u8, place: Place, imm: &[u8]) {
        if o.prefix != 0 {
            self.byte(o.prefix);
        }
        let [b, x, _] = match place {
            // The bit X of a register is for vectors alone.
            Place::Reg(r) => [r >> 3, 0, 0],
            _ => place.high_bits(),
        };
        let rex = 0x40 | u8::from(o.wide) << 3 | (reg >> 3) << 2 | x << 1 | b;
        // In the map 0F, `reg` is a wider register or none.
        let byte_register = matches!(place, Place::Reg(4..8)) || !o.escape && (4..8).contains(&reg);
        if rex != 0x40 || o.bytes && byte_register {
            self.byte(rex);
        }
        if o.escape {
            self.byte(0x0f);
        }
        self.byte(o.byte);
        self.tail(reg, place, 1, imm);
    }
}

/// The bytes of an immediate of an operation of that size.
fn immediate_bytes(s: Size) -> usize {
    (1 << s as usize).min(4)
}

fn loading(how: Load) -> Opcode {
    match how {
        // A result of 32 bits clears the rest, so the zero extensions need no wide form.
        Load::U8 => Opcode::new(Size::D32, 0xb6).escaped(),
        Load::S8 => Opcode::new(Size::Q64, 0xbe).escaped(),
        Load::U16 => Opcode::new(Size::D32, 0xb7).escaped(),
        Load::S16 => Opcode::new(Size::Q64, 0xbf).escaped(),
        Load::U32 => Opcode::new(Size::D32, 0x8b),
        Load::S32 => Opcode::new(Size::Q64, 0x63),
        Load::U64 => Opcode::new(Size::Q64, 0x8b),
    }
}
