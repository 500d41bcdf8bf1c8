//! Collectives: what the lanes of a named `vmap` tell each other. All take and give pytrees, leaf
//! by leaf.
//!
//! ```
//! use cotangent::prelude::*;
//! // Every example normalised by the statistics of its batch, of which the function sees one
//! // example.
//! let normalise = |x: Array| {
//!     let mean = pmean(x.clone(), "batch");
//!     let centred = x - mean;
//!     let variance = pmean(centred.square(), "batch");
//!     centred / (variance + 1e-6).sqrt()
//! };
//! let y = vmap_with(normalise, VmapOptions::new().axis_name("batch"))(array![1.0, 3.0]);
//! assert!((y.to_vec::<f32>()[1] - 1.0).abs() < 1e-5);
//! ```
//!
//! A name stands for the innermost axis of that name around it. Several names at once stand for all
//! their lanes, the first varying slowest. Not here: the rules (`prims::collective_reduce`,
//! `prims::collective_move`, `prims::axis_index`).

use super::axes::resolve;
use super::pytree::{Pytree, try_tree_map};
use crate::core::array::Array;
use crate::core::axis::{AxisEnv, AxisName};
use crate::core::source::{in_name_of, raise};
use crate::prims::array::promotion::inexact;
use crate::prims::collectives::axis_index as index;
use crate::prims::collectives::lane_fold as reduce;
use crate::prims::collectives::lane_move::{
    try_all_gather as gather, try_all_to_all as exchange, try_ppermute as permute,
    try_psum_scatter as scatter,
};
use crate::prims::lax;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::{DType, Error, Scalar, err, plural};

/// What can be written for the axes of a collective: `"i"`, `("i", "j")`, an array or `Vec` of
/// names.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no mapped axis: expected a name, or a tuple, array or `Vec` of names",
    label = "expected a name, such as `\"i\"`, that `VmapOptions::axis_name` has given",
    note = "collectives speak of axes that `vmap` maps, by name; sums over an axis of an array, by \
            number, are `x.sum_axis(0)`"
)]
pub trait IntoAxisNames {
    fn into_names(self) -> Vec<AxisName>;
}

macro_rules! one_name {
    ($($t:ty),*) => {$(
        impl IntoAxisNames for $t {
            fn into_names(self) -> Vec<AxisName> {
                vec![self.into()]
            }
        }
    )*};
}

one_name!(&str, String, AxisName, &AxisName);

impl<T: Into<AxisName>> IntoAxisNames for Vec<T> {
    fn into_names(self) -> Vec<AxisName> {
        self.into_iter().map(T::into).collect()
    }
}

impl<T: Into<AxisName>, const N: usize> IntoAxisNames for [T; N] {
    fn into_names(self) -> Vec<AxisName> {
        self.into_iter().map(T::into).collect()
    }
}

impl<A: Into<AxisName>, B: Into<AxisName>> IntoAxisNames for (A, B) {
    fn into_names(self) -> Vec<AxisName> {
        vec![self.0.into(), self.1.into()]
    }
}

impl<A: Into<AxisName>, B: Into<AxisName>, C: Into<AxisName>> IntoAxisNames for (A, B, C) {
    fn into_names(self) -> Vec<AxisName> {
        vec![self.0.into(), self.1.into(), self.2.into()]
    }
}

/// Axes that are in force, with their sizes.
struct Lanes {
    op: &'static str,
    axes: Vec<(AxisName, usize)>,
}

