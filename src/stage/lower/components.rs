//! Splits values that hold a few numbers per lane into values of one number per lane.
//!
//! `s: f32[1024,3]` under lanes `[1024]` --> `s.0, s.1, s.2: f32[1024]`. Slices, indices and stacks
//! along the short axes then cost nothing, and alternating work on `[1024,3]` and on `[1024]` is
//! one group over `[1024]`.
//!
//! Not here: when the split pays (`time`).

use super::flatten::{Flat, FlatEqn, ValId, Vals};
use crate::core::aval::Shape;
use crate::core::lowering::{Base, Lowering, Piece, Point, PointFn, ScalarFn};
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, NodeId};
use cotangent_jit::{DType, Scalar};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// Most components of a value.
pub const MOST: usize = 16;

/// The list of equations with every value of shape `lanes ++ short axes` split; `None` if some
/// equation mixes lanes.
pub fn split(flat: Flat, lanes: &[usize]) -> Option<Flat> {
    let mut out = flat;
    let (eqns, outputs) = out.take_body();
    let inputs = out.inputs().to_vec();
    let mut s = Splitter { out, lanes: lanes.into(), parts: FxHashMap::default() };
    for v in inputs {
        s.open(v);
    }
    for eqn in eqns {
        s.eqn(eqn)?;
    }
    let outputs = outputs.iter().map(|v| s.closed(*v)).collect();
    s.out.set_outputs(outputs);
    Some(s.out)
}

struct Splitter {
    /// Values of both kinds, and the new equations.
    out: Flat,
    lanes: Shape,
    /// The components of split values, row-major.
    parts: FxHashMap<ValId, Vec<ValId>>,
}

