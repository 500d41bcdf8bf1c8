//! The decoded form of an entry: registers are numbers, labels are positions, and arithmetic is a
//! function of one lane's bits.
//!
//! Values lie in the low bits of a `u64`, with zeros above the width of their register.

use crate::float::Conversion;
use crate::syntax::Space;
use crate::types::Type;
use smallvec::SmallVec;

/// The number of a register, or of a predicate.
pub type Reg = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Register(Reg),
    Literal(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicate {
    pub register: Reg,
    pub negated: bool,
}

pub type Unary = fn(u64) -> u64;
pub type Binary = fn(u64, u64) -> u64;
pub type Ternary = fn(u64, u64, u64) -> u64;
pub type Comparison = fn(u64, u64) -> bool;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    And,
    Or,
    Xor,
}

#[derive(Clone, Copy, Debug)]
pub enum Special {
    Thread(usize),
    Threads(usize),
    Block(usize),
    Blocks(usize),
    Lane,
    Warp,
    Warps,
    /// Lanes equal, below, up to, above, from this one.
    LaneMask(fn(u32) -> u32),
    DynamicShared,
}

/// Where an access goes: a register, if any, plus a distance.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    pub space: Space,
    pub base: Option<Reg>,
    pub offset: u64,
    /// Whether the offset counts from the end of the static shared memory.
    pub dynamic: bool,
}

/// What an access promises to other blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Whether other strong accesses may meet it without a race.
    pub strong: bool,
    pub acquire: bool,
    pub release: bool,
    /// `ld.global.nc`
    pub read_only: bool,
}

/// How loaded bits fill a register.
#[derive(Clone, Copy, Debug)]
pub struct Extend {
    pub from: u32,
    pub signed: bool,
    pub to: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    All,
    Any,
    Uniform,
}

/// The shapes of `mma.sync`.
#[derive(Clone, Copy, Debug)]
pub enum Tile {
    /// m16n8k16 of f16 or bf16 into f32: the function widens one element.
    Half(fn(u64) -> f32),
    /// m16n8k8 of tf32 into f32.
    Tensor32,
    /// m8n8k4 of f64.
    Double,
}

pub type Sources = SmallVec<[Value; 4]>;
pub type Targets = SmallVec<[Option<Reg>; 4]>;

#[derive(Clone, Debug)]
pub enum Op {
    Unary {
        f: Unary,
        d: Reg,
        a: Value,
    },
    Binary {
        f: Binary,
        d: Reg,
        a: Value,
        b: Value,
    },
    /// `div` and `rem` of integers.
    Divide {
        f: Binary,
        d: Reg,
        a: Value,
        b: Value,
    },
    Ternary {
        f: Ternary,
        d: Reg,
        a: Value,
        b: Value,
        c: Value,
    },
    Convert {
        how: Conversion,
        d: Reg,
        a: Value,
    },
    /// `bfi`: field, background, position, length.
    Insert {
        bits: u32,
        d: Reg,
        from: [Value; 4],
    },
    Lop3 {
        table: u8,
        d: Reg,
        from: [Value; 3],
    },
    Compare {
        f: Comparison,
        d: Option<Reg>,
        /// Gets the negated comparison.
        other: Option<Reg>,
        a: Value,
        b: Value,
        combine: Option<(Logic, Predicate)>,
    },
    Select {
        d: Reg,
        a: Value,
        b: Value,
        p: Predicate,
    },
    /// `mov`, `not` of predicates.
    MovePredicate {
        d: Reg,
        a: Predicate,
    },
    Logic {
        f: Logic,
        d: Reg,
        a: Predicate,
        b: Predicate,
    },
    Special {
        d: Reg,
        of: Special,
    },
    /// The address of dynamic shared memory, which the launch knows.
    DynamicAddress {
        d: Reg,
        offset: u64,
    },
    /// The address of a variable of the module in global memory: its number and the distance.
    GlobalAddress {
        d: Reg,
        variable: usize,
        offset: u64,
    },
    Pack {
        d: Reg,
        bits: u32,
        from: Sources,
    },
    Unpack {
        d: Targets,
        bits: u32,
        a: Value,
    },
    Load {
        address: Address,
        bytes: u32,
        order: Order,
        extend: Extend,
        to: Targets,
    },
    Store {
        address: Address,
        bytes: u32,
        order: Order,
        from: Sources,
    },
    Atomic {
        address: Address,
        bytes: u32,
        order: Order,
        /// Of the old value, `b` and `c`.
        f: Ternary,
        d: Option<Reg>,
        b: Value,
        c: Value,
    },
    Fence,
    CopyAsync {
        to: Address,
        from: Address,
        bytes: u32,
        valid: Option<Value>,
    },
    Commit,
    /// Waits until at most this many groups of the thread are pending, or for all copies.
    Wait {
        pending: Option<u32>,
    },
    Branch {
        target: usize,
        uniform: bool,
    },
    Exit,
    /// Runs the code from `start` to before `end`. What it takes and gives was and will be moved.
    Call {
        start: usize,
        end: usize,
    },
    /// `cudaGraphSetConditional`: where the two arguments lie in local memory.
    SetCondition {
        handle: Address,
        value: Address,
    },
    Barrier {
        id: Value,
        threads: Option<Value>,
    },
    WarpBarrier {
        mask: Value,
    },
    Shuffle {
        mode: Shuffle,
        d: Reg,
        p: Option<Reg>,
        a: Value,
        b: Value,
        clamp: Value,
        mask: Value,
    },
    Vote {
        mode: Vote,
        d: Reg,
        p: Predicate,
        mask: Value,
    },
    Ballot {
        d: Reg,
        p: Predicate,
        mask: Value,
    },
    MatchAny {
        d: Reg,
        a: Value,
        mask: Value,
    },
    Reduce {
        f: Binary,
        d: Reg,
        a: Value,
        mask: Value,
    },
    ActiveMask {
        d: Reg,
    },
    Sleep,
    LoadMatrix {
        to: Targets,
        address: Address,
        transposed: bool,
    },
    Multiply {
        tile: Tile,
        d: Targets,
        a: Sources,
        b: Sources,
        c: Sources,
    },
}

/// The classes that statistics count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Integer,
    Float,
    Convert,
    /// `mov`, `selp`, `setp` and the logic of predicates.
    Move,
    Load,
    Store,
    Atomic,
    Control,
    /// Exchanges between lanes.
    Lanes,
    Tensor,
}

#[derive(Clone, Debug)]
pub struct Instruction {
    pub line: u32,
    pub class: Class,
    pub guard: Option<Predicate>,
    pub op: Op,
    /// Where lanes that this branch parts meet again; the number of instructions if nowhere.
    pub meet: usize,
}

/// An entry of a module.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub name: String,
    /// Offset and bytes of each parameter.
    pub params: Vec<(u32, u32)>,
    pub param_bytes: u32,
    pub max_threads: Option<[u32; 3]>,
    pub exact_threads: Option<[u32; 3]>,
    pub shared_bytes: u32,
    /// The alignment of dynamic shared memory behind the static one.
    pub dynamic_align: u32,
    pub local_bytes: u32,
    pub code: Vec<Instruction>,
    pub registers: Vec<(String, Type)>,
    pub predicates: Vec<String>,
    /// Whether blocks may order their accesses: the entry holds an acquire, a release or a fence.
    pub synchronises: bool,
}
