//! Operands of products: their shape, their elements, and their addresses. The products live in
//! `dot` and `vector`.

/// Extents and element strides, as in `Routine::Dot`.
pub struct Shape {
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub lhs: [i64; 3],
    pub rhs: [i64; 3],
}

/// Terms of one sum in the element's type.
pub const RUN: usize = 16;

/// A bool as devices store it: products are conjunctions, sums disjunctions.
#[derive(Clone, Copy)]
pub struct Truth(u8);

/// The operations of a product on its element type.
pub trait Element: Copy + Send + Sync + 'static {
    const ZERO: Self;
    fn add_product(self, x: Self, y: Self) -> Self;
}

/// Floats, which may fuse.
pub trait Real: Element + std::ops::Add<Output = Self> {
    const ONE: Self;
    fn fused(self, x: Self, y: Self) -> Self;
    /// The element as f64, in which runs are added up.
    fn wide(self) -> f64;
    fn round(sum: f64) -> Self;
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
    i8: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    i16: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    u8: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    u16: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    i32: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    i64: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    u32: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    u64: 0, |s, x, y| s.wrapping_add(x.wrapping_mul(y));
    Truth: Truth(0), |s, x, y| Truth(s.0 | (x.0 & y.0));
}

impl Real for f32 {
    const ONE: f32 = 1.0;

    #[inline(always)]
    fn fused(self, x: f32, y: f32) -> f32 {
        x.mul_add(y, self)
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self.into()
    }

    #[inline(always)]
    fn round(sum: f64) -> f32 {
        sum as f32
    }
}

impl Real for f64 {
    const ONE: f64 = 1.0;

    #[inline(always)]
    fn fused(self, x: f64, y: f64) -> f64 {
        x.mul_add(y, self)
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn round(sum: f64) -> f64 {
        sum
    }
}

/// Addresses that threads share: operands are read, and each part writes elements of its own.
pub struct Operands<T> {
    pub lhs: *const T,
    pub rhs: *const T,
    pub out: *mut T,
}

// SAFETY: see the type; the elements are plain numbers.
unsafe impl<T> Send for Operands<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Operands<T> {}

impl<T> Clone for Operands<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Operands<T> {}

impl<T: Copy> Operands<T> {
    /// The addresses of one product of the batch.
    ///
    /// # Safety
    /// `b` is a number of the batch.
    pub unsafe fn batch(&self, s: &Shape, b: usize) -> Operands<T> {
        // SAFETY: inside the operands, by the caller's promise.
        unsafe {
            Operands {
                lhs: self.lhs.offset(b as isize * s.lhs[0] as isize),
                rhs: self.rhs.offset(b as isize * s.rhs[0] as isize),
                out: self.out.add(b * s.m * s.n),
            }
        }
    }
}
