//! The accesses of prepared kernels, row by row: `cotangent_jit::rows` for this backend.
//!
//! Loops of this kind live in `row_loops`, runs of launches in `bands`.

use crate::plan::nest::Nest;
use crate::plan::stages::{Source, Stage};
use cotangent_jit::affine::Affine;
use cotangent_jit::program::View;
use cotangent_jit::rows::{self, Access, Rows, Touch};

/// Notes the accesses of a kernel whose loop `split` runs over the points of the rows.
pub fn note(rows: &mut Rows, stage: &Stage, split: usize, args: &[View]) -> bool {
    for Access { buffer, len, read } in accesses(&stage.nest, split, rows.rows) {
        let touch = if read { Touch::Read } else { Touch::Write };
        match stage.sources[buffer.0 as usize] {
            Source::Argument(n) => rows.touch(&args[n], len, touch),
            Source::Scratch(_) => return false,
        }
    }
    true
}

/// The points of loop `split` that form a row, if it runs over whole rows.
pub fn points_per_row(nest: &Nest, split: usize, rows: usize) -> Option<usize> {
    rows::points_per_row(&nest.kernel, split, rows)
}

/// The accesses of a nest if its loop `split` runs over the points of the rows.
pub fn accesses(nest: &Nest, split: usize, rows: usize) -> Vec<Access> {
    rows::accesses(&nest.kernel, &nest.live, split, rows)
}

/// One past the last element that a non-negative index reaches.
pub fn reach(at: &Affine, extents: &[usize]) -> i64 {
    at.range(extents).map_or(0, |(low, high)| if low < 0 { i64::MAX } else { high + 1 })
}
