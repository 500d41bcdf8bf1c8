//! The array handle: one type for arrays that hold elements and for values that are being traced.
//!
//! Not here: constructors and extraction (`construct`, `extract`), printing (`display`), operators
//! (prims).

use super::aval::{Aval, Shape};
use super::id::{TraceId, Var};
use super::live::Tag;
use super::source::Source;
use cotangent_jit::buffer::Buffer;
use cotangent_jit::{DType, Scalar};
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::thread::ThreadId;

/// An n-dimensional array: immutable, dense and row-major, cheap to clone, `Send + Sync`.
///
/// Inside `grad`, `vmap`, `jit` and their kin an `Array` stands for a value that is not known yet
/// (a *tracer*): it has a shape and a dtype, and operations on it are recorded.
///
/// Each panicking method `x` has a twin `try_x` that returns the error. Contents of this page, in
/// its order; rows in italics tell what stands elsewhere:
///
/// | task | most used |
/// | --- | --- |
/// | *Make from values* | [`array!`](crate::array!), [`zeros`](crate::numpy::create::zeros), [`ones`](crate::numpy::create::ones), [`full`](crate::numpy::create::full), [`arange`](crate::numpy::create::arange), [`linspace`](crate::numpy::create::linspace), [`eye`](crate::numpy::create::eye), [`random`](crate::random) |
/// | [Make from elements](#make-from-elements) | [`from_vec`](Array::from_vec), [`from_slice`](Array::from_slice), [`new`](Array::new), [`scalar`](Array::scalar) |
/// | [Make from a number](#make-from-a-number) | [`literal`](Array::literal), [`strong_literal`](Array::strong_literal) |
/// | [Look at shape and dtype](#look-at-shape-and-dtype) | [`shape`](Array::shape), [`ndim`](Array::ndim), [`size`](Array::size), [`dtype`](Array::dtype), [`aval`](Array::aval), [`is_tracer`](Array::is_tracer) |
/// | [Read elements out](#read-elements-out) | [`to_vec`](Array::to_vec), [`item`](Array::item), [`to_f64`](Array::to_f64), [`to_i64`](Array::to_i64), [`to_bool`](Array::to_bool), [`to_bytes`](Array::to_bytes) |
/// | [Look at the device, move to another](#look-at-the-device-move-to-another) | [`device`](Array::device), [`to`](Array::to) |
/// | [Show in a notebook](#show-in-a-notebook) | [`evcxr_display`](Array::evcxr_display) |
/// | Give to the crate ndarray | `to_ndarray`, with the feature `ndarray` |
/// | *Operators* | `+ - * / %` and `-x` of arrays and numbers; `& \| ^ !` of ints and bools; all broadcast and promote |
/// | [Elementary functions](#elementary-functions) | [`exp`](Array::exp), [`log`](Array::log), [`sqrt`](Array::sqrt), [`sin`](Array::sin), [`cos`](Array::cos), [`tanh`](Array::tanh), [`sigmoid`](Array::sigmoid), [`erf`](Array::erf) |
/// | [Signs, rounding, dtypes](#signs-rounding-dtypes) | [`abs`](Array::abs), [`sign`](Array::sign), [`round`](Array::round), [`floor`](Array::floor), [`astype`](Array::astype) |
/// | [Extremes, bounds, remainders of two operands](#extremes-bounds-remainders-of-two-operands) | [`maximum`](Array::maximum), [`minimum`](Array::minimum), [`clip`](Array::clip), [`atan2`](Array::atan2), [`remainder`](Array::remainder), [`floor_divide`](Array::floor_divide) |
/// | [Round to decimals](#round-to-decimals) | [`round_to`](Array::round_to) |
/// | [Squares and powers](#squares-and-powers) | [`square`](Array::square), [`powi`](Array::powi), [`pow`](Array::pow) |
/// | [Parts of floats, angles, further functions](#parts-of-floats-angles-further-functions) | [`hypot`](Array::hypot), [`logaddexp`](Array::logaddexp), [`trunc`](Array::trunc), [`copysign`](Array::copysign), [`degrees`](Array::degrees), [`nan_to_num`](Array::nan_to_num) |
/// | [Divisors of ints](#divisors-of-ints) | [`gcd`](Array::gcd), [`lcm`](Array::lcm) |
/// | [Compare for equality](#compare-for-equality) | [`eq`](Array::eq), [`ne`](Array::ne) |
/// | [Compare by order](#compare-by-order) | [`lt`](Array::lt), [`le`](Array::le), [`gt`](Array::gt), [`ge`](Array::ge) |
/// | [Ask about elements, choose by a mask](#ask-about-elements-choose-by-a-mask) | [`is_nan`](Array::is_nan), [`is_finite`](Array::is_finite), [`select`](Array::select) |
/// | [Logic, closeness, membership](#logic-closeness-membership) | [`logical_and`](Array::logical_and), [`logical_or`](Array::logical_or), [`logical_not`](Array::logical_not), [`isclose`](Array::isclose), [`allclose`](Array::allclose), [`isin`](Array::isin) |
/// | [Reduce](#reduce) | [`sum`](Array::sum), [`sum_axis`](Array::sum_axis), [`sum_keepdims`](Array::sum_keepdims), [`mean`](Array::mean), [`max`](Array::max), [`min`](Array::min), [`prod`](Array::prod), [`var`](Array::var), [`std`](Array::std), [`all`](Array::all), [`any`](Array::any) |
/// | [Variances of samples](#variances-of-samples) | [`var_ddof`](Array::var_ddof), [`std_ddof`](Array::std_ddof) |
/// | [Find extremes](#find-extremes) | [`argmax`](Array::argmax), [`argmin`](Array::argmin), [`argmax_axis`](Array::argmax_axis) |
/// | [Running folds](#running-folds) | [`cumsum`](Array::cumsum), [`cumprod`](Array::cumprod), [`cummax`](Array::cummax) |
/// | [Reduce without NaN](#reduce-without-nan) | [`nansum`](Array::nansum), [`nanmean`](Array::nanmean), [`nanmax`](Array::nanmax) |
/// | [Variances of samples without NaN](#variances-of-samples-without-nan) | [`nanvar_ddof`](Array::nanvar_ddof), [`nanstd_ddof`](Array::nanstd_ddof) |
/// | [Reduce under a mask](#reduce-under-a-mask) | [`sum_where`](Array::sum_where), [`mean_where`](Array::mean_where), [`max_where`](Array::max_where), [`any_where`](Array::any_where) |
/// | [Statistics, histograms](#statistics-histograms) | [`quantile`](Array::quantile), [`median`](Array::median), [`cov`](Array::cov), [`average`](Array::average), [`bincount`](Array::bincount), [`histogram`](Array::histogram) |
/// | [Differences, integrals, convolutions](#differences-integrals-convolutions) | [`diff`](Array::diff), [`gradient`](Array::gradient), [`trapezoid`](Array::trapezoid), [`convolve`](Array::convolve) |
/// | [Sort, search, pick](#sort-search-pick) | [`sort`](Array::sort), [`argsort`](Array::argsort), [`top_k`](Array::top_k), [`searchsorted`](Array::searchsorted), [`take`](Array::take), [`take_along_axis`](Array::take_along_axis) |
/// | [Results whose shape depends on values](#results-whose-shape-depends-on-values) | [`nonzero`](Array::nonzero), [`unique`](Array::unique), [`argwhere`](Array::argwhere) |
/// | [Shapes and axes](#shapes-and-axes) | [`reshape`](Array::reshape), [`ravel`](Array::ravel), [`t`](Array::t), [`transpose`](Array::transpose), [`expand_dims`](Array::expand_dims), [`squeeze`](Array::squeeze), [`broadcast_to`](Array::broadcast_to), [`flip`](Array::flip), [`pad`](Array::pad) |
/// | [Split, repeat, roll](#split-repeat-roll) | [`split`](Array::split), [`split_into`](Array::split_into), [`unstack`](Array::unstack), [`split_at`](Array::split_at), [`tile`](Array::tile), [`repeat`](Array::repeat), [`roll`](Array::roll) |
/// | *Join* | [`concatenate`](crate::numpy::join::concatenate), [`stack`](crate::numpy::join::stack), [`vstack`](crate::numpy::arrange::vstack), [`hstack`](crate::numpy::arrange::hstack), [`meshgrid`](crate::numpy::arrange::meshgrid) |
/// | [Least ranks, mirrors, turns](#least-ranks-mirrors-turns) | [`atleast_2d`](Array::atleast_2d), [`fliplr`](Array::fliplr), [`rot90`](Array::rot90), [`vander`](Array::vander) |
/// | [Kronecker, cross and inner products](#kronecker-cross-and-inner-products) | [`kron`](Array::kron), [`cross`](Array::cross), [`inner`](Array::inner) |
/// | [Diagonals and triangles](#diagonals-and-triangles) | [`diag`](Array::diag), [`tril`](Array::tril), [`triu`](Array::triu), [`trace`](Array::trace) |
/// | [Index](#index) | [`index`](Array::index) |
/// | [Go through the parts](#go-through-the-parts) | [`iter`](Array::iter), [`len`](Array::len), `for row in &x` |
/// | [Update](#update) | [`at`](Array::at) |
/// | [Matrix products](#matrix-products) | [`matmul`](Array::matmul), [`dot`](Array::dot), [`outer`](Array::outer), [`tensordot`](Array::tensordot), [`vdot`](Array::vdot), [`einsum`](crate::numpy::einsum::einsum) |
/// | [Make complex numbers](#make-complex-numbers) | [`complex`](Array::complex) |
/// | [Parts of complex numbers](#parts-of-complex-numbers) | [`real`](Array::real), [`imag`](Array::imag), [`conj`](Array::conj), [`angle`](Array::angle) |
///
/// Bits of ints, gathers, scatters, windows and convolutions are functions of
/// [`lax`](crate::lax); activations, softmax and losses those of [`nn`](crate::nn). Names of NumPy,
/// JAX and PyTorch are found by the search of these pages, also where they differ from ours.
#[doc(alias("Tensor", "ndarray", "DeviceArray"))]
#[derive(Clone)]
pub struct Array(pub(crate) Repr);

