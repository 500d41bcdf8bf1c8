//! Losses: of each element, or of each example. Users take `.mean()` or `.sum()`.

use super::activations::try_softplus;
use super::softmax::try_log_softmax;
use crate::core::array::Array;
use crate::numpy::fallible::functions;
use crate::prims::array::literal::{Operand, promoted, together};
use crate::prims::lax;
use crate::prims::rules::numbers::{holds, number};
use cotangent_jit::{DType, Error, Scalar, err};

functions! {
    /// The cross entropy of each row of probabilities `targets` and the softmax of `logits`:
    /// `-∑ⱼ targets[.., j] log_softmax(logits)[.., j]`.
    ///
    /// Both are `[.., classes]`, the leading axes broadcast, and so is the result without the
    /// classes: one loss per example. Floats; ints as f32. A class of probability 0 adds nothing,
    /// even if its logit is `-inf`.
    ///
    /// Derivative in the logits: `(softmax(logits) ∑ targets - targets) · t`; in the targets
    /// `-log_softmax(logits) · t`. It is an error if the classes differ.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let logits = array![[0.0, 0.0], [50.0, 0.0]];
    /// let targets = array![[0.5, 0.5], [1.0, 0.0]];
    /// let loss = nn::softmax_cross_entropy(logits, targets);
    /// assert_eq!(loss.to_vec::<f32>(), [std::f32::consts::LN_2, 0.0]);
    /// ```
    #[doc(alias = "cross_entropy")]
    #[doc(alias = "CrossEntropyLoss")]
    fn softmax_cross_entropy, try_softmax_cross_entropy(
        logits: impl Operand, targets: impl Operand,
    ) -> Array {
        let both = reals("softmax_cross_entropy", &logits, &targets)?;
        let (logits, targets) = (&both[0], &both[1]);
        if logits.ndim() == 0 || logits.shape().last() != targets.shape().last() {
            return Err(err!(
                Shape,
                "softmax_cross_entropy: expected logits and targets [.., classes] with the same \
                 classes, got {} and {}; for int labels use \
                 softmax_cross_entropy_with_integer_labels",
                logits.aval(),
                targets.aval()
            ));
        }
        let both = together("softmax_cross_entropy", &[logits, targets], false)?;
        let (logits, targets) = (&both[0], &both[1]);
        let log_p = try_log_softmax(logits, -1)?;
        (-weighed(targets, &log_p)?).try_sum_axis(-1)
    }

    /// `-log_softmax(logits)[label]`, the cross entropy of each row of `logits` and the class that
    /// its label names.
    ///
    /// `logits` are floats `[.., classes]`, `labels` ints `[..]`, and so is the result: one loss
    /// per example. A label that is negative or not below `classes` gives NaN.
    ///
    /// Derivative: `(softmax(logits) - one_hot(label)) · t`. It is an error if there is not one
    /// label for each row.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let logits = array![[0.0, 0.0], [0.0, 50.0]];
    /// let loss = nn::softmax_cross_entropy_with_integer_labels(logits, array![0, 1]);
    /// assert_eq!(loss.to_vec::<f32>(), [std::f32::consts::LN_2, 0.0]);
    /// ```
    #[doc(alias = "sparse_categorical_crossentropy")]
    #[doc(alias = "nll_loss")]
    #[doc(alias = "cross_entropy")]
    fn softmax_cross_entropy_with_integer_labels, try_softmax_cross_entropy_with_integer_labels(
        logits: impl Operand, labels: impl Operand,
    ) -> Array {
        let op = "softmax_cross_entropy_with_integer_labels";
        let (logits, labels) = (logits.to_array(), labels.to_array());
        if !labels.dtype().is_int() {
            return Err(err!(
                DType,
                "{op}: expected int labels, got {}; for rows of probabilities use \
                 softmax_cross_entropy",
                labels.aval()
            ));
        }
        let classes = match logits.shape() {
            [rows @ .., classes] if rows == labels.shape() => *classes,
            _ => {
                return Err(err!(
                    Shape,
                    "{op}: expected logits [.., classes] and labels [..], got {} and {}",
                    logits.aval(),
                    labels.aval()
                ));
            }
        };
        real(op, &logits)?;
        // No label is negative, and one beyond i64 is negative here.
        let wide = labels.dtype().bits() > 32
            || labels.dtype() == DType::U32
            || !holds(DType::I32, classes as i128);
        let dtype = if wide { DType::I64 } else { DType::I32 };
        let labels = lax::try_convert_element_type(&labels, dtype)?;
        let beyond = Array::strong_literal(Scalar::from_bits(dtype, classes as u128));
        let labels = labels.try_lt(0)?.try_select(&beyond, &labels)?;
        let log_p = try_log_softmax(&logits, -1)?;
        let picked = log_p.try_take_along_axis(&labels.try_expand_dims(-1)?, -1)?;
        Ok(-picked.try_squeeze(-1)?)
    }

    /// The binary cross entropy of each element of `labels`, probabilities or bools, and the
    /// sigmoid of its logit: `-y ln σ(l) - (1 - y) ln (1 - σ(l))`, without overflow and without
    /// loss of digits.
    ///
    /// Both broadcast, and so is the result: one loss per element. Floats; ints as f32.
    ///
    /// Derivative in the logits: `(σ(l) - y) · t`; in the labels `-l · t`.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let loss = nn::sigmoid_binary_cross_entropy(array![0.0, 200.0, 200.0], array![1, 1, 0]);
    /// assert_eq!(loss.to_vec::<f32>(), [std::f32::consts::LN_2, 0.0, 200.0]);
    /// ```
    #[doc(alias = "binary_cross_entropy_with_logits")]
    #[doc(alias = "BCEWithLogitsLoss")]
    fn sigmoid_binary_cross_entropy, try_sigmoid_binary_cross_entropy(
        logits: impl Operand, labels: impl Operand,
    ) -> Array {
        let both = reals("sigmoid_binary_cross_entropy", &logits, &labels)?;
        let both = together("sigmoid_binary_cross_entropy", &[&both[0], &both[1]], false)?;
        let (logits, y) = (&both[0], &both[1]);
        let (off, on) = (try_softplus(-logits)?, try_softplus(logits)?);
        Ok(weighed(y, &off)? + weighed(&(1.0 - y), &on)?)
    }

    /// The Huber loss of each element: `d² / 2` where `|d| ≤ delta`, else
    /// `delta (|d| - delta / 2)`, with `d = prediction - target`.
    ///
    /// Operands broadcast, and so is the result: one loss per element. Floats; ints as f32.
    ///
    /// Derivative: `t` times `d`, kept between `-delta` and `delta`. It is an error if `delta` is
    /// not positive.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let loss = nn::huber(array![0.5, -3.0], 0.0, 1.0);
    /// assert_eq!(loss.to_vec::<f32>(), [0.125, 2.5]);
    /// ```
    #[doc(alias = "huber_loss")]
    #[doc(alias = "smooth_l1_loss")]
    fn huber, try_huber(prediction: impl Operand, target: impl Operand, delta: f64) -> Array {
        if delta.is_nan() || delta <= 0.0 {
            return Err(err!(Value, "huber: expected a positive delta, got {delta:?}"));
        }
        let both = reals("huber", &prediction, &target)?;
        let distance = difference("huber", &both[0], &both[1])?;
        let size = distance.try_abs()?;
        let near = size.try_le(delta)?;
        // What is far is not squared, so that the square cannot overflow.
        let close = near.try_select(&distance, 0.0)?;
        near.try_select(0.5 * close.try_square()?, delta * (size - 0.5 * delta))
    }

    /// The square of each element's error: `(prediction - target)²`. Operands broadcast. Floats;
    /// ints as f32. Derivative: `2 (prediction - target) t`.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::squared_error(array![1.0, 5.0], 2.0).to_vec::<f32>(), [1.0, 9.0]);
    /// ```
    #[doc(alias = "mse_loss")]
    #[doc(alias = "MSELoss")]
    fn squared_error, try_squared_error(prediction: impl Operand, target: impl Operand) -> Array {
        let both = reals("squared_error", &prediction, &target)?;
        difference("squared_error", &both[0], &both[1])?.try_square()
    }

    /// Half of [`squared_error`], whose derivative is the error itself.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::l2_loss(array![1.0, 5.0], 2.0).to_vec::<f32>(), [0.5, 4.5]);
    /// ```
    fn l2_loss, try_l2_loss(prediction: impl Operand, target: impl Operand) -> Array {
        Ok(0.5 * try_squared_error(prediction, target)?)
    }
}

/// Two operands as real floats of one dtype.
fn reals(op: &str, x: &dyn Operand, y: &dyn Operand) -> Result<[Array; 2], Error> {
    let mut both = promoted(op, &[x, y], true)?;
    real(op, &both[0])?;
    let y = both.swap_remove(1);
    Ok([both.swap_remove(0), y])
}

fn real(op: &str, x: &Array) -> Result<(), Error> {
    if !x.dtype().is_complex() {
        return Ok(());
    }
    Err(err!(
        DType,
        "{op}: expected real numbers, got {}; take real(x), imag(x) or abs(x)",
        x.aval()
    ))
}

fn difference(op: &str, x: &Array, y: &Array) -> Result<Array, Error> {
    let both = together(op, &[x, y], false)?;
    Ok(&both[0] - &both[1])
}

/// `weight · x`, where 0 times an infinity is 0 in value and derivative.
fn weighed(weight: &Array, x: &Array) -> Result<Array, Error> {
    let infinite = x.try_abs()?.try_eq(f64::INFINITY)?;
    let nothing = weight.try_eq(0)?.try_logical_and(&infinite)?;
    Ok(weight * nothing.try_select(number(0.0, x.dtype()), x)?)
}
