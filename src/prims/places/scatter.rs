//! `scatter`, `scatter_add`, `scatter_mul`, `scatter_min`, `scatter_max`: windows of an array that
//! are overwritten by updates or combined with updates, at computed indices.
//!
//! `out[start(b) + w] = u[b, w]` (or `+=` and so on), and `out = x` elsewhere. Updates apply in
//! row-major order, so the last update at a position wins. `scatter` and `scatter_add` are linear
//! in operand and updates together. `scatter_mul` is linear in the operand; it has a derivative
//! with respect to the updates only if the caller promises unique indices. In `scatter_min` and
//! `scatter_max`, all elements that attain the minimum or maximum share the tangent.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::hazard::{Hazard, Hazardous};
use crate::core::lowering::{Lowering, LoweringKind, Point};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::prims::cases::samples::{INTS, RUNNING, array, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::places::gather::{Gather, Mode, WindowCase, window_cases};
use crate::prims::places::gather_dims::{GatherDims, Windows};
use crate::prims::places::index_arithmetic::flat;
use crate::prims::points::binary::{try_add_any, try_div, try_mul};
use crate::prims::points::compare::try_eq;
use crate::prims::points::convert::try_convert_element_type;
use crate::prims::points::elementwise::expect_operand;
use crate::prims::points::select::try_select_n;
use crate::prims::rules::apply::{composed, expect, expect_inputs, one};
use crate::prims::rules::batching::batch_in_front;
use crate::prims::rules::linear_operands::linear_jvp;
use crate::prims::rules::numbers::place_dtype;
use crate::prims::rules::zeros::{try_instantiate, try_zeros};
use crate::prims::shapes::broadcast::try_full;
use crate::prims::shapes::iota::try_iota;
use crate::prims::shapes::reshape::try_reshape;
use cotangent_jit::kernel::Combine;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// The treatment of updates whose window is not within the operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScatterMode {
    /// The window is moved so that it fits.
    Clip,
    /// All updates of the window are dropped.
    Drop,
    /// The caller promises that there is no such window. If there is one, other elements of the
    /// operand change.
    Promise,
}

impl ScatterMode {
    /// This mode, with the promise that no two updates write to one position.
    pub fn unique(self) -> Scattering {
        Scattering { mode: self, unique_indices: true }
    }
}

/// The options of a scatter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scattering {
    pub mode: ScatterMode,
    /// The caller promises that no two updates write to one position. If some do, any of them may
    /// win, and derivatives are wrong.
    pub unique_indices: bool,
}

impl From<ScatterMode> for Scattering {
    fn from(mode: ScatterMode) -> Scattering {
        Scattering { mode, unique_indices: false }
    }
}

/// The number of updates per element from which a complex sum is long enough for a wider dtype.
const MANY_UPDATES: usize = 64;

/// See [`scatter`], [`scatter_add`] and so on. Inputs: operand, indices, updates.
#[derive(Clone, Debug)]
pub struct Scatter {
    /// The dimension numbers of the gather that reads the windows that this scatter writes.
    pub dims: GatherDims,
    pub how: Scattering,
    /// Combines updates with the operand by a sum, product, minimum or maximum. With `None`,
    /// updates overwrite the operand.
    pub combine: Option<Combine>,
}

impl Scatter {
    /// The sizes of the windows along the operand's axes.
    fn slice_sizes(&self, x: &Aval, updates: &Aval) -> Shape {
        let mut sizes = Shape::from_elem(1, x.rank());
        for (axis, d) in self.dims.window_axes(x.rank()).iter().zip(&self.dims.offset_dims) {
            sizes[*axis] = updates.shape.get(*d).copied().unwrap_or(0);
        }
        sizes
    }

    /// The gather of the same windows.
    fn matching_gather(&self, x: &Aval, updates: &Aval, fill: Scalar) -> Gather {
        let mode = match self.how.mode {
            ScatterMode::Clip => Mode::Clip,
            ScatterMode::Drop => Mode::Fill(fill),
            ScatterMode::Promise => Mode::Promise,
        };
        Gather { dims: self.dims.clone(), slice_sizes: self.slice_sizes(x, updates), mode }
    }

    fn apply(&self, x: &Array, indices: &Array, updates: &Array) -> Result<Array, Error> {
        let many = updates.size() / MANY_UPDATES >= x.size().max(1);
        let sums = self.combine == Some(Combine::Sum) && updates.dtype() == x.dtype();
        if !many || !sums || x.dtype() != DType::C64 {
            return one(self.clone(), &[x, indices, updates]);
        }
        // Each element gets many updates. Those of real dtypes accumulate in a wider dtype anyway,
        // as all sums do.
        composed("scatter_add", || {
            let as_wide = |a| try_convert_element_type(a, DType::C128);
            let sums = one(self.clone(), &[&as_wide(x)?, indices, &as_wide(updates)?])?;
            try_convert_element_type(&sums, x.dtype())
        })
    }
}

