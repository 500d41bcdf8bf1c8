//! Factorisations and triangular systems, by faer.
//!
//! One thread works on each matrix. Threads share the matrices of a batch and panels of right-hand
//! sides, which are cut by shape alone, so results are the same for any number of threads. Matrix
//! products live in `dot`.

use crate::run::memory::Scratch;
use crate::run::share::share;
use cotangent_jit::DType;
use cotangent_jit::program::Triangle;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor;
use faer::linalg::triangular_solve as solve;
use faer::traits::ComplexField;
use faer::{Conj, MatMut, MatRef, Par, c32, c64};

/// Right-hand sides that are solved for together.
const PANEL: usize = 128;

/// Addresses that threads share: operands are read, and each part writes elements of its own.
struct Operands<T> {
    a: *const T,
    b: *const T,
    out: *mut T,
}

// SAFETY: see the type; the elements are plain numbers.
unsafe impl<T> Sync for Operands<T> {}

/// An element: what faer computes with, and its NaN.
trait Element: ComplexField + Copy + Default + Send + Sync + 'static {
    const NAN: Self;
    /// Without the imaginary part.
    fn real_part(self) -> Self;
    fn is_nan(self) -> bool;
}

macro_rules! element {
    ($($t:ty: $nan:expr, $real:expr, $is_nan:expr;)*) => {$(
        impl Element for $t {
            const NAN: Self = $nan;
            fn real_part(self) -> Self {
                let real: fn($t) -> $t = $real;
                real(self)
            }
            fn is_nan(self) -> bool {
                let is_nan: fn($t) -> bool = $is_nan;
                is_nan(self)
            }
        }
    )*};
}

element! {
    f32: f32::NAN, |x| x, |x| x.is_nan();
    f64: f64::NAN, |x| x, |x| x.is_nan();
    c32: c32::new(f32::NAN, f32::NAN), |x| x.re.into(), |x| x.is_nan();
    c64: c64::new(f64::NAN, f64::NAN), |x| x.re.into(), |x| x.is_nan();
}

/// # Safety
/// `x` and `l` hold `batch * n * n` elements, of which `l` shares none.
pub unsafe fn cholesky(
    dtype: DType,
    paired: bool,
    [batch, n]: [usize; 2],
    x: *const u8,
    l: *mut u8,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match (dtype, paired) {
            (DType::F32, false) => factors::<f32>(batch, n, x.cast(), l.cast()),
            (DType::F32, true) => factors::<c32>(batch, n, x.cast(), l.cast()),
            (DType::F64, true) => factors::<c64>(batch, n, x.cast(), l.cast()),
            _ => factors::<f64>(batch, n, x.cast(), l.cast()),
        }
    }
}

/// # Safety
/// As of [`cholesky`].
unsafe fn factors<T: Element>(batch: usize, n: usize, x: *const T, l: *mut T) {
    if n == 0 {
        return;
    }
    let o = Operands { a: x, b: x, out: l };
    share(batch, |part| {
        let o = &o;
        // SAFETY: matrices of a batch lie one after the other, and each part has one of them.
        let (x, l) = unsafe {
            let at = part * n * n;
            (
                std::slice::from_raw_parts(o.a.add(at), n * n),
                std::slice::from_raw_parts_mut(o.out.add(at), n * n),
            )
        };
        factor_one(n, x, l);
    });
}

/// faer needs contiguous columns, so the triangle is transposed before and after. The cost is
/// negligible beside that of the factorisation.
fn factor_one<T: Element>(n: usize, x: &[T], l: &mut [T]) {
    let mut columns = Scratch::<T>::new(n * n);
    for i in 0..n {
        for j in 0..i {
            columns[j * n + i] = x[i * n + j];
        }
        columns[i * n + i] = x[i * n + i].real_part();
    }
    let params = Default::default();
    let mut memory = MemBuffer::new(factor::cholesky_in_place_scratch::<T>(n, Par::Seq, params));
    let done = factor::cholesky_in_place(
        MatMut::from_column_major_slice_mut(&mut columns, n, n),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        params,
    );
    // A NaN that no test of a pivot has found has reached the last pivot.
    let definite = done.is_ok() && !columns[n * n - 1].is_nan();
    for i in 0..n {
        for j in 0..n {
            l[i * n + j] = match (j > i, definite) {
                (true, _) => T::default(),
                (false, true) => columns[j * n + i],
                (false, false) => T::NAN,
            };
        }
    }
}

/// # Safety
/// `a` holds `batch * n * n` elements, `b` and `x` hold `batch * n * m`, of which `x` shares none.
pub unsafe fn triangular_solve(
    dtype: DType,
    paired: bool,
    extents: [usize; 3],
    triangle: Triangle,
    args: [*mut u8; 3],
) {
    // SAFETY: the caller's promise.
    unsafe {
        match (dtype, paired) {
            (DType::F32, false) => solutions::<f32>(extents, triangle, args),
            (DType::F32, true) => solutions::<c32>(extents, triangle, args),
            (DType::F64, true) => solutions::<c64>(extents, triangle, args),
            _ => solutions::<f64>(extents, triangle, args),
        }
    }
}

/// # Safety
/// As of [`triangular_solve`].
unsafe fn solutions<T: Element>([batch, n, m]: [usize; 3], t: Triangle, args: [*mut u8; 3]) {
    if n == 0 || m == 0 {
        return;
    }
    let [a, b, out] = args;
    let o = Operands::<T> { a: a.cast(), b: b.cast(), out: out.cast() };
    let panels = m.div_ceil(PANEL);
    share(batch * panels, |part| {
        let o = &o;
        let (matrix, first) = (part / panels, part % panels * PANEL);
        let columns = PANEL.min(m - first);
        let start = matrix * n * m;
        // Of an element of the right-hand side: its equation, its column.
        let (down, along) = if t.left { (m, 1) } else { (1, n) };
        for row in 0..n {
            for column in first..first + columns {
                let at = start + row * down + column * along;
                // SAFETY: inside `b` and `x` by their extents, and in this part's panel.
                unsafe { *o.out.add(at) = *o.b.add(at) };
            }
        }
        let (down, along) = (down as isize, along as isize);
        // SAFETY: the matrix and the panel lie inside `a` and `x`; no other part accesses the
        // panel.
        let (a, x) = unsafe {
            let from = o.out.add(start).offset(first as isize * along);
            (
                MatRef::from_raw_parts(o.a.add(matrix * n * n), n, n, n as isize, 1isize),
                MatMut::from_raw_parts_mut(from, n, columns, down, along),
            )
        };
        substitute(a, x, t);
    });
}

fn substitute<T: Element>(a: MatRef<'_, T>, x: MatMut<'_, T>, t: Triangle) {
    // `x op(a) = b` is `op(a)ᵀ xᵀ = bᵀ`.
    let turned = t.transpose == t.left;
    let a = if turned { a.transpose() } else { a };
    let conj = if t.conjugate { Conj::Yes } else { Conj::No };
    let run = match (t.lower != turned, t.unit) {
        (true, false) => solve::solve_lower_triangular_in_place_with_conj,
        (true, true) => solve::solve_unit_lower_triangular_in_place_with_conj,
        (false, false) => solve::solve_upper_triangular_in_place_with_conj,
        (false, true) => solve::solve_unit_upper_triangular_in_place_with_conj,
    };
    run(a, conj, x, Par::Seq);
}
