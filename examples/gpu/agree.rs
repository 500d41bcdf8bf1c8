//! Elementary functions over all exponents and signs, NaNs and infinities among them: results whose
//! bits are not the CPU's. NaNs count as one number.

use crate::measure::{Line, Session};
use cotangent::lax;
use cotangent::prelude::*;

type Function = fn(&Array) -> Array;

const FUNCTIONS: [(&str, Function); 32] = [
    ("sqrt", lax::sqrt),
    ("rsqrt", lax::rsqrt),
    ("exp", lax::exp),
    ("exp2", lax::exp2),
    ("expm1", lax::expm1),
    ("log", lax::log),
    ("log1p", lax::log1p),
    ("sin", lax::sin),
    ("cos", lax::cos),
    ("tan", lax::tan),
    ("asin", lax::asin),
    ("acos", lax::acos),
    ("atan", lax::atan),
    ("sinh", lax::sinh),
    ("cosh", lax::cosh),
    ("tanh", lax::tanh),
    ("asinh", lax::asinh),
    ("acosh", lax::acosh),
    ("atanh", lax::atanh),
    ("logistic", lax::logistic),
    ("cbrt", lax::cbrt),
    ("erf", lax::erf),
    ("erfc", lax::erfc),
    ("erf_inv", lax::erf_inv),
    ("lgamma", lax::lgamma),
    ("digamma", lax::digamma),
    ("floor", lax::floor),
    ("ceil", lax::ceil),
    ("sign", lax::sign),
    ("reciprocal", |x| 1.0 / x),
    ("to i32", |x| x.astype(DType::I32)),
    ("remainder by 0.7", |x| x % 0.7),
];

/// Numbers of every exponent and sign, spread over the mantissas. All there are of 16 bits.
fn inputs(dtype: DType, count: usize) -> Array {
    let spread = |bits: u32, n: usize| -> u64 {
        let step = if bits >= 32 { u64::MAX / count as u64 } else { 1 };
        (n as u64 * step + (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % step.max(1))
            >> (64 - bits)
    };
    match dtype {
        DType::F64 => {
            let bits: Vec<u64> = (0..count).map(|n| spread(64, n)).collect();
            lax::bitcast_convert_type(&Array::from(bits), dtype)
        }
        DType::F32 => {
            let bits: Vec<u32> = (0..count).map(|n| spread(32, n) as u32).collect();
            lax::bitcast_convert_type(&Array::from(bits), dtype)
        }
        _ => {
            let bits: Vec<u16> = (0..=u16::MAX).collect();
            lax::bitcast_convert_type(&Array::from(bits), dtype)
        }
    }
}

pub fn measure(session: &Session) {
    let count = session.size(1 << 23, 1 << 9);
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let x = with_default_device(&Device::cpu(), || inputs(dtype, count));
        for (name, f) in FUNCTIONS {
            session.attempt(name, || compare(session, name, f, &x));
        }
    }
}

fn compare(session: &Session, name: &str, f: Function, x: &Array) -> Result<(), Error> {
    let cpu = Device::cpu();
    let f = jit(move |x: Array| f(&x));
    let x = x.to(&cpu);
    let (want, got) =
        (f.try_call((x.clone(),))?, f.try_call((x.to(&session.device),))?.try_to(&cpu)?);
    let differ = jit(|a: Array, b: Array| {
        let bits = |x: &Array| match x.dtype().is_float() {
            true => lax::bitcast_convert_type(x, x.dtype().bit_pattern().expect("a float's")),
            false => x.clone(),
        };
        let both_nan = lax::ne(&a, &a).logical_and(lax::ne(&b, &b));
        bits(&a).ne(bits(&b)).logical_and(both_nan.logical_not())
    })(want.clone(), got.clone());
    let wrong = differ.astype(DType::I64).sum().to_f64();
    let mut line = Line::new("agree")
        .text("function", name)
        .text("dtype", &x.dtype().to_string())
        .count("inputs", x.size())
        .number("differ", wrong);
    if wrong > 0.0 {
        let at = differ.argmax();
        let one = |x: &Array| x.take(&at, 0).astype(DType::F64).to_f64();
        line = line.number("at", one(&x)).number("cpu", one(&want)).number("device", one(&got));
    }
    line.print();
    Ok(())
}
