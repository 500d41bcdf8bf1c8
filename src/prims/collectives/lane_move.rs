//! What moves between the lanes of a mapped axis of size `n`, by its name: `all_gather`, `psum_scatter`, `all_to_all`,
//! `ppermute`.
//!
//! ```text
//! all_gather     yᵢ[j] = xⱼ                     transpose: psum_scatter
//! psum_scatter   yᵢ = ∑ⱼ xⱼ[i]                  transpose: all_gather
//! all_to_all     yᵢ[j] = xⱼ[i]                  transpose: itself
//! ppermute       y_d = x_s for pairs (s, d)     transpose: of the pairs (d, s); lanes that get nothing get zeros
//! ```
//! The axis of lanes is axis 0 of an operand or a result. All are linear. Outside of the batch there is nothing to run: the
//! rule of batching that maps the axis takes the name away.

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

/// `all_gather[axis, axis_size] x -> y` and its kin. One operand.
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
    /// From, to: no lane twice on either side.
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
        let (y, axis) = match ctx.axis.is(&self.axis) {
            true => self.over_lanes(ctx, &inputs[0], axes[0])?,
            false => self.beside(&inputs[0], axes[0].expect("the one operand is batched"))?,
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

    /// Batched along another axis, which stays out of the way of axis 0.
    fn beside(&self, x: &Array, batch: usize) -> Result<(Array, Option<usize>), Error> {
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

    /// The lanes become an axis: what moved between them moves along it.
    fn over_lanes(
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
            // The lanes' axis is what is asked for, the same for every lane.
            Kind::Gather => Ok((in_front()?, None)),
            // Axis 0 of the sum says for which lane it is.
            Kind::Scatter => match batch {
                Some(axis) => Ok((try_reduce_sum(x, &[axis])?, Some(0))),
                None => Ok((times(x, n)?, Some(0))),
            },
            // x[j, i] is for lane i: the two axes change their roles.
            Kind::Exchange => Ok((in_front()?, Some(1))),
            Kind::Permute(pairs) => match batch {
                None if pairs.len() == n => Ok((x.clone(), None)),
                _ => Ok((permuted(&in_front()?, pairs, n)?, Some(0))),
            },
        }
    }
}

/// Entries of axis 0 moved, zeros where none arrive. Neighbours that stay neighbours move together; where hardly any do, the
/// entries are looked up.
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
        // What nothing arrives for lies out of range.
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

/// All lanes' `x`, stacked along a new axis 0.
#[track_caller]
pub fn try_all_gather(x: &Array, axis: &AxisName, size: usize) -> Result<Array, Error> {
    LaneMove { kind: Kind::Gather, axis: axis.clone(), size }.apply(x)
}

/// Entry `i` of the sum over all lanes for lane `i`.
#[track_caller]
pub fn try_psum_scatter(x: &Array, axis: &AxisName, size: usize) -> Result<Array, Error> {
    LaneMove { kind: Kind::Scatter, axis: axis.clone(), size }.apply(x)
}

/// Entry `i` of every lane, stacked, for lane `i`.
#[track_caller]
pub fn try_all_to_all(x: &Array, axis: &AxisName, size: usize) -> Result<Array, Error> {
    LaneMove { kind: Kind::Exchange, axis: axis.clone(), size }.apply(x)
}

/// Lane `d` gets what lane `s` has, for each pair `[s, d]`; zeros where nothing arrives.
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
    let (mut gave, mut got) = (vec![false; size], vec![false; size]);
    for [s, d] in pairs {
        if *s >= size || *d >= size {
            return Err(err!(
                Value,
                "ppermute: pair ({s}, {d}) is out of range for axis {axis:?} of {lanes}",
                lanes = plural(size, "lane")
            ));
        }
        if std::mem::replace(&mut gave[*s], true) || std::mem::replace(&mut got[*d], true) {
            return Err(err!(
                Value,
                "ppermute: pair ({s}, {d}) repeats a lane; sources are all different, and so are destinations"
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
        // No pairs print as no numbers.
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

/// Three lanes of operands of these shapes; and, for kinds that do not ask for an entry per lane, no lanes.
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

/// A rotation, a permutation with a lane that gives and one that gets nothing, nothing at all, and one with no neighbours.
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
