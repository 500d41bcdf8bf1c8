//! The tasks of a kernel: what threads do, one task after the other. Each needs all that the one
//! before has written.

use super::shape::{Form, Shape, shape};
use super::target::Target;
use super::tiles::THREADS;
use crate::sorts::{self, Launches, Memory, Stage, Updates};
use cotangent_jit::kernel::{Combine, Kernel, Mode, Store};
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::{SmallVec, smallvec};

/// What each thread of a task does.
#[derive(Clone, PartialEq, Debug)]
pub enum Work {
    /// Takes so many neighbouring points.
    Points {
        width: usize,
    },
    /// Takes points of a tile, all threads of a block together.
    Tile,
    /// Folds as a lane of a group.
    Fold {
        lanes: usize,
        chunks: usize,
    },
    /// Folds the chunks of a result.
    FoldChunks {
        chunks: usize,
    },
    /// Fills one of so many numbers of scratch memory.
    Fill {
        count: usize,
        with: Scalar,
    },
    /// Claims an element for an update.
    Claim,
    /// Stores the update that has claimed its element.
    Overwrite,
    /// Combines an update with its element.
    Accumulate {
        combine: Combine,
    },
    /// Notes the element and the value of an update.
    Note,
    /// Sorts what was noted, or takes a step towards that.
    Sort(Stage),
    /// Combines the updates of an element in order: those of the thread's update if it is the
    /// first of them. They are sorted, or few.
    CombineRuns {
        combine: Combine,
    },
    CombineFew {
        combine: Combine,
    },
    /// Combines the updates of a chunk and lane in their copy of the elements.
    FillCopy {
        combine: Combine,
        lanes: usize,
        chunks: usize,
    },
    /// Combines an element with its copies.
    TakeCopies {
        combine: Combine,
        lanes: usize,
        chunks: usize,
    },
}

pub struct Task {
    pub work: Work,
    pub threads: usize,
    /// Where its parts of the kernel's scratch memory begin.
    pub scratch: SmallVec<[usize; 3]>,
}

/// A kernel as tasks.
pub struct Tasks {
    pub shape: Shape,
    /// Multiples of bytes at which the buffers begin.
    pub alignment: Vec<usize>,
    pub tasks: Vec<Task>,
    /// Bytes of memory that they share.
    pub scratch: usize,
}

/// The most updates among which each thread looks for those of its element.
const FEW_UPDATES: usize = 512;

/// The store of a scatter.
pub fn only_store(k: &Kernel) -> Result<&Store, Error> {
    k.scatter().ok_or_else(|| err!(Compile, "cuda: kernel {} is no scatter", k.name))
}

/// The tasks of a kernel whose buffers begin at multiples of these numbers of bytes.
pub fn tasks(kernel: &Kernel, alignment: &[usize], target: Target) -> Result<Tasks, Error> {
    let shape = shape(kernel, alignment, target);
    let (tasks, scratch) = (Vec::new(), 0);
    let mut all = Tasks { shape, alignment: alignment.to_vec(), tasks, scratch };
    let k = &all.shape.kernel;
    if k.loops.iter().any(|l| l.mode != Mode::Reduce && l.extent == 0) {
        return Ok(all);
    }
    let parallel = k.loops.iter().filter(|l| l.mode == Mode::Parallel);
    let points: usize = parallel.map(|l| l.extent).product();
    match all.shape.form.clone() {
        Form::Points { width } => {
            all.add(Work::Points { width }, points / width, smallvec![]);
        }
        Form::Tiles(tiles) => {
            let threads = tiles.count(&all.shape.kernel) * THREADS;
            all.add(Work::Tile, threads, smallvec![]);
        }
        Form::Fold { lanes, chunks } => all.fold(points, lanes, chunks),
        Form::Overwrite => {
            let (len, updates) = (all.elements()?, all.shape.kernel.points());
            let claims = all.reserve(4 * len);
            let with = Scalar::zero(DType::U32);
            all.add(Work::Fill { count: len, with }, len, smallvec![claims]);
            all.add(Work::Claim, updates, smallvec![claims]);
            all.add(Work::Overwrite, updates, smallvec![claims]);
        }
        Form::Accumulate(combine) => {
            let updates = all.shape.kernel.points();
            all.add(Work::Accumulate { combine }, updates, smallvec![]);
        }
        Form::InOrder(combine) => all.in_order(combine)?,
        Form::Copies { combine, lanes, chunks } => {
            let (len, s) = (all.elements()?, only_store(&all.shape.kernel)?);
            let d = all.shape.kernel.buffers[s.buffer.0 as usize].dtype;
            let accumulator = combine.accumulator(d);
            let count = lanes * chunks * len;
            let copies = all.reserve(count * accumulator.size());
            let with = combine.neutral(accumulator);
            all.add(Work::Fill { count, with }, count, smallvec![copies]);
            let fill = Work::FillCopy { combine, lanes, chunks };
            all.add(fill, lanes * chunks, smallvec![copies]);
            all.add(Work::TakeCopies { combine, lanes, chunks }, len, smallvec![copies]);
        }
    }
    Ok(all)
}

