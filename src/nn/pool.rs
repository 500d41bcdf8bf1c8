//! Pooling: the greatest elements and the means of windows.

use crate::core::array::Array;
use crate::numpy::fallible::functions;
use crate::prims::array::literal::Operand;
use crate::prims::lax::{self, Borders, Window};
use cotangent_jit::{Error, err};

/// Windows over the axes of space of `[batch, space.., features]`.
fn over_space(op: &str, x: &Array, sizes: &[usize], strides: &[usize]) -> Result<Window, Error> {
    if x.ndim() != sizes.len() + 2 || strides.len() != sizes.len() {
        return Err(err!(
            Shape,
            "{op}: expected [batch, space.., features] with a size and a stride per axis of space, \
             got {} with {sizes:?} and {strides:?}",
            x.aval()
        ));
    }
    let with_ends = |own: &[usize]| -> Vec<usize> {
        [1].into_iter().chain(own.iter().copied()).chain([1]).collect()
    };
    Ok(Window::new(with_ends(sizes)).strides(with_ends(strides)))
}

/// Borders of space, none of the batch and the features.
fn of_space(borders: Borders) -> Borders {
    match borders {
        Borders::Explicit(mut edges) => {
            edges.insert(0, (0, 0));
            edges.push((0, 0));
            Borders::Explicit(edges)
        }
        named => named,
    }
}

functions! {
    /// The greatest elements of windows over the axes of space of `[batch, space.., features]`.
    ///
    /// Layout: `lax` keeps JAX's order (NCHW, OIHW); `nn` takes channels-last activations with OIHW
    /// weights. There is one size and one stride for each axis of space. It is an error if there
    /// are more or fewer.
    ///
    /// The derivative is the tangent of the first element that is the greatest of its window.
    ///
    /// ```
    /// use cotangent::{lax::Borders, nn, prelude::*};
    /// let x = array![1.0, 5.0, 2.0, 3.0].reshape([1, 4, 1]);
    /// let y = nn::max_pool(x, &[2], &[2], Borders::Valid);
    /// assert_eq!(y.to_vec::<f32>(), [5.0, 3.0]);
    /// ```
    #[doc(alias("max_pool1d", "max_pool2d", "max_pool3d", "MaxPool2d"))]
    fn max_pool, try_max_pool(
        x: impl Operand, sizes: &[usize], strides: &[usize], borders: Borders,
    ) -> Array {
        let x = x.to_array();
        let window = over_space("max_pool", &x, sizes, strides)?.borders(of_space(borders));
        lax::try_reduce_window_max(&x, &window)
    }

    /// The means of windows over the axes of space of `[batch, space.., features]`; what lies
    /// beyond the borders counts as 0.
    ///
    /// Layout: `lax` keeps JAX's order (NCHW, OIHW); `nn` takes channels-last activations with OIHW
    /// weights. There is one size and one stride for each axis of space. It is an error if there
    /// are more or fewer. Linear.
    ///
    /// ```
    /// use cotangent::{lax::Borders, nn, prelude::*};
    /// let x = array![1.0, 5.0, 2.0, 3.0].reshape([1, 4, 1]);
    /// let y = nn::avg_pool(x, &[2], &[2], Borders::Valid);
    /// assert_eq!(y.to_vec::<f32>(), [3.0, 2.5]);
    /// ```
    #[doc(alias("avg_pool1d", "avg_pool2d", "avg_pool3d", "AvgPool2d"))]
    #[doc(alias = "mean_pool")]
    fn avg_pool, try_avg_pool(
        x: impl Operand, sizes: &[usize], strides: &[usize], borders: Borders,
    ) -> Array {
        let x = x.to_array();
        let window = over_space("avg_pool", &x, sizes, strides)?.borders(of_space(borders));
        let count: usize = sizes.iter().product();
        Ok(lax::try_reduce_window_sum(&x, &window)? / count as f64)
    }
}
