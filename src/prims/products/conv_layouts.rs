//! The convolutions that users call: any order of axes, borders by name, transposed convolutions.
//!
//! Not here: the primitive, which has one order of axes (`products::conv`).

use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::core::mode::mode;
use crate::prims::folds::window::Borders;
use crate::prims::products::conv::Conv;
use crate::prims::products::dot_general::of_bools;
use crate::prims::rules::apply::{composed, expect};
use crate::prims::shapes::transpose::{inverse, try_transpose};
use cotangent_jit::program::Precision;
use cotangent_jit::{Error, err};

/// The order of the axes of the operand, the kernel and the output.
///
/// `operand` and `output` are permutations: the position of the batch axis, of the features, then
/// of the spatial axes. `kernel` is the position of the output features, of the input features,
/// then of the spatial axes.
#[doc(alias = "ConvDimensionNumbers")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConvAxes {
    pub operand: Shape,
    pub kernel: Shape,
    pub output: Shape,
}

impl ConvAxes {
    /// The order of the primitive: batch, features, spatial axes; output features, input features,
    /// spatial axes.
    pub fn leading(space: usize) -> ConvAxes {
        let order: Shape = (0..space + 2).collect();
        ConvAxes { operand: order.clone(), kernel: order.clone(), output: order }
    }

    /// Reads the orders from letters as in `("NHWC", "HWIO", "NHWC")`: `N` is the batch, `C` the
    /// features, `I` and `O` the input and output features. The other letters are spatial axes and
    /// are the same in all three. Each letter must be there exactly once.
    pub fn of(operand: &str, kernel: &str, output: &str) -> Result<ConvAxes, Error> {
        let place = |text: &str, letter: char| {
            let found: Vec<usize> =
                text.chars().enumerate().filter(|(_, c)| *c == letter).map(|(n, _)| n).collect();
            match found[..] {
                [n] => Ok(n),
                _ => Err(err!(
                    Value,
                    "ConvAxes::of: expected {letter:?} once among the axes {text:?}"
                )),
            }
        };
        let space: Vec<char> = operand.chars().filter(|c| !"NC".contains(*c)).collect();
        let order = |text: &str, head: [char; 2]| -> Result<Shape, Error> {
            if text.chars().count() != space.len() + 2 {
                return Err(err!(
                    Value,
                    "ConvAxes::of: expected as many axes in {operand:?}, {kernel:?} and {output:?}"
                ));
            }
            head.iter().chain(&space).map(|c| place(text, *c)).collect()
        };
        Ok(ConvAxes {
            operand: order(operand, ['N', 'C'])?,
            kernel: order(kernel, ['O', 'I'])?,
            output: order(output, ['N', 'C'])?,
        })
    }
}

/// The options of a convolution. By default the stride is 1, windows lie inside the operand, there
/// is no dilation and there are no groups, and the axes are in the order of [`ConvAxes::leading`].
/// Empty lists stand for ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConvOptions {
    pub strides: Shape,
    pub borders: Borders,
    pub lhs_dilation: Shape,
    pub rhs_dilation: Shape,
    pub axes: Option<ConvAxes>,
    pub feature_group_count: usize,
    pub batch_group_count: usize,
    /// The precision of products of `f32` and `c64`; that of the scope if there is none here.
    pub precision: Option<Precision>,
}

impl Default for ConvOptions {
    fn default() -> ConvOptions {
        ConvOptions {
            strides: Shape::new(),
            borders: Borders::Valid,
            lhs_dilation: Shape::new(),
            rhs_dilation: Shape::new(),
            axes: None,
            feature_group_count: 1,
            batch_group_count: 1,
            precision: None,
        }
    }
}

impl ConvOptions {
    pub fn new() -> ConvOptions {
        ConvOptions::default()
    }

    /// Sets the steps between windows, one per spatial axis.
    pub fn strides(self, strides: impl AsRef<[usize]>) -> ConvOptions {
        ConvOptions { strides: Shape::from_slice(strides.as_ref()), ..self }
    }

    /// Sets what is added beyond the borders of the spatial axes.
    pub fn borders(self, borders: impl Into<Borders>) -> ConvOptions {
        ConvOptions { borders: borders.into(), ..self }
    }

    /// Sets the distance between the operand's elements; more than 1 makes a transposed
    /// convolution.
    pub fn lhs_dilation(self, dilation: impl AsRef<[usize]>) -> ConvOptions {
        ConvOptions { lhs_dilation: Shape::from_slice(dilation.as_ref()), ..self }
    }

    /// Sets the distance between the kernel's elements: a convolution "à trous".
    pub fn rhs_dilation(self, dilation: impl AsRef<[usize]>) -> ConvOptions {
        ConvOptions { rhs_dilation: Shape::from_slice(dilation.as_ref()), ..self }
    }

    /// Sets the order of the axes.
    pub fn axes(self, axes: ConvAxes) -> ConvOptions {
        ConvOptions { axes: Some(axes), ..self }
    }

    /// Each group of output features reads one group of input features only.
    pub fn feature_group_count(self, groups: usize) -> ConvOptions {
        ConvOptions { feature_group_count: groups, ..self }
    }

    /// Each group of output features reads one group of the batch only.
    pub fn batch_group_count(self, groups: usize) -> ConvOptions {
        ConvOptions { batch_group_count: groups, ..self }
    }