impl Primitive for Scatter {
    fn name(&self) -> &'static str {
        match self.combine {
            None => "scatter",
            Some(Combine::Sum) => "scatter_add",
            Some(Combine::Product) => "scatter_mul",
            Some(Combine::Min) => "scatter_min",
            Some(Combine::Max) => "scatter_max",
            Some(other) => unreachable!("no scatter by {}", other.name()),
        }
    }

    /// The dimension numbers are the lists of [`GatherDims`], in order.
    fn params(&self) -> Params {
        let mode = match self.how.mode {
            ScatterMode::Clip => "clip",
            ScatterMode::Drop => "drop",
            ScatterMode::Promise => "promise_in_bounds",
        };
        let mut params: Params =
            smallvec![("dimension_numbers", self.dims.param()), ("mode", Param::Name(mode.into()))];
        if self.how.unique_indices {
            params.push(("unique_indices", Param::Bool(true)));
        }
        params
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let name = self.name();
        expect_inputs(name, inputs, 3)?;
        let (x, indices, updates) = (&inputs[0], &inputs[1], &inputs[2]);
        if x.dtype != updates.dtype {
            return Err(err!(
                DType,
                "{name}: expected operand and updates of one dtype, got {x} and {updates}; convert \
                 one"
            ));
        }
        if let Some(combine) = self.combine {
            expect_operand(name, combine.op(), x)?;
        }
        let sizes = self.slice_sizes(x, updates);
        let shape = self.dims.output_shape(name, x, indices, &sizes)?;
        if shape != updates.shape {
            return Err(err!(
                Shape,
                "{name}: expected updates of shape {shape:?} for {x} at {indices}, got {updates}"
            ));
        }
        Ok(smallvec![x.clone()])
    }

    /// `d scatter(x, i, u) = scatter(dx, i, du)`. For products see `product_tangent`, for minima
    /// and maxima see `extremum_tangent`.
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let apply = || self.apply(&primals[0], &primals[1], &primals[2]);
        match self.combine {
            Some(Combine::Sum) if !tangents[0].is_zero() && tangents[2].is_zero() => {
                Ok((smallvec![apply()?], vec![Tangent::Value(try_instantiate(&tangents[0])?)]))
            }
            None | Some(Combine::Sum) => linear_jvp(Arc::new(self.clone()), primals, tangents),
            _ if tangents.iter().all(Tangent::is_zero) => {
                let out = apply()?;
                let zero = Tangent::Zero(out.aval());
                Ok((smallvec![out], vec![zero]))
            }
            Some(Combine::Product) => {
                let dy = self.product_tangent(primals, tangents)?;
                Ok((smallvec![apply()?], vec![Tangent::Value(dy)]))
            }
            Some(_) => {
                let out = apply()?;
                let dy = self.extremum_tangent(primals, tangents, &out)?;
                Ok((smallvec![out], vec![Tangent::Value(dy)]))
            }
        }
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.combine {
            None | Some(Combine::Sum) => Taylor::Linear,
            Some(_) => Taylor::ByDerivative,
        }
    }

    /// The updates' cotangent is gathered from the positions of the updates. The operand's
    /// cotangent is the output's cotangent, with zeros where the operand was overwritten. A product
    /// is linear in the operand: the operand's cotangent is the output's cotangent times the same
    /// updates.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let mut result: Vec<Tangent> = inputs.iter().map(|i| Tangent::Zero(i.aval())).collect();
        let Some(ct) = cotangents[0].value() else { return Ok(result) };
        let indices = inputs[1].known().expect("indices are known");
        let updates = inputs[2].aval();
        match (self.combine, inputs[2].known()) {
            (None | Some(Combine::Sum), _) => {}
            (Some(Combine::Product), Some(updates)) => {
                result[0] = Tangent::Value(self.apply(ct, indices, updates)?);
                return Ok(result);
            }
            _ => return not_linear(self),
        }
        let adds = self.combine.is_some();
        if inputs[0].is_linear() {
            result[0] = Tangent::Value(if adds {
                ct.clone()
            } else {
                self.apply(ct, indices, &try_zeros(&updates)?)?
            });
        }
        if inputs[2].is_linear() {
            let zero = Scalar::zero(updates.dtype);
            let read = one(self.matching_gather(&ct.aval(), &updates, zero), &[ct, indices])?;
            result[2] = Tangent::Value(if adds || self.how.unique_indices {
                read
            } else {
                let zeros = try_zeros(&updates)?;
                try_select_n(&self.surviving(&ct.aval(), indices, &updates)?, &[&zeros, &read])?
            });
        }
        Ok(result)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let x = batch_in_front(ctx, &inputs[0], axes[0])?;
        let updates = batch_in_front(ctx, &inputs[2], axes[2])?;
        let (indices, dims) = match axes[1] {
            None => (inputs[1].clone(), self.dims.batch_operand()),
            Some(_) => (batch_in_front(ctx, &inputs[1], axes[1])?, self.dims.batch_both()),
        };
        let batched = Scatter { dims, ..self.clone() };
        Ok((smallvec![batched.apply(&x, &indices, &updates)?], vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Scatter
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let shape = inputs[0].shape.clone();
        let windows = Windows {
            dims: self.dims.clone(),
            operand: shape.clone(),
            sizes: self.slice_sizes(&inputs[0], &inputs[2]),
            batch_rank: inputs[1].rank() - 1,
            clip: self.how.mode != ScatterMode::Drop,
        };
        let position = Arc::new(move |p: &mut dyn Point| {
            let (at, in_range) = windows.locate(p, 1);
            let b = p.builder();
            let at = flat(b, &shape, &at);
            match in_range {
                Some(in_range) => {
                    let dropped = b.constant(Scalar::from(-1i64));
                    b.op(ScalarOp::Select, &[in_range, at, dropped])
                }
                None => at,
            }
        });
        Ok(Lowering::Scatter { base: 0, updates: 2, combine: self.combine, position })
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let updates = &inputs[2];
        let nothing = updates.aval.size() == 0
            || (self.combine == Some(Combine::Sum)
                && updates.aval.dtype.is_int()
                && updates.splat.is_some_and(|s| s.bits() == 0));
        nothing.then_some(Simpler::Operand(0))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE.hazardous(self)
    }
}