impl Tasks {
    /// The neighbouring points that a thread of the only task takes.
    pub fn width(&self) -> usize {
        match self.tasks[..] {
            [Task { work: Work::Points { width }, .. }] => width,
            _ => 1,
        }
    }

    /// The same where the points are taken in rows of so many.
    pub fn width_within(&self, points: usize) -> usize {
        let widths = [4, 2].into_iter().filter(|w| *w <= self.width());
        widths.into_iter().find(|w| points.is_multiple_of(*w)).unwrap_or(1)
    }

    fn add(&mut self, work: Work, threads: usize, scratch: SmallVec<[usize; 3]>) {
        if threads > 0 {
            self.tasks.push(Task { work, threads, scratch });
        }
    }

    fn fold(&mut self, points: usize, lanes: usize, chunks: usize) {
        let mut scratch = SmallVec::new();
        if chunks > 1 {
            for n in 0..self.shape.kernel.reductions.len() {
                let size = self.shape.kernel.reductions[n].accumulator.size();
                scratch.push(self.reserve(points * chunks * size));
            }
        }
        self.add(Work::Fold { lanes, chunks }, points * chunks * lanes, scratch.clone());
        if chunks > 1 {
            self.add(Work::FoldChunks { chunks }, points, scratch);
        }
    }

    /// Updates that combine in order.
    fn in_order(&mut self, combine: Combine) -> Result<(), Error> {
        let (len, updates) = (self.elements()?, self.shape.kernel.points());
        let store = only_store(&self.shape.kernel)?;
        let size = self.shape.kernel.buffers[store.buffer.0 as usize].dtype.size();
        let values = self.reserve(updates * size);
        if updates <= FEW_UPDATES {
            let elements = self.reserve(4 * updates);
            self.add(Work::Note, updates, smallvec![elements, values]);
            self.add(Work::CombineFew { combine }, updates, smallvec![elements, values]);
            return Ok(());
        }
        let mut sort = Launches { scratch: self.scratch, ..Launches::default() };
        let bits = usize::BITS - len.leading_zeros();
        let (given, sorted) = sorts::updates(&mut sort, updates, bits);
        self.scratch = sort.scratch;
        let noted = |u: Updates| smallvec![u.elements, values, u.updates];
        self.add(Work::Note, updates, noted(given));
        for launch in sort.all {
            let scratch = launch.args.iter().map(|m| match m {
                Memory::Scratch(at) | Memory::Argument(at) => *at,
            });
            let threads = launch.stage.blocks() * launch.stage.threads();
            self.add(Work::Sort(launch.stage), threads, scratch.collect());
        }
        self.add(Work::CombineRuns { combine }, updates, noted(sorted));
        Ok(())
    }

    /// Scratch memory that no other task has.
    fn reserve(&mut self, bytes: usize) -> usize {
        let at = self.scratch;
        self.scratch += bytes.next_multiple_of(256);
        at
    }

    /// The elements that a scatter updates.
    fn elements(&self) -> Result<usize, Error> {
        let k = &self.shape.kernel;
        Ok(k.buffers[only_store(k)?.buffer.0 as usize].len)
    }
}