    /// Sets the precision of the products, whatever that of the scope is. It counts for `f32` and
    /// `c64`; other dtypes are computed in full.
    pub fn precision(self, precision: Precision) -> ConvOptions {
        ConvOptions { precision: Some(precision), ..self }
    }
}

/// A convolution as in neural networks: the kernel is not reversed.
///
/// `y[n, o, p] = ∑_{i, w} x[n, i, strides · p + rhs_dilation · w - low] kernel[o, i, w]`, with
/// zeros beyond the borders and, if `x` is dilated, between its elements. `options` give the
/// groups, the borders and the order of axes. Both operands are numbers of one dtype; two bool
/// operands give a bool: whether any product is true.
///
/// Layout: `lax` keeps JAX's order (NCHW, OIHW), unless the options give another; `nn::conv` takes
/// channels-last activations with OIHW weights.
///
/// Derivative: `conv(dx, kernel) + conv(x, dkernel)`; each transpose is again a convolution. Panics
/// where [`try_conv_general_dilated`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let (x, kernel) = (array![[[1, 2, 3, 4]]], array![[[1, -1]]]);
/// let y = lax::conv_general_dilated(&x, &kernel, &lax::ConvOptions::new());
/// assert_eq!(y.to_vec::<i32>(), [-1, -1, -1]);
/// ```
#[doc(alias("conv_transpose", "conv_transpose2d", "conv_with_general_padding"))]
#[track_caller]
pub fn conv_general_dilated(lhs: &Array, rhs: &Array, options: &ConvOptions) -> Array {
    expect(try_conv_general_dilated(lhs, rhs, options))
}

/// Returns the error of [`conv_general_dilated`] instead of panicking.
///
/// Fails if the operands do not fit each other or the options.
#[track_caller]
pub fn try_conv_general_dilated(
    lhs: &Array,
    rhs: &Array,
    options: &ConvOptions,
) -> Result<Array, Error> {
    if lhs.dtype().is_bool() && rhs.dtype().is_bool() {
        return of_bools(lhs, rhs, |x, kernel| try_conv_general_dilated(x, kernel, options));
    }
    composed("conv_general_dilated", || {
        let Some(space) = lhs.ndim().checked_sub(2) else {
            return Err(err!(
                Shape,
                "conv_general_dilated: expected a batch and a feature axis, got {}",
                lhs.aval()
            ));
        };
        let axes = options.axes.clone().unwrap_or_else(|| ConvAxes::leading(space));
        check_order("operand", lhs, &axes.operand)?;
        check_order("kernel", rhs, &axes.kernel)?;
        check_order("output", lhs, &axes.output)?;
        let x = try_transpose(lhs, &axes.operand)?;
        let kernel = try_transpose(rhs, &axes.kernel)?;
        let ones = |list: &Shape| -> Shape {
            if list.is_empty() { Shape::from_elem(1, space) } else { list.clone() }
        };
        let (strides, rhs_dilation) = (ones(&options.strides), ones(&options.rhs_dilation));
        let spans = kernel.shape()[2..].iter().zip(&rhs_dilation);
        let span =
            |(n, d): (&usize, &usize)| n.saturating_sub(1).saturating_mul(*d).saturating_add(1);
        let spans: Shape = spans.map(span).collect();
        let conv = Conv {
            edges: options.borders.edges(&x.shape()[2..], &spans, &strides),
            strides,
            lhs_dilation: ones(&options.lhs_dilation),
            rhs_dilation,
            feature_groups: options.feature_group_count,
            batch_groups: options.batch_group_count,
            precision: options.precision.unwrap_or(mode().precision).of(x.dtype()),
        };
        try_transpose(&conv.apply(&x, &kernel)?, &inverse(&axes.output))
    })
}

fn check_order(what: &str, x: &Array, order: &Shape) -> Result<(), Error> {
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted.iter().copied().eq(0..x.ndim()) {
        return Ok(());
    }
    Err(err!(
        Axis,
        "conv_general_dilated: expected the axes of the {what} in some order for {}, got {order:?}",
        x.aval()
    ))
}

/// [`conv_general_dilated`] with strides and borders as the only options.
///
/// Layout: `lax` keeps JAX's order (NCHW, OIHW); `nn::conv` takes channels-last activations with
/// OIHW weights.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let (x, kernel) = (array![[[1, 2, 3, 4]]], array![[[1, 1]]]);
/// assert_eq!(lax::conv(&x, &kernel, &[2], lax::Borders::Valid).to_vec::<i32>(), [3, 7]);
/// ```
#[doc(alias("conv1d", "conv2d", "conv3d"))]
#[track_caller]
pub fn conv(lhs: &Array, rhs: &Array, strides: &[usize], borders: impl Into<Borders>) -> Array {
    expect(try_conv(lhs, rhs, strides, borders))
}

/// Returns the error of [`conv`] instead of panicking.
///
/// Fails if the operands do not fit each other.
#[track_caller]
pub fn try_conv(
    lhs: &Array,
    rhs: &Array,
    strides: &[usize],
    borders: impl Into<Borders>,
) -> Result<Array, Error> {
    let options = ConvOptions::new().strides(strides).borders(borders);
    try_conv_general_dilated(lhs, rhs, &options).map_err(|e| e.told_by("conv"))
}
