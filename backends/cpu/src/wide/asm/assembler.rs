//! Registers, operands, labels and the pool of constants.

use cotangent_jit::{Error, err};
use rustc_hash::FxHashMap;

/// The width of a vector register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Width {
    X128,
    Y256,
    Z512,
}

impl Width {
    pub fn bytes(self) -> usize {
        match self {
            Width::X128 => 16,
            Width::Y256 => 32,
            Width::Z512 => 64,
        }
    }
}

/// A general register, `rax` to `r15`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gpr(pub u8);

/// A vector register; from 16 on with EVEX only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vr(pub u8);

/// A mask register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kr(pub u8);

/// A place in the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Label(pub u32);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    Reg(Gpr),
    /// Relative to the instruction.
    Code(Label),
}

/// `base + index * scale + disp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mem {
    pub base: Base,
    pub index: Option<(Gpr, u8)>,
    pub disp: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rm {
    Reg(Vr),
    Mem(Mem),
    /// One element for all lanes.
    Each(Mem),
}

/// The lanes that are written; the others are kept, or become zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Masked {
    pub k: Kr,
    pub zero: bool,
}

/// A condition of a jump, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cond {
    B = 2,
    AE = 3,
    E = 4,
    NE = 5,
    BE = 6,
    A = 7,
    L = 12,
    GE = 13,
    LE = 14,
    G = 15,
}

pub struct Assembler {
    pub(super) bytes: Vec<u8>,
    pub(super) evex: bool,
    labels: Vec<Option<usize>>,
    /// Places of 32-bit distances: where they are, the label, and the end of the instruction.
    pub(super) patches: Vec<(usize, Label, usize)>,
    pool: Vec<(Label, Vec<u8>)>,
    known: FxHashMap<Vec<u8>, Label>,
}

impl Assembler {
    /// With `evex`, AVX-512 may be used.
    pub fn new(evex: bool) -> Assembler {
        Assembler {
            bytes: Vec::with_capacity(1024),
            evex,
            labels: Vec::new(),
            patches: Vec::new(),
            pool: Vec::new(),
            known: FxHashMap::default(),
        }
    }

    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() as u32 - 1)
    }

    pub fn bind(&mut self, l: Label) {
        self.labels[l.0 as usize] = Some(self.bytes.len());
    }

    /// Bytes behind the code, aligned to their number, a power of two.
    pub fn constant(&mut self, bytes: &[u8]) -> Mem {
        let label = match self.known.get(bytes) {
            Some(l) => *l,
            None => {
                let label = self.label();
                self.known.insert(bytes.to_vec(), label);
                self.pool.push((label, bytes.to_vec()));
                label
            }
        };
        Mem { base: Base::Code(label), index: None, disp: 0 }
    }

    pub(super) fn byte(&mut self, b: u8) {
        self.bytes.push(b);
    }

    pub(super) fn long(&mut self, n: i32) {
        self.bytes.extend(n.to_le_bytes());
    }

    /// The code and behind it the pool, with all distances filled in. It is to start at a multiple
    /// of 64.
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        let mut pool = std::mem::take(&mut self.pool);
        // The largest first, so that nothing is lost to alignment.
        pool.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.len()));
        for (label, bytes) in pool {
            let at = self.bytes.len().next_multiple_of(bytes.len().next_power_of_two());
            self.bytes.resize(at, 0xcc);
            self.labels[label.0 as usize] = Some(at);
            self.bytes.extend(bytes);
        }
        for (at, label, end) in std::mem::take(&mut self.patches) {
            let target = self.labels[label.0 as usize]
                .ok_or_else(|| err!(Compile, "wide: a label without a place"))?;
            let distance = i32::try_from(target as i64 - end as i64)
                .map_err(|_| err!(Compile, "wide: a jump reaches too far"))?;
            self.bytes[at..at + 4].copy_from_slice(&distance.to_le_bytes());
        }
        Ok(self.bytes)
    }
}
