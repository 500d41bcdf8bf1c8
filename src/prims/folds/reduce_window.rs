//! Reductions over windows: `reduce_window_sum`, `reduce_window_max`, `reduce_window_min`, and
//! `reduce_window` by any function.
//!
//! `y[o] = reduction of x[strides · o + dilation · w - low] over w`. The padding is the identity
//! element. The sum is linear, and its transpose is again a sum over windows. The tangent of an
//! extremum is that of the first element of the window that attains it.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::core::trace::trace;
use crate::prims::cases::samples::{RUNNING, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::folds::reduce::{try_reduce_max, try_reduce_min, try_reduce_sum};
use crate::prims::folds::reduce_by::{check_inits, try_reduce};
use crate::prims::folds::select_window::gather_selected;
use crate::prims::folds::window::{Placed, Window};
use crate::prims::points::elementwise::expect_operand;
use crate::prims::rules::apply::{composed, expect, expect_inputs, one};
use crate::prims::rules::linear::{linear_unary_jvp, transpose_unary};
use crate::prims::rules::zeros::try_zeros;
use crate::prims::shapes::pad::try_pad;
use crate::prims::shapes::sliding::try_sliding_windows;
use cotangent_jit::Error;
use cotangent_jit::kernel::Combine;
use smallvec::smallvec;
use std::sync::Arc;

/// A reduction over windows.
#[derive(Clone, Debug)]
pub(crate) struct ReduceWindow {
    pub combine: Combine,
    pub window: Placed,
}

impl Primitive for ReduceWindow {
    fn name(&self) -> &'static str {
        name(self.combine)
    }

    fn params(&self) -> Params {
        self.window.params()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let x = &inputs[0];
        expect_operand(self.name(), self.combine.op(), x)?;
        Ok(smallvec![x.with_shape(self.window.outs(self.name(), x)?)])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        if self.combine == Combine::Sum {
            return linear_unary_jvp(Arc::new(self.clone()), primals, tangents);
        }
        let y = self.apply(&primals[0])?;
        let dy = match tangents[0].value() {
            None => Tangent::Zero(y.aval()),
            Some(t) => Tangent::Value(gather_selected(t, &primals[0], self)?),
        };
        Ok((smallvec![y], vec![dy]))
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.combine {
            Combine::Sum => Taylor::Linear,
            _ => Taylor::ByDerivative,
        }
    }

    /// The transpose of the sum: for each element, the sum of the cotangents of the windows that
    /// contain it.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        if self.combine != Combine::Sum {
            return not_linear(self);
        }
        let x = inputs[0].aval();
        transpose_unary(cotangents, x.clone(), |ct| {
            if x.size() == 0 || ct.size() == 0 {
                return try_zeros(&x);
            }
            let window = self.window.transposed(&x.shape, ct.shape());
            ReduceWindow { combine: Combine::Sum, window }.apply(ct)
        })
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let batch = axes[0].expect("the one operand is batched");
        let window = self.window.with_axis(batch);
        let wide = ReduceWindow { combine: self.combine, window };
        Ok((smallvec![wide.apply(&inputs[0])?], vec![Some(batch)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Call
    }

    /// Pads the operand with the identity element, takes all windows side by side, and reduces
    /// each.
    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let body = trace(inputs, |x| {
            let windows = self.windows(&x[0])?;
            let rank = x[0].ndim();
            let window_axes: Vec<usize> = (rank..2 * rank).collect();
            let fold = match self.combine {
                Combine::Sum => try_reduce_sum,
                Combine::Max => try_reduce_max,
                _ => try_reduce_min,
            };
            Ok(vec![fold(&windows, &window_axes)?])
        })?;
        Ok(Lowering::Call(Arc::new(body.jaxpr)))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

fn name(combine: Combine) -> &'static str {
    match combine {
        Combine::Sum => "reduce_window_sum",
        Combine::Max => "reduce_window_max",
        Combine::Min => "reduce_window_min",
        other => unreachable!("no {} over windows", other.name()),
    }
}

impl ReduceWindow {
    fn new(combine: Combine, x: &Array, window: &Window) -> Result<ReduceWindow, Error> {
        Ok(ReduceWindow { window: window.placed(name(combine), &x.aval())?, combine })
    }

    fn apply(&self, x: &Array) -> Result<Array, Error> {
        one(self.clone(), &[x])
    }

    /// All windows, side by side: first the axes that number the windows, then the axes inside a
    /// window.
    pub fn windows(&self, x: &Array) -> Result<Array, Error> {
        let padding = Array::strong_literal(self.combine.identity(x.dtype()));
        side_by_side(x, &padding, &self.window)
    }
}

/// All windows of an array that is padded with `padding`.
pub(crate) fn side_by_side(x: &Array, padding: &Array, window: &Placed) -> Result<Array, Error> {
    let padded = try_pad(x, padding, &window.padding())?;
    try_sliding_windows(&padded, &window.sizes, &window.strides, &window.dilation)
}

macro_rules! windowed {
    ($($(#[$doc:meta])* $name:ident, $try:ident: $combine:ident, $result:literal;)*) => {
        $(
            $(#[$doc])*
            ///
            /// Panics where the `try_` version gives an error.
            ///
            /// ```
            /// use cotangent::{lax, prelude::*};
            #[doc = concat!(
                "let y = lax::", stringify!($name), "(&array![1, 5, 2], &lax::Window::new([2]));"
            )]
            #[doc = concat!("assert_eq!(y.to_vec::<i32>(), ", $result, ");")]
            /// ```
            #[track_caller]
            pub fn $name(x: &Array, window: &Window) -> Array {
                expect($try(x, window))
            }

            #[doc = concat!(
                "Returns the error of [`", stringify!($name), "`] instead of panicking."
            )]
            ///
            /// Fails if the window does not fit the operand's axes, and for any other dtype.
            #[track_caller]
            pub fn $try(x: &Array, window: &Window) -> Result<Array, Error> {
                ReduceWindow::new(Combine::$combine, x, window)?.apply(x)
            }
        )*

        /// One entry per reduction over windows.
        pub(crate) fn entries() -> Vec<Entry> {
            vec![$(Entry {
                name: stringify!($name),
                build: |args| build(Combine::$combine, args),
                cases: || cases(Combine::$combine),
            }),*]
        }
    };
}

