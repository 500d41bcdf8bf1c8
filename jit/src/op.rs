//! The closed list of scalar operations, one signature row each. Every op is total: the row says what the odd inputs give.
//!
//! The interpreter, the verifier and every backend match on [`ScalarOp`] exhaustively, so a new op is a compile error
//! until each of them knows it. Ops of [`Level::Elementary`] are not implemented by backends at all: each has one
//! definition in terms of [`Level::Machine`] ops (see [`math`](crate::math)), shared by interpreter, vector loop,
//! remainder and PTX, so that their results agree to the bit.

use crate::DType;

/// An operation on scalars. Semantics are IEEE 754 for floats (subnormals kept, no contraction), wrapping for ints.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum ScalarOp {
    // ---- one operand, machine level
    /// `-x`; ints wrap.
    Neg,
    /// `|x|`; `|INT_MIN|` is `INT_MIN`; of a float clears the sign bit.
    Abs,
    /// Bitwise complement; logical not of bool.
    Not,
    Floor,
    Ceil,
    /// Toward zero.
    Trunc,
    /// To nearest, ties to even.
    RoundEven,
    /// Correctly rounded; of a negative number NaN.
    Sqrt,
    /// Count of one bits, in the operand's type.
    PopCount,
    /// Count of leading zeros, in the operand's type; the width for 0.
    Clz,

    // ---- two operands, machine level
    Add,
    Sub,
    Mul,
    /// Floats: IEEE. Ints: toward zero; `x / 0` is all ones (-1 if signed); `INT_MIN / -1` is `INT_MIN`.
    Div,
    /// Sign of the dividend. Ints: `x % 0` is `x`; `INT_MIN % -1` is 0. Floats: exact `fmod`; `x % 0` is NaN.
    Rem,
    /// A NaN operand gives NaN; `max(-0, 0)` is 0. Of complex numbers the first where it is greater by its real part or,
    /// those being equal, by its imaginary one; else the second, also beside a NaN.
    Max,
    /// A NaN operand gives NaN; `min(-0, 0)` is -0. Of complex numbers as `Max`, where it is less.
    Min,
    /// Bitwise; logical on bool.
    And,
    Or,
    Xor,
    /// By the width or more: 0. The amount is read as unsigned.
    Shl,
    /// Logical, whatever the sign; by the width or more: 0.
    ShrLogical,
    /// Arithmetic, whatever the sign; by the width or more: all sign bits.
    ShrArithmetic,
    /// The upper half of the double-width product.
    MulHi,
    /// `sin x` where `|x|` exceeds `math::far::reach`, by exact reduction; elsewhere, and of NaN, the second operand.
    FarSin,
    /// The same of `cos`.
    FarCos,
    /// The same of `tan`.
    FarTan,

    // ---- comparisons, to bool; on floats all but `Ne` are false of a NaN; false < true
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,

    // ---- three operands, machine level
    /// `select(p, a, b)`: `a` where `p`, else `b`.
    Select,
    /// `a * b + c`, rounded once.
    Fma,

    // ---- changes of type
    /// To the given type: float to int truncates, saturates, NaN gives 0; int to int wraps; int to float rounds to
    /// nearest even; to bool is `x != 0` (true of NaN); from bool gives 0 or 1; from complex to real drops the imaginary
    /// part.
    Convert(DType),
    /// The same bits as another type of the same width.
    Bitcast(DType),

    // ---- elementary functions of floats, each defined once in `math`
    /// -1, 0 or 1 (floats keep -0 and NaN; ints too, so this is defined for all numbers).
    Sign,
    /// False of NaN and the infinities; to bool.
    IsFinite,
    /// To nearest, ties away from zero.
    RoundAway,
    Rsqrt,
    Cbrt,
    Exp,
    Exp2,
    Expm1,
    Log,
    Log2,
    Log1p,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Acosh,
    Atanh,
    /// `1 / (1 + exp(-x))`.
    Logistic,
    Erf,
    Erfc,
    /// The inverse of erf on (-1, 1); the infinities at -1 and 1; NaN outside.
    ErfInv,
    /// `ln |gamma(x)|`.
    Lgamma,
    /// Its derivative.
    Digamma,
    /// Two operands: C's `pow`.
    Pow,
    /// Two operands: C's `atan2(y, x)`.
    Atan2,

    // ---- complex numbers; many of the ops above take them too, see [`ScalarOp::takes`]
    /// Two operands: the number with this real and this imaginary part.
    Complex,
    /// The real part.
    Real,
    /// The imaginary part.
    Imag,
}

/// Who implements an op.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The backend's instruction selection.
    Machine,
    /// `math::expand`.
    Elementary,
}