impl Lanes {
    fn of(op: &'static str, names: impl IntoAxisNames) -> Result<Lanes, Error> {
        let (names, env) = (names.into_names(), AxisEnv::current());
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                return Err(err!(Axis, "{op}: axis {name:?} is named twice"));
            }
        }
        let sized = |name: AxisName| {
            let size = env.size(op, &name)?;
            Ok((name, size))
        };
        Ok(Lanes { op, axes: names.into_iter().map(sized).collect::<Result<_, Error>>()? })
    }

    fn names(&self) -> Vec<AxisName> {
        self.axes.iter().map(|(n, _)| n.clone()).collect()
    }

    fn sizes(&self) -> Vec<usize> {
        self.axes.iter().map(|(_, s)| *s).collect()
    }

    /// How many lanes.
    fn count(&self) -> usize {
        self.axes.iter().map(|(_, s)| s).product()
    }

    fn axis(&self, what: &str, axis: isize, rank: usize, x: &Array) -> Result<usize, Error> {
        resolve(axis, rank).ok_or_else(|| {
            err!(Axis, "{}: {what} {axis} is out of range for {}", self.op, x.aval())
        })
    }

    /// Axis `axis` of `x` split in two: one entry per lane in front, the rest where it was.
    fn per_lane(&self, x: &Array, axis: usize) -> Result<Array, Error> {
        let (n, whole) = (self.count(), x.shape()[axis]);
        if n == 0 && whole == 0 {
            let mut shape = x.to_shape();
            shape.insert(axis, 0);
            return moveaxis(&lax::try_reshape(x, &shape)?, axis, 0);
        }
        if n == 0 || !whole.is_multiple_of(n) {
            return Err(err!(
                Shape,
                "{}: axis {axis} of {} should divide into {parts}, one per lane of {}",
                self.op,
                x.aval(),
                self.text(),
                parts = plural(n, "part")
            ));
        }
        let mut shape = x.to_shape();
        shape[axis] = whole / n;
        shape.insert(axis, n);
        moveaxis(&lax::try_reshape(x, &shape)?, axis, 0)
    }

    /// Axis `axis` of `x`, which has one entry per lane, in front.
    fn exactly(&self, x: &Array, axis: usize) -> Result<Array, Error> {
        if x.shape()[axis] != self.count() {
            return Err(err!(
                Shape,
                "{}: axis {axis} of {} should have {entries}, one per lane of {}; tiled takes \
                 several per lane",
                self.op,
                x.aval(),
                self.text(),
                entries = plural(self.count(), "entry")
            ));
        }
        moveaxis(x, axis, 0)
    }

    fn text(&self) -> String {
        self.axes.iter().map(|(n, _)| format!("{n:?}")).collect::<Vec<_>>().join(", ")
    }

    /// Axis 0 of `x` as one axis per name.
    fn unfold(&self, x: &Array) -> Result<Array, Error> {
        let shape = [&self.sizes(), &x.shape()[1..]].concat();
        if self.axes.len() == 1 { Ok(x.clone()) } else { lax::try_reshape(x, &shape) }
    }

    /// The inverse of [`Lanes::unfold`].
    fn fold(&self, x: &Array) -> Result<Array, Error> {
        let shape = [&[self.count()], &x.shape()[self.axes.len()..]].concat();
        if self.axes.len() == 1 { Ok(x.clone()) } else { lax::try_reshape(x, &shape) }
    }

    /// All lanes' `x` along a new axis 0.
    fn gathered(&self, x: &Array) -> Result<Array, Error> {
        let mut y = x.clone();
        for (name, size) in self.axes.iter().rev() {
            y = gather(&y, name, *size)?;
        }
        self.fold(&y)
    }

    /// Entry `i` of axis 0 of the sum, for lane `i`.
    fn scattered(&self, x: &Array) -> Result<Array, Error> {
        let mut y = self.unfold(x)?;
        for (name, size) in &self.axes {
            y = scatter(&y, name, *size)?;
        }
        Ok(y)
    }

    /// Entry `i` of axis 0 of every lane along axis 0, for lane `i`.
    fn exchanged(&self, x: &Array) -> Result<Array, Error> {
        let mut y = self.unfold(x)?;
        for (k, (name, size)) in self.axes.iter().enumerate() {
            y = moveaxis(&exchange(&moveaxis(&y, k, 0)?, name, *size)?, 0, k)?;
        }
        self.fold(&y)
    }

    fn only(&self) -> Result<(&AxisName, usize), Error> {
        match &self.axes[..] {
            [(name, size)] => Ok((name, *size)),
            axes => {
                Err(err!(Axis, "{}: expected the name of one axis, got {}", self.op, axes.len()))
            }
        }
    }
}

