//! The form in which each kernel of a program is launched: in the driver, as a function of its own,
//! or shared by threads. The stages of a kernel live in `stages`, the emission of launches in the
//! driver.

use crate::plan::scatter::Scatter;
use crate::plan::stages::Stage;
use cotangent_jit::program::Program;

/// A function of an executable, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

/// The number of the driver among the functions of an executable.
pub const DRIVER: FunctionId = FunctionId(0);
/// Arenas up to this size lie on the driver's stack.
pub const STACK_ARENA: usize = 2048;
/// Kernels of at most this many operations in all are emitted in place.
const INLINE_WORK: usize = 256;
/// At most this many nodes are emitted in place in one driver.
const INLINE_NODES: usize = 1500;
/// Estimated nanoseconds from which threads share a kernel; waking a helper takes some
/// microseconds.
pub const SHARED_NANOSECONDS: f64 = 20_000.0;
/// Estimated nanoseconds per part that one thread takes.
const PART_NANOSECONDS: f64 = 4_000.0;
/// The most parts: threads that work in far places of large arrays get more of the memory's
/// bandwidth than neighbours do.
const MOST_PARTS: usize = 128;

/// A kernel with its code, if it has a function of its own.
pub struct Prepared {
    pub stages: Vec<Stage>,
    pub scratch: usize,
    /// Per stage; `None` where it is emitted in place.
    pub functions: Vec<Option<FunctionId>>,
    /// The routine that runs after the stages of a scatter.
    pub scatter: Option<Scatter>,
}

/// The points of one part, if threads share so many points that take so many nanoseconds.
pub fn grain(work: f64, points: usize) -> usize {
    let grain = (PART_NANOSECONDS / work * points as f64) as usize;
    grain.max(points / MOST_PARTS).max(1)
}

/// Returns whether a stage is small enough to be emitted in place.
pub fn small(stage: &Stage) -> bool {
    stage.nest.size() * stage.nest.kernel.points().max(1) <= INLINE_WORK
        || (stage.nest.size() <= 40 && stage.nest.kernel.points() <= 16)
}

/// Decides for each stage, in order, whether it gets a function of its own. Small stages do not,
/// while there is room in the driver.
pub fn functions(kernels: &mut [Prepared], first: u32) -> u32 {
    let mut next = first;
    let mut room = INLINE_NODES;
    for k in kernels {
        for stage in &k.stages {
            let size = stage.nest.size();
            if small(stage) && size <= room {
                room -= size;
                k.functions.push(None);
            } else {
                k.functions.push(Some(FunctionId(next)));
                next += 1;
            }
        }
    }
    next
}

/// The bytes of the program's own arena, and those with the scratch memory of reductions behind it.
pub fn arena_bytes(program: &Program, kernels: &[Prepared]) -> (usize, usize) {
    let own = program.arena.next_multiple_of(64);
    let scratch = kernels.iter().map(|k| k.scratch).max().unwrap_or(0);
    (own, own + scratch)
}
