//! Cumulative folds: kernels whose lanes are the other axes, and whose time is the axis along which
//! the fold runs.
//!
//! The state of a lane lies in a buffer of its own, which is filled with the start beforehand.
//! Backends hold it in a register. A reversed fold reads and writes backwards. A long axis with few
//! lanes is cut into blocks of a length that depends on the shape alone:
//!
//! ```text
//! for lane, block parallel { total[lane, block] = fold of the block }
//! for lane { for block in order { total[lane, block], state = state, join(state, total) } }
//! for lane, block parallel { for time in the block { total, out[time] = step(total, x[time]) } }
//! for lane { for time in the rest { state, out[time] = step(state, x[time]) } }
//! ```
//!
//! Not here: the choice of the blocks (`cotangent_jit::order`).

use super::assign::Placed;
use super::flatten::ValId;
use super::program::ProgramBuilder;
use super::value::{self, Def, Place, RootId};
use super::writer::Writer;
use crate::core::aval::Shape;
use crate::core::lowering::Running;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Combine, Loop, Mode, NodeId};
use cotangent_jit::order::running_blocks;
use cotangent_jit::program::Step;
use smallvec::SmallVec;

impl Placed {
    /// Emits the fold of `v` into `root`. If the fold is reversed, `v` is the reversed operand.
    pub fn accumulate(
        &self,
        program: &mut ProgramBuilder,
        v: ValId,
        root: RootId,
        running: &Running,
        steps: &mut Vec<Step>,
    ) {
        let shape = Shape::from_slice(self.flat().shape(v));
        if shape.contains(&0) {
            return;
        }
        let others = (0..shape.len()).filter(|a| *a != running.axis && shape[*a] != 1).collect();
        let fold = Fold { placed: self, v, root, running, shape, others };
        fold.emit(program, steps);
    }
}

/// A fold to emit.
struct Fold<'a> {
    placed: &'a Placed,
    v: ValId,
    root: RootId,
    running: &'a Running,
    shape: Shape,
    /// The axes that are not folded and have more than one element.
    others: SmallVec<[usize; 4]>,
}

/// A part of the axis: from an element on, in so many blocks of so many elements.
#[derive(Clone, Copy)]
struct Part {
    from: usize,
    blocks: usize,
    length: usize,
    /// Each block is walked from its end.
    backward: bool,
}

