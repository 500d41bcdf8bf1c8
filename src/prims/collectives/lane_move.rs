//! Communication between the lanes of a named mapped axis of size `n`: `all_gather`,
//! `psum_scatter`, `all_to_all`, `ppermute`.
//!
//! ```text
//! all_gather     yᵢ[j] = xⱼ                     transpose: psum_scatter
//! psum_scatter   yᵢ = ∑ⱼ xⱼ[i]                  transpose: all_gather
//! all_to_all     yᵢ[j] = xⱼ[i]                  transpose: itself
//! ppermute       y_d = x_s for pairs (s, d)     transpose: ppermute with the pairs (d, s)
//! ```
//! In `ppermute`, a lane that is no destination gets zeros. The index `j` of `y` and the index `i`
//! of `x` are on axis 0. All four are linear.
//!
//! These primitives cannot run outside a batch. The batching rule for the named axis replaces them
//! by operations on an array axis.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::axis::{AxisName, BatchAxis};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::core::trace::bind;
use crate::prims::cases::points::spread;
use crate::prims::cases::samples::{NUMBERS, RUNNING, array};
use crate::prims::collectives::lane_fold::{in_batch, times};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::folds::reduce::try_reduce_sum;
use crate::prims::rules::apply::{expect_inputs, one};
use crate::prims::rules::batching::broadcast_batch;
use crate::prims::rules::linear::{linear_unary_jvp, transpose_unary};
use crate::prims::rules::zeros::try_zeros;
use crate::prims::shapes::concatenate::try_concatenate;
use crate::prims::shapes::constant::Constant;
use crate::prims::shapes::slice::try_slice_in_dim;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::{DType, Error, Scalar, err, plural};
use smallvec::smallvec;
use std::sync::Arc;

/// `all_gather[axis_name, axis_size] x -> y` and the others, of one operand.
#[derive(Clone, Debug)]
pub struct LaneMove {
    kind: Kind,
    axis: AxisName,
    size: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    Gather,
    Scatter,
    Exchange,
    /// Pairs of a source and a destination. All sources differ, and so do all destinations.
    Permute(Vec<[usize; 2]>),
}