macro_rules! collectives {
    ($($(#[$doc:meta])* $name:ident, $try:ident($x:ident, $lanes:ident $(,
        $arg:ident: $t:ty)*) $body:block)*) => {$(
        $(#[$doc])*
        ///
        /// Errors (panics here, returned by the `try_` twin): a name that is not in force, or that
        /// is given twice.
        #[track_caller]
        pub fn $name<T: Pytree>(x: T, axis_name: impl IntoAxisNames $(, $arg: $t)*) -> T {
            raise($try(x, axis_name $(, $arg)*))
        }

        #[doc = concat!("Returns the error of [`", stringify!($name), "`] instead of panicking.")]
        #[track_caller]
        pub fn $try<T: Pytree>(x: T, axis_name: impl IntoAxisNames $(, $arg: $t)*) -> Result<T,
            Error> {
            let $lanes = Lanes::of(stringify!($name), axis_name)?;
            let each = |leaf: Array| {
                let $x = &leaf;
                $body
            };
            in_name_of(stringify!($name), || try_tree_map(each, x))
        }
    )*};
}

/// Bools count as ints.
fn number(x: &Array) -> Result<Array, Error> {
    if x.dtype() == DType::Bool {
        lax::try_convert_element_type(x, DType::I32)
    } else {
        Ok(x.clone())
    }
}