impl Splitter {
    /// The short axes of a shape that is split.
    fn tail<'a>(&self, shape: &'a [usize]) -> Option<&'a [usize]> {
        let tail = shape.strip_prefix(&self.lanes[..])?;
        (2..=MOST).contains(&tail.iter().product()).then_some(tail)
    }

    fn shape(&self, v: ValId) -> Shape {
        Shape::from_slice(self.out.shape(v))
    }

    /// The short axes of a value that is split.
    fn short(&self, v: ValId) -> Option<Shape> {
        self.tail(self.out.shape(v)).map(Shape::from_slice)
    }

    fn fresh(&mut self, like: ValId, shape: &[usize]) -> ValId {
        let aval = self.out.aval(like).with_shape(Shape::from_slice(shape));
        self.out.val(aval)
    }

    fn push(&mut self, lowering: Lowering, inputs: Vals, output: ValId) {
        self.out.push(FlatEqn { lowering, inputs, outputs: Vals::from_iter([output]) });
    }

    /// A new value over the lanes, of the type of `like`.
    fn part(
        &mut self,
        like: ValId,
        lowering: Lowering,
        inputs: impl IntoIterator<Item = ValId>,
    ) -> ValId {
        let lanes = self.lanes.clone();
        let out = self.fresh(like, &lanes);
        self.push(lowering, inputs.into_iter().collect(), out);
        out
    }

    /// Gives a value that came whole its components, which are views of it.
    fn open(&mut self, v: ValId) {
        let Some(tail) = self.short(v) else { return };
        let parts = coordinates(&tail)
            .into_iter()
            .map(|at| {
                let own = (0..self.lanes.len()).map(Affine::counter);
                let maps = own.chain(at.iter().map(|c| Affine::constant(*c as i64))).collect();
                self.part(v, Lowering::View(maps), [v])
            })
            .collect();
        self.parts.insert(v, parts);
    }

    /// The whole value, assembled from copies of its components.
    fn closed(&mut self, v: ValId) -> ValId {
        let Some(tail) = self.short(v) else { return v };
        let Some(parts) = self.parts.get(&v).cloned() else { return v };
        let whole = self.shape(v);
        let ones: Shape = self.lanes.iter().copied().chain(tail.iter().map(|_| 1)).collect();
        let mut inputs = Vals::new();
        let mut pieces = Vec::new();
        for (part, at) in parts.into_iter().zip(coordinates(&tail)) {
            let copy: ScalarFn = Arc::new(|_, args| SmallVec::from_slice(args));
            let copy = self.part(v, Lowering::Elementwise(copy), [part]);
            let piece = self.fresh(v, &ones);
            self.push(Lowering::Reshape, Vals::from_iter([copy]), piece);
            let offset = self.lanes.iter().map(|_| 0).chain(at.iter().map(|c| *c as i64)).collect();
            let (take, step) = (ones.iter().map(|n| 0..*n).collect(), vec![1; ones.len()]);
            pieces.push(Piece { input: inputs.len(), take, offset, step, starts: None });
            inputs.push(piece);
        }
        let out = self.fresh(v, &whole);
        self.push(Lowering::Assemble { base: Base::Nothing, pieces }, inputs, out);
        out
    }

    fn is_split(&self, v: ValId) -> bool {
        self.parts.contains_key(&v)
    }

    /// Component `k`, or the value itself if it is one number for all.
    fn component(&self, v: ValId, k: usize) -> Option<ValId> {
        match self.parts.get(&v) {
            Some(parts) => parts.get(k).copied(),
            None => self.out.shape(v).is_empty().then_some(v),
        }
    }

    fn eqn(&mut self, eqn: FlatEqn) -> Option<()> {
        let FlatEqn { lowering, inputs, outputs } = &eqn;
        let tails: SmallVec<[Option<Shape>; 1]> = outputs.iter().map(|v| self.short(*v)).collect();
        let split_in = inputs.iter().any(|v| self.is_split(*v));
        if !split_in && tails.iter().all(Option::is_none) {
            self.out.push(eqn);
            return Some(());
        }
        let &[out] = &outputs[..] else { return self.elementwise(lowering, inputs, outputs) };
        let tail = tails.into_iter().next().flatten();
        match lowering {
            Lowering::Elementwise(_) => return self.elementwise(lowering, inputs, outputs),
            Lowering::Forward | Lowering::Reshape => {
                let parts = self.parts.get(&inputs[0])?.clone();
                // Row-major order of the components is that of the elements of a lane.
                let same = tail?.iter().product::<usize>() == parts.len();
                self.parts.insert(out, same.then_some(parts)?);
            }
            Lowering::View(maps) => self.view(inputs[0], maps, out, tail)?,
            Lowering::Indexed(f) if !split_in => {
                let tail = tail?;
                let parts = coordinates(&tail).into_iter().map(|at| {
                    let f = fixed(f.clone(), self.lanes.len(), at);
                    self.part(out, Lowering::Indexed(f), inputs.iter().copied())
                });
                let parts = parts.collect();
                self.parts.insert(out, parts);
            }
            Lowering::Constant(_) => {
                self.out.push(eqn);
                self.open(out);
            }
            Lowering::Assemble { base, pieces } => {
                self.assemble(inputs, *base, pieces, out, &tail?)?
            }
            Lowering::Reduce { combine, axes } => self.reduce(inputs[0], *combine, axes, out)?,
            _ => return None,
        }
        Some(())
    }

    fn elementwise(&mut self, lowering: &Lowering, inputs: &Vals, outputs: &Vals) -> Option<()> {
        let Lowering::Elementwise(f) = lowering else { return None };
        let count = self.short(outputs[0])?.iter().product();
        let mut all: Vec<Vec<ValId>> = vec![Vec::with_capacity(count); outputs.len()];
        for k in 0..count {
            let inputs: Option<Vals> = inputs.iter().map(|v| self.component(*v, k)).collect();
            let lanes = self.lanes.clone();
            let outs: Vals = outputs.iter().map(|v| self.fresh(*v, &lanes)).collect();
            all.iter_mut().zip(&outs).for_each(|(all, v)| all.push(*v));
            let lowering = Lowering::Elementwise(f.clone());
            self.out.push(FlatEqn { lowering, inputs: inputs?, outputs: outs });
        }
        self.parts.extend(outputs.iter().copied().zip(all));
        Some(())
    }

    fn view(&mut self, v: ValId, maps: &[Affine], out: ValId, tail: Option<Shape>) -> Option<()> {
        let rank = self.out.shape(out).len();
        let Some(tail) = tail else {
            // Strides of axes of one element do not count.
            let still = |map: &Affine| {
                let strides = self.out.shape(out).iter().enumerate();
                let strides = strides.map(|(n, len)| if *len == 1 { 0 } else { map.stride(n) });
                Affine::new(map.offset, strides)
            };
            let maps: Vec<Affine> = maps.iter().map(still).collect();
            let (part, maps) = self.seen(v, &maps)?;
            self.push(Lowering::View(maps), Vals::from_iter([part]), out);
            return Some(());
        };
        let mut parts = Vec::new();
        for at in coordinates(&tail) {
            // The maps at this component: functions of the lanes alone.
            let at_lanes = |map: &Affine| {
                let fixed = (self.lanes.len()..rank).zip(&at);
                let offset = fixed.map(|(axis, c)| map.stride(axis) * *c as i64).sum::<i64>();
                Affine::new(map.offset + offset, (0..self.lanes.len()).map(|n| map.stride(n)))
            };
            let maps: Vec<Affine> = maps.iter().map(at_lanes).collect();
            let (part, maps) = self.seen(v, &maps)?;
            parts.push(self.part(out, Lowering::View(maps), [part]));
        }
        self.parts.insert(out, parts);
        Some(())
    }

    /// The part of a value that these maps read: the value itself, or the only component that they
    /// read.
    fn seen(&self, v: ValId, maps: &[Affine]) -> Option<(ValId, Vec<Affine>)> {
        let Some(parts) = self.parts.get(&v) else { return Some((v, maps.to_vec())) };
        let (lanes, tail) = maps.split_at(self.lanes.len());
        let mut k = 0;
        for (map, n) in tail.iter().zip(self.short(v)?) {
            if map.strides.iter().any(|s| *s != 0) {
                return None;
            }
            k = k * n + usize::try_from(map.offset).ok()?;
        }
        Some((*parts.get(k)?, lanes.to_vec()))
    }

    fn assemble(
        &mut self,
        inputs: &Vals,
        base: Base,
        pieces: &[Piece],
        out: ValId,
        tail: &[usize],
    ) -> Option<()> {
        let n = self.lanes.len();
        let over_lanes = |p: &Piece| {
            let mut axes = 0..n;
            p.starts.is_none()
                && axes
                    .all(|a| p.take[a] == (0..self.lanes[a]) && p.offset[a] == 0 && p.step[a] == 1)
        };
        if !pieces.iter().all(over_lanes) {
            return None;
        }
        let mut parts = Vec::new();
        for (k, at) in coordinates(tail).into_iter().enumerate() {
            // The position of this component in a piece.
            let place = |p: &Piece| -> Option<usize> {
                let own = self.out.shape(inputs[p.input]);
                let mut place = 0;
                for (axis, c) in (n..).zip(&at) {
                    let from = *c as i64 - p.offset[axis];
                    let (step, len) = (p.step[axis], p.take[axis].len() as i64);
                    let index = if len == 1 { 0 } else { from.checked_div(step)? };
                    if index * step != from || !(0..len).contains(&index) {
                        return None;
                    }
                    place = place * own[axis] + p.take[axis].start + index as usize;
                }
                Some(place)
            };
            let found = pieces.iter().rev().find_map(|p| Some((inputs[p.input], place(p)?)));
            parts.push(match (found, base) {
                (Some((v, place)), _) => match self.parts.get(&v) {
                    Some(parts) => *parts.get(place)?,
                    None if self.out.shape(v).iter().product::<usize>()
                        == self.lanes.iter().product() =>
                    {
                        self.part(out, Lowering::Reshape, [v])
                    }
                    None => return None,
                },
                (None, Base::Fill(fill)) => {
                    self.part(out, Lowering::View(Vec::new()), [inputs[fill]])
                }
                (None, Base::Input(v)) => *self.parts.get(&inputs[v])?.get(k)?,
                (None, Base::Nothing) => return None,
            });
        }
        self.parts.insert(out, parts);
        Some(())
    }

    fn reduce(&mut self, v: ValId, combine: Combine, axes: &[usize], out: ValId) -> Option<()> {
        let (n, parts, tail) = (self.lanes.len(), self.parts.get(&v)?.clone(), self.short(v)?);
        if axes.iter().any(|a| *a < n) {
            return None;
        }
        let kept: Vec<usize> = (0..tail.len()).filter(|a| !axes.contains(&(a + n))).collect();
        let rest: Shape = kept.iter().map(|a| tail[*a]).collect();
        let mut sums: Vec<Vals> = vec![Vals::new(); rest.iter().product()];
        for (part, at) in parts.into_iter().zip(coordinates(&tail)) {
            sums[kept.iter().fold(0, |k, a| k * tail[*a] + at[*a])].push(part);
        }
        let f = folded(combine, self.out.dtype(v));
        if self.tail(self.out.shape(out)).is_some() {
            let sum = |terms: Vals| self.part(out, Lowering::Elementwise(f.clone()), terms);
            let parts = sums.into_iter().map(sum).collect();
            self.parts.insert(out, parts);
        } else {
            let terms = sums.into_iter().next()?;
            let sum = self.part(out, Lowering::Elementwise(f), terms);
            self.push(Lowering::Reshape, Vals::from_iter([sum]), out);
        }
        Some(())
    }
}

