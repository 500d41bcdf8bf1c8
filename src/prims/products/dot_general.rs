//! `dot_general`: products summed over any pairs of axes, batched over any other pairs.
//!
//! `out[b, i, j] = sum_k lhs[b, i, k] * rhs[b, j, k]`, where `b` stands for the batch axes, `k` for
//! the contracted axes, `i` and `j` for the other axes of each operand in order. The primitive is
//! bilinear; each transpose is again a `dot_general`.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::lowering::{DotDims, Lowering, LoweringKind};
use crate::core::mode::mode;
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::core::source::{here, replaying};
use crate::prims::cases::samples::{NUMBERS, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::binary::try_mul;
use crate::prims::points::convert::try_convert_element_type;
use crate::prims::products::precision::{expect_precision, precision_of, precision_param};
use crate::prims::rules::apply::{composed, expect, expect_inputs, one};
use crate::prims::rules::bilinear::{bilinear_jvp, bilinear_transpose};
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use crate::prims::shapes::reshape::try_reshape;
use crate::prims::shapes::transpose::{inverse, try_transpose};
use cotangent_jit::program::Precision;
use cotangent_jit::{DType, Error, err, plural};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

type Axes = SmallVec<[usize; 2]>;

/// See [`dot_general`].
#[derive(Clone, Debug)]
pub struct DotGeneral {
    pub dims: DotDims,
    pub precision: Precision,
}

impl DotGeneral {
    fn check_axes(&self, side: &str, x: &Aval, contract: &Axes, batch: &Axes) -> Result<(), Error> {
        let mut all: Axes = contract.iter().chain(batch).copied().collect();
        all.sort_unstable();
        if let Some(axis) = all.last().filter(|a| **a >= x.rank()) {
            return Err(err!(
                Axis,
                "dot_general: {side} axis {axis} is out of range for {x}, which has {axes}",
                axes = plural(x.rank(), "axis")
            ));
        }
        if all.windows(2).any(|w| w[0] == w[1]) {
            return Err(err!(
                Axis,
                "dot_general: expected each {side} axis once, got contracted {contract:?} and \
                 batch {batch:?}"
            ));
        }
        Ok(())
    }
}

/// The axes of an operand that are neither contracted nor batch axes.
fn free(rank: usize, contract: &Axes, batch: &Axes) -> Axes {
    (0..rank).filter(|a| !contract.contains(a) && !batch.contains(a)).collect()
}

impl Primitive for DotGeneral {
    fn name(&self) -> &'static str {
        "dot_general"
    }

    /// As in JAX, the lists are the contracted axes of both operands, then the batch axes of both.
    fn params(&self) -> Params {
        let d = &self.dims;
        let ints = |a: &Axes| a.iter().map(|i| *i as i64).collect();
        let mut params = smallvec![(
            "dimension_numbers",
            Param::Lists(vec![
                ints(&d.lhs_contract),
                ints(&d.rhs_contract),
                ints(&d.lhs_batch),
                ints(&d.rhs_batch)
            ])
        )];
        params.extend(precision_param(self.precision));
        params
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 2)?;
        let (x, y, d) = (&inputs[0], &inputs[1], &self.dims);
        if x.dtype != y.dtype {
            return Err(err!(
                DType,
                "dot_general: expected operands of one dtype, got {x} and {y}; convert one"
            ));
        }
        if x.dtype.is_bool() {
            let hint = "lax::dot_general takes bools, as ints";
            return Err(err!(DType, "dot_general: expected numbers, got {x}; {hint}"));
        }
        expect_precision(self.name(), self.precision, x)?;
        for (what, l, r) in [
            ("contracted", &d.lhs_contract, &d.rhs_contract),
            ("batch", &d.lhs_batch, &d.rhs_batch),
        ] {
            if l.len() != r.len() {
                return Err(err!(
                    Axis,
                    "dot_general: expected as many {what} axes of either operand, got {l:?} of {x} \
                     and {r:?} of {y}"
                ));
            }
        }
        self.check_axes("lhs", x, &d.lhs_contract, &d.lhs_batch)?;
        self.check_axes("rhs", y, &d.rhs_contract, &d.rhs_batch)?;
        for (what, l, r) in [
            ("contracted", &d.lhs_contract, &d.rhs_contract),
            ("batch", &d.lhs_batch, &d.rhs_batch),
        ] {
            for (&a, &b) in l.iter().zip(r) {
                let (m, n) = (x.shape[a], y.shape[b]);
                if m != n {
                    return Err(err!(
                        Shape,
                        "dot_general: {what} sizes differ: {x} has {m}, {y} has {n}"
                    ));
                }
            }
        }
        let batch = d.lhs_batch.iter().map(|a| x.shape[*a]);
        let left = free(x.rank(), &d.lhs_contract, &d.lhs_batch);
        let right = free(y.rank(), &d.rhs_contract, &d.rhs_batch);
        let shape: Shape = batch
            .chain(left.iter().map(|a| x.shape[*a]))
            .chain(right.iter().map(|a| y.shape[*a]))
            .collect();
        Ok(smallvec![Aval { shape, dtype: x.dtype, weak: x.weak && y.weak }])
    }

    /// `d dot(x, y) = dot(dx, y) + dot(x, dy)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        bilinear_jvp(|x, y| one(self.clone(), &[x, y]), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Bilinear
    }

    /// `x_ct[b, i, k] = sum_j ct[b, i, j] * y[b, j, k]`, and
    /// `y_ct[b, j, k] = sum_i ct[b, i, j] * x[b, i, k]`.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let d = &self.dims;
        let batches = d.lhs_batch.len();
        let left = free(inputs[0].aval().rank(), &d.lhs_contract, &d.lhs_batch);
        let right = free(inputs[1].aval().rank(), &d.rhs_contract, &d.rhs_batch);
        let of_left: Axes = (batches..batches + left.len()).collect();
        let of_right: Axes = (batches + left.len()..batches + left.len() + right.len()).collect();
        // `other` is the known operand. Its contracted axes are the last axes of the product, in
        // the order of `other`.
        let one_side = |ct: &Array,
                        other: &Array,
                        ct_contract: &Axes,
                        (other_free, other_batch, other_contract): (&Axes, &Axes, &Axes),
                        (own_free, own_batch, own_contract): (&Axes, &Axes, &Axes)|
         -> Result<Array, Error> {
            let dims = DotDims {
                lhs_contract: ct_contract.clone(),
                rhs_contract: other_free.clone(),
                lhs_batch: (0..batches).collect(),
                rhs_batch: other_batch.clone(),
            };
            // The routine runs even if every sum has one term. A cotangent is mostly stored as it
            // is, in the order of the operand, and the routine writes this order at the speed of
            // memory.
            let product = one(DotGeneral { dims, precision: self.precision }, &[ct, other])?;
            let mut pairs: SmallVec<[(usize, usize); 2]> =
                other_contract.iter().copied().zip(own_contract.iter().copied()).collect();
            pairs.sort_unstable();
            let places = own_batch.iter().chain(own_free).copied();
            let places: Shape = places.chain(pairs.iter().map(|p| p.1)).collect();
            try_transpose(&product, &inverse(&places))
        };
        let x = (&left, &d.lhs_batch, &d.lhs_contract);
        let y = (&right, &d.rhs_batch, &d.rhs_contract);
        bilinear_transpose(
            self.name(),
            cotangents,
            inputs,
            |ct, rhs| one_side(ct, rhs, &of_right, y, x),
            |ct, lhs| one_side(ct, lhs, &of_left, x, y),
        )
    }

    /// A batch axis of both operands becomes a batch axis of the dot; a batch axis of one operand
    /// becomes a free axis.
    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let d = &self.dims;
        let shift = |list: &Axes, batch: Option<usize>| -> Axes {
            list.iter().map(|&a| a + usize::from(batch.is_some_and(|b| a >= b))).collect()
        };
        let mut dims = DotDims {
            lhs_contract: shift(&d.lhs_contract, axes[0]),
            rhs_contract: shift(&d.rhs_contract, axes[1]),
            lhs_batch: shift(&d.lhs_batch, axes[0]),
            rhs_batch: shift(&d.rhs_batch, axes[1]),
        };
        if let (Some(a), Some(b)) = (axes[0], axes[1]) {
            dims.lhs_batch.insert(0, a);
            dims.rhs_batch.insert(0, b);
        }
        let left = free(inputs[0].ndim(), &dims.lhs_contract, &dims.lhs_batch);
        let right = free(inputs[1].ndim(), &dims.rhs_contract, &dims.rhs_batch);
        let before = |list: &Axes, axis: usize| list.iter().filter(|a| **a < axis).count();
        let place = match (axes[0], axes[1]) {
            (Some(a), None) => dims.lhs_batch.len() + before(&left, a),
            (None, Some(b)) => dims.lhs_batch.len() + left.len() + before(&right, b),
            _ => 0,
        };
        let dot = DotGeneral { dims, precision: self.precision };
        let batched = one(dot, &[&inputs[0], &inputs[1]])?;
        Ok((smallvec![batched], vec![Some(place)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Dot
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Dot { dims: self.dims.clone(), precision: self.precision })
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// Products summed over contracted axes and batched over batch axes.
///
/// `out[b, i, j] = sum_k lhs[b, i, k] * rhs[b, j, k]`: contracted axes `k` and batch axes `b` pair
/// up in the order given; the other axes of each operand keep their order. The dtype is the
/// operands' dtype; two bool operands give a bool: whether any product is true. If no axis is
/// contracted, or only axes of size 1, the result is a broadcast product (`mul`) and no routine
/// runs.
///
/// Derivative: `dot(dlhs, rhs) + dot(lhs, drhs)`. Panics where [`try_dot_general`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// let (x, y) = (array![[1, 2], [3, 4]], array![1, 1]);
/// let dims = lax::DotDims {
///     lhs_contract: [1].into_iter().collect(),
///     rhs_contract: [0].into_iter().collect(),
///     ..Default::default()
/// };
/// assert_eq!(lax::dot_general(&x, &y, &dims).to_vec::<i32>(), [3, 7]);
/// ```
#[doc(alias("batch_matmul", "tensordot"))]
#[track_caller]
pub fn dot_general(lhs: &Array, rhs: &Array, dims: &DotDims) -> Array {
    expect(try_dot_general(lhs, rhs, dims))
}

/// Returns the error of [`dot_general`] instead of panicking.
///
/// Fails if dtypes or paired sizes differ, or an axis is out of range or given twice.
#[track_caller]
pub fn try_dot_general(lhs: &Array, rhs: &Array, dims: &DotDims) -> Result<Array, Error> {
    with_precision(lhs, rhs, dims, mode().precision)
}

/// The product at this precision, where its dtype has it.
#[track_caller]
pub(crate) fn with_precision(
    lhs: &Array,
    rhs: &Array,
    dims: &DotDims,
    precision: Precision,
) -> Result<Array, Error> {
    if lhs.dtype().is_bool() && rhs.dtype().is_bool() {
        return of_bools(lhs, rhs, |x, y| with_precision(x, y, dims, precision));
    }
    let prim = DotGeneral { dims: dims.clone(), precision: precision.of(lhs.dtype()) };
    // If the operands do not fit, the primitive gives the error.
    let single = |a: &usize| lhs.shape().get(*a) == Some(&1);
    if dims.lhs_contract.iter().all(single)
        && let Ok(out) = prim.abstract_eval(&[lhs.aval(), rhs.aval()])
    {
        return replaying(here(), || product(lhs, rhs, dims, &out[0].shape));
    }
    one(prim, &[lhs, rhs])
}

/// How a product is computed. By default in the dtype of its operands, and at the precision of the
/// scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DotOptions {
    pub dtype: Option<DType>,
    pub precision: Option<Precision>,
}

impl DotOptions {
    pub fn new() -> DotOptions {
        DotOptions::default()
    }

    /// Sets the dtype to which the operands are converted first, and which the result has.
    #[doc(alias = "preferred_element_type")]
    pub fn dtype(self, dtype: DType) -> DotOptions {
        DotOptions { dtype: Some(dtype), ..self }
    }

    /// Sets the precision, whatever that of the scope is. It counts for `f32` and `c64`; other
    /// dtypes are computed in full.
    pub fn precision(self, precision: Precision) -> DotOptions {
        DotOptions { precision: Some(precision), ..self }
    }
}

/// [`dot_general`] with a dtype or a [`Precision`] of its own.
///
/// Products that a transformation makes of this one have its precision.
/// [`with_matmul_precision`](crate::api::precision::with_matmul_precision) is for the products of a
/// whole computation. Panics where [`try_dot_general_with`] gives an error.
///
/// ```
/// use cotangent::lax::{self, DotDims, DotOptions, Precision};
/// use cotangent::prelude::*;
/// let dims = DotDims {
///     lhs_contract: [1].into_iter().collect(),
///     rhs_contract: [0].into_iter().collect(),
///     ..Default::default()
/// };
/// let fast = DotOptions::new().precision(Precision::Tf32);
/// let f = |x: Array| lax::dot_general_with(&x, &x, &dims, &fast);
/// let text = make_jaxpr(f)(array![[1.0, 2.0], [3.0, 4.0]]).to_string();
/// assert!(text.contains("precision=tf32"));
/// ```
#[track_caller]
pub fn dot_general_with(lhs: &Array, rhs: &Array, dims: &DotDims, options: &DotOptions) -> Array {
    expect(try_dot_general_with(lhs, rhs, dims, options))
}

/// Returns the error of [`dot_general_with`] instead of panicking.
///
/// Fails as [`try_dot_general`].
#[track_caller]
pub fn try_dot_general_with(
    lhs: &Array,
    rhs: &Array,
    dims: &DotDims,
    options: &DotOptions,
) -> Result<Array, Error> {
    let precision = options.precision.unwrap_or(mode().precision);
    let Some(dtype) = options.dtype else {
        return with_precision(lhs, rhs, dims, precision)
            .map_err(|e| e.told_by("dot_general_with"));
    };
    composed("dot_general_with", || {
        let lhs = try_convert_element_type(lhs, dtype)?;
        with_precision(&lhs, &try_convert_element_type(rhs, dtype)?, dims, precision)
    })
}

/// The dot if every sum has one term: the product of both operands broadcast, which fuses with the
/// equations around it.
fn product(lhs: &Array, rhs: &Array, dims: &DotDims, shape: &[usize]) -> Result<Array, Error> {
    let batches = dims.lhs_batch.len();
    let left = free(lhs.ndim(), &dims.lhs_contract, &dims.lhs_batch);
    let right = free(rhs.ndim(), &dims.rhs_contract, &dims.rhs_batch);
    let repeated = |x: &Array, contract: &Axes, batch: &Axes, own: &Axes, first: usize| {
        let order: Shape = batch.iter().chain(own).chain(contract).copied().collect();
        let x = try_transpose(x, &order)?;
        let x = try_reshape(&x, &x.shape()[..x.ndim() - contract.len()])?;
        let places: Shape = (0..batches).chain(first..first + own.len()).collect();
        try_broadcast_in_dim(&x, shape, &places)
    };
    let x = repeated(lhs, &dims.lhs_contract, &dims.lhs_batch, &left, batches)?;
    let first = batches + left.len();
    let y = repeated(rhs, &dims.rhs_contract, &dims.rhs_batch, &right, first)?;
    try_mul(&x, &y)
}

/// Sums of products of bools: whether any product is true.
#[track_caller]
pub(crate) fn of_bools(
    lhs: &Array,
    rhs: &Array,
    f: impl FnOnce(&Array, &Array) -> Result<Array, Error>,
) -> Result<Array, Error> {
    replaying(here(), || {
        let count = |x: &Array| try_convert_element_type(x, DType::I32);
        try_convert_element_type(&f(&count(lhs)?, &count(rhs)?)?, DType::Bool)
    })
}

/// [`dot_general`] computed in another dtype, which is also the result's: the operands are
/// converted first.
#[doc(alias = "preferred_element_type")]
#[track_caller]
pub fn dot_general_as(lhs: &Array, rhs: &Array, dims: &DotDims, dtype: DType) -> Array {
    expect(try_dot_general_as(lhs, rhs, dims, dtype))
}

/// Returns the error of [`dot_general_as`] instead of panicking.
///
/// Fails as [`try_dot_general`].
#[track_caller]
pub fn try_dot_general_as(
    lhs: &Array,
    rhs: &Array,
    dims: &DotDims,
    dtype: DType,
) -> Result<Array, Error> {
    composed("dot_general_as", || {
        let lhs = try_convert_element_type(lhs, dtype)?;
        try_dot_general(&lhs, &try_convert_element_type(rhs, dtype)?, dims)
    })
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "dot_general", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let [lc, rc, lb, rb] = args.axis_lists("dimension_numbers")?;
    let short = |v: Vec<usize>| Axes::from_vec(v);
    let dims = DotDims {
        lhs_contract: short(lc),
        rhs_contract: short(rc),
        lhs_batch: short(lb),
        rhs_batch: short(rb),
    };
    Ok(Arc::new(DotGeneral { dims, precision: precision_of(args)? }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in NUMBERS {
        for (x, y, lc, rc, lb, rb) in [
            (&[2, 3][..], &[3, 4][..], &[1][..], &[0][..], &[][..], &[][..]),
            (&[3], &[3], &[0], &[0], &[], &[]),
            (&[2, 3], &[4], &[], &[], &[], &[]),
            (&[2, 3, 4], &[4, 3, 2, 5], &[1, 2], &[1, 0], &[0], &[2]),
            (&[2, 3, 2], &[2, 2, 4], &[2], &[1], &[0], &[0]),
        ] {
            let dims = DotDims {
                lhs_contract: lc.into(),
                rhs_contract: rc.into(),
                lhs_batch: lb.into(),
                rhs_batch: rb.into(),
            };
            let inputs = vec![sample(x, d, 0), sample(y, d, 1)];
            let precision = Precision::Full;
            cases.push(Case::new(Arc::new(DotGeneral { dims, precision }), inputs));
        }
    }
    let dims = DotDims {
        lhs_contract: smallvec![2],
        rhs_contract: smallvec![1],
        lhs_batch: smallvec![0],
        rhs_batch: smallvec![0],
    };
    for d in [DType::F32, DType::C64] {
        let prim = DotGeneral { dims: dims.clone(), precision: Precision::Tf32 };
        let inputs = vec![sample(&[2, 3, 2], d, 0), sample(&[2, 2, 4], d, 1)];
        cases.push(Case::new(Arc::new(prim), inputs));
    }
    cases
}
