//! Softmax and its kin, and one-hot vectors.

use crate::core::array::Array;
use crate::numpy::axes::{Ints, axes_of};
use crate::numpy::fallible::functions;
use crate::numpy::math::float;
use crate::prims::array::literal::Operand;
use crate::prims::lax;
use crate::prims::rules::numbers::holds;
use cotangent_jit::DType;

functions! {
    /// `e^(x[i]) / ∑ e^(x[j])` over the axes: positive numbers that sum to 1. Values, derivative
    /// and what becomes of infinities: [`lax::softmax`].
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::softmax(array![0.0, 0.0], -1).to_vec::<f32>(), [0.5, 0.5]);
    /// // A row whose elements are all masked has no weights.
    /// assert_eq!(nn::softmax(array![f32::NEG_INFINITY; 2], -1).to_vec::<f32>(), [0.0, 0.0]);
    /// ```
    fn softmax, try_softmax(x: impl Operand, axes: impl Ints) -> Array {
        let x = x.to_array();
        lax::try_softmax(&float(&x)?, &axes_of("softmax", axes, &x.aval())?)
    }

    /// `x[i] - ln ∑ e^(x[j])` over the axes: the logarithm of [`softmax`], without overflow. See
    /// [`lax::log_softmax`].
    fn log_softmax, try_log_softmax(x: impl Operand, axes: impl Ints) -> Array {
        let x = x.to_array();
        lax::try_log_softmax(&float(&x)?, &axes_of("log_softmax", axes, &x.aval())?)
    }

    /// `ln ∑ e^(x[j])` over the axes, which are taken away, without overflow. See
    /// [`lax::logsumexp`].
    fn logsumexp, try_logsumexp(x: impl Operand, axes: impl Ints) -> Array {
        let x = x.to_array();
        lax::try_logsumexp(&float(&x)?, &axes_of("logsumexp", axes, &x.aval())?)
    }

    /// Vectors with a 1 where the label says and 0 elsewhere, along a new last axis of size
    /// `classes`; all 0 for a label out of range. Labels are ints of any width.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let rows = nn::one_hot(array![2, 0], 3, DType::F32);
    /// assert_eq!(rows.to_vec::<f32>(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    /// ```
    fn one_hot, try_one_hot(labels: impl Operand, classes: usize, dtype: DType) -> Array {
        let labels = labels.to_array();
        let rank = labels.ndim();
        let mut shape = labels.to_shape();
        shape.push(classes);
        let meet = class_dtype(labels.dtype(), classes);
        let labels = lax::try_convert_element_type(&labels, meet)?;
        let classes = lax::try_iota(meet, &shape, rank)?;
        let labels = lax::try_broadcast_in_dim(&labels, &shape, &Vec::from_iter(0..rank))?;
        lax::try_convert_element_type(&lax::try_eq(&labels, &classes)?, dtype)
    }
}

/// In which labels meet so many classes: the narrowest dtype of their kind that holds every label
/// and every class.
fn class_dtype(labels: DType, classes: usize) -> DType {
    let wider = match labels {
        // Eight bits are the fewest that a float keeps of an int.
        d if d.is_float() && classes <= 1 << 8 => return d,
        d if d.is_float() => return DType::F64,
        d if d.is_unsigned() => [DType::U32, DType::U64],
        _ => [DType::I32, DType::I64],
    };
    let fits = |d: &DType| classes == 0 || holds(*d, classes as i128 - 1);
    [labels].into_iter().chain(wider).find(fits).unwrap_or(wider[1])
}
