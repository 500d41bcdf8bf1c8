//! Convolutions of channels-last activations.

use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::numpy::fallible::functions;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax::{self, Borders, ConvAxes, ConvOptions};
use cotangent_jit::{Error, err, plural};

functions! {
    /// A convolution as in neural networks, the kernel not reversed, over any number of axes of
    /// space: `[batch, space.., in]` and a kernel `[out, in / groups, space..]` to
    /// `[batch, space.., out]`.
    ///
    /// `y[n, p, o] = ∑_{w, i} x[n, strides · p + rhs_dilation · w - low, i] kernel[o, i, w]`
    ///
    /// Layout: `lax` keeps JAX's order (NCHW, OIHW); `nn` takes channels-last activations with OIHW
    /// weights. `options` give strides, borders (none by default: windows lie inside), dilations
    /// and `feature_group_count`; with as many groups as features each is convolved alone.
    /// Operands are numbers and are promoted. There is no bias: add one, `[out]`.
    ///
    /// Bilinear: the derivative is `conv(dx, kernel) + conv(x, dkernel)`. It is an error if ranks,
    /// features or options do not fit each other, or if the options name an order of axes.
    ///
    /// ```
    /// use cotangent::{lax::{Borders, ConvOptions}, nn, prelude::*};
    /// let images = ones([8, 28, 28, 1]);
    /// let kernel = ones([16, 1, 3, 3]);
    /// let options = ConvOptions::new().strides([2, 2]).borders(Borders::Same);
    /// assert_eq!(nn::conv(&images, &kernel, &options).shape(), [8, 14, 14, 16]);
    ///
    /// let line = array![1.0, 2.0, 4.0].reshape([1, 3, 1]);
    /// let y = nn::conv(line, array![[[1.0, -1.0]]], &ConvOptions::new());
    /// assert_eq!(y.to_vec::<f32>(), [-1.0, -2.0]);
    /// ```
    #[doc(alias = "conv1d")]
    #[doc(alias = "conv2d")]
    #[doc(alias = "conv3d")]
    #[doc(alias = "Conv")]
    fn conv, try_conv(x: impl Operand, kernel: impl Operand, options: &ConvOptions) -> Array {
        let both = promoted("conv", &[&x, &kernel], false)?;
        let (x, kernel) = (&both[0], &both[1]);
        check(x, kernel, options)?;
        let last = x.ndim() - 1;
        let activations: Shape = [0, last].into_iter().chain(1..last).collect();
        let axes = ConvAxes {
            operand: activations.clone(),
            kernel: (0..x.ndim()).collect(),
            output: activations,
        };
        lax::try_conv_general_dilated(x, kernel, &options.clone().axes(axes))
    }
}

fn check(x: &Array, kernel: &Array, options: &ConvOptions) -> Result<(), Error> {
    let (seen, weights) = (x.aval(), kernel.aval());
    if x.ndim() < 2 || kernel.ndim() != x.ndim() {
        return Err(err!(
            Shape,
            "conv: expected activations [batch, space.., in] and a kernel [out, in, space..] of as \
             many axes, got {seen} and {weights}"
        ));
    }
    if options.axes.is_some() {
        return Err(err!(
            Value,
            "conv: expected options without an order of axes, as activations are channels-last and \
             kernels OIHW; for other orders use lax::conv_general_dilated"
        ));
    }
    let (groups, features) = (options.feature_group_count, x.shape()[x.ndim() - 1]);
    if kernel.shape()[1].checked_mul(groups) != Some(features) {
        return Err(err!(
            Shape,
            "conv: expected a kernel [out, in, space..] whose in is that of activations \
             [batch, space.., in] over {groups}, got {seen} and {weights}; reorder axes with \
             transpose",
            groups = plural(groups, "group")
        ));
    }
    let space = x.ndim() - 2;
    let borders = match &options.borders {
        Borders::Explicit(edges) => edges.len(),
        _ => space,
    };
    // Empty lists stand for ones.
    let given = |list: &Shape| if list.is_empty() { space } else { list.len() };
    let lists = [
        ("strides", given(&options.strides)),
        ("lhs_dilation", given(&options.lhs_dilation)),
        ("rhs_dilation", given(&options.rhs_dilation)),
        ("borders", borders),
    ];
    match lists.into_iter().find(|(_, n)| *n != space) {
        None => Ok(()),
        Some((name, n)) => Err(err!(
            Shape,
            "conv: expected {name} for each of {axes} of space of {seen}, got {n}",
            axes = plural(space, "axis")
        )),
    }
}
