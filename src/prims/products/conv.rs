//! `conv_general_dilated`: windows of an array times a kernel, summed over features.
//!
//! ```text
//! y[n, gO' + o, p] = ∑_{i, w} x[n, gI + i, s p + d w - low] k[gO' + o, i, w]
//! ```
//! Here `g` is the feature group, `s` the stride and `d` the dilation of the kernel; `x` can be
//! dilated, too. With batch groups `b`, `y[n', bO' + o, p]` reads `x[bN' + n', ..]`. The primitive
//! is bilinear; each transpose is again a convolution.
//!
//! The primitive has one order of axes: batch, features, spatial axes in the operand and the
//! output; output features, input features, spatial axes in the kernel. Not here: other orders of
//! axes, borders by name, and the public functions (`products::conv_layouts`).

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::lowering::{DotDims, Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::core::trace::trace;
use crate::prims::cases::samples::{NUMBERS, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::folds::window::{Edges, bordered, dilated, edges_of, edges_param};
use crate::prims::products::dot_general::with_precision;
use crate::prims::products::precision::{expect_precision, precision_of, precision_param};
use crate::prims::rules::apply::{expect_inputs, one};
use crate::prims::rules::bilinear::{bilinear_jvp, bilinear_transpose};
use crate::prims::rules::zeros::try_zeros;
use crate::prims::shapes::broadcast::try_full;
use crate::prims::shapes::pad::try_pad;
use crate::prims::shapes::reshape::try_reshape;
use crate::prims::shapes::rev::try_rev;
use crate::prims::shapes::sliding::{fitting, try_sliding_windows};
use crate::prims::shapes::transpose::moveaxis;
use crate::prims::shapes::transpose::try_transpose;
use cotangent_jit::program::Precision;
use cotangent_jit::{Error, Scalar, err, plural};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// Inputs: the operand, the kernel. The lists have one entry per spatial axis.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    pub strides: Shape,
    pub edges: Edges,
    pub lhs_dilation: Shape,
    pub rhs_dilation: Shape,
    pub feature_groups: usize,
    pub batch_groups: usize,
    pub precision: Precision,
}

impl Conv {
    pub fn apply(&self, x: &Array, kernel: &Array) -> Result<Array, Error> {
        one(self.clone(), &[x, kernel])
    }

    fn space(&self) -> usize {
        self.strides.len()
    }

    /// The output's sizes along the spatial axes.
    fn outs(&self, x: &Aval, kernel: &Aval) -> Result<Shape, Error> {
        let outs = (0..self.space()).map(|a| {
            let (low, high) = self.edges[a];
            let size = kernel.shape[a + 2];
            match bordered(x.shape[a + 2], self.lhs_dilation[a], (low, high)) {
                Some(n) if size > 0 => Ok(fitting(n, size, self.strides[a], self.rhs_dilation[a])),
                _ if size == 0 => Err(err!(
                    Shape,
                    "conv_general_dilated: expected a kernel with elements along each axis of \
                     space, got {kernel}"
                )),
                _ => Err(err!(
                    Shape,
                    "conv_general_dilated: borders ({low}, {high}) cut more from axis {a} of the \
                     space of {x} than it has"
                )),
            }
        });
        outs.collect()
    }

    fn check(&self, x: &Aval, kernel: &Aval) -> Result<(), Error> {
        let name = self.name();
        if x.dtype != kernel.dtype || x.dtype.is_bool() {
            return Err(err!(
                DType,
                "{name}: expected numbers of one dtype, got {x} and {kernel}; convert them"
            ));
        }
        expect_precision(name, self.precision, x)?;
        let rank = self.space() + 2;
        if x.rank() != rank || kernel.rank() != rank {
            return Err(err!(
                Shape,
                "{name}: expected operands with a batch, a feature and {axes} of space, got {x} \
                 and {kernel}",
                axes = plural(self.space(), "axis")
            ));
        }
        let lists = [&self.strides, &self.lhs_dilation, &self.rhs_dilation];
        let fits = |l: &&Shape| l.len() == self.space() && !l.contains(&0);
        if !lists.iter().all(fits) || self.edges.len() != self.space() {
            return Err(err!(
                Shape,
                "{name}: expected a positive stride and dilations and borders for each of {axes} \
                 of space, got strides {:?}, dilations {:?} and {:?}, borders {:?}",
                &self.strides[..],
                &self.lhs_dilation[..],
                &self.rhs_dilation[..],
                &self.edges[..],
                axes = plural(self.space(), "axis")
            ));
        }
        let (g, b) = (self.feature_groups, self.batch_groups);
        if g == 0 || b == 0 || (g > 1 && b > 1) {
            return Err(err!(
                Value,
                "{name}: expected positive numbers of groups, of features or of batches but not of \
                 both, got {g} and {b}"
            ));
        }
        let (features, outs) = (x.shape[1], kernel.shape[0]);
        if kernel.shape[1].checked_mul(g) != Some(features) {
            return Err(err!(
                Shape,
                "{name}: expected {g} times the {input_features} of the kernel {kernel}, got \
                 {features} of {x}",
                input_features = plural(kernel.shape[1], "input feature")
            ));
        }
        if !outs.is_multiple_of(g) || !outs.is_multiple_of(b) || !x.shape[0].is_multiple_of(b) {
            return Err(err!(
                Shape,
                "{name}: expected features and batches that divide into groups ({g} of features, \
                 {b} of batches), got {x} and {kernel}"
            ));
        }
        Ok(())
    }

    /// The convolution as a matrix product: all windows side by side, groups as a batch axis of the
    /// product.
    fn as_product(&self, x: &Array, kernel: &Array) -> Result<Array, Error> {
        let (g, b, space) = (self.feature_groups, self.batch_groups, self.space());
        let zero = Array::strong_literal(Scalar::zero(x.dtype()));
        let edges = self.edges.iter().zip(&self.lhs_dilation);
        let edges = edges.map(|((low, high), d)| (*low, *high, *d as i64 - 1));
        let padding: Vec<(i64, i64, i64)> = [(0, 0, 0); 2].into_iter().chain(edges).collect();
        let padded = try_pad(x, &zero, &padding)?;
        let with_head = |spatial: &[usize]| -> Shape {
            [1, 1].into_iter().chain(spatial.iter().copied()).collect()
        };
        let sizes = with_head(&kernel.shape()[2..]);
        let windows = try_sliding_windows(
            &padded,
            &sizes,
            &with_head(&self.strides),
            &with_head(&self.rhs_dilation),
        )?;
        let outs = Shape::from_slice(&windows.shape()[2..2 + space]);
        let places = Shape::from_slice(&kernel.shape()[2..]);
        let (n, features) = (x.shape()[0], x.shape()[1]);
        let (in_features, out_features) = (kernel.shape()[1], kernel.shape()[0]);
        // windows: batch group, batch, feature group, feature, outs, places
        let axes = |head: &[usize]| -> Shape {
            head.iter().chain(&outs).chain(&places).copied().collect()
        };
        let windows = try_reshape(&windows, &axes(&[b, n / b, g, features / g]))?;
        // kernel: group, output feature, input feature, places
        let head = [g * b, out_features / (g * b), in_features];
        let kernel = try_reshape(kernel, &head.iter().chain(&places).copied().collect::<Shape>())?;
        let group = if b > 1 { 0 } else { 2 };
        let dims = DotDims {
            lhs_batch: smallvec![0],
            rhs_batch: smallvec![group],
            lhs_contract: (2..3 + space).collect(),
            rhs_contract: [3].into_iter().chain(4 + space..4 + 2 * space).collect(),
        };
        // product: group, output feature, the remaining batch and group axes, outs
        let product = with_precision(&kernel, &windows, &dims, self.precision)?;
        let order: SmallVec<[usize; 6]> = [2, 3, 0, 1].into_iter().chain(4..4 + space).collect();
        let product = try_transpose(&product, &order)?;
        let shape: Shape = [n / b, out_features].into_iter().chain(outs).collect();
        try_reshape(&product, &shape)
    }

    /// The cotangent of `x`: the output's cotangent convolved with the reversed kernel.
    fn to_lhs(&self, ct: &Array, kernel: &Array, x: &Aval) -> Result<Array, Error> {
        if x.size() == 0 || ct.size() == 0 || kernel.size() == 0 {
            return try_zeros(x);
        }
        let (g, b, space) = (self.feature_groups, self.batch_groups, self.space());
        let groups = g * b;
        let (out_features, in_features) = (kernel.shape()[0], kernel.shape()[1]);
        let places = Shape::from_slice(&kernel.shape()[2..]);
        let kernel = try_rev(kernel, &Vec::from_iter(2..2 + space))?;
        let reversed =
            self.regrouped(&kernel, &[groups, out_features / groups, in_features], &[0, 2, 1])?;
        let reversed =
            reshaped(&reversed, &[groups * in_features, out_features / groups], &places)?;
        let edges = (0..space).map(|a| {
            let span = dilated(places[a], self.rhs_dilation[a]);
            let low = span - 1 - self.edges[a].0;
            let reach = self.lhs_dilation[a] as i64 * (x.shape[a + 2] as i64 - 1) + span;
            (low, reach - dilated(ct.shape()[a + 2], self.strides[a]) - low)
        });
        let back = Conv {
            strides: self.lhs_dilation.clone(),
            edges: edges.collect(),
            lhs_dilation: self.strides.clone(),
            rhs_dilation: self.rhs_dilation.clone(),
            feature_groups: groups,
            batch_groups: 1,
            precision: self.precision,
        };
        let dx = back.apply(ct, &reversed)?;
        if b == 1 {
            return Ok(dx);
        }
        // batch, group, features -> group and batch, features
        let dx = self.regrouped(&dx, &[dx.shape()[0], b, in_features], &[1, 0, 2])?;
        try_reshape(&dx, &x.shape)
    }

    /// The cotangent of the kernel: `x` convolved with the output's cotangent, with features and
    /// batch exchanged.
    fn to_rhs(&self, ct: &Array, x: &Array, kernel: &Aval) -> Result<Array, Error> {
        if x.size() == 0 || ct.size() == 0 || kernel.size() == 0 {
            return try_zeros(kernel);
        }
        let space = self.space();
        let swapped = |x: &Array| {
            let order: Shape = [1, 0].into_iter().chain(2..2 + space).collect();
            try_transpose(x, &order)
        };
        let edges = (0..space).map(|a| {
            let low = self.edges[a].0;
            let steps = self.rhs_dilation[a] as i64 * (kernel.shape[a + 2] as i64 - 1);
            let reach = steps + dilated(ct.shape()[a + 2], self.strides[a]);
            (low, reach - dilated(x.shape()[a + 2], self.lhs_dilation[a]) - low)
        });
        let back = Conv {
            strides: self.rhs_dilation.clone(),
            edges: edges.collect(),
            lhs_dilation: self.lhs_dilation.clone(),
            rhs_dilation: self.strides.clone(),
            feature_groups: self.batch_groups,
            batch_groups: self.feature_groups,
            precision: self.precision,
        };
        swapped(&back.apply(&swapped(x)?, &swapped(ct)?)?)
    }

    /// Splits the axes before the spatial axes into `parts` and puts them in this order. The
    /// spatial axes stay last.
    fn regrouped(&self, x: &Array, parts: &[usize], order: &[usize]) -> Result<Array, Error> {
        let space = Shape::from_slice(&x.shape()[x.ndim() - self.space()..]);
        let split = reshaped(x, parts, &space)?;
        let order: Shape = order.iter().copied().chain(parts.len()..split.ndim()).collect();
        try_transpose(&split, &order)
    }
}

/// Reshapes the axes before the spatial axes to `head`.
fn reshaped(x: &Array, head: &[usize], space: &[usize]) -> Result<Array, Error> {
    try_reshape(x, &head.iter().chain(space).copied().collect::<Shape>())
}

impl Primitive for Conv {
    fn name(&self) -> &'static str {
        "conv_general_dilated"
    }

    fn params(&self) -> Params {
        let ints = |s: &Shape| Param::ints(s.iter().copied());
        let mut params = smallvec![
            ("window_strides", ints(&self.strides)),
            ("padding", edges_param(&self.edges)),
            ("lhs_dilation", ints(&self.lhs_dilation)),
            ("rhs_dilation", ints(&self.rhs_dilation)),
            ("feature_group_count", Param::Int(self.feature_groups as i64)),
            ("batch_group_count", Param::Int(self.batch_groups as i64))
        ];
        params.extend(precision_param(self.precision));
        params
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 2)?;
        let (x, kernel) = (&inputs[0], &inputs[1]);
        self.check(x, kernel)?;
        let head = [x.shape[0] / self.batch_groups, kernel.shape[0]];
        let shape: Shape = head.into_iter().chain(self.outs(x, kernel)?).collect();
        Ok(smallvec![Aval { shape, dtype: x.dtype, weak: x.weak && kernel.weak }])
    }

    /// `d conv(x, k) = conv(dx, k) + conv(x, dk)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        bilinear_jvp(|x, kernel| self.apply(x, kernel), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Bilinear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let (x, kernel) = (inputs[0].aval(), inputs[1].aval());
        bilinear_transpose(
            self.name(),
            cotangents,
            inputs,
            |ct, known| self.to_lhs(ct, known, &x),
            |ct, known| self.to_rhs(ct, known, &kernel),
        )
    }

    /// A batch axis of `x` becomes more batch. A batch axis of the kernel becomes more output
    /// features. Batch axes of both become more groups.
    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        if ctx.axis.size == 0 {
            // An empty batch would make zero groups.
            let lane = |(x, axis): (&Array, &Option<usize>)| match axis {
                Some(axis) => x.aval().unbatched(*axis),
                None => x.aval(),
            };
            let lanes: Vec<Aval> = inputs.iter().zip(axes).map(lane).collect();
            let out = self.abstract_eval(&lanes)?[0].batched(0, 0);
            return Ok((smallvec![try_zeros(&out)?], vec![Some(0)]));
        }
        let (g, b) = (self.feature_groups, self.batch_groups);
        let front = |n: usize, axis: usize| moveaxis(&inputs[n], axis, 0);
        let out = match (axes[0], axes[1]) {
            (Some(axis), None) => {
                let x = front(0, axis)?;
                let [lanes, n, features] = [x.shape()[0], x.shape()[1], x.shape()[2]];
                // lane, batch group, batch -> batch group, lane, batch
                let x = self.regrouped(&x, &[lanes, b, n / b, features], &[1, 0, 2, 3])?;
                let space = Shape::from_slice(&x.shape()[4..]);
                let y = self.apply(&reshaped(&x, &[lanes * n, features], &space)?, &inputs[1])?;
                let space = Shape::from_slice(&y.shape()[2..]);
                reshaped(&y, &[lanes, n / b, y.shape()[1]], &space)?
            }
            (None, Some(axis)) => {
                let kernel = front(1, axis)?;
                let [lanes, out_features, in_features] =
                    [kernel.shape()[0], kernel.shape()[1], kernel.shape()[2]];
                let groups = g * b;
                // lane, group, output feature -> group, lane, output feature
                let parts = [lanes, groups, out_features / groups, in_features];
                let kernel = self.regrouped(&kernel, &parts, &[1, 0, 2, 3])?;
                let space = Shape::from_slice(&kernel.shape()[4..]);
                let y = self.apply(
                    &inputs[0],
                    &reshaped(&kernel, &[lanes * out_features, in_features], &space)?,
                )?;
                let parts = [y.shape()[0], groups, lanes, out_features / groups];
                let y = self.regrouped(&y, &parts, &[2, 0, 1, 3])?;
                let space = Shape::from_slice(&y.shape()[4..]);
                reshaped(&y, &[lanes, parts[0], out_features], &space)?
            }
            (Some(of_x), Some(of_kernel)) => {
                let (x, kernel) = (front(0, of_x)?, front(1, of_kernel)?);
                let [lanes, n, features] = [x.shape()[0], x.shape()[1], x.shape()[2]];
                let (out_features, in_features) = (kernel.shape()[1], kernel.shape()[2]);
                let space = Shape::from_slice(&x.shape()[3..]);
                let (x, batched) = if b > 1 {
                    let x = reshaped(&x, &[lanes * n, features], &space)?;
                    (x, Conv { batch_groups: lanes * b, ..self.clone() })
                } else {
                    let x = self.regrouped(&x, &[lanes, n, features], &[1, 0, 2])?;
                    let x = reshaped(&x, &[n, lanes * features], &space)?;
                    (x, Conv { feature_groups: lanes * g, ..self.clone() })
                };
                let space = Shape::from_slice(&kernel.shape()[3..]);
                let y = batched
                    .apply(&x, &reshaped(&kernel, &[lanes * out_features, in_features], &space)?)?;
                self.regrouped(&y, &[y.shape()[0], lanes, out_features], &[1, 0, 2])?
            }
            (None, None) => unreachable!("an operand is batched"),
        };
        Ok((smallvec![out], vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Call
    }

    fn lower(&self, inputs: &[Aval], outputs: &[Aval]) -> Result<Lowering, Error> {
        let body = trace(inputs, |x| {
            if outputs[0].size() == 0 || x[0].size() == 0 {
                return Ok(vec![try_full(&outputs[0].shape, Scalar::zero(outputs[0].dtype))?]);
            }
            Ok(vec![self.as_product(&x[0], &x[1])?])
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

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "conv_general_dilated", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Conv {
        strides: args.sizes("window_strides")?.into(),
        edges: edges_of(args, "padding")?,
        lhs_dilation: args.sizes("lhs_dilation")?.into(),
        rhs_dilation: args.sizes("rhs_dilation")?.into(),
        feature_groups: args.size("feature_group_count")?,
        batch_groups: args.size("batch_group_count")?,
        precision: precision_of(args)?,
    }))
}

fn cases() -> Vec<Case> {
    // Shapes; strides, dilation of the operand, dilation of the kernel; borders; groups.
    type Row = ([&'static [usize]; 2], [&'static [usize]; 3], &'static [(i64, i64)], [usize; 2]);
    const ROWS: [Row; 9] = [
        ([&[1, 2, 5], &[3, 2, 2]], [&[1], &[1], &[1]], &[(0, 0)], [1, 1]),
        ([&[2, 1, 6], &[1, 1, 3]], [&[2], &[1], &[1]], &[(1, 1)], [1, 1]),
        ([&[1, 1, 4], &[1, 1, 2]], [&[1], &[2], &[2]], &[(2, -1)], [1, 1]),
        ([&[1, 2, 3, 4], &[2, 2, 2, 3]], [&[2, 1], &[1, 1], &[1, 1]], &[(0, 1), (1, 1)], [1, 1]),
        ([&[1, 4, 3], &[2, 2, 2]], [&[1], &[1], &[1]], &[(1, 0)], [2, 1]),
        ([&[4, 1, 3], &[2, 1, 2]], [&[1], &[1], &[1]], &[(0, 0)], [1, 2]),
        ([&[2, 3], &[2, 3]], [&[], &[], &[]], &[], [1, 1]),
        ([&[1, 1, 2], &[1, 1, 4]], [&[1], &[1], &[1]], &[(0, 1)], [1, 1]),
        ([&[1, 1, 0], &[2, 1, 2]], [&[1], &[1], &[1]], &[(1, 1)], [1, 1]),
    ];
    let mut cases = Vec::new();
    for d in NUMBERS {
        for (n, (shapes, [strides, lhs, rhs], edges, groups)) in ROWS.into_iter().enumerate() {
            let prim = Conv {
                strides: strides.into(),
                edges: edges.into(),
                lhs_dilation: lhs.into(),
                rhs_dilation: rhs.into(),
                feature_groups: groups[0],
                batch_groups: groups[1],
                precision: if n == 0 { Precision::Tf32.of(d) } else { Precision::Full },
            };
            let [x, kernel] = shapes.map(|s| sample(s, d, n as u64));
            cases.push(Case::new(Arc::new(prim), vec![x, kernel]));
        }
    }
    cases
}