/// Which operand types an op takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Floats only.
    Float,
    /// Ints and floats.
    Number,
    /// Ints and bool.
    Bits,
    /// Ints only.
    Int,
    /// Anything real, bool included.
    Any,
    /// Complex numbers only.
    Complex,
}

impl Class {
    pub fn contains(self, d: DType) -> bool {
        match self {
            Class::Float => d.is_float(),
            Class::Number => d.is_float() || d.is_int(),
            Class::Bits => d.is_int() || d.is_bool(),
            Class::Int => d.is_int(),
            Class::Any => !d.is_complex(),
            Class::Complex => d.is_complex(),
        }
    }
}

impl ScalarOp {
    /// Every op, with `Convert` and `Bitcast` to `f32` standing for their families.
    pub const ALL: [ScalarOp; 71] = {
        use ScalarOp::*;
        [
            Neg,
            Abs,
            Not,
            Floor,
            Ceil,
            Trunc,
            RoundEven,
            Sqrt,
            PopCount,
            Clz,
            Add,
            Sub,
            Mul,
            Div,
            Rem,
            Max,
            Min,
            And,
            Or,
            Xor,
            Shl,
            ShrLogical,
            ShrArithmetic,
            MulHi,
            FarSin,
            FarCos,
            FarTan,
            Eq,
            Ne,
            Lt,
            Le,
            Gt,
            Ge,
            Select,
            Fma,
            Convert(DType::F32),
            Bitcast(DType::F32),
            Sign,
            IsFinite,
            RoundAway,
            Rsqrt,
            Cbrt,
            Exp,
            Exp2,
            Expm1,
            Log,
            Log2,
            Log1p,
            Sin,
            Cos,
            Tan,
            Asin,
            Acos,
            Atan,
            Sinh,
            Cosh,
            Tanh,
            Asinh,
            Acosh,
            Atanh,
            Logistic,
            Erf,
            Erfc,
            ErfInv,
            Lgamma,
            Digamma,
            Pow,
            Atan2,
            Complex,
            Real,
            Imag,
        ]
    };