impl Primitive for LaneMove {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Gather => "all_gather",
            Kind::Scatter => "psum_scatter",
            Kind::Exchange => "all_to_all",
            Kind::Permute(_) => "ppermute",
        }
    }

    fn params(&self) -> Params {
        let mut params: Params = smallvec![
            ("axis_name", Param::Axes(smallvec![self.axis.clone()])),
            ("axis_size", Param::Int(self.size as i64)),
        ];
        if let Kind::Permute(pairs) = &self.kind {
            let pair = |p: &[usize; 2]| p.iter().map(|i| *i as i64).collect();
            params.push(("perm", Param::Lists(pairs.iter().map(pair).collect())));
        }
        params
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let x = &inputs[0];
        if matches!(self.kind, Kind::Scatter | Kind::Exchange)
            && x.shape.first() != Some(&self.size)
        {
            return Err(err!(
                Shape,
                "{}: axis 0 should have one entry per lane of {:?}, which are {}, got {x}",
                self.name(),
                self.axis,
                self.size
            ));
        }
        if self.kind == Kind::Scatter && x.dtype.is_bool() {
            return Err(err!(DType, "psum_scatter: expected numbers to add up, got {x}"));
        }
        Ok(smallvec![match self.kind {
            Kind::Gather => x.batched(0, self.size),
            Kind::Scatter => x.unbatched(0),
            Kind::Exchange | Kind::Permute(_) => x.clone(),
        }])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_unary_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let kind = match &self.kind {
            Kind::Gather => Kind::Scatter,
            Kind::Scatter => Kind::Gather,
            Kind::Exchange => Kind::Exchange,
            Kind::Permute(pairs) => Kind::Permute(pairs.iter().map(|[s, d]| [*d, *s]).collect()),
        };
        let back = LaneMove { kind, ..self.clone() };
        transpose_unary(cotangents, inputs[0].aval(), |ct| back.apply(ct))
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (x, batch) = (&inputs[0], axes[0]);
        let (y, axis) = match ctx.axis.is(&self.axis) {
            true => self.over_own_axis(ctx, x, batch)?,
            false => self.over_other_axis(x, batch.expect("the one operand is batched"))?,
        };
        Ok((smallvec![y], vec![axis]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::InBatch
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(in_batch(self.name(), std::slice::from_ref(&self.axis)))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

impl LaneMove {
    #[track_caller]
    fn apply(&self, x: &Array) -> Result<Array, Error> {
        one(self.clone(), &[x])
    }

    /// The primitive batched over another axis. The batch axis is moved behind axis 0 where the
    /// primitive needs axis 0.
    fn over_other_axis(&self, x: &Array, batch: usize) -> Result<(Array, Option<usize>), Error> {
        let batch_to = match self.kind {
            Kind::Scatter | Kind::Exchange => batch.max(1),
            Kind::Gather | Kind::Permute(_) => batch,
        };
        let y = self.apply(&moveaxis(x, batch, batch_to)?)?;
        let place = match self.kind {
            Kind::Gather => batch_to + 1,
            Kind::Scatter => batch_to - 1,
            Kind::Exchange | Kind::Permute(_) => batch_to,
        };
        Ok((y, Some(place)))
    }

    /// The primitive batched over its own axis. The lanes become an array axis, and the
    /// communication becomes an operation on this axis.
    fn over_own_axis(
        &self,
        ctx: &Ctx,
        x: &Array,
        batch: Option<usize>,
    ) -> Result<(Array, Option<usize>), Error> {
        let n = ctx.batch_size;
        let in_front = || match batch {
            Some(axis) => moveaxis(x, axis, 0),
            None => broadcast_batch(x, n, 0),
        };
        match &self.kind {
            // The batch axis is the gathered axis, and the result is the same for every lane.
            Kind::Gather => Ok((in_front()?, None)),
            // Axis 0 of the sum is the index of the lane, so it becomes the batch axis.
            Kind::Scatter => match batch {
                Some(axis) => Ok((try_reduce_sum(x, &[axis])?, Some(0))),
                None => Ok((times(x, n)?, Some(0))),
            },
            // x[j, i] goes to lane i: axis 1 becomes the batch axis.
            Kind::Exchange => Ok((in_front()?, Some(1))),
            Kind::Permute(pairs) => match batch {
                None if pairs.len() == n => Ok((x.clone(), None)),
                _ => Ok((permuted(&in_front()?, pairs, n)?, Some(0))),
            },
        }
    }
}

/// Permutes the entries of axis 0, with zeros at indices that are no destination. Runs of
/// consecutive entries are sliced and concatenated. If there are many runs, a gather moves the
/// entries instead.
fn permuted(x: &Array, pairs: &[[usize; 2]], n: usize) -> Result<Array, Error> {
    const PIECES: usize = 16;
    if n == 0 {
        return Ok(x.clone());
    }
    let mut from = vec![None; n];
    pairs.iter().for_each(|[s, d]| from[*d] = Some(*s));
    let mut runs: Vec<(Option<usize>, usize)> = Vec::new();
    for source in &from {
        match runs.last_mut() {
            Some((Some(first), len)) if *source == Some(*first + *len) => *len += 1,
            Some((None, len)) if source.is_none() => *len += 1,
            _ => runs.push((*source, 1)),
        }
    }
    if runs.len() > PIECES {
        // An index that is no destination gathers from out of range, which gives zero.
        let at = from.iter().map(|s| s.unwrap_or(n) as f64);
        let at = bind(Arc::new(Constant::new(array(&[n, 1], DType::I32, at))), &[])?;
        let mut sizes = x.to_shape();
        sizes[0] = 1;
        let dims = crate::prims::places::gather::GatherDims {
            offset_dims: (1..x.ndim()).collect(),
            collapsed_slice_dims: smallvec![0],
            start_index_map: smallvec![0],
            ..Default::default()
        };
        let mode = crate::prims::places::gather::Mode::Fill(Scalar::zero(x.dtype()));
        return crate::prims::places::gather::try_gather(x, &at[0], &dims, &sizes, mode);
    }
    let piece = |(source, len): &(Option<usize>, usize)| match source {
        Some(first) => try_slice_in_dim(x, *first, first + len, 0),
        None => {
            let mut aval = x.aval().strong();
            aval.shape[0] = *len;
            try_zeros(&aval)
        }
    };
    let pieces = runs.iter().map(piece).collect::<Result<Vec<_>, Error>>()?;
    if pieces.len() == 1 { Ok(pieces[0].clone()) } else { try_concatenate(&pieces, 0) }
}

/// The `x` of all lanes, stacked along a new axis 0.
#[track_caller]
pub fn try_all_gather(x: &Array, axis: &AxisName, size: usize) -> Result<Array, Error> {
    LaneMove { kind: Kind::Gather, axis: axis.clone(), size }.apply(x)
}

/// Lane `i` gets entry `i` of the sum of `x` over all lanes. Axis 0 of `x` has one entry per lane.
#[track_caller]
pub fn try_psum_scatter(x: &Array, axis: &AxisName, size: usize) -> Result<Array, Error> {
    LaneMove { kind: Kind::Scatter, axis: axis.clone(), size }.apply(x)
}

/// Lane `i` gets entry `i` of the `x` of every lane, stacked along axis 0. Axis 0 of `x` has one
/// entry per lane.
#[track_caller]
pub fn try_all_to_all(x: &Array, axis: &AxisName, size: usize) -> Result<Array, Error> {
    LaneMove { kind: Kind::Exchange, axis: axis.clone(), size }.apply(x)
}

/// Lane `d` gets the `x` of lane `s`, for each pair `[s, d]`. Lanes that are no destination get
/// zeros. Returns an error if a lane is out of range, or is a source or a destination twice.
#[track_caller]
pub fn try_ppermute(
    x: &Array,
    axis: &AxisName,
    size: usize,
    pairs: &[[usize; 2]],
) -> Result<Array, Error> {
    check_pairs(axis, size, pairs)?;
    LaneMove { kind: Kind::Permute(pairs.to_vec()), axis: axis.clone(), size }.apply(x)
}

fn check_pairs(axis: &AxisName, size: usize, pairs: &[[usize; 2]]) -> Result<(), Error> {
    let (mut is_source, mut is_destination) = (vec![false; size], vec![false; size]);
    for [s, d] in pairs {
        if *s >= size || *d >= size {
            return Err(err!(
                Value,
                "ppermute: pair ({s}, {d}) is out of range for axis {axis:?} of {lanes}",
                lanes = plural(size, "lane")
            ));
        }
        if std::mem::replace(&mut is_source[*s], true)
            || std::mem::replace(&mut is_destination[*d], true)
        {
            return Err(err!(
                Value,
                "ppermute: pair ({s}, {d}) repeats a lane; sources are all different, and so are \
                 destinations"
            ));
        }
    }
    Ok(())
}

pub fn entries() -> Vec<Entry> {
    vec![
        Entry { name: "all_gather", build: |a| build(a, Kind::Gather), cases: gathers },
        Entry { name: "psum_scatter", build: |a| build(a, Kind::Scatter), cases: scatters },
        Entry { name: "all_to_all", build: |a| build(a, Kind::Exchange), cases: exchanges },
        Entry { name: "ppermute", build: build_permute, cases: permutations },
    ]
}

fn build(args: &Args, kind: Kind) -> Result<Prim, Error> {
    let [axis] = args.axes("axis_name")? else {
        return Err(err!(Parse, "{}: expected the name of one axis", args.prim));
    };
    Ok(Arc::new(LaneMove { kind, axis: axis.clone(), size: args.size("axis_size")? }))
}

fn build_permute(args: &Args) -> Result<Prim, Error> {
    let wrong = || err!(Parse, "ppermute: perm should be pairs of lanes");
    let lists = match args.get("perm")? {
        Param::Lists(lists) => &lists[..],
        // An empty list of pairs is parsed as an empty list of ints.
        Param::Ints(ints) if ints.is_empty() => &[],
        _ => return Err(wrong()),
    };
    let lane = |i: &i64| usize::try_from(*i).map_err(|_| wrong());
    let pair = |l: &[i64]| match l {
        [s, d] => Ok([lane(s)?, lane(d)?]),
        _ => Err(wrong()),
    };
    let pairs = lists.iter().map(|l| pair(l)).collect::<Result<Vec<_>, Error>>()?;
    let prim = build(args, Kind::Permute(Vec::new()))?;
    let size = args.size("axis_size")?;
    let [axis] = args.axes("axis_name")? else { return Ok(prim) };
    check_pairs(axis, size, &pairs)?;
    Ok(Arc::new(LaneMove { kind: Kind::Permute(pairs), axis: axis.clone(), size }))
}

/// One case per dtype and shape. The size of axis 0, which is the batch axis, is the number of
/// lanes.
fn cases(kind: &Kind, dtypes: &[DType], shapes: &[&[usize]]) -> Vec<Case> {
    let mut cases = Vec::new();
    for d in dtypes {
        for shape in shapes {
            let size = shape[0];
            let prim = LaneMove { kind: kind.clone(), axis: "i".into(), size };
            let case = Case::new(Arc::new(prim), vec![spread(shape, *d, &(-2.0..2.0), 0.37)]);
            cases.push(case.inside(BatchAxis::named("i", size)));
        }
    }
    cases
}

fn gathers() -> Vec<Case> {
    cases(&Kind::Gather, &RUNNING, &[&[3, 2], &[3], &[3, 0], &[0, 2]])
}

fn scatters() -> Vec<Case> {
    cases(&Kind::Scatter, &NUMBERS, &[&[3, 3, 2], &[3, 3], &[3, 3, 0], &[0, 0, 2]])
}

fn exchanges() -> Vec<Case> {
    cases(&Kind::Exchange, &RUNNING, &[&[3, 3, 2], &[3, 3], &[3, 3, 0], &[0, 0, 2]])
}

/// A rotation, a permutation with a lane that is no source and a lane that is no destination, no
/// pairs, and a permutation without runs.
fn permutations() -> Vec<Case> {
    let permute = |pairs: &[[usize; 2]]| Kind::Permute(pairs.to_vec());
    let mut all = cases(&permute(&[[0, 1], [1, 2], [2, 0]]), &RUNNING, &[&[3, 2], &[3], &[3, 0]]);
    let floats = [DType::F32, DType::F64];
    all.extend(cases(&permute(&[[0, 2], [1, 0]]), &floats, &[&[3, 2]]));
    all.extend(cases(&permute(&[]), &floats, &[&[3, 2], &[0, 2]]));
    let scattered: Vec<[usize; 2]> = (0..18).map(|i| [i, (i * 7 + 1) % 19]).collect();
    all.extend(cases(&permute(&scattered), &floats, &[&[19]]));
    all
}
