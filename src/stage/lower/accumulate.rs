//! Cumulative folds as one kernel: its lanes are the other axes, and its time is the axis along
//! which the fold runs.
//!
//! The state of a lane lies in a buffer of its own, which is filled with the start beforehand.
//! Backends hold it in a register. A reversed fold reads and writes backwards.

use super::assign::Placed;
use super::flatten::ValId;
use super::program::ProgramBuilder;
use super::value::{self, RootId};
use super::writer::{Lanes, Writer, mapped};
use crate::core::aval::Shape;
use crate::core::lowering::Running;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Loop, Mode};
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
        let parallel = |extent| Loop { extent, mode: Mode::Parallel };
        let others = (0..shape.len()).filter(|a| *a != running.axis && shape[*a] != 1);
        let others: SmallVec<[usize; 4]> = others.collect();
        let extents: Shape = others.iter().map(|a| shape[*a]).collect();
        let count = extents.iter().product();
        let dtype = running.start.dtype();
        let state = program.temp(dtype, count);

        let mut w = Writer::new(self, "start", &[parallel(count)]);
        let start = w.b.constant(running.start);
        let to = w.buffer(&state, dtype, count);
        w.b.store_at(to, Affine::counter(0), start);
        w.launch(program, steps);

        let mut loops: SmallVec<[Loop; 6]> = extents.iter().map(|n| parallel(*n)).collect();
        let mut lanes = Lanes::from_elem(None, shape.len());
        for (n, axis) in others.iter().enumerate() {
            lanes[*axis] = Some(n);
        }
        if loops.is_empty() {
            // The loop over time is inside a loop over lanes, if only of one.
            loops.push(parallel(1));
        }
        lanes[running.axis] = Some(loops.len());
        loops.push(Loop { extent: shape[running.axis], mode: Mode::Sequential });
        let mut w = Writer::new(self, "running", &loops);
        let of_lane = value::dense(&extents);
        let buffer = w.buffer(&state, dtype, count);
        let old = w.b.load(buffer, of_lane.clone());
        let x = w.at_lanes(v, &lanes);
        let next = (running.step)(&mut w.b, &[old, x]);
        w.b.store_at(buffer, of_lane, next[0]);
        let to = w.root_buffer(root);
        let maps = value::along_axis(&shape, running.axis, running.reverse);
        let at = value::compose(&value::dense(&shape), &maps, &shape);
        w.b.store_at(to, mapped(&at, &lanes), next[1]);
        w.launch(program, steps);
    }
}
