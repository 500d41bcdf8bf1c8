//! The instructions that an op takes, roughly: as a scalar, and as one register of lanes. The costs
//! that are made of them live in `cost`.

use crate::plan::lanes::{Vectors, native};
use cotangent_jit::DType;
use cotangent_jit::op::{MachineOp, ScalarOp};

/// The instructions of the op on scalars. What waits long counts for as many as run meanwhile.
pub fn scalar(op: ScalarOp, d: DType) -> f64 {
    use MachineOp::*;
    match op.machine() {
        Some(Div) if !d.is_float() => 25.0,
        Some(Rem) if d.is_float() => 40.0,
        Some(Rem) => 25.0,
        Some(MulHi) if d.size() == 8 => 3.0,
        // Between narrow floats and f32, in ints.
        Some(Convert(to)) if [d, to].contains(&DType::F16) => 25.0,
        Some(Convert(to)) if [d, to].contains(&DType::BF16) => 10.0,
        Some(Convert(to)) if d.is_float() && to.is_int() => 4.0,
        Some(Convert(to)) if d == DType::U64 && to.is_float() => 6.0,
        _ => 1.0,
    }
}

/// The instructions of the op, per point, on the lanes of these vectors; `to` is the type of its
/// result, `uniform` says that its second operand does not vary.
pub fn in_lanes(op: ScalarOp, d: DType, to: DType, uniform: bool, vectors: Vectors) -> f64 {
    let size = d.size().max(to.size()).max(4) as f64;
    let registers = size / vectors.bytes as f64;
    if !vectors.wide() {
        // Lane by lane, taken out of their registers and put together again.
        return if native(op, d, uniform) { registers } else { scalar(op, d) + 1.2 };
    }
    registers * per_register(op, d, to, vectors.rich())
}

/// The instructions for one register of wide vectors; `rich` ones have 64-bit ints and counts.
fn per_register(op: ScalarOp, d: DType, to: DType, rich: bool) -> f64 {
    use MachineOp::*;
    let either = |with: f64, without: f64| if rich { with } else { without };
    let Some(op) = op.machine() else { return 1.0 };
    let long = d.size() == 8;
    match op {
        Div | Rem if d.is_float() => {
            if op == Div {
                4.0
            } else {
                16.0
            }
        }
        Div | Rem if long => either(28.0, 75.0),
        Div | Rem => 18.0,
        MulHi => {
            if long {
                16.0
            } else {
                6.0
            }
        }
        Mul if long && !d.is_float() => either(1.0, 8.0),
        PopCount => either(2.0, 9.0),
        Clz => either(1.0, 8.0),
        Max | Min if d.is_float() || long => either(2.0, 4.0),
        Convert(to) if d.is_float() && to.is_int() => match to.size() {
            8 => either(4.0, 15.0),
            _ => 4.0,
        },
        Convert(_) if long && !d.is_float() && to.is_float() => either(1.0, 7.0),
        Convert(to) if d.is_narrow() || to.is_narrow() => 3.0,
        FarSin | FarCos | FarTan => 4.0,
        _ => 1.0,
    }
}
