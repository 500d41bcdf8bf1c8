//! Numbers from arrays and slices.

use crate::core::array::Array;
use cotangent_jit::{Error, err};

/// What can be drawn: arrays of real numbers, slices, vectors.
///
/// ```
/// use cotangent::plot::Plot;
/// use cotangent::prelude::*;
/// let steps: Vec<f64> = (0..3).map(f64::from).collect();
/// let plot = Plot::new("loss").line("train", &steps, array![3.0, 1.5, 1.0]);
/// # let _ = plot;
/// ```
pub trait Values {
    /// Reads all elements, in order.
    fn numbers(&self) -> Result<Numbers, Error>;
}

/// Elements and their shape.
#[derive(Clone, Debug)]
pub struct Numbers {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

impl Values for Array {
    fn numbers(&self) -> Result<Numbers, Error> {
        let real = |s: &cotangent_jit::Scalar| {
            s.to_f64().ok_or_else(|| {
                err!(DType, "expected real numbers, got {}; draw parts of them", self.aval())
            })
        };
        let scalars = self.try_to_scalars()?;
        let data = scalars.iter().map(real).collect::<Result<_, _>>()?;
        Ok(Numbers { shape: self.shape().to_vec(), data })
    }
}

impl<T: Values + ?Sized> Values for &T {
    fn numbers(&self) -> Result<Numbers, Error> {
        (**self).numbers()
    }
}

macro_rules! slices {
    ($($number:ty),*) => {$(
        impl Values for [$number] {
            fn numbers(&self) -> Result<Numbers, Error> {
                let data = self.iter().map(|x| *x as f64).collect();
                Ok(Numbers { shape: vec![self.len()], data })
            }
        }

        impl Values for Vec<$number> {
            fn numbers(&self) -> Result<Numbers, Error> {
                self[..].numbers()
            }
        }

        impl<const N: usize> Values for [$number; N] {
            fn numbers(&self) -> Result<Numbers, Error> {
                self[..].numbers()
            }
        }
    )*};
}

slices!(f64, f32, i32, i64, u8, u32, usize);

/// The elements of a line of numbers.
pub(super) fn vector(op: &str, what: &str, values: impl Values) -> Result<Vec<f64>, Error> {
    let Numbers { shape, data } = values.numbers().map_err(|e| e.context(op))?;
    match shape.len() {
        0 | 1 => Ok(data),
        _ => Err(err!(Shape, "{op}: expected {what} of one axis, got the shape {shape:?}")),
    }
}

/// Lines of numbers of equal length.
pub(super) fn vectors<const N: usize>(
    op: &str,
    all: [(&str, Result<Vec<f64>, Error>); N],
) -> Result<[Vec<f64>; N], Error> {
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let mut read = Vec::with_capacity(N);
    for (_, values) in all {
        read.push(values?);
    }
    let first = read.first().map_or(0, Vec::len);
    if let Some(n) = read.iter().position(|v| v.len() != first) {
        return Err(err!(
            Shape,
            "{op}: expected as many {} as {}, got {} and {first}",
            names[n],
            names[0],
            read[n].len()
        ));
    }
    read.try_into().map_err(|_| err!(Value, "{op}: expected {N} lines of numbers"))
}

/// A matrix: rows, columns, elements.
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub data: Vec<f64>,
}

pub(super) fn matrix(op: &str, values: impl Values) -> Result<Matrix, Error> {
    let Numbers { shape, data } = values.numbers().map_err(|e| e.context(op))?;
    match shape[..] {
        [rows, columns] => Ok(Matrix { rows, columns, data }),
        _ => Err(err!(Shape, "{op}: expected a matrix, got the shape {shape:?}")),
    }
}
