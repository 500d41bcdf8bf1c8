//! The intermediate form between kernels and machine code: straight instructions over virtual
//! registers, with counted loops.
//!
//! Registers are not in SSA form: a loop may update one. The first definition of a register, in the
//! order of the list, stands before every use. Physical registers are chosen in `allocate`; the
//! bytes are made in `encode`.

use super::asm::{Cond, Ins, Width};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// A virtual register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct R(pub u32);

/// The kind of physical register that a virtual one needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    General,
    Vector,
    Mask,
}

/// A place in the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place(pub u32);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    Reg(R),
    /// The function's own frame.
    Frame,
}

/// `base + index * scale + disp`, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    pub base: Base,
    pub index: Option<(R, u8)>,
    pub disp: i32,
}

impl Address {
    pub fn frame(at: u32) -> Address {
        Address { base: Base::Frame, index: None, disp: at as i32 }
    }

    pub fn of(base: R, disp: i32) -> Address {
        Address { base: Base::Reg(base), index: None, disp }
    }

    /// The address this many bytes further; the caller has left room for it.
    pub fn plus(self, bytes: i32) -> Address {
        Address { disp: self.disp + bytes, ..self }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    Reg(R),
    Mem(Address),
}

/// A number that an instruction adds, compares with and so on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    Reg(R),
    Now(i64),
}

/// The way in which a general register is updated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arith {
    Add,
    Sub,
    Mul,
    /// The lesser, as signed numbers.
    Min,
    Max,
    And,
}

/// The way in which a narrow element fills a general register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extend {
    pub bytes: u8,
    pub signed: bool,
}

/// The lanes that an instruction writes: those of the mask; the others keep what they hold, or
/// become zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Within {
    pub mask: R,
    pub zero: bool,
}

/// An op on mask registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaskOp {
    And,
    Or,
    Xor,
    /// `!a & b`.
    AndNot,
    Xnor,
    /// The lower halves of `b` (low) and `a` (high), of these many bits each.
    Join(u8),
    /// To the right, by a constant.
    Shift(u8),
    Not,
    Copy,
}

#[derive(Clone, Debug)]
pub enum Inst {
    /// A vector instruction. `tied` is in the destination's register before; `a` is the second
    /// source.
    Vector {
        ins: Ins,
        w: Width,
        dst: R,
        tied: Option<R>,
        a: Option<R>,
        b: Operand,
        imm: Option<u8>,
        within: Option<Within>,
    },
    /// A store, also one that narrows.
    Store {
        ins: Ins,
        w: Width,
        src: R,
        to: Address,
        within: Option<R>,
    },
    /// An instruction that narrows or takes a part, into a register.
    Part {
        ins: Ins,
        w: Width,
        dst: R,
        src: R,
        imm: Option<u8>,
    },
    /// A comparison into a mask register.
    Compare {
        ins: Ins,
        w: Width,
        dst: R,
        a: R,
        b: Operand,
        imm: Option<u8>,
        within: Option<R>,
    },
    /// `b` where the mask, which is a vector, is set, else `a`.
    Blend {
        ins: Ins,
        w: Width,
        dst: R,
        a: R,
        b: Operand,
        mask: R,
    },
    /// A load or a store through masks that are vectors.
    MaskedLoad {
        ins: Ins,
        w: Width,
        dst: R,
        mask: R,
        from: Address,
    },
    MaskedStore {
        ins: Ins,
        w: Width,
        src: R,
        mask: R,
        to: Address,
    },
    /// Elements at `base + index * scale + disp`, where the mask is set; zero elsewhere. The mask
    /// is a mask register or a vector.
    Gather {
        ins: Ins,
        w: Width,
        dst: R,
        base: R,
        index: R,
        scale: u8,
        disp: i32,
        mask: R,
    },
    Scatter {
        ins: Ins,
        w: Width,
        src: R,
        base: R,
        index: R,
        scale: u8,
        disp: i32,
        mask: R,
    },
    Mask {
        op: MaskOp,
        dst: R,
        a: R,
        b: R,
    },
    MaskFrom {
        dst: R,
        src: R,
    },
    /// A general register into all lanes of this many bytes.
    Spread {
        dst: R,
        w: Width,
        src: R,
        bytes: u8,
    },
    /// The first lane, of four or eight bytes.
    First {
        dst: R,
        src: R,
        bytes: u8,
    },
    Copy {
        dst: R,
        src: R,
    },
    Set {
        dst: R,
        to: i64,
    },
    Load {
        dst: R,
        from: Address,
        extend: Extend,
    },
    StoreGeneral {
        src: R,
        to: Address,
        bytes: u8,
    },
    Lea {
        dst: R,
        of: Address,
    },
    Update {
        op: Arith,
        dst: R,
        by: Amount,
    },
    /// The lowest bits of `dst`, this many; all of them from 64 on.
    KeepLow {
        dst: R,
        bits: R,
    },
    /// A constant of the code into all lanes. Made where it is used if registers run out.
    Constant {
        dst: R,
        constant: u32,
    },
    /// Calls a runtime function that changes no register: the address of its data, and the place
    /// of its values in the frame.
    Call {
        data: usize,
        values: u32,
    },
    Bind(Place),
    Jump(Place),
    /// Asks for the cache line of an address, which may lie outside of every buffer.
    Prefetch {
        of: Address,
    },
    /// Orders stores that bypass the caches before those that follow.
    Fence,
    Branch {
        a: R,
        cond: Cond,
        b: Amount,
        to: Place,
    },
    /// Jumps if no bit of a mask register is set in these many lanes.
    NoneSet {
        mask: R,
        bits: u8,
        to: Place,
    },
    /// Jumps if no bit of a vector is set.
    NoneSetVector {
        mask: R,
        w: Width,
        to: Place,
    },
    LoopBegin,
    LoopEnd,
}

