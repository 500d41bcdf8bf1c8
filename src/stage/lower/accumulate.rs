//! Folds of which every step counts: one kernel, its lanes the other axes, its time the axis along which it runs.
//!
//! The state of a lane lies in a buffer of its own, filled with the start beforehand; backends hold it in a register.
//! Reversed ones read and write backwards.

use super::Cx;
use super::emit::{Lanes, Writer, mapped};
use super::flatten::ValId;
use super::region::Region;
use super::value::{self, RootId};
use crate::core::aval::Shape;
use crate::core::lowering::Running;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Loop, Mode};
use cotangent_jit::program::Step;
use smallvec::SmallVec;

/// Maps to the element at which a step along the axis works.
pub fn along(shape: &[usize], axis: usize, reverse: bool) -> Vec<Affine> {
    let mut maps: Vec<Affine> = (0..shape.len()).map(Affine::counter).collect();
    if reverse {
        maps[axis] = maps[axis].scale(-1).add(&Affine::constant(shape[axis] as i64 - 1));
    }
    maps
}

impl Region {
    /// `v` is the operand as it is read: backwards already, if the fold is reversed.
    pub fn accumulate(
        &self,
        cx: &mut Cx,
        v: ValId,
        root: RootId,
        running: &Running,
        steps: &mut Vec<Step>,
    ) {
        let shape = Shape::from_slice(self.flat.shape(v));
        if shape.contains(&0) {
            return;
        }
        let parallel = |extent| Loop { extent, mode: Mode::Parallel };
        let others = (0..shape.len()).filter(|a| *a != running.axis && shape[*a] != 1);
        let others: SmallVec<[usize; 4]> = others.collect();
        let extents: Shape = others.iter().map(|a| shape[*a]).collect();
        let count = extents.iter().product();
        let dtype = running.start.dtype();
        let state = cx.temp(dtype, count);

        let mut w = Writer::new(self, "start", &[parallel(count)]);
        let start = w.b.constant(running.start);
        let to = w.buffer(&state, dtype, count);
        w.b.store_at(to, Affine::counter(0), start);
        w.launch(cx, steps);

        let mut loops: SmallVec<[Loop; 6]> = extents.iter().map(|n| parallel(*n)).collect();
        let mut lanes = Lanes::from_elem(None, shape.len());
        for (n, axis) in others.iter().enumerate() {
            lanes[*axis] = Some(n);
        }
        if loops.is_empty() {
            // Time is inside of lanes, if only of one.
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
        let maps = along(&shape, running.axis, running.reverse);
        let at = value::compose(&value::dense(&shape), &maps, &shape);
        w.b.store_at(to, mapped(&at, &lanes), next[1]);
        w.launch(cx, steps);
    }
}
