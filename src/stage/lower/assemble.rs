//! Steps of outputs that are written piece by piece, of copies and fills, and of scatters.
//!
//! Not here: pieces that groups write directly (`assign` decides on them).

use super::assign::Placed;
use super::flatten::{ValId, Vals};
use super::program::ProgramBuilder;
use super::value::{self, Arg, Def, Place, RootId};
use super::writer::{Lanes, Writer, mapped};
use crate::core::aval::Shape;
use crate::core::lowering::{Base, Piece, PointFn};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Combine, Loop, Mode, NodeId, Store};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::Step;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::SmallVec;

/// Loops over the axes that have more than one element, and the loop of each axis.
fn loops_over(shape: &[usize], mode: Mode) -> (SmallVec<[Loop; 6]>, Lanes) {
    let mut loops = SmallVec::new();
    let lanes = (shape.iter())
        .map(|n| {
            (*n != 1).then(|| {
                loops.push(Loop { extent: *n, mode });
                loops.len() - 1
            })
        })
        .collect();
    (loops, lanes)
}

impl Placed {
    /// Writes a value's elements row-major to `place`, which has room for exactly them.
    pub fn copy_to(
        &self,
        program: &mut ProgramBuilder,
        v: ValId,
        place: &Place,
        steps: &mut Vec<Step>,
    ) {
        let (shape, dtype, len) = (self.flat().shape(v), self.flat().dtype(v), self.flat().size(v));
        if len == 0 {
            return;
        }
        if let Def::Strided { root, at } = self.def(v)
            && let Some(offset) = value::dense_offset(at, shape)
        {
            let from = self.place(*root).shifted(offset);
            if from != *place {
                steps.push(Step::Copy { from: from.view(), to: place.view(), len });
            }
            return;
        }
        let (loops, lanes) = loops_over(shape, Mode::Parallel);
        let mut w = Writer::new(self, "copy", &loops);
        let node = w.at_lanes(v, &lanes);
        let to = w.buffer(place, dtype, len);
        w.b.store_at(to, mapped(&value::dense(shape), &lanes), node);
        w.launch(program, steps);
    }

    /// Writes one number to all elements of a root.
    pub fn fill_root(
        &self,
        program: &mut ProgramBuilder,
        root: RootId,
        steps: &mut Vec<Step>,
        node: impl FnOnce(&mut Writer) -> NodeId,
    ) {
        let len = self.root(root).len;
        if len == 0 {
            return;
        }
        let (loops, lanes) = loops_over(&[len], Mode::Parallel);
        let mut w = Writer::new(self, "fill", &loops);
        let node = node(&mut w);
        let to = w.root_buffer(root);
        w.b.store_at(to, mapped(&value::dense(&[len]), &lanes), node);
        w.launch(program, steps);
    }

    #[allow(clippy::too_many_arguments)]
    pub fn assemble(
        &self,
        program: &mut ProgramBuilder,
        inputs: &Vals,
        outputs: &Vals,
        root: RootId,
        base: &Base,
        pieces: &[Piece],
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let shape = Shape::from_slice(self.flat().shape(outputs[0]));
        if shape.contains(&0) {
            return Ok(());
        }
        match base {
            Base::Nothing => {}
            Base::Fill(n) => self.fill_root(program, root, steps, |w| w.at_lanes(inputs[*n], &[])),
            Base::Input(n) => self.copy_to(program, inputs[*n], self.place(root), steps),
        }
        // A group has written a root that is a part of the whole.
        let written = |p: &&Piece| {
            let Def::Strided { root: from, .. } = self.def(inputs[p.input]) else { return false };
            self.part(*from).is_some()
        };
        for piece in pieces.iter().filter(|p| !written(p)) {
            self.piece(program, inputs, &shape, root, piece, steps)?;
        }
        Ok(())
    }

