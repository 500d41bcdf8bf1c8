//! Operands: registers by width, and constants.

use cotangent_jit::{DType, Scalar};
use std::fmt;

/// The width of a register. Numbers of 8 bits, and integers of 16, lie in 32 bits, extended by
/// their sign; narrow floats are their 16 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    Pred,
    B16,
    B32,
    B64,
}

impl Class {
    pub const ALL: [Class; 4] = [Class::Pred, Class::B16, Class::B32, Class::B64];

    /// The class of the registers that hold values of this type.
    pub fn of(d: DType) -> Class {
        match d {
            DType::Bool => Class::Pred,
            DType::F16 | DType::BF16 => Class::B16,
            d if d.size() <= 4 => Class::B32,
            _ => Class::B64,
        }
    }

    /// The letter of the registers' names.
    pub fn letter(self) -> char {
        match self {
            Class::Pred => 'p',
            Class::B16 => 'h',
            Class::B32 => 'r',
            Class::B64 => 'd',
        }
    }

    /// The type without meaning, as instructions that only move bits name it.
    pub fn bits(self) -> &'static str {
        match self {
            Class::Pred => "pred",
            Class::B16 => "b16",
            Class::B32 => "b32",
            Class::B64 => "b64",
        }
    }

    /// The type of unsigned integers of this width.
    pub fn unsigned(self) -> &'static str {
        match self {
            Class::Pred => "pred",
            Class::B16 => "u16",
            Class::B32 => "u32",
            Class::B64 => "u64",
        }
    }
}

/// A register or a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    Register(Class, u32),
    Constant(Class, u64),
}

impl Value {
    /// The constant as it lies in a register.
    pub fn scalar(s: Scalar) -> Value {
        let bits = s.bits() as u64;
        let extended = match s.dtype() {
            DType::I8 => bits as u8 as i8 as i32 as u32 as u64,
            DType::I16 => bits as u16 as i16 as i32 as u32 as u64,
            _ => bits,
        };
        Value::Constant(Class::of(s.dtype()), extended)
    }

    pub fn int(n: i32) -> Value {
        Value::Constant(Class::B32, u64::from(n as u32))
    }

    pub fn long(n: i64) -> Value {
        Value::Constant(Class::B64, n as u64)
    }

    pub fn class(self) -> Class {
        match self {
            Value::Register(class, _) | Value::Constant(class, _) => class,
        }
    }

    /// The bits, if the value is constant.
    pub fn known(self) -> Option<u64> {
        match self {
            Value::Constant(_, bits) => Some(bits),
            Value::Register(..) => None,
        }
    }

    /// As an operand of an instruction on floats.
    pub fn float(self) -> impl fmt::Display {
        Float(self)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Value::Register(class, n) => write!(f, "%{}{n}", class.letter()),
            Value::Constant(_, bits) if bits < 1 << 16 => write!(f, "{bits}"),
            Value::Constant(Class::B32, bits)
                if bits as u32 as i32 >= -(1 << 16) && (bits as u32 as i32) < 0 =>
            {
                write!(f, "{}", bits as u32 as i32)
            }
            Value::Constant(Class::B64, bits) if bits as i64 >= -(1 << 16) && (bits as i64) < 0 => {
                write!(f, "{}", bits as i64)
            }
            Value::Constant(_, bits) => write!(f, "{bits:#x}"),
        }
    }
}

struct Float(Value);

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Constant(Class::B32, bits) => write!(f, "0f{bits:08X}"),
            Value::Constant(_, bits) => write!(f, "0d{bits:016X}"),
            register => register.fmt(f),
        }
    }
}