impl Hazardous for Scatter {
    fn hazards(&self, inputs: &[Aval]) -> Vec<Hazard> {
        self.dims.hazards(&inputs[0], &self.slice_sizes(&inputs[0], &inputs[2]))
    }
}

impl Scatter {
    /// `d(x u) = u dx + x du`: multiplies the operand's tangent by the updates, and adds the
    /// updates' tangent at its positions times the operand.
    fn product_tangent(&self, primals: &[Array], tangents: &[Tangent]) -> Result<Array, Error> {
        let [x, indices, updates] = primals else { unreachable!("three operands") };
        let of_operand = match tangents[0].value() {
            Some(dx) => Some(self.apply(dx, indices, updates)?),
            None => None,
        };
        let Some(du) = tangents[2].value() else {
            return Ok(of_operand.expect("some tangent is not zero"));
        };
        if !self.how.unique_indices {
            return Err(err!(
                Unsupported,
                "scatter_mul: expected unique indices for a derivative in the updates; promise \
                 them with ScatterMode::unique, or At::unique_indices"
            ));
        }
        let place = Scatter { combine: Some(Combine::Sum), ..self.clone() };
        let of_updates = try_mul(x, &place.apply(&try_zeros(&x.aval())?, indices, du)?)?;
        match of_operand {
            Some(dy) => try_add_any(&dy, &of_updates),
            None => Ok(of_updates),
        }
    }

    /// The mean of the tangents of all elements that attain the minimum or maximum at a position:
    /// the operand and updates.
    fn extremum_tangent(
        &self,
        primals: &[Array],
        tangents: &[Tangent],
        y: &Array,
    ) -> Result<Array, Error> {
        let [x, indices, updates] = primals else { unreachable!("three operands") };
        let Mode::Fill(nan) = Mode::fill(x.dtype()) else { unreachable!("it fills") };
        let number = |b: &Array| try_convert_element_type(b, x.dtype());
        let of_operand = number(&try_eq(x, y)?)?;
        let gather = self.matching_gather(&x.aval(), &updates.aval(), nan);
        let of_updates = number(&try_eq(updates, &one(gather, &[y, indices])?)?)?;
        let sum = Scatter { combine: Some(Combine::Sum), ..self.clone() };
        let count = sum.apply(&of_operand, indices, &of_updates)?;
        let share = |t: &Tangent, attains: &Array| match t.value() {
            Some(t) => try_mul(t, attains),
            None => try_zeros(&attains.aval()),
        };
        let dx = share(&tangents[0], &of_operand)?;
        let dy = match tangents[2].is_zero() {
            true => dx,
            false => sum.apply(&dx, indices, &share(&tangents[2], &of_updates)?)?,
        };
        try_div(&dy, &count)
    }