    fn piece(
        &self,
        program: &mut ProgramBuilder,
        inputs: &Vals,
        shape: &[usize],
        root: RootId,
        piece: &Piece,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let extents: Shape = piece.take.iter().map(|r| r.len()).collect();
        if extents.contains(&0) {
            return Ok(());
        }
        let strides = value::dense(shape);
        let mut at = value::piece_position(shape, piece);
        let (loops, lanes) = loops_over(&extents, Mode::Parallel);
        let mut w = Writer::new(self, "put", &loops);
        let mut offset: Option<NodeId> = None;
        for (axis, start) in piece.starts.iter().flatten().enumerate() {
            let v = inputs[*start];
            // The distance that the piece reaches down and up from its start, along this axis.
            let reach = piece.step[axis] * (extents[axis] as i64 - 1);
            let (down, up) = (piece.offset[axis] + reach.min(0), piece.offset[axis] + reach.max(0));
            let (low, high) = (-down, shape[axis] as i64 - 1 - up);
            let stride = strides.stride(axis);
            if let Def::Splat(s) = self.def(v) {
                let start = clamped_literal(*s, low, high);
                at.offset += stride * start.ok_or_else(|| not_an_int(self.flat().dtype(v)))?;
                continue;
            }
            if !self.flat().dtype(v).is_int() {
                return Err(not_an_int(self.flat().dtype(v)));
            }
            if low == high || stride == 0 {
                at.offset += stride * low;
                continue;
            }
            let node = w.at_lanes(v, &[]);
            let node = saturated(&mut w, node);
            let node = w.clamp(node, low, high);
            let term = w.affine_of(&Affine::new(0, [stride]), &[node]);
            offset = Some(match offset {
                None => term,
                Some(o) => w.b.op(ScalarOp::Add, &[o, term]),
            });
        }
        let v = inputs[piece.input];
        let value = w.part(v, &piece.take, &lanes);
        let buffer = w.root_buffer(root);
        let at = mapped(&at, &lanes);
        w.b.store(Store { buffer, at, offset, combine: None, value });
        w.launch(program, steps);
        Ok(())
    }

    pub fn scatter(
        &self,
        program: &mut ProgramBuilder,
        inputs: &Vals,
        root: RootId,
        (base, updates, combine, position): (usize, usize, Option<Combine>, &PointFn),
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        self.copy_to(program, inputs[base], self.place(root), steps);
        let shape = self.flat().shape(inputs[updates]);
        if shape.contains(&0) || self.root(root).len == 0 {
            return Ok(());
        }
        let (mut loops, lanes) = loops_over(shape, Mode::Sequential);
        if loops.is_empty() {
            // A combining store needs a sequential loop, if only of one round.
            loops.push(Loop { extent: 1, mode: Mode::Sequential });
        }
        let mut w = Writer::new(self, "scatter", &loops);
        let coords = w.coords(&lanes);
        let offset = w.point(position, coords, inputs);
        let value = w.at_lanes(inputs[updates], &lanes);
        let buffer = w.root_buffer(root);
        let at = Affine::default();
        w.b.store(Store { buffer, at, offset: Some(offset), combine, value });
        w.launch(program, steps);
        Ok(())
    }

    /// A value as an input of a nested region.
    pub fn arg(&self, v: ValId) -> Arg {
        match self.def(v) {
            Def::Splat(s) => Arg::Splat(*s),
            Def::Inline { f, maps } => Arg::Inline { f: f.clone(), maps: maps.clone() },
            Def::Strided { root, at } => self.strided_arg(*root, at, self.flat().shape(v)),
        }
    }

    /// The elements of a root at these positions, as an input of a nested region.
    pub fn strided_arg(&self, root: RootId, at: &Affine, shape: &[usize]) -> Arg {
        let (low, high) = at.range(shape).unwrap_or((0, -1));
        let place = self.place(root).shifted(low);
        let at = Affine { offset: at.offset - low, strides: at.strides.clone() };
        Arg::Strided { place, len: (high - low + 1) as usize, at }
    }
}

impl Writer<'_> {
    /// The element of part `take` of a value at the counters of these loops.
    fn part(
        &mut self,
        v: ValId,
        take: &[std::ops::Range<usize>],
        lanes: &[Option<usize>],
    ) -> NodeId {
        let maps = value::shift(take.iter().map(|r| r.start as i64));
        let extents: Shape = take.iter().map(|r| r.len()).collect();
        match self.placed().def(v) {
            Def::Splat(s) => self.b.constant(*s),
            Def::Strided { root, at } => {
                let at = value::compose(at, &maps, &extents);
                let buffer = self.root_buffer(*root);
                self.b.load(buffer, mapped(&at, lanes))
            }
            Def::Inline { f, maps: inner } => {
                let coords = (inner.iter())
                    .map(|m| self.b.affine(&mapped(&value::compose(m, &maps, &extents), lanes)))
                    .collect();
                self.point(f, coords, &[])
            }
        }
    }
}

/// An integer node as i64. A u64 beyond its range becomes the greatest i64.
fn saturated(w: &mut Writer, node: NodeId) -> NodeId {
    if w.b.dtype(node) != DType::U64 {
        return w.b.convert(node, DType::I64);
    }
    let most = w.b.constant(Scalar::from(i64::MAX as u64));
    let node = w.b.op(ScalarOp::Min, &[node, most]);
    w.b.convert(node, DType::I64)
}

fn clamped_literal(s: Scalar, low: i64, high: i64) -> Option<i64> {
    if !s.dtype().is_int() {
        return None;
    }
    let beyond = s.dtype() == DType::U64 && s.bits() > i64::MAX as u128;
    let start = if beyond { i64::MAX } else { s.to_i64()? };
    Some(start.min(high).max(low))
}

fn not_an_int(got: DType) -> Error {
    err!(Compile, "lower: expected an integer start of a piece, got {got}")
}