// A handle is immutable, and what it refers to is only written while nothing else refers to it: a
// panic leaves no array half written that anybody can reach.
impl UnwindSafe for Array {}
impl RefUnwindSafe for Array {}

#[derive(Clone)]
pub(crate) enum Repr {
    /// A number of rank 0 in the program. Tracing makes it a literal of the jaxpr.
    Literal {
        value: Scalar,
        weak: bool,
    },
    Concrete(Arc<Concrete>),
    Tracer(Arc<Tracer>),
}

/// Elements on a device.
pub(crate) struct Concrete {
    pub aval: Aval,
    pub buffer: Held,
    tag: Tag,
}

impl Concrete {
    pub fn new(aval: Aval, buffer: Held, committed: bool) -> Concrete {
        let bytes = if let Held::Own(own) = &buffer { own.bytes() } else { 0 };
        let tag = Tag::new(&aval, bytes, committed && !aval.shape.is_empty());
        Concrete { aval, buffer, tag }
    }

    /// Tells whether the array stays on its device: an operation with arrays of another device is
    /// an error then. An array of rank 0 is never committed.
    pub fn committed(&self) -> bool {
        self.tag.committed()
    }

    /// Makes this the array that now has the memory, for its sole owner.
    pub fn retake(&mut self, aval: &Aval, committed: bool) {
        self.aval.clone_from(aval);
        self.tag.retype(aval);
        self.tag.set_committed(committed && !aval.shape.is_empty());
    }
}

