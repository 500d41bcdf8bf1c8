//! The assembler's state: bytes, labels, and the pool of constants; and the last part of every
//! instruction, its operand in a register or in memory.
//!
//! Prefixes, opcodes and instructions do not live here.

use super::operands::{Base, Label, Mem, Vsib};
use cotangent_jit::{Error, err};
use rustc_hash::FxHashMap;

/// Four bytes that depend on a label: the distance from `end` to the label, plus `add`.
#[derive(Clone, Copy, Debug)]
struct Fixup {
    at: usize,
    end: usize,
    label: Label,
    add: i32,
}

/// Code that grows by one instruction per call.
#[derive(Debug)]
pub struct Assembler {
    bytes: Vec<u8>,
    evex: bool,
    /// Where each label is bound.
    labels: Vec<Option<usize>>,
    fixups: Vec<Fixup>,
    pool: FxHashMap<Box<[u8]>, Label>,
    /// The constants of the pool, in the order in which they came.
    constants: Vec<(Box<[u8]>, Label)>,
}

/// The operand that the byte ModRM describes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A register of any class, by number.
    Reg(u8),
    Mem(Mem),
    Vsib(Vsib),
}

impl Place {
    /// Bits that a prefix has to carry: the fourth bit of the register or the base; the fourth bit
    /// of the index, or the fifth of the register; and the fifth bit of an index of vectors.
    pub(super) fn high_bits(self) -> [u8; 3] {
        let base = |m: Mem| match m.base {
            Base::Reg(r) => r.0 >> 3,
            Base::Code(_) => 0,
        };
        match self {
            Place::Reg(r) => [r >> 3 & 1, r >> 4, 0],
            Place::Mem(m) => [base(m), m.index.map_or(0, |(r, _)| r.0 >> 3), 0],
            Place::Vsib(v) => [v.base.0 >> 3, v.index.0 >> 3 & 1, v.index.0 >> 4],
        }
    }
}

impl Assembler {
    /// The alignment that the code expects of the place to which it is copied.
    pub const ALIGN: usize = 64;

    /// An assembler without code. `evex` allows AVX-512 F, DQ, BW, VL and CD.
    pub fn new(evex: bool) -> Assembler {
        Assembler {
            bytes: Vec::new(),
            evex,
            labels: Vec::new(),
            fixups: Vec::new(),
            pool: FxHashMap::default(),
            constants: Vec::new(),
        }
    }

    /// Tells whether EVEX forms are allowed.
    pub fn evex(&self) -> bool {
        self.evex
    }

    /// The number of bytes of the code so far, without the pool.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A label that is not bound yet.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() as u32 - 1)
    }

    /// Binds the label to the next instruction. Each label is bound once.
    pub fn bind(&mut self, l: Label) {
        debug_assert!(self.position(l).is_none(), "{l:?} is bound twice");
        let here = self.bytes.len();
        if let Some(place) = self.labels.get_mut(l.0 as usize) {
            *place = Some(here);
        }
    }

    /// Where the label is bound.
    pub(super) fn position(&self, l: Label) -> Option<usize> {
        self.labels.get(l.0 as usize).copied().flatten()
    }

    /// A constant behind the code, aligned to its length, which is a power of two up to 64. Equal
    /// bytes have one place.
    pub fn constant(&mut self, bytes: &[u8]) -> Mem {
        debug_assert!(bytes.len().is_power_of_two() && bytes.len() <= Assembler::ALIGN);
        let label = self.pool.get(bytes).copied().unwrap_or_else(|| {
            let label = self.label();
            self.pool.insert(bytes.into(), label);
            self.constants.push((bytes.into(), label));
            label
        });
        Mem { base: Base::Code(label), index: None, disp: 0 }
    }

    /// The code with the pool behind it, to be copied to an address that is a multiple of
    /// [`ALIGN`](Assembler::ALIGN).
    ///
    /// Fails if a label that is used was not bound, or lies too far away.
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        // Longest first, so that no gap arises between constants.
        let mut constants = std::mem::take(&mut self.constants);
        constants.sort_by_key(|(bytes, _)| std::cmp::Reverse(bytes.len()));
        for (bytes, label) in constants {
            self.bytes.resize(self.bytes.len().next_multiple_of(bytes.len()), 0xcc);
            self.bind(label);
            self.bytes.extend_from_slice(&bytes);
        }
        for f in std::mem::take(&mut self.fixups) {
            let to = self
                .position(f.label)
                .ok_or_else(|| err!(Compile, "assembler: {:?} is not bound", f.label))?;
            let distance = to as i64 - f.end as i64 + i64::from(f.add);
            let distance = i32::try_from(distance)
                .map_err(|_| err!(Compile, "assembler: {:?} is too far away", f.label))?;
            self.bytes[f.at..f.at + 4].copy_from_slice(&distance.to_le_bytes());
        }
        Ok(self.bytes)
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The last four bytes of a jump: the distance to the label.
    pub(super) fn distance(&mut self, label: Label) {
        let at = self.bytes.len();
        self.fixups.push(Fixup { at, end: at + 4, label, add: 0 });
        self.put(&[0; 4]);
    }

    /// What follows the opcode: ModRM, SIB, displacement and immediate. `reg` is the register, or
    /// the extension of the opcode. A short displacement counts in units of `unit` bytes.
    pub(super) fn tail(&mut self, reg: u8, place: Place, unit: u8, imm: &[u8]) {
        let reg = (reg & 7) << 3;
        match place {
            Place::Reg(r) => self.byte(0xc0 | reg | r & 7),
            Place::Mem(Mem { base: Base::Code(label), index, disp }) => {
                debug_assert!(index.is_none(), "a place in the code goes with no index");
                self.byte(reg | 5);
                let at = self.bytes.len();
                self.fixups.push(Fixup { at, end: at + 4 + imm.len(), label, add: disp });
                self.put(&[0; 4]);
            }
            Place::Mem(Mem { base: Base::Reg(base), index, disp }) => {
                debug_assert!(index.is_none_or(|(r, _)| r.0 != 4), "rsp is no index");
                let index = index.map(|(r, scale)| (r.0, scale));
                self.address(reg, base.0, index, disp, unit);
            }
            Place::Vsib(v) => {
                self.address(reg, v.base.0, Some((v.index.0, v.scale)), v.disp, unit);
            }
        }
        self.put(imm);
    }

    fn address(&mut self, reg: u8, base: u8, index: Option<(u8, u8)>, disp: i32, unit: u8) {
        let base = base & 7;
        let unit = i32::from(unit);
        let short = (disp % unit == 0).then(|| i8::try_from(disp / unit).ok()).flatten();
        // Base 5 without a displacement would mean an address relative to the code.
        let mode = match short {
            Some(0) if base != 5 => 0x00,
            Some(_) => 0x40,
            None => 0x80,
        };
        match index {
            Some((index, scale)) => {
                debug_assert!(matches!(scale, 1 | 2 | 4 | 8), "scale {scale}");
                let scale = (scale.trailing_zeros() as u8 & 3) << 6;
                self.put(&[mode | reg | 4, scale | (index & 7) << 3 | base]);
            }
            // The number of rsp stands for a SIB byte; index 4 in it for no index.
            None if base == 4 => self.put(&[mode | reg | 4, 0x24]),
            None => self.byte(mode | reg | base),
        }
        match (mode, short) {
            (0x40, Some(short)) => self.byte(short as u8),
            (0x80, _) => self.put(&disp.to_le_bytes()),
            _ => {}
        }
    }
}
