//! Matrix products.

use cotangent_jit::DType;

/// Extents and element strides, as in `Routine::Dot`.
pub struct Shape {
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub lhs: [i64; 3],
    pub rhs: [i64; 3],
}

/// What a product needs of its element type.
trait Element: Copy + Send + Sync + 'static {
    const ZERO: Self;
    fn add_product(self, x: Self, y: Self) -> Self;
}

macro_rules! element {
    ($($t:ty: $zero:expr, $f:expr;)*) => {$(
        impl Element for $t {
            const ZERO: Self = $zero;
            #[inline(always)]
            fn add_product(self, x: Self, y: Self) -> Self {
                let f: fn($t, $t, $t) -> $t = $f;
                f(self, x, y)
            }
        }
    )*};
}

element! {
    f32: 0.0, |s, x, y| s + x * y;
    f64: 0.0, |s, x, y| s + x * y;
    i32: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    i64: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    u32: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    u64: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    u8: 0, |s, x, y| s | (x & y);
}

/// # Safety
/// The addresses reach the elements that the shape names; `out` overlaps neither operand.
pub unsafe fn run(dtype: DType, s: &Shape, lhs: *mut u8, rhs: *mut u8, out: *mut u8) {
    for b in 0..s.batch {
        // SAFETY: the caller's promise, for one batch at a time.
        unsafe {
            match dtype {
                DType::F32 => gemm(s, b, lhs.cast::<f32>(), rhs.cast(), out.cast()),
                DType::F64 => gemm64(s, b, lhs.cast::<f64>(), rhs.cast(), out.cast()),
                DType::I32 => plain::<i32>(s, b, lhs.cast(), rhs.cast(), out.cast()),
                DType::I64 => plain::<i64>(s, b, lhs.cast(), rhs.cast(), out.cast()),
                DType::U32 => plain::<u32>(s, b, lhs.cast(), rhs.cast(), out.cast()),
                DType::U64 => plain::<u64>(s, b, lhs.cast(), rhs.cast(), out.cast()),
                _ => plain::<u8>(s, b, lhs, rhs, out),
            }
        }
    }
}

/// # Safety
/// As `run`.
unsafe fn gemm(s: &Shape, b: usize, lhs: *const f32, rhs: *const f32, out: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        matrixmultiply::sgemm(
            s.m,
            s.k,
            s.n,
            1.0,
            lhs.offset(b as isize * s.lhs[0] as isize),
            s.lhs[1] as isize,
            s.lhs[2] as isize,
            rhs.offset(b as isize * s.rhs[0] as isize),
            s.rhs[1] as isize,
            s.rhs[2] as isize,
            0.0,
            out.add(b * s.m * s.n),
            s.n as isize,
            1,
        );
    }
}

/// # Safety
/// As `run`.
unsafe fn gemm64(s: &Shape, b: usize, lhs: *const f64, rhs: *const f64, out: *mut f64) {
    // SAFETY: the caller's promise.
    unsafe {
        matrixmultiply::dgemm(
            s.m,
            s.k,
            s.n,
            1.0,
            lhs.offset(b as isize * s.lhs[0] as isize),
            s.lhs[1] as isize,
            s.lhs[2] as isize,
            rhs.offset(b as isize * s.rhs[0] as isize),
            s.rhs[1] as isize,
            s.rhs[2] as isize,
            0.0,
            out.add(b * s.m * s.n),
            s.n as isize,
            1,
        );
    }
}

/// # Safety
/// As `run`.
unsafe fn plain<T: Element>(s: &Shape, b: usize, lhs: *const T, rhs: *const T, out: *mut T) {
    let b = b as i64;
    for m in 0..s.m as i64 {
        for n in 0..s.n as i64 {
            let mut sum = T::ZERO;
            for k in 0..s.k as i64 {
                let l = b * s.lhs[0] + m * s.lhs[1] + k * s.lhs[2];
                let r = b * s.rhs[0] + k * s.rhs[1] + n * s.rhs[2];
                // SAFETY: inside, by the caller's promise.
                sum = unsafe { sum.add_product(*lhs.offset(l as isize), *rhs.offset(r as isize)) };
            }
            // SAFETY: inside, by the caller's promise.
            unsafe { *out.add((b as usize * s.m + m as usize) * s.n + n as usize) = sum };
        }
    }
}
