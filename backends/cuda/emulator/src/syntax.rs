//! A PTX module as it is written: declarations and statements with names, before decoding.

use crate::types::{Kind, Type};
use rustc_hash::FxHashMap;

/// The function by which a kernel sets a condition of the graph that it is a node of.
pub const SET_CONDITION: &str = "cudaGraphSetConditional";

/// A literal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Literal {
    Integer(i128),
    F32(u32),
    F64(u64),
}

impl Literal {
    /// The bits of a literal as a value of a type, if it fits.
    pub fn bits(self, ty: Type) -> Option<u64> {
        match (self, ty.kind, ty.bits) {
            (Literal::Integer(n), Kind::Bits | Kind::Unsigned | Kind::Signed, bits) => {
                let fits = n < 1i128 << bits && n >= -(1i128 << (bits - 1));
                fits.then_some(n as u64 & ty.mask())
            }
            (Literal::F32(bits), Kind::Float | Kind::Bits, 32) => Some(bits.into()),
            (Literal::F64(bits), Kind::Float | Kind::Bits, 64) => Some(bits),
            // A decimal where an f32 is wanted.
            (Literal::F64(bits), Kind::Float, 32) => {
                Some((f64::from_bits(bits) as f32).to_bits().into())
            }
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub enum Operand<'a> {
    /// A register, variable or label, perhaps with an offset.
    Word(&'a str, i64),
    /// `!p`
    Negated(&'a str),
    /// `p|q`
    Pair(&'a str, &'a str),
    Literal(Literal),
    /// `[base+offset]`
    Address(Option<&'a str>, i64),
    Vector(Vec<Operand<'a>>),
    /// The arguments of a call.
    Arguments(Vec<&'a str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// No space is written: the address says.
    Generic,
    Global,
    Shared,
    Const,
    Local,
    Param,
}

#[derive(Clone, Debug)]
pub struct Variable {
    pub space: Space,
    pub align: u32,
    /// The size, except of an array whose size the launch gives.
    pub bytes: Option<u64>,
    /// The first bytes; the rest is zero, as are variables without initialisers.
    pub initial: Vec<u8>,
    pub line: u32,
}

#[derive(Clone, Copy, Debug)]
pub struct Registers {
    pub ty: Type,
    /// Of `%r<count>`; without it the name is a register itself.
    pub count: Option<u32>,
}

#[derive(Debug, Default)]
pub struct Scope<'a> {
    pub parent: Option<usize>,
    pub registers: FxHashMap<&'a str, Registers>,
    pub variables: Vec<(&'a str, Variable)>,
    /// The number of the statement that follows each label.
    pub labels: FxHashMap<&'a str, usize>,
}

#[derive(Debug)]
pub struct Statement<'a> {
    pub line: u32,
    pub scope: usize,
    /// The predicate, and whether it is negated.
    pub guard: Option<(&'a str, bool)>,
    pub opcode: &'a str,
    pub operands: Vec<Operand<'a>>,
}

#[derive(Debug, Default)]
pub struct Entry<'a> {
    pub name: &'a str,
    pub params: Vec<(&'a str, Variable)>,
    pub max_threads: Option<[u32; 3]>,
    pub exact_threads: Option<[u32; 3]>,
    /// The scope of the body comes first.
    pub scopes: Vec<Scope<'a>>,
    pub statements: Vec<Statement<'a>>,
}

/// A function that entries call. Its parameters and its result are registers.
#[derive(Debug, Default)]
pub struct Function<'a> {
    pub params: Vec<&'a str>,
    pub result: &'a str,
    /// The name, and the body, the first scope of which declares the parameters and the result.
    pub body: Entry<'a>,
}

#[derive(Debug, Default)]
pub struct Text<'a> {
    /// Ten times the version: 70 is 7.0.
    pub version: u32,
    /// The architecture: 80 is `sm_80`.
    pub target: u32,
    pub variables: Vec<(&'a str, Variable)>,
    pub entries: Vec<Entry<'a>>,
    pub functions: Vec<Function<'a>>,
    /// Whether [`SET_CONDITION`] is declared.
    pub sets_conditions: bool,
}
