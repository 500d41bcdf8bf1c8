//! Index arithmetic on kernel nodes (conversion to i64, clamps, tests), the checks that indexing
//! primitives share, start indices that count from the end, and ints that are clamped before their
//! dtype changes.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::source::counting_from_end;
use crate::prims::points::binary::{try_add, try_max, try_min};
use crate::prims::points::compare::try_lt;
use crate::prims::points::convert::try_convert_element_type;
use crate::prims::points::select::try_select_n;
use crate::prims::rules::numbers::{int_range, place_dtype};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Node, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err};

/// An index of any int dtype as i64; a u64 beyond i64 saturates.
pub(crate) fn as_index(b: &mut KernelBuilder, index: NodeId) -> NodeId {
    if b.dtype(index) == DType::U64 {
        let largest = b.constant(Scalar::from(i64::MAX as u64));
        let index = b.op(ScalarOp::Min, &[index, largest]);
        return b.convert(index, DType::I64);
    }
    b.convert(index, DType::I64)
}

/// The index in i32, if it was converted from there and the bound fits: then lanes are half as
/// wide.
fn narrowed(b: &mut KernelBuilder, index: NodeId, last: i64) -> (NodeId, DType) {
    match b.node(index) {
        Node::Op { op: ScalarOp::Convert(DType::I64), args }
            if b.dtype(args[0]) == DType::I32 && i32::try_from(last).is_ok() =>
        {
            (args[0], DType::I32)
        }
        _ => (index, DType::I64),
    }
}

fn bounds(b: &mut KernelBuilder, d: DType, last: i64) -> (NodeId, NodeId) {
    let mut number = |n: i64| match d {
        DType::I32 => b.constant(Scalar::from(n as i32)),
        _ => b.constant(Scalar::from(n)),
    };
    (number(0), number(last))
}

/// `index` clamped into `0..=last`.
pub(crate) fn clamped(b: &mut KernelBuilder, index: NodeId, last: i64) -> NodeId {
    let (index, d) = narrowed(b, index, last);
    let (zero, last) = bounds(b, d, last);
    let low = b.op(ScalarOp::Max, &[index, zero]);
    let inside = b.op(ScalarOp::Min, &[low, last]);
    b.convert(inside, DType::I64)
}

/// Whether `0 <= index <= last`.
pub(crate) fn within(b: &mut KernelBuilder, index: NodeId, last: i64) -> NodeId {
    let (index, d) = narrowed(b, index, last);
    let (zero, last) = bounds(b, d, last);
    let low = b.op(ScalarOp::Ge, &[index, zero]);
    let high = b.op(ScalarOp::Le, &[index, last]);
    b.op(ScalarOp::And, &[low, high])
}

/// The flat position of the coordinates `at` in row-major order.
pub(crate) fn flat(b: &mut KernelBuilder, shape: &[usize], at: &[NodeId]) -> NodeId {
    let mut sum = b.constant(Scalar::from(0i64));
    let mut stride = 1i64;
    for (&n, &i) in shape.iter().zip(at).rev() {
        let by = b.constant(Scalar::from(stride));
        let term = b.op(ScalarOp::Mul, &[i, by]);
        sum = b.op(ScalarOp::Add, &[sum, term]);
        stride *= n as i64;
    }
    sum
}

/// Errors unless start indices are one rank-0 int per axis of `x`, all of one dtype.
pub(crate) fn expect_starts(name: &str, x: &Aval, starts: &[Aval]) -> Result<(), Error> {
    if starts.len() != x.rank() {
        return Err(err!(
            Shape,
            "{name}: expected {} start indices, one per axis of {x}, got {}",
            x.rank(),
            starts.len()
        ));
    }
    for s in starts {
        if s.rank() != 0 || !s.dtype.is_int() || s.dtype != starts[0].dtype {
            return Err(err!(
                DType,
                "{name}: expected scalar int start indices of one dtype, got {s} beside {}",
                starts[0]
            ));
        }
    }
    Ok(())
}

/// Ints clamped into `low..=high`, then converted to a dtype that holds both bounds.
///
/// The clamp happens in the ints' own dtype, so no value wraps.
pub(crate) fn moved_into(x: &Array, low: i64, high: i64, dtype: DType) -> Result<Array, Error> {
    let (least, greatest) = int_range(x.dtype());
    let bound = |n: i64| Scalar::from_i64(x.dtype(), n).map(Array::strong_literal);
    let mut x = x.clone();
    if i128::from(low) > least
        && let Some(low) = bound(low)
    {
        x = try_max(&x, &low)?;
    }
    if i128::from(high) < greatest
        && let Some(high) = bound(high)
    {
        x = try_min(&x, &high)?;
    }
    try_convert_element_type(&x, dtype)
}

/// Ints as i64; a u64 beyond i64 saturates.
pub(crate) fn as_i64(x: &Array) -> Result<Array, Error> {
    moved_into(x, i64::MIN, i64::MAX, DType::I64)
}

/// Scalar start indices in which negative ones count from the end of their axis of `x`. Anything
/// but one scalar int per axis is returned as it is, and the primitive refuses it.
pub(crate) fn from_end(x: &Array, starts: &[Array]) -> Result<Vec<Array>, Error> {
    let index = |s: &Array| s.ndim() == 0 && s.dtype().is_int();
    if starts.len() != x.ndim() || !starts.iter().all(index) {
        return Ok(starts.to_vec());
    }
    counting_from_end();
    // Starts narrower than i32 become i32, or i64 if i32 cannot count the entries of some axis.
    let place = x.shape().iter().copied().map(place_dtype).find(|d| *d == DType::I64);
    let place = place.unwrap_or(DType::I32);
    let small = |s: &Array| s.dtype().size() < 4 || s.dtype() == DType::I32;
    let narrow = starts.iter().all(small) && starts.iter().any(|s| s.dtype() != place);
    let counted = starts.iter().zip(x.shape()).map(|(s, &n)| {
        let s = if narrow { try_convert_element_type(s, place)? } else { s.clone() };
        let known = s.as_literal().and_then(Scalar::to_i64);
        if s.dtype().is_unsigned() || known.is_some_and(|i| i >= 0) {
            return Ok(s);
        }
        let number = |i: i64| Scalar::from_i64(s.dtype(), i).map(Array::strong_literal);
        let (Some(zero), Some(size)) = (number(0), number(n as i64)) else { return Ok(s) };
        let shifted = try_add(&s, &size)?;
        try_select_n(&try_lt(&s, &zero)?, &[&s, &shifted])
    });
    counted.collect()
}