/// The role of a register in an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Use,
    /// Read after the result may have been written.
    LateUse,
    Define,
}

fn address(a: &Address, role: Role, f: &mut impl FnMut(R, Role)) {
    if let Base::Reg(r) = a.base {
        f(r, role);
    }
    if let Some((r, _)) = a.index {
        f(r, role);
    }
}

fn operand(o: &Operand, role: Role, f: &mut impl FnMut(R, Role)) {
    match o {
        Operand::Reg(r) => f(*r, role),
        Operand::Mem(a) => address(a, role, f),
    }
}

fn amount(a: &Amount, f: &mut impl FnMut(R, Role)) {
    if let Amount::Reg(r) = a {
        f(*r, Role::Use);
    }
}

impl Inst {
    /// All registers, uses before definitions.
    pub fn visit(&self, f: &mut impl FnMut(R, Role)) {
        use Role::{Define, LateUse, Use};
        match self {
            Inst::Vector { dst, tied, a, b, within, .. } => {
                // What is moved into the destination first must not overwrite the other sources.
                let others = if tied.is_some_and(|t| t != *dst) { LateUse } else { Use };
                let others = if within.is_some() { LateUse } else { others };
                if let Some(t) = tied {
                    f(*t, Use);
                }
                if let Some(a) = a {
                    f(*a, others);
                }
                operand(b, others, f);
                if let Some(within) = within {
                    f(within.mask, LateUse);
                }
                f(*dst, Define);
            }
            Inst::Store { src, to, within, .. } => {
                f(*src, Use);
                address(to, Use, f);
                within.iter().for_each(|m| f(*m, Use));
            }
            Inst::Part { dst, src, .. } => {
                f(*src, Use);
                f(*dst, Define);
            }
            Inst::Compare { dst, a, b, within, .. } => {
                f(*a, Use);
                operand(b, Use, f);
                within.iter().for_each(|m| f(*m, Use));
                f(*dst, Define);
            }
            Inst::Blend { dst, a, b, mask, .. } => {
                f(*a, Use);
                operand(b, Use, f);
                f(*mask, Use);
                f(*dst, Define);
            }
            Inst::MaskedLoad { dst, mask, from, .. } => {
                f(*mask, Use);
                address(from, Use, f);
                f(*dst, Define);
            }
            Inst::MaskedStore { src, mask, to, .. } => {
                f(*src, Use);
                f(*mask, Use);
                address(to, Use, f);
            }
            Inst::Gather { dst, base, index, mask, .. } => {
                f(*base, LateUse);
                f(*index, LateUse);
                f(*mask, LateUse);
                f(*dst, Define);
            }
            Inst::Scatter { src, base, index, mask, .. } => {
                [src, base, index, mask].into_iter().for_each(|r| f(*r, Use));
            }
            Inst::Mask { dst, a, b, .. } => {
                f(*a, Use);
                f(*b, Use);
                f(*dst, Define);
            }
            Inst::MaskFrom { dst, src }
            | Inst::Spread { dst, src, .. }
            | Inst::First { dst, src, .. }
            | Inst::Copy { dst, src } => {
                f(*src, Use);
                f(*dst, Define);
            }
            Inst::Set { dst, .. } | Inst::Constant { dst, .. } => f(*dst, Define),
            Inst::Load { dst, from, .. } => {
                address(from, Use, f);
                f(*dst, Define);
            }
            Inst::StoreGeneral { src, to, .. } => {
                f(*src, Use);
                address(to, Use, f);
            }
            Inst::Lea { dst, of } => {
                address(of, Use, f);
                f(*dst, Define);
            }
            Inst::Prefetch { of } => address(of, Use, f),
            Inst::Update { dst, by, .. } => {
                f(*dst, Use);
                if let Amount::Reg(r) = by {
                    f(*r, LateUse);
                }
                f(*dst, Define);
            }
            Inst::KeepLow { dst, bits } => {
                f(*dst, Use);
                f(*bits, LateUse);
                f(*dst, Define);
            }
            Inst::Branch { a, b, .. } => {
                f(*a, Use);
                amount(b, f);
            }
            Inst::NoneSet { mask, .. } | Inst::NoneSetVector { mask, .. } => f(*mask, Use),
            Inst::Call { .. }
            | Inst::Bind(_)
            | Inst::Jump(_)
            | Inst::Fence
            | Inst::LoopBegin
            | Inst::LoopEnd => {}
        }
    }

