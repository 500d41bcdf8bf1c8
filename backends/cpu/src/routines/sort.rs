//! Stable sorts of several operands by the first few of them.
//!
//! Keys are compared as unsigned integers of the same order: -0 equals 0, all NaN are equal and last.

use cotangent_jit::DType;
use smallvec::SmallVec;

/// Extents as in `Routine::Sort`.
pub struct Shape {
    pub keys: usize,
    pub outer: usize,
    pub len: usize,
    pub inner: usize,
}

/// An unsigned integer that orders as the element does.
///
/// # Safety
/// `at` is inside the operand.
unsafe fn key(d: DType, base: *const u8, at: usize) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        match d {
            DType::F32 => u64::from(order32(*base.cast::<f32>().add(at))),
            DType::F64 => order64(*base.cast::<f64>().add(at)),
            DType::I32 => u64::from(*base.cast::<u32>().add(at) ^ 1 << 31),
            DType::U32 => u64::from(*base.cast::<u32>().add(at)),
            DType::I64 => *base.cast::<u64>().add(at) ^ 1 << 63,
            DType::U64 => *base.cast::<u64>().add(at),
            _ => u64::from(*base.add(at)),
        }
    }
}

fn order32(x: f32) -> u32 {
    if x.is_nan() {
        return u32::MAX;
    }
    let bits = (x + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

fn order64(x: f64) -> u64 {
    if x.is_nan() {
        return u64::MAX;
    }
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// # Safety
/// `args` holds the addresses of the operands and then of the outputs, each of `outer * len * inner` elements.
pub unsafe fn run(dtypes: &[DType], s: &Shape, args: *const *mut u8) {
    // SAFETY: the caller's promise.
    let args = unsafe { std::slice::from_raw_parts(args, 2 * dtypes.len()) };
    let (operands, outputs) = args.split_at(dtypes.len());
    let mut order: Vec<(SmallVec<[u64; 2]>, u32)> = Vec::with_capacity(s.len);
    let mut moved: Vec<u64> = Vec::with_capacity(s.len);
    for row in 0..s.outer * s.inner {
        let base = row / s.inner * s.len * s.inner + row % s.inner;
        order.clear();
        order.extend((0..s.len).map(|i| {
            let at = base + i * s.inner;
            // SAFETY: a row lies inside its operand.
            let keys = (0..s.keys).map(|o| unsafe { key(dtypes[o], operands[o], at) });
            (keys.collect(), i as u32)
        }));
        order.sort();
        for (o, d) in dtypes.iter().enumerate() {
            // SAFETY: rows lie inside; a row is read whole before its output is written.
            unsafe {
                match d.size() {
                    1 => permute::<u8>(&order, &mut moved, operands[o], outputs[o], base, s.inner),
                    4 => permute::<u32>(&order, &mut moved, operands[o], outputs[o], base, s.inner),
                    _ => permute::<u64>(&order, &mut moved, operands[o], outputs[o], base, s.inner),
                }
            }
        }
    }
}

/// # Safety
/// The row at `base` with this stride lies inside both.
unsafe fn permute<T: Copy + Into<u64> + TryFrom<u64>>(
    order: &[(SmallVec<[u64; 2]>, u32)],
    moved: &mut Vec<u64>,
    from: *const u8,
    to: *mut u8,
    base: usize,
    stride: usize,
) {
    let (from, to) = (from.cast::<T>(), to.cast::<T>());
    moved.clear();
    for (_, i) in order {
        // SAFETY: the caller's promise.
        moved.push(unsafe { (*from.add(base + *i as usize * stride)).into() });
    }
    for (i, v) in moved.iter().enumerate() {
        if let Ok(v) = T::try_from(*v) {
            // SAFETY: the caller's promise.
            unsafe { *to.add(base + i * stride) = v };
        }
    }
}