/// The memory of a concrete array: its own, or that of an array with the same elements under
/// another shape.
pub(crate) enum Held {
    Own(Buffer),
    Of(Arc<Concrete>),
}

impl Held {
    /// The memory for writing, if no other array shares it.
    pub fn sole(&mut self) -> Option<&mut Buffer> {
        match self {
            Held::Own(buffer) => Some(buffer),
            Held::Of(array) => Arc::get_mut(array)?.buffer.sole(),
        }
    }
}

impl Deref for Held {
    type Target = Buffer;
    fn deref(&self) -> &Buffer {
        match self {
            Held::Own(buffer) => buffer,
            Held::Of(array) => &array.buffer,
        }
    }
}

/// A variable of a trace in progress.
pub(crate) struct Tracer {
    pub aval: Aval,
    pub trace: TraceId,
    pub var: Var,
    pub thread: ThreadId,
    pub source: Source,
}

/// # Make from a number
impl Array {
    /// A weakly typed literal: promotion gives it the dtype of the array beside it.
    #[doc(alias = "weak_type")]
    pub fn literal(value: Scalar) -> Array {
        Array(Repr::Literal { value, weak: true })
    }

    /// A literal that keeps its dtype in promotion.
    pub fn strong_literal(value: Scalar) -> Array {
        Array(Repr::Literal { value, weak: false })
    }