    /// A mask of the updates that are neither dropped nor overwritten by later ones. Each update
    /// writes its number and compares the number that it reads back.
    fn surviving(&self, x: &Aval, indices: &Array, updates: &Aval) -> Result<Array, Error> {
        let dtype = place_dtype(updates.size());
        let numbers = try_reshape(&try_iota(dtype, &[updates.size()], 0)?, &updates.shape)?;
        let unwritten = Scalar::from_i64(dtype, -1).expect("an int");
        let written = self.apply(&try_full(&x.shape, unwritten)?, indices, &numbers)?;
        let gather = self.matching_gather(x, updates, unwritten);
        try_eq(&one(gather, &[&written, indices])?, &numbers)
    }
}

/// Overwrites windows of the operand at computed indices.
///
/// `out[start(b) + w] = updates[b, w]`, and `out = operand` elsewhere. `dims` are those of the
/// [`gather`](crate::prims::places::gather::gather) that reads the same windows. If several updates
/// write to one position, the last one in row-major order wins. The mode in `how` decides whether
/// windows out of range are moved or dropped.
///
/// Linear in operand and updates together. Panics where [`try_scatter`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// use cotangent::lax::{GatherDims, ScatterMode};
/// let dims = GatherDims {
///     collapsed_slice_dims: [0].into_iter().collect(),
///     start_index_map: [0].into_iter().collect(),
///     ..GatherDims::default()
/// };
/// let (x, at, updates) = (array![0, 0, 0], array![[2], [0]], array![7, 8]);
/// let y = lax::scatter(&x, &at, &updates, &dims, ScatterMode::Drop);
/// assert_eq!(y.to_vec::<i32>(), [8, 0, 7]);
/// ```
#[track_caller]
pub fn scatter(
    operand: &Array,
    indices: &Array,
    updates: &Array,
    dims: &GatherDims,
    how: impl Into<Scattering>,
) -> Array {
    expect(try_scatter(operand, indices, updates, dims, how))
}

/// Returns the error of [`scatter`] instead of panicking.
///
/// Fails if the dimension numbers or dtypes do not fit.
#[track_caller]
pub fn try_scatter(
    operand: &Array,
    indices: &Array,
    updates: &Array,
    dims: &GatherDims,
    how: impl Into<Scattering>,
) -> Result<Array, Error> {
    Scatter { dims: dims.clone(), how: how.into(), combine: None }.apply(operand, indices, updates)
}

macro_rules! combining {
    ($($(#[$doc:meta])* $name:ident, $try:ident: $combine:ident, $result:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// Updates apply in row-major order; all else is as in [`scatter`]. Panics where its `try_`
        /// twin gives an error.
        ///
        /// ```
        /// # use cotangent::prelude::*;
        /// # use cotangent::lax;
        /// # use cotangent::lax::{GatherDims, ScatterMode};
        /// # let dims = GatherDims {
        /// #     collapsed_slice_dims: [0].into_iter().collect(),
        /// #     start_index_map: [0].into_iter().collect(),
        /// #     ..GatherDims::default()
        /// # };
        /// let (x, at, updates) = (array![2, 2, 2], array![[2], [2]], array![1, 3]);
        #[doc = concat!(
            "let y = lax::", stringify!($name), "(&x, &at, &updates, &dims, ScatterMode::Drop);"
        )]
        #[doc = concat!("assert_eq!(y.to_vec::<i32>(), ", $result, ");")]
        /// ```
        #[track_caller]
        pub fn $name(
            operand: &Array,
            indices: &Array,
            updates: &Array,
            dims: &GatherDims,
            how: impl Into<Scattering>,
        ) -> Array {
            expect($try(operand, indices, updates, dims, how))
        }

        #[doc = concat!("Returns the error of [`", stringify!($name), "`] instead of panicking.")]
        ///
        /// Fails if the dimension numbers or dtypes do not fit.
        #[track_caller]
        pub fn $try(
            operand: &Array,
            indices: &Array,
            updates: &Array,
            dims: &GatherDims,
            how: impl Into<Scattering>,
        ) -> Result<Array, Error> {
            Scatter { dims: dims.clone(), how: how.into(), combine: Some(Combine::$combine) }
                .apply(operand, indices, updates)
        }
    )*};
}