collectives! {
    /// The sum over all lanes, for every lane: `yᵢ = ∑ⱼ xⱼ`. Numbers; bools count as ints.
    ///
    /// Linear. The cotangent of every `xⱼ` is the sum of all lanes' cotangents.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let share =
    ///     vmap_with(|x: Array| &x / psum(x.clone(), "i"), VmapOptions::new().axis_name("i"));
    /// assert_eq!(share(array![1.0, 3.0]).to_vec::<f32>(), [0.25, 0.75]);
    /// ```
    psum, try_psum(x, lanes) { reduce::try_psum(&number(x)?, &lanes.names()) }

    /// The mean over all lanes, for every lane: `yᵢ = ∑ⱼ xⱼ / n`. The mean of ints is a float.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let mean = vmap_with(|x: Array| pmean(x, "i"), VmapOptions::new().axis_name("i"));
    /// assert_eq!(mean(array![1.0, 3.0]).to_vec::<f32>(), [2.0, 2.0]);
    /// ```
    pmean, try_pmean(x, lanes) {
        let sum = reduce::try_psum(&number(x)?, &lanes.names())?;
        let floats = inexact(sum.dtype(), sum.is_weak());
        let sum = if sum.dtype().is_inexact() { sum } else { lax::try_convert_element_type(&sum,
            floats)? };
        let n = Scalar::from_f64(sum.dtype(), lanes.count() as f64).expect("a float");
        lax::try_div(&sum, &Array::strong_literal(n))
    }

    /// The greatest over all lanes, for every lane; NaN if there is one.
    ///
    /// Derivative: the mean tangent of the lanes that attain it.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let top = vmap_with(|x: Array| pmax(x, "i"), VmapOptions::new().axis_name("i"));
    /// assert_eq!(top(array![1.0, 3.0]).to_vec::<f32>(), [3.0, 3.0]);
    /// ```
    pmax, try_pmax(x, lanes) { reduce::try_pmax(x, &lanes.names()) }

    /// The least over all lanes, for every lane; NaN if there is one. As [`pmax`] otherwise.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let least = vmap_with(|x: Array| pmin(x, "i"), VmapOptions::new().axis_name("i"));
    /// assert_eq!(least(array![1.0, 3.0]).to_vec::<f32>(), [1.0, 1.0]);
    /// ```
    pmin, try_pmin(x, lanes) { reduce::try_pmin(x, &lanes.names()) }

    /// All lanes' `x`, for every lane: stacked along a new axis, `yᵢ[.., j, ..] = xⱼ[..]` with `j`
    /// at `axis`; if `tiled`, joined along `axis` as it is.
    ///
    /// Linear; the transpose is [`psum_scatter`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let all =
    ///     vmap_with(|x: Array| all_gather(x, "i", 0, false), VmapOptions::new().axis_name("i"));
    /// assert_eq!(all(array![1.0, 2.0]).to_vec::<f32>(), [1.0, 2.0, 1.0, 2.0]);
    /// ```
    all_gather, try_all_gather(x, lanes, axis: isize, tiled: bool) {
        let at = lanes.axis("axis", axis, x.ndim() + !tiled as usize, x)?;
        let y = moveaxis(&lanes.gathered(x)?, 0, at)?;
        if tiled { merged(&y, at) } else { Ok(y) }
    }

    /// The sum over all lanes, of which every lane gets its part of axis `scatter_dimension`:
    /// `yᵢ = ∑ⱼ xⱼ[.., i, ..]`. That axis has one entry per lane, and goes; if `tiled`, it has
    /// several, and keeps as many as a lane gets.
    ///
    /// Linear; the transpose is [`all_gather`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let part =
    ///     vmap_with(|x: Array| psum_scatter(x, "i", 0, false), VmapOptions::new().axis_name("i"));
    /// assert_eq!(part(array![[1.0, 2.0], [3.0, 4.0]]).to_vec::<f32>(), [4.0, 6.0]);
    /// ```
    psum_scatter, try_psum_scatter(x, lanes, scatter_dimension: isize, tiled: bool) {
        let at = lanes.axis("scatter_dimension", scatter_dimension, x.ndim(), x)?;
        let x = number(x)?;
        lanes.scattered(&if tiled { lanes.per_lane(&x, at)? } else { lanes.exactly(&x, at)? })
    }

    /// Every lane cuts its `x` along `split_axis` into one part per lane and gives part `i` to lane
    /// `i`, which stacks what it gets along a new axis at `concat_axis`:
    /// `yᵢ[.., j, ..] = xⱼ[.., i, ..]`. If `tiled`, the parts are pieces of `split_axis`, and are
    /// joined along `concat_axis` as they are.
    ///
    /// Linear; the transpose gives the parts back.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let swap =
    ///     vmap_with(|x: Array| all_to_all(x, "i", 0, 0, false),
    ///         VmapOptions::new().axis_name("i"));
    /// assert_eq!(swap(array![[1.0, 2.0], [3.0, 4.0]]).to_vec::<f32>(), [1.0, 3.0, 2.0, 4.0]);
    /// ```
    all_to_all, try_all_to_all(x, lanes, split_axis: isize, concat_axis: isize, tiled: bool) {
        let split = lanes.axis("split_axis", split_axis, x.ndim(), x)?;
        let concat = lanes.axis("concat_axis", concat_axis, x.ndim(), x)?;
        let parts = if tiled { lanes.per_lane(x, split)? } else { lanes.exactly(x, split)? };
        let y = moveaxis(&lanes.exchanged(&parts)?, 0, concat)?;
        if tiled { merged(&y, concat) } else { Ok(y) }
    }

    /// Lane `d` gets what lane `s` has, for each pair `(s, d)`; lanes for which nothing is, zeros.
    /// Sources are all different, and so are destinations. One axis.
    ///
    /// Linear; the transpose sends everything back.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let shift =
    ///     vmap_with(|x: Array| ppermute(x, "i", &[(0, 1), (1, 2)]),
    ///         VmapOptions::new().axis_name("i"));
    /// assert_eq!(shift(array![1.0, 2.0, 3.0]).to_vec::<f32>(), [0.0, 1.0, 2.0]);
    /// ```
    ppermute, try_ppermute(x, lanes, pairs: &[(usize, usize)]) {
        let (name, size) = lanes.only()?;
        permute(x, name, size, &pairs.iter().map(|(s, d)| [*s, *d]).collect::<Vec<_>>())
    }

    /// Lane `i` gets what lane `sources[i]` has: [`ppermute`] by a whole permutation.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let turn =
    ///     vmap_with(|x: Array| pshuffle(x, "i", &[1, 2, 0]), VmapOptions::new().axis_name("i"));
    /// assert_eq!(turn(array![1.0, 2.0, 3.0]).to_vec::<f32>(), [2.0, 3.0, 1.0]);
    /// ```
    pshuffle, try_pshuffle(x, lanes, sources: &[usize]) {
        let (name, size) = lanes.only()?;
        if sources.len() != size {
            let n = sources.len();
            return Err(err!(Value, "pshuffle: expected one source per lane of {name:?}, which are \
                                    {size}, got {n}"));
        }
        permute(x, name, size, &sources.iter().enumerate().map(|(d, s)| [*s,
            d]).collect::<Vec<_>>())
    }

    /// The mapped axis and axis `axis` of `x`, of the same size, change places: [`all_to_all`]
    /// along one axis.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let turn = vmap_with(|x: Array| pswapaxes(x, "i", 0), VmapOptions::new().axis_name("i"));
    /// assert_eq!(turn(array![[1.0, 2.0], [3.0, 4.0]]).to_vec::<f32>(), [1.0, 3.0, 2.0, 4.0]);
    /// ```
    pswapaxes, try_pswapaxes(x, lanes, axis: isize) {
        let at = lanes.axis("axis", axis, x.ndim(), x)?;
        moveaxis(&lanes.exchanged(&lanes.exactly(x, at)?)?, 0, at)
    }
}

