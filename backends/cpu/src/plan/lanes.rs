//! The lanes of a vector loop: their bits, and the ops that have instructions for them. The
//! instructions themselves live in `ops`.

use cotangent_jit::DType;
use cotangent_jit::op::{MachineOp, ScalarOp};

/// Bits of one lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bits {
    B32,
    B64,
}

impl Bits {
    /// The bits of a lane of this dtype; `None` for bools, whose masks may have either width.
    pub fn of(d: DType) -> Option<Bits> {
        match d.size() {
            4 => Some(Bits::B32),
            8 => Some(Bits::B64),
            _ if d.is_narrow() => Some(Bits::B32),
            _ => None,
        }
    }

    pub fn lanes(self) -> usize {
        match self {
            Bits::B32 => 4,
            Bits::B64 => 2,
        }
    }
}

/// The vectors that loops are planned for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vectors {
    pub bytes: usize,
}

impl Vectors {
    /// Those that every processor has: 128 bits, no masks, no gathers, and a remainder loop in
    /// scalars. The wider ones have masks, so that a loop of any extent runs in them.
    pub const LEAST: Vectors = Vectors { bytes: 16 };

    pub fn wide(self) -> bool {
        self.bytes > 16
    }

    /// Returns whether masks are registers of their own, which comes with instructions for 64-bit
    /// ints and for scatters.
    pub fn rich(self) -> bool {
        self.bytes == 64
    }
}

/// Returns whether the op has native instructions for 128-bit lanes of this operand type; `uniform`
/// if its second operand does not vary.
pub fn native(op: ScalarOp, d: DType, uniform: bool) -> bool {
    use MachineOp::*;
    // An elementary op is called, and its function takes a vector register.
    let Some(op) = op.machine() else { return true };
    match op {
        Div => d.is_float(),
        Rem | PopCount | Clz | MulHi => false,
        Shl | ShrLogical | ShrArithmetic => uniform,
        Convert(to) if d.is_narrow() || to.is_narrow() => converts(d, to),
        Convert(to) => matches!(
            (d, to),
            (DType::F32, DType::F64)
                | (DType::F64, DType::F32)
                | (DType::F32, DType::I32 | DType::U32)
                | (DType::I32 | DType::U32, DType::F32)
                | (DType::I32, DType::F64)
                | (DType::I32 | DType::U32, DType::I64 | DType::U64)
                | (DType::I64 | DType::U64, DType::I32 | DType::U32)
                | (DType::I32, DType::U32)
                | (DType::U32, DType::I32)
                | (DType::I64, DType::U64)
                | (DType::U64, DType::I64)
                | (_, DType::Bool)
                | (DType::Bool, _)
        ),
        Neg | Abs | Not | Floor | Ceil | Trunc | RoundEven | Sqrt | Add | Sub | Mul | Max | Min
        | And | Or | Xor | FarSin | FarCos | FarTan | Eq | Ne | Lt | Le | Gt | Ge | Select
        | Fma | Bitcast(_) => true,
        // Complex numbers have been split.
        Complex | Real | Imag => true,
    }
}

/// Returns whether `convert` takes lanes of the first type to lanes of the second.
pub fn converts(from: DType, to: DType) -> bool {
    from.is_narrow() && to == from.widened() || to.is_narrow() && from == to.widened()
}
