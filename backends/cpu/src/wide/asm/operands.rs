//! Operands: registers, addresses, and what an instruction may say beside them.
//!
//! Their place in the bytes of an instruction does not live here.

/// The width of a vector.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Width {
    X128,
    Y256,
    Z512,
}

impl Width {
    pub fn bytes(self) -> usize {
        16 << self as usize
    }
}

/// A general register.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Gpr(pub u8);

impl Gpr {
    pub const RAX: Gpr = Gpr(0);
    pub const RCX: Gpr = Gpr(1);
    pub const RDX: Gpr = Gpr(2);
    pub const RBX: Gpr = Gpr(3);
    pub const RSP: Gpr = Gpr(4);
    pub const RBP: Gpr = Gpr(5);
    pub const RSI: Gpr = Gpr(6);
    pub const RDI: Gpr = Gpr(7);
    pub const R8: Gpr = Gpr(8);
    pub const R9: Gpr = Gpr(9);
    pub const R10: Gpr = Gpr(10);
    pub const R11: Gpr = Gpr(11);
    pub const R12: Gpr = Gpr(12);
    pub const R13: Gpr = Gpr(13);
    pub const R14: Gpr = Gpr(14);
    pub const R15: Gpr = Gpr(15);
}

/// A vector register. Those from 16 on exist in EVEX forms alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Vr(pub u8);

/// A mask register. As the mask of an instruction, number 0 would mean that there is no mask.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Kr(pub u8);

/// The size of an integer operand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Size {
    B8,
    W16,
    D32,
    Q64,
}

/// A place in the code of the assembler that made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Label(pub(super) u32);

/// The address to which the rest of a [`Mem`] is added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Base {
    Reg(Gpr),
    /// A place in the code. It goes with no index.
    Code(Label),
}

/// The memory at `base + index * scale + disp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Mem {
    pub base: Base,
    /// A register other than `RSP`, and 1, 2, 4 or 8.
    pub index: Option<(Gpr, u8)>,
    pub disp: i32,
}

impl Mem {
    pub fn new(base: Gpr, disp: i32) -> Mem {
        Mem { base: Base::Reg(base), index: None, disp }
    }

    pub fn indexed(base: Gpr, index: Gpr, scale: u8, disp: i32) -> Mem {
        Mem { base: Base::Reg(base), index: Some((index, scale)), disp }
    }
}

/// The memory of one lane each: at `base + index[lane] * scale + disp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Vsib {
    pub base: Gpr,
    pub index: Vr,
    /// 1, 2, 4 or 8.
    pub scale: u8,
    pub disp: i32,
}

/// The last source of a vector instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Rm {
    Reg(Vr),
    Mem(Mem),
    /// One element of memory, the same for all lanes. EVEX forms have it.
    Each(Mem),
}

impl From<Vr> for Rm {
    fn from(r: Vr) -> Rm {
        Rm::Reg(r)
    }
}

impl From<Mem> for Rm {
    fn from(m: Mem) -> Rm {
        Rm::Mem(m)
    }
}

/// The lanes that an instruction writes. The others become zero or stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Masked {
    pub k: Kr,
    pub zero: bool,
}

/// The source of a general instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Operand {
    Reg(Gpr),
    Mem(Mem),
    /// Sign-extended to the size of the operation.
    Imm(i32),
}

impl From<Gpr> for Operand {
    fn from(r: Gpr) -> Operand {
        Operand::Reg(r)
    }
}

impl From<Mem> for Operand {
    fn from(m: Mem) -> Operand {
        Operand::Mem(m)
    }
}

impl From<i32> for Operand {
    fn from(imm: i32) -> Operand {
        Operand::Imm(imm)
    }
}

/// A condition of the flags, numbered as instructions encode it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Cond {
    /// Overflow.
    O,
    NO,
    /// Below, unsigned.
    B,
    /// Above or equal, unsigned.
    AE,
    /// Equal.
    E,
    NE,
    /// Below or equal, unsigned.
    BE,
    /// Above, unsigned.
    A,
    /// Negative.
    S,
    NS,
    /// Parity even; after a comparison of floats: unordered.
    P,
    NP,
    /// Less, signed.
    L,
    GE,
    LE,
    G,
}

impl Cond {
    /// The condition that holds exactly where this one does not.
    pub fn negated(self) -> Cond {
        use Cond::*;
        match self {
            O => NO,
            NO => O,
            B => AE,
            AE => B,
            E => NE,
            NE => E,
            BE => A,
            A => BE,
            S => NS,
            NS => S,
            P => NP,
            NP => P,
            L => GE,
            GE => L,
            LE => G,
            G => LE,
        }
    }
}