/// Axes `at` and `at + 1` as one.
fn merged(x: &Array, at: usize) -> Result<Array, Error> {
    let mut shape = x.to_shape();
    shape[at] *= shape.remove(at + 1);
    lax::try_reshape(x, &shape)
}

/// Which lane of the axis this is, an `i32[]`; of several axes the number of the lane, the first
/// axis varying slowest.
///
/// Panics if a name is not in force; [`try_axis_index`] returns the error.
///
/// ```
/// use cotangent::prelude::*;
/// let f = vmap_with(|x: Array| x + axis_index("i"), VmapOptions::new().axis_name("i"));
/// assert_eq!(f(array![10, 20]).to_vec::<i32>(), [10, 21]);
/// ```
#[track_caller]
pub fn axis_index(axis_name: impl IntoAxisNames) -> Array {
    raise(try_axis_index(axis_name))
}

/// Returns the error of [`axis_index`] instead of panicking.
#[track_caller]
pub fn try_axis_index(axis_name: impl IntoAxisNames) -> Result<Array, Error> {
    let lanes = Lanes::of("axis_index", axis_name)?;
    in_name_of("axis_index", || {
        let mut at: Option<Array> = None;
        for (name, size) in &lanes.axes {
            let inner = index::try_axis_index(name)?;
            at = Some(match at {
                None => inner,
                Some(outer) => lax::try_add(&reduce::times(&outer, *size)?, &inner)?,
            });
        }
        Ok(at.unwrap_or_else(|| Array::strong_literal(0i32.into())))
    })
}

/// How many lanes the axis has, a number known while tracing; of several axes the product.
///
/// Panics if a name is not in force; [`try_axis_size`] returns the error.
///
/// ```
/// use cotangent::prelude::*;
/// let f = vmap_with(|x: Array| x * axis_size("i") as f64, VmapOptions::new().axis_name("i"));
/// assert_eq!(f(array![1.0, 2.0]).to_vec::<f32>(), [2.0, 4.0]);
/// ```
#[track_caller]
pub fn axis_size(axis_name: impl IntoAxisNames) -> usize {
    raise(try_axis_size(axis_name))
}

/// Returns the error of [`axis_size`] instead of panicking.
pub fn try_axis_size(axis_name: impl IntoAxisNames) -> Result<usize, Error> {
    Ok(Lanes::of("axis_size", axis_name)?.count())
}
