//! Linear algebra by its definitions, in complex numbers of f64, rounded once at the end. The other
//! routines live in `routine.rs`.

use super::memory::{Place, read, write};
use crate::program::Triangle;
use crate::{DType, Scalar};
use num_complex::Complex64;

/// The memory layout of elements: real numbers of a dtype, complex numbers, or pairs of real
/// numbers that stand for complex ones.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub dtype: DType,
    pub paired: bool,
}

impl Layout {
    fn load(self, memory: &[Vec<u8>], place: Place, n: usize) -> Complex64 {
        let real = |at: usize| read(memory, place, self.dtype, at).to_f64().unwrap_or(f64::NAN);
        if self.paired {
            return Complex64::new(real(2 * n), real(2 * n + 1));
        }
        match read(memory, place, self.dtype, n).parts() {
            Some((re, im)) => {
                let part = |x: Scalar| x.to_f64().unwrap_or(f64::NAN);
                Complex64::new(part(re), part(im))
            }
            None => Complex64::new(real(n), 0.0),
        }
    }

    fn store(self, memory: &mut [Vec<u8>], place: Place, n: usize, x: Complex64) {
        let part = self.dtype.part();
        let round = |x: f64| Scalar::from_f64(part, x).unwrap_or(Scalar::zero(part));
        let (re, im) = (round(x.re), round(x.im));
        if self.paired {
            write(memory, place, 2 * n, re);
            write(memory, place, 2 * n + 1, im);
        } else {
            write(
                memory,
                place,
                n,
                Scalar::complex(re, im).filter(|_| self.dtype.is_complex()).unwrap_or(re),
            );
        }
    }
}

/// Row by row: `l[i,j] = (x[i,j] - sum over k < j of l[i,k] conj(l[j,k])) / l[j,j]`, and the root
/// of the numerator on the diagonal.
pub(super) fn cholesky(at: Layout, batch: usize, n: usize, memory: &mut [Vec<u8>], args: &[Place]) {
    let zero = Complex64::default();
    for b in 0..batch {
        let mut l = vec![zero; n * n];
        let mut definite = true;
        for i in 0..n {
            for j in 0..=i {
                let x = at.load(memory, args[0], (b * n + i) * n + j);
                let known: Complex64 = (0..j).map(|k| l[i * n + k] * l[j * n + k].conj()).sum();
                let rest = x - known;
                l[i * n + j] = if j < i {
                    rest / l[j * n + j].re
                } else {
                    definite &= rest.re > 0.0;
                    Complex64::new(rest.re.sqrt(), 0.0)
                };
            }
        }
        for i in 0..n {
            for j in 0..n {
                let nan = Complex64::new(f64::NAN, f64::NAN);
                let x = if j > i {
                    zero
                } else if definite {
                    l[i * n + j]
                } else {
                    nan
                };
                at.store(memory, args[1], (b * n + i) * n + j, x);
            }
        }
    }
}

/// Substitution, which begins at the equation with one unknown.
pub(super) fn triangular_solve(
    at: Layout,
    (batch, n, m): (usize, usize, usize),
    t: Triangle,
    memory: &mut [Vec<u8>],
    args: &[Place],
) {
    // `x op(a) = b` is `op(a)ᵀ xᵀ = bᵀ`.
    let turned = t.transpose == t.left;
    let forward = t.lower != turned;
    for b in 0..batch {
        let coefficient = |memory: &[Vec<u8>], row: usize, column: usize| {
            let (i, j) = if turned { (column, row) } else { (row, column) };
            let a = at.load(memory, args[0], (b * n + i) * n + j);
            if t.conjugate { a.conj() } else { a }
        };
        for column in 0..m {
            let place = |row: usize| {
                let (i, j, width) = if t.left { (row, column, m) } else { (column, row, n) };
                b * n * m + i * width + j
            };
            let mut x = vec![Complex64::default(); n];
            for step in 0..n {
                let row = if forward { step } else { n - 1 - step };
                let known = if forward { 0..row } else { row + 1..n };
                let mut rest = at.load(memory, args[1], place(row));
                for k in known {
                    rest -= coefficient(memory, row, k) * x[k];
                }
                x[row] = match (t.unit, coefficient(memory, row, row)) {
                    (true, _) => rest,
                    (_, a) if a.im == 0.0 => rest / a.re,
                    (_, a) => rest / a,
                };
            }
            for (row, x) in x.iter().enumerate() {
                at.store(memory, args[2], place(row), *x);
            }
        }
    }
}