windowed! {
    /// Sums over windows; the padding is 0. Ints (wrapping) and floats; f32 is summed in f64.
    ///
    /// Linear: the derivative sums the tangents; the transpose is again a sum over windows.
    reduce_window_sum, try_reduce_window_sum: Sum, "[6, 7]";

    /// The greatest element of each window. Any real dtype.
    ///
    /// Derivative: the tangent of the first element of the window that is the greatest.
    reduce_window_max, try_reduce_window_max: Max, "[5, 5]";

    /// The least element of each window. Any real dtype.
    ///
    /// Derivative: the tangent of the first element of the window that is the least.
    reduce_window_min, try_reduce_window_min: Min, "[1, 2]";
}

/// Reduces operands of one shape over windows by an associative function of their elements; `init`
/// is its identity element and the padding. Derivatives are those of `f`; see
/// [`reduce`](crate::prims::folds::reduce_by::reduce).
///
/// Panics where [`try_reduce_window`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let x = array![2, 3, 4];
/// let window = lax::Window::new([2]);
/// let y = lax::reduce_window(&[x], &[Array::scalar(1)], &window, |a, b| vec![&a[0] * &b[0]]);
/// assert_eq!(y[0].to_vec::<i32>(), [6, 12]);
/// ```
#[track_caller]
pub fn reduce_window(
    operands: &[Array],
    inits: &[Array],
    window: &Window,
    f: impl Fn(&[Array], &[Array]) -> Vec<Array>,
) -> Vec<Array> {
    expect(try_reduce_window(operands, inits, window, f))
}

/// Returns the error of [`reduce_window`] instead of panicking.
///
/// Fails if the window does not fit, shapes differ, or `f` does not return the types that it takes.
#[track_caller]
pub fn try_reduce_window(
    operands: &[Array],
    inits: &[Array],
    window: &Window,
    f: impl Fn(&[Array], &[Array]) -> Vec<Array>,
) -> Result<Vec<Array>, Error> {
    composed("reduce_window", || {
        check_inits("reduce_window", operands, inits)?;
        let windows = operands.iter().zip(inits).map(|(x, init)| {
            let window = window.placed("reduce_window", &x.aval())?;
            window.outs("reduce_window", &x.aval())?;
            side_by_side(x, init, &window)
        });
        let windows: Vec<Array> = windows.collect::<Result<_, Error>>()?;
        let rank = operands.first().map_or(0, Array::ndim);
        try_reduce(&windows, inits, &Vec::from_iter(rank..2 * rank), f)
    })
}

fn build(combine: Combine, args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(ReduceWindow { combine, window: Placed::build(args)? }))
}

fn cases(combine: Combine) -> Vec<Case> {
    let mut cases = Vec::new();
    let windows: [(&[usize], Window); 7] = [
        (&[6], Window::new([2])),
        (&[7], Window::new([3]).strides([2]).borders([(1, 1)])),
        (&[5], Window::new([2]).dilation([2]).base_dilation([2]).borders([(2, -1)])),
        (&[4, 5], Window::new([2, 3]).strides([2, 1]).borders([(0, 1), (1, 1)])),
        (&[2, 4], Window::new([1, 2]).strides([1, 2])),
        (&[2], Window::new([4]).borders([(0, 1)])),
        (&[0], Window::new([2])),
    ];
    for d in RUNNING.into_iter().filter(|d| combine.op().takes(*d)) {
        for (n, (from, window)) in windows.iter().enumerate() {
            let x = sample(from, d, n as u64);
            let prim = ReduceWindow::new(combine, &x, window).expect("cases fit");
            cases.push(Case::new(Arc::new(prim), vec![x]));
        }
    }
    cases
}
