//! The types of PTX, and which register may hold a value of which type.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bits,
    Unsigned,
    Signed,
    Float,
    /// The 16-bit type with the exponent of f32.
    Brain,
    Tensor32,
    Predicate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type {
    pub kind: Kind,
    pub bits: u32,
}

impl Type {
    pub const F32: Type = Type { kind: Kind::Float, bits: 32 };
    pub const F64: Type = Type { kind: Kind::Float, bits: 64 };
    pub const PREDICATE: Type = Type { kind: Kind::Predicate, bits: 1 };

    pub const fn bits(bits: u32) -> Type {
        Type { kind: Kind::Bits, bits }
    }

    pub const fn unsigned(bits: u32) -> Type {
        Type { kind: Kind::Unsigned, bits }
    }

    /// The type that a modifier names, without its dot.
    pub fn parse(name: &str) -> Option<Type> {
        let kind = match name {
            "pred" => return Some(Type::PREDICATE),
            "bf16" => return Some(Type { kind: Kind::Brain, bits: 16 }),
            "tf32" => return Some(Type { kind: Kind::Tensor32, bits: 32 }),
            "f16" | "f32" | "f64" => Kind::Float,
            "b8" | "b16" | "b32" | "b64" => Kind::Bits,
            "u8" | "u16" | "u32" | "u64" => Kind::Unsigned,
            "s8" | "s16" | "s32" | "s64" => Kind::Signed,
            _ => return None,
        };
        Some(Type { kind, bits: name[1..].parse().ok()? })
    }

    pub fn bytes(self) -> u32 {
        self.bits.div_ceil(8)
    }

    pub fn is_int(self) -> bool {
        matches!(self.kind, Kind::Unsigned | Kind::Signed)
    }

    pub fn is_signed(self) -> bool {
        self.kind == Kind::Signed
    }

    pub fn is_float(self) -> bool {
        matches!(self.kind, Kind::Float | Kind::Brain)
    }

    /// Whether a register of type `register` may stand where an instruction of this type wants an
    /// operand: equal widths, and not an integer for a float.
    pub fn accepts(self, register: Type) -> bool {
        let same = match (self.kind, register.kind) {
            (Kind::Predicate, other) | (other, Kind::Predicate) => other == Kind::Predicate,
            (Kind::Bits, _) | (_, Kind::Bits) => true,
            (a, b) if a == b => true,
            _ => self.is_int() && register.is_int(),
        };
        same && self.bits == register.bits
    }

    /// The same for loads, stores and conversions, whose integers may lie in wider registers.
    pub fn accepts_wider(self, register: Type) -> bool {
        let wider = Type { bits: register.bits, ..self };
        match self.kind {
            Kind::Float | Kind::Brain | Kind::Tensor32 | Kind::Predicate => self.accepts(register),
            _ => self.bits <= register.bits && wider.accepts(register),
        }
    }

    /// The bits of a register of this width.
    pub fn mask(self) -> u64 {
        mask(self.bits)
    }
}

pub fn mask(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            Kind::Bits => "b",
            Kind::Unsigned => "u",
            Kind::Signed => "s",
            Kind::Float => "f",
            Kind::Brain => "bf",
            Kind::Tensor32 => "tf",
            Kind::Predicate => return f.write_str(".pred"),
        };
        write!(f, ".{letter}{}", self.bits)
    }
}