combining! {
    /// Adds updates to windows of the operand at computed indices:
    /// `out[start(b) + w] += updates[b, w]`. Linear in operand and updates together; the transpose
    /// is a gather.
    #[doc(alias = "index_add")]
    scatter_add, try_scatter_add: Sum, "[2, 2, 6]";

    /// Multiplies windows of the operand at computed indices: `out[start(b) + w] *= updates[b, w]`.
    /// Linear in the operand. A derivative with respect to the updates needs the promise that no
    /// two updates write to one position ([`ScatterMode::unique`]).
    scatter_mul, try_scatter_mul: Product, "[2, 2, 6]";

    /// Takes the minimum of updates and windows of the operand at computed indices:
    /// `out[start(b) + w] = min(out[start(b) + w], updates[b, w])`. Operand and updates that attain
    /// the minimum share the tangent.
    scatter_min, try_scatter_min: Min, "[2, 2, 1]";

    /// Takes the maximum of updates and windows of the operand at computed indices:
    /// `out[start(b) + w] = max(out[start(b) + w], updates[b, w])`. Operand and updates that attain
    /// the maximum share the tangent.
    scatter_max, try_scatter_max: Max, "[2, 2, 3]";
}

pub fn entries() -> Vec<Entry> {
    use Combine::{Max, Min, Product, Sum};
    let entry = |name, build, cases| Entry { name, build, cases };
    vec![
        entry("scatter", |args| build(args, None), || cases(None)),
        entry("scatter_add", |args| build(args, Some(Sum)), || cases(Some(Sum))),
        entry("scatter_mul", |args| build(args, Some(Product)), || cases(Some(Product))),
        entry("scatter_min", |args| build(args, Some(Min)), || cases(Some(Min))),
        entry("scatter_max", |args| build(args, Some(Max)), || cases(Some(Max))),
    ]
}

fn build(args: &Args, combine: Option<Combine>) -> Result<Prim, Error> {
    let dims = GatherDims::from_lists(args.axis_lists("dimension_numbers")?);
    let mode = match args.name("mode")? {
        "clip" => ScatterMode::Clip,
        "drop" => ScatterMode::Drop,
        "promise_in_bounds" => ScatterMode::Promise,
        _ => {
            let expected = "clip, drop or promise_in_bounds";
            return Err(args.wrong("mode", expected, args.get("mode")?));
        }
    };
    let unique_indices = args.has("unique_indices") && args.bool("unique_indices")?;
    Ok(Arc::new(Scatter { dims, how: Scattering { mode, unique_indices }, combine }))
}

fn cases(combine: Option<Combine>) -> Vec<Case> {
    let mut cases = Vec::new();
    let takes = |d: &DType| combine.is_none_or(|c| c.op().takes(*d));
    for (n, d) in RUNNING.into_iter().filter(takes).enumerate() {
        let int = INTS[n % INTS.len()];
        for (overlap, w) in window_cases().into_iter().map(|w| (true, w)).chain(disjoint_cases()) {
            for mode in [ScatterMode::Clip, ScatterMode::Drop, ScatterMode::Promise] {
                // Overlapping products of floats have no derivative with respect to the updates, as
                // in JAX.
                let product = combine == Some(Combine::Product) && d.is_inexact();
                if overlap && (product || mode == ScatterMode::Promise) {
                    continue;
                }
                let x = Aval::new(w.operand.iter().copied(), d);
                let indices = Aval::new(w.indices.iter().copied(), int);
                let updates = w.dims.output_shape("scatter", &x, &indices, &w.sizes);
                let updates = sample(&updates.expect("cases fit"), d, 1);
                let indices = array(&w.indices, int, w.at.iter().copied());
                let how = Scattering { mode, unique_indices: !overlap };
                let prim = Scatter { dims: w.dims.clone(), how, combine };
                let inputs = vec![sample(&w.operand, d, 0), indices, updates];
                cases.push(Case::new(Arc::new(prim), inputs));
            }
        }
    }
    cases
}

/// Cases of windows that are in range and do not overlap.
fn disjoint_cases() -> impl Iterator<Item = (bool, WindowCase)> {
    let rows = WindowCase {
        operand: smallvec![5, 3],
        indices: smallvec![3, 1],
        at: vec![4.0, 0.0, 2.0],
        dims: GatherDims::from_lists([vec![1], vec![0], vec![0], vec![], vec![]]),
        sizes: smallvec![1, 3],
    };
    let batched = WindowCase {
        operand: smallvec![2, 4],
        indices: smallvec![2, 2, 1],
        at: vec![1.0, 3.0, 0.0, 2.0],
        dims: GatherDims::from_lists([vec![], vec![1], vec![1], vec![0], vec![0]]),
        sizes: smallvec![1, 1],
    };
    [rows, batched].into_iter().map(|w| (false, w))
}
