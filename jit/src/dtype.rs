//! Element types: their names, sizes and classes. Promotion between them is a matter of the array
//! library.

use std::fmt;

/// The type of one array element.
///
/// Backends run all of them ([`DType::runs`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DType {
    #[doc(alias("bool", "bool_"))]
    Bool,
    #[doc(alias = "int8")]
    I8,
    #[doc(alias("int16", "short"))]
    I16,
    #[doc(alias("int32", "int"))]
    I32,
    #[doc(alias("int64", "long"))]
    I64,
    #[doc(alias = "uint8")]
    U8,
    #[doc(alias = "uint16")]
    U16,
    #[doc(alias = "uint32")]
    U32,
    #[doc(alias = "uint64")]
    U64,
    #[doc(alias("float16", "half"))]
    F16,
    #[doc(alias = "bfloat16")]
    BF16,
    #[doc(alias("float32", "single"))]
    F32,
    #[doc(alias("float64", "double"))]
    F64,
    #[doc(alias("complex64", "cfloat"))]
    C64,
    #[doc(alias("complex128", "cdouble"))]
    C128,
}

impl DType {
    /// Every element type, in declaration order.
    pub const ALL: [DType; 15] = [
        DType::Bool,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
        DType::C64,
        DType::C128,
    ];

    /// Size of one element in bytes; a `bool` is one byte that holds 0 or 1.
    #[doc(alias("itemsize", "element_size"))]
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::I8 | DType::U8 => 1,
            DType::I16 | DType::U16 | DType::F16 | DType::BF16 => 2,
            DType::I32 | DType::U32 | DType::F32 => 4,
            DType::I64 | DType::U64 | DType::F64 | DType::C64 => 8,
            DType::C128 => 16,
        }
    }

    /// Width in bits, 1 for `bool`.
    pub const fn bits(self) -> u32 {
        match self {
            DType::Bool => 1,
            _ => self.size() as u32 * 8,
        }
    }

    pub const fn is_bool(self) -> bool {
        matches!(self, DType::Bool)
    }

    pub const fn is_signed(self) -> bool {
        matches!(self, DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }

    pub const fn is_unsigned(self) -> bool {
        matches!(self, DType::U8 | DType::U16 | DType::U32 | DType::U64)
    }

    /// A signed or unsigned integer; `bool` is not one.
    pub const fn is_int(self) -> bool {
        self.is_signed() || self.is_unsigned()
    }

    #[doc(alias = "is_floating_point")]
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    #[doc(alias = "iscomplexobj")]
    pub const fn is_complex(self) -> bool {
        matches!(self, DType::C64 | DType::C128)
    }

    /// Returns whether derivatives flow through values of this type.
    #[doc(alias("isdtype", "issubdtype"))]
    pub const fn is_inexact(self) -> bool {
        self.is_float() || self.is_complex()
    }

    /// Returns whether backends execute values of this type today.
    pub const fn runs(self) -> bool {
        true
    }

    /// A number of 8 or 16 bits, whose arithmetic is done in another type ([`DType::widened`]).
    pub const fn is_narrow(self) -> bool {
        matches!(self, DType::I8 | DType::I16 | DType::U8 | DType::U16 | DType::F16 | DType::BF16)
    }

    /// The 32-bit type of the same kind that holds every value of a narrow type; any other type
    /// itself.
    pub const fn widened(self) -> DType {
        match self {
            DType::I8 | DType::I16 => DType::I32,
            DType::U8 | DType::U16 => DType::U32,
            DType::F16 | DType::BF16 => DType::F32,
            d => d,
        }
    }

    /// The type of the real and imaginary parts of a complex number; any other type itself.
    pub const fn part(self) -> DType {
        match self {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            d => d,
        }
    }

    /// The complex numbers whose parts have this type: of f32 c64, of f64 c128.
    pub const fn complex(self) -> Option<DType> {
        Some(match self {
            DType::F32 => DType::C64,
            DType::F64 => DType::C128,
            _ => return None,
        })
    }

    /// The unsigned integer of the same width, for bit patterns.
    pub const fn bit_pattern(self) -> Option<DType> {
        Some(match self {
            DType::I8 | DType::U8 => DType::U8,
            DType::I16 | DType::U16 | DType::F16 | DType::BF16 => DType::U16,
            DType::I32 | DType::U32 | DType::F32 => DType::U32,
            DType::I64 | DType::U64 | DType::F64 => DType::U64,
            DType::Bool | DType::C64 | DType::C128 => return None,
        })
    }

    /// The short name used when jaxprs print: `f32`, `i64`, `bool`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I8 => "i8",
            DType::I16 => "i16",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::U8 => "u8",
            DType::U16 => "u16",
            DType::U32 => "u32",
            DType::U64 => "u64",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::C64 => "c64",
            DType::C128 => "c128",
        }
    }

    /// The inverse of [`DType::name`].
    pub fn parse(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|d| d.name() == name)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for d in DType::ALL {
            assert_eq!(DType::parse(d.name()), Some(d));
        }
        assert_eq!(DType::parse("float32"), None);
    }
}