impl Fold<'_> {
    fn emit(&self, program: &mut ProgramBuilder, steps: &mut Vec<Step>) {
        let lanes: usize = self.others.iter().map(|a| self.shape[*a]).product();
        let (extent, dtype) = (self.shape[self.running.axis], self.running.start.dtype());
        let state = program.temp(dtype, lanes);
        self.fill(program, steps, &state, lanes);
        let mut rest = Part { from: 0, blocks: 1, length: extent, backward: false };
        let inner = self.shape[self.running.axis + 1..].iter().product();
        // The order of complex numbers matters beside a NaN, and blocks depend on `lanes`.
        let whole = self.running.combine.is_some_and(Combine::of_whole_numbers);
        let blocks = running_blocks(extent, lanes, inner);
        if let Some(length) = blocks.filter(|_| !(whole && dtype.is_complex())) {
            let part = Part { blocks: extent / length, length, ..rest };
            let totals = program.temp(dtype, lanes * part.blocks);
            self.totals(program, steps, part, &totals);
            self.join(program, steps, part.blocks, &totals, &state);
            self.run(program, steps, part, &totals, true);
            rest.from = part.blocks * length;
            rest.length = extent - rest.from;
        }
        if rest.length > 0 {
            self.run(program, steps, rest, &state, true);
        }
    }

    /// Fills a buffer with the start.
    fn fill(&self, program: &mut ProgramBuilder, steps: &mut Vec<Step>, to: &Place, len: usize) {
        let mut w = Writer::new(self.placed, "start", &[parallel(len)]);
        let start = w.b.constant(self.running.start);
        let to = w.buffer(to, self.running.start.dtype(), len);
        w.b.store_at(to, Affine::counter(0), start);
        w.launch(program, steps);
    }

    /// The loops over lanes and blocks, and the extents of the two.
    fn outer(&self, blocks: usize) -> (SmallVec<[Loop; 6]>, Shape) {
        let mut extents: Shape = self.others.iter().map(|a| self.shape[*a]).collect();
        // The loop over time is inside a loop over lanes, if only of one.
        extents.push(blocks);
        (extents.iter().map(|n| parallel(*n)).collect(), extents)
    }

    /// The folds of all blocks, each from the start.
    fn totals(
        &self,
        program: &mut ProgramBuilder,
        steps: &mut Vec<Step>,
        part: Part,
        totals: &Place,
    ) {
        let (mut loops, extents) = self.outer(part.blocks);
        let (len, dtype) = (extents.iter().product(), self.running.start.dtype());
        let Some(combine) = self.running.combine else {
            self.fill(program, steps, totals, len);
            return self.run(program, steps, part, totals, false);
        };
        loops.push(Loop { extent: part.length, mode: Mode::Reduce });
        let mut w = Writer::new(self.placed, "totals", &loops);
        // Reductions do not depend on the direction, and read faster in the order of memory.
        let x = self.value(&mut w, Part { backward: self.running.reverse, ..part });
        let x = w.b.convert(x, dtype);
        let to = w.buffer(totals, dtype, len);
        w.b.reduce(to, value::dense(&extents), combine, x);
        w.launch(program, steps);
    }

    /// Turns the fold of each block into the fold of all blocks before it, and the state into the
    /// fold of all blocks.
    fn join(
        &self,
        program: &mut ProgramBuilder,
        steps: &mut Vec<Step>,
        blocks: usize,
        totals: &Place,
        state: &Place,
    ) {
        let dtype = self.running.start.dtype();
        let lanes: usize = self.others.iter().map(|a| self.shape[*a]).product();
        let loops = [parallel(lanes), Loop { extent: blocks, mode: Mode::Sequential }];
        let mut w = Writer::new(self.placed, "joined", &loops);
        let (totals, state) =
            (w.buffer(totals, dtype, lanes * blocks), w.buffer(state, dtype, lanes));
        let (of_block, of_lane) = (Affine::new(0, [blocks as i64, 1]), Affine::counter(0));
        let total = w.b.load(totals, of_block.clone());
        let before = w.b.load(state, of_lane.clone());
        let next = (self.running.join)(&mut w.b, &[before, total])[0];
        w.b.store_at(totals, of_block, before);
        w.b.store_at(state, of_lane, next);
        w.launch(program, steps);
    }

    /// Runs through a part of the axis, each block with a state of its own.
    fn run(
        &self,
        program: &mut ProgramBuilder,
        steps: &mut Vec<Step>,
        part: Part,
        state: &Place,
        writes: bool,
    ) {
        let (mut loops, extents) = self.outer(part.blocks);
        loops.push(Loop { extent: part.length, mode: Mode::Sequential });
        let mut w = Writer::new(self.placed, "running", &loops);
        let of_lane = value::dense(&extents);
        let buffer = w.buffer(state, self.running.start.dtype(), extents.iter().product());
        let old = w.b.load(buffer, of_lane.clone());
        let x = self.value(&mut w, part);
        let next = (self.running.step)(&mut w.b, &[old, x]);
        w.b.store_at(buffer, of_lane, next[0]);
        if writes {
            let to = w.root_buffer(self.root);
            let maps = value::along_axis(&self.shape, self.running.axis, self.running.reverse);
            let at = value::compose(&value::dense(&self.shape), &maps, &self.shape);
            w.b.store_at(to, self.walked(&at, part), next[1]);
        }
        w.launch(program, steps);
    }

    /// A function of the operand's coordinates as one of the counters of lanes, block and time.
    fn walked(&self, at: &Affine, part: Part) -> Affine {
        let by = at.stride(self.running.axis);
        let lanes = self.others.iter().map(|a| at.stride(*a));
        let (first, time) = match part.backward {
            false => (part.from, by),
            true => (part.from + part.length - 1, -by),
        };
        let strides = lanes.chain([by * part.length as i64, time]);
        Affine::new(at.offset + by * first as i64, strides)
    }

    /// The operand's element at a point of the loops over lanes, blocks and time.
    fn value(&self, w: &mut Writer, part: Part) -> NodeId {
        match self.placed.def(self.v) {
            Def::Splat(s) => w.b.constant(*s),
            Def::Strided { root, at } => {
                let buffer = w.root_buffer(*root);
                w.b.load(buffer, self.walked(at, part))
            }
            Def::Inline { f, maps } => {
                let coords = maps.iter().map(|m| w.b.affine(&self.walked(m, part))).collect();
                w.point(f, coords, &[])
            }
        }
    }
}

fn parallel(extent: usize) -> Loop {
    Loop { extent, mode: Mode::Parallel }
}