    pub(crate) fn concrete(aval: Aval, buffer: Buffer, committed: bool) -> Array {
        Array(Repr::Concrete(Arc::new(Concrete::new(aval, Held::Own(buffer), committed))))
    }
}

/// # Look at shape and dtype
///
/// A tracer has them, too.
impl Array {
    /// The type: shape, dtype, weak or strong.
    #[doc(alias("typeof", "get_aval"))]
    pub fn aval(&self) -> Aval {
        match &self.0 {
            Repr::Literal { value, weak } => Aval { weak: *weak, ..Aval::scalar(value.dtype()) },
            Repr::Concrete(c) => c.aval.clone(),
            Repr::Tracer(t) => t.aval.clone(),
        }
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        match &self.0 {
            Repr::Literal { value, .. } => value.dtype(),
            Repr::Concrete(c) => c.aval.dtype,
            Repr::Tracer(t) => t.aval.dtype,
        }
    }

    /// Sizes of the axes; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        match &self.0 {
            Repr::Literal { .. } => &[],
            Repr::Concrete(c) => &c.aval.shape,
            Repr::Tracer(t) => &t.aval.shape,
        }
    }

    /// [`Array::shape`], owned.
    pub fn to_shape(&self) -> Shape {
        self.shape().iter().copied().collect()
    }

    /// Number of axes.
    #[doc(alias("dim", "rank"))]
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    #[doc(alias("numel", "nelement"))]
    pub fn size(&self) -> usize {
        self.shape().iter().product()
    }

    /// Tells whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// Tells whether the dtype is weak in promotion, as that of a literal is.
    pub fn is_weak(&self) -> bool {
        match &self.0 {
            Repr::Literal { weak, .. } => *weak,
            Repr::Concrete(c) => c.aval.weak,
            Repr::Tracer(t) => t.aval.weak,
        }
    }

    /// Tells whether this is a value being traced. Its elements cannot be read.
    #[doc(alias = "Tracer")]
    pub fn is_tracer(&self) -> bool {
        matches!(self.0, Repr::Tracer(_))
    }

    /// Sets the weakness of a concrete array that has no other owner. An executable serves types of
    /// either weakness, so that its outputs get their weakness afterwards.
    pub(crate) fn set_weak(&mut self, weak: bool) {
        if let Repr::Concrete(c) = &mut self.0
            && c.aval.weak != weak
            && let Some(c) = Arc::get_mut(c)
        {
            c.aval.weak = weak;
        }
    }

    /// The value of a literal.
    pub(crate) fn as_literal(&self) -> Option<Scalar> {
        if let Repr::Literal { value, .. } = &self.0 { Some(*value) } else { None }
    }
}