    /// The name in printed kernels.
    pub fn name(self) -> &'static str {
        use ScalarOp::*;
        match self {
            Neg => "neg",
            Abs => "abs",
            Not => "not",
            Floor => "floor",
            Ceil => "ceil",
            Trunc => "trunc",
            RoundEven => "round_even",
            Sqrt => "sqrt",
            PopCount => "popcount",
            Clz => "clz",
            Add => "add",
            Sub => "sub",
            Mul => "mul",
            Div => "div",
            Rem => "rem",
            Max => "max",
            Min => "min",
            And => "and",
            Or => "or",
            Xor => "xor",
            Shl => "shl",
            ShrLogical => "shr_l",
            ShrArithmetic => "shr_a",
            MulHi => "mul_hi",
            FarSin => "far_sin",
            FarCos => "far_cos",
            FarTan => "far_tan",
            Eq => "eq",
            Ne => "ne",
            Lt => "lt",
            Le => "le",
            Gt => "gt",
            Ge => "ge",
            Select => "select",
            Fma => "fma",
            Convert(_) => "convert",
            Bitcast(_) => "bitcast",
            Sign => "sign",
            IsFinite => "is_finite",
            RoundAway => "round_away",
            Rsqrt => "rsqrt",
            Cbrt => "cbrt",
            Exp => "exp",
            Exp2 => "exp2",
            Expm1 => "expm1",
            Log => "log",
            Log2 => "log2",
            Log1p => "log1p",
            Sin => "sin",
            Cos => "cos",
            Tan => "tan",
            Asin => "asin",
            Acos => "acos",
            Atan => "atan",
            Sinh => "sinh",
            Cosh => "cosh",
            Tanh => "tanh",
            Asinh => "asinh",
            Acosh => "acosh",
            Atanh => "atanh",
            Logistic => "logistic",
            Erf => "erf",
            Erfc => "erfc",
            ErfInv => "erf_inv",
            Lgamma => "lgamma",
            Digamma => "digamma",
            Pow => "pow",
            Atan2 => "atan2",
            Complex => "complex",
            Real => "real",
            Imag => "imag",
        }
    }

    /// How many operands, and of which types. `Select` takes a bool before two of any one type.
    pub fn signature(self) -> (usize, Class) {
        use ScalarOp::*;
        match self {
            Neg | Abs | Sign => (1, Class::Number),
            Not => (1, Class::Bits),
            Floor | Ceil | Trunc | RoundEven | Sqrt => (1, Class::Float),
            PopCount | Clz => (1, Class::Int),
            Add | Sub | Mul | Div | Rem => (2, Class::Number),
            Max | Min => (2, Class::Any),
            And | Or | Xor => (2, Class::Bits),
            Shl | ShrLogical | ShrArithmetic | MulHi => (2, Class::Int),
            Eq | Ne | Lt | Le | Gt | Ge => (2, Class::Any),
            Select => (3, Class::Any),
            Fma => (3, Class::Float),
            Convert(_) => (1, Class::Any),
            Bitcast(_) => (1, Class::Number),
            IsFinite | RoundAway | Rsqrt | Cbrt | Exp | Exp2 | Expm1 | Log | Log2 | Log1p | Sin
            | Cos | Tan | Asin | Acos | Atan | Sinh | Cosh | Tanh | Asinh | Acosh | Atanh
            | Logistic | Erf | Erfc | ErfInv | Lgamma | Digamma => (1, Class::Float),
            Pow | Atan2 | FarSin | FarCos | FarTan | Complex => (2, Class::Float),
            Real | Imag => (1, Class::Complex),
        }
    }

    /// Whether the op takes operands of this type: those of its class, and for many ops complex numbers besides.
    pub fn takes(self, d: DType) -> bool {
        use ScalarOp::*;
        let (_, class) = self.signature();
        match self {
            Complex => d.complex().is_some(),
            Neg | Abs | Sign | Add | Sub | Mul | Div | Max | Min | Eq | Ne | Select
            | Convert(_) | Sqrt | Rsqrt | Exp | Exp2 | Expm1 | Log | Log2 | Log1p | Sin | Cos
            | Tan | Asin | Acos | Atan | Sinh | Cosh | Tanh | Asinh | Acosh | Atanh | Logistic
            | Pow => d.is_complex() || class.contains(d),
            _ => class.contains(d),
        }
    }

    /// Whether floats without a NaN among them may give one.
    pub fn makes_nan(self) -> bool {
        use ScalarOp::*;
        match self {
            Add | Sub | Mul | Div | Rem | Fma | Bitcast(_) | Pow => true,
            Sqrt | Rsqrt | Log | Log2 | Log1p | Acosh | Atanh | Asin | Acos | ErfInv => true,
            Sin | Cos | Tan | Digamma | FarSin | FarCos | FarTan => true,
            Complex | Real | Imag => false,
            Neg | Abs | Not | Floor | Ceil | Trunc | RoundEven | RoundAway | Sign => false,
            PopCount | Clz | And | Or | Xor | Shl | ShrLogical | ShrArithmetic | MulHi => false,
            Max | Min | Eq | Ne | Lt | Le | Gt | Ge | Select | Convert(_) | IsFinite => false,
            Cbrt | Exp | Exp2 | Expm1 | Atan | Sinh | Cosh | Tanh | Asinh | Logistic => false,
            Erf | Erfc | Lgamma | Atan2 => false,
        }
    }

    pub fn level(self) -> Level {
        use ScalarOp::*;
        match self {
            Sign | IsFinite | RoundAway | Rsqrt | Cbrt | Exp | Exp2 | Expm1 | Log | Log2
            | Log1p | Sin | Cos | Tan | Asin | Acos | Atan | Sinh | Cosh | Tanh | Asinh | Acosh
            | Atanh | Logistic | Erf | Erfc | ErfInv | Lgamma | Digamma | Pow | Atan2 => {
                Level::Elementary
            }
            _ => Level::Machine,
        }
    }

    /// The level on operands of this type: complex quotients, magnitudes and roots have definitions.
    pub fn level_on(self, d: DType) -> Level {
        use ScalarOp::*;
        match self {
            Div | Abs | Sqrt if d.is_complex() => Level::Elementary,
            _ => self.level(),
        }
    }

    /// The type of the result, or `None` if the op does not take these operands.
    pub fn result(self, operands: &[DType]) -> Option<DType> {
        use ScalarOp::*;
        let (arity, _) = self.signature();
        if operands.len() != arity {
            return None;
        }
        if self == Select {
            let fits = operands[0].is_bool() && operands[1] == operands[2];
            return (fits && self.takes(operands[1])).then_some(operands[1]);
        }
        let d = operands[0];
        if !self.takes(d) || operands.iter().any(|o| *o != d) {
            return None;
        }
        match self {
            Eq | Ne | Lt | Le | Gt | Ge | IsFinite => Some(DType::Bool),
            Convert(to) => Some(to),
            Complex => d.complex(),
            Abs | Real | Imag => Some(d.part()),
            Bitcast(to) => (to.size() == d.size() && Class::Number.contains(to)).then_some(to),
            _ => Some(d),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_consistent() {
        for op in ScalarOp::ALL {
            let (arity, _) = op.signature();
            let d = DType::ALL.into_iter().find(|d| {
                let mut operands = vec![*d; arity];
                if op == ScalarOp::Select {
                    operands[0] = DType::Bool;
                }
                op.result(&operands).is_some()
            });
            assert!(d.is_some(), "{op:?} takes no type at all");
        }
    }
}
