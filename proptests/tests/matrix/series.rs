//! The oracle: truncated power series in plain Rust, on which a flow's twin computes the value and
//! all derivatives at once.

use std::ops::{Add, Mul, Neg, Sub};

/// `∑ c[k] t^k` of the function's value at `x + t`.
#[derive(Clone, Debug)]
pub struct Series(pub Vec<f64>);

impl Series {
    /// The variable itself at `x`, up to this order.
    pub fn variable(x: f64, order: usize) -> Series {
        let mut c = vec![0.0; order + 1];
        c[0] = x;
        if order > 0 {
            c[1] = 1.0;
        }
        Series(c)
    }

    pub fn value(&self) -> f64 {
        self.0[0]
    }

    fn zip(&self, other: &Series, f: impl Fn(f64, f64) -> f64) -> Series {
        Series(self.0.iter().zip(&other.0).map(|(a, b)| f(*a, *b)).collect())
    }

    /// `s = sin x`, `c = cos x`: `k s_k = ∑ j x_j c_{k-j}`, `k c_k = -∑ j x_j s_{k-j}`.
    fn sin_cos(&self) -> (Series, Series) {
        let n = self.0.len();
        let (mut s, mut c) = (vec![0.0; n], vec![0.0; n]);
        (s[0], c[0]) = self.0[0].sin_cos();
        for k in 1..n {
            let sum = |of: &[f64]| {
                (1..=k).map(|j| j as f64 * self.0[j] * of[k - j]).sum::<f64>() / k as f64
            };
            (s[k], c[k]) = (sum(&c), -sum(&s));
        }
        (Series(s), Series(c))
    }

    pub fn sin(&self) -> Series {
        self.sin_cos().0
    }

    pub fn cos(&self) -> Series {
        self.sin_cos().1
    }

    /// `k x_0 l_k = k x_k - ∑ j l_j x_{k-j}` over the `j` below `k`.
    pub fn log(&self) -> Series {
        let x = &self.0;
        let mut l = vec![x[0].ln(); x.len()];
        for k in 1..x.len() {
            let sum: f64 = (1..k).map(|j| j as f64 * l[j] * x[k - j]).sum();
            l[k] = (x[k] - sum / k as f64) / x[0];
        }
        Series(l)
    }

    pub fn exp(&self) -> Series {
        let n = self.0.len();
        let mut e = vec![0.0; n];
        e[0] = self.0[0].exp();
        for k in 1..n {
            e[k] = (1..=k).map(|j| j as f64 * self.0[j] * e[k - j]).sum::<f64>() / k as f64;
        }
        Series(e)
    }
}

impl Add<&Series> for &Series {
    type Output = Series;
    fn add(self, other: &Series) -> Series {
        self.zip(other, |a, b| a + b)
    }
}

impl Sub<&Series> for &Series {
    type Output = Series;
    fn sub(self, other: &Series) -> Series {
        self.zip(other, |a, b| a - b)
    }
}

impl Mul<&Series> for &Series {
    type Output = Series;
    fn mul(self, other: &Series) -> Series {
        let term = |k: usize| (0..=k).map(|j| self.0[j] * other.0[k - j]).sum();
        Series((0..self.0.len()).map(term).collect())
    }
}

impl Mul<f64> for &Series {
    type Output = Series;
    fn mul(self, by: f64) -> Series {
        Series(self.0.iter().map(|a| a * by).collect())
    }
}

impl Add<f64> for &Series {
    type Output = Series;
    fn add(self, by: f64) -> Series {
        let mut c = self.0.clone();
        c[0] += by;
        Series(c)
    }
}

impl Neg for &Series {
    type Output = Series;
    fn neg(self) -> Series {
        self * -1.0
    }
}