    /// The register whose place the destination would best take.
    pub fn hint(&self) -> Option<(R, R)> {
        match self {
            Inst::Vector { dst, tied: Some(t), .. } => Some((*dst, *t)),
            Inst::Copy { dst, src } => Some((*dst, *src)),
            _ => None,
        }
    }
}

/// The bytes of one lane of a constant.
pub type Pattern = SmallVec<[u8; 8]>;

/// A constant: one lane's bytes for all lanes, or all lanes one by one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Constant {
    Each(Pattern),
    Lanes(Vec<u8>),
}

/// One function.
#[derive(Default)]
pub struct Code {
    pub insts: Vec<Inst>,
    pub classes: Vec<Class>,
    pub constants: Vec<Constant>,
    known: FxHashMap<Constant, R>,
    places: u32,
    /// Bytes of the frame that the function uses itself; spilled registers lie behind them.
    pub frame: u32,
    /// The definitions of constants, which go to the front.
    entry: Vec<Inst>,
}

impl Code {
    pub fn register(&mut self, class: Class) -> R {
        self.classes.push(class);
        R(self.classes.len() as u32 - 1)
    }

    pub fn class(&self, r: R) -> Class {
        self.classes[r.0 as usize]
    }

    pub fn push(&mut self, inst: Inst) {
        self.insts.push(inst);
    }

    pub fn place(&mut self) -> Place {
        self.places += 1;
        Place(self.places - 1)
    }

    pub fn places(&self) -> u32 {
        self.places
    }

    /// Room in the frame, aligned for every register.
    pub fn room(&mut self, bytes: u32) -> u32 {
        self.frame += bytes.next_multiple_of(64);
        self.frame - bytes.next_multiple_of(64)
    }

    /// A register that holds the constant from the entry on.
    pub fn constant(&mut self, c: Constant) -> R {
        if let Some(r) = self.known.get(&c) {
            return *r;
        }
        let dst = self.register(Class::Vector);
        let constant = self.constants.len() as u32;
        self.constants.push(c.clone());
        self.entry.push(Inst::Constant { dst, constant });
        self.known.insert(c, dst);
        dst
    }

    /// Puts the constants in front, once all are known.
    pub fn close(&mut self) {
        self.entry.append(&mut self.insts);
        self.insts = std::mem::take(&mut self.entry);
    }
}