/// All coordinates of a shape, row-major.
fn coordinates(shape: &[usize]) -> Vec<SmallVec<[usize; 4]>> {
    let count = shape.iter().product();
    let at = |mut n: usize| {
        let mut at: SmallVec<[usize; 4]> = SmallVec::from_elem(0, shape.len());
        for axis in (0..shape.len()).rev() {
            at[axis] = n % shape[axis];
            n /= shape[axis];
        }
        at
    };
    (0..count).map(at).collect()
}

/// A fold of all arguments in order, as a reduction folds: from the identity, in the accumulator's
/// type.
fn folded(combine: Combine, dtype: DType) -> ScalarFn {
    let wide = combine.accumulator(dtype);
    Arc::new(move |b: &mut KernelBuilder, args: &[NodeId]| {
        let first = b.constant(combine.identity(wide));
        let sum = args.iter().fold(first, |sum, x| {
            let x = b.convert(*x, wide);
            b.op(combine.op(), &[sum, x])
        });
        SmallVec::from_iter([b.convert(sum, dtype)])
    })
}

/// The function of points with its coordinates from axis `lanes` on fixed.
fn fixed(f: PointFn, lanes: usize, tail: SmallVec<[usize; 4]>) -> PointFn {
    struct Fixed<'a> {
        point: &'a mut dyn Point,
        lanes: usize,
        tail: &'a [usize],
    }
    impl Point for Fixed<'_> {
        fn builder(&mut self) -> &mut KernelBuilder {
            self.point.builder()
        }
        fn coordinate(&mut self, axis: usize) -> NodeId {
            match axis.checked_sub(self.lanes) {
                Some(n) => self.point.builder().constant(Scalar::from(self.tail[n] as i64)),
                None => self.point.coordinate(axis),
            }
        }
        fn read(&mut self, input: usize, at: &[NodeId]) -> NodeId {
            self.point.read(input, at)
        }
    }
    Arc::new(move |point: &mut dyn Point| f(&mut Fixed { point, lanes, tail: &tail }))
}
