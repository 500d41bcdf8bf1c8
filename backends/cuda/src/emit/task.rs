//! The code of a thread of a task, and entries that are launched for one task alone.

use super::emitter::Emitter;
use crate::ops;
use crate::plan::{Form, Task, Tasks, Work, only_store};
use crate::ptx::{self, Class, Code, Entry, Value};
use crate::sorts;
use cotangent_jit::{Error, err};

/// The most threads of a block.
const THREADS: u32 = 256;
/// Threads of a block where there are few in all, so that more multiprocessors take part.
const FEW_THREADS: u32 = 64;
const FEW: usize = 1 << 16;

/// The threads of a block of a task.
pub fn threads_of(task: &Task) -> u32 {
    match &task.work {
        Work::Sort(stage) => stage.threads() as u32,
        Work::Tile => THREADS,
        _ if task.threads >= FEW => THREADS,
        _ => FEW_THREADS,
    }
}

/// The blocks of a task.
pub fn blocks(task: &Task) -> u64 {
    blocks_of(task, threads_of(task))
}

/// The same if they have so many threads.
pub fn blocks_of(task: &Task, threads: u32) -> u64 {
    task.threads.div_ceil(threads as usize) as u64
}

/// Adds the code of one thread. `bases` are the addresses of the kernel's buffers and of the task's
/// scratch memory; `thread` is its number, of 32 bits, or of 64 for a wide kernel. `aliased` says
/// that two of the buffers may be one.
pub fn emit(
    code: Code,
    tasks: &Tasks,
    n: usize,
    bases: &[Value],
    thread: Value,
    aliased: bool,
) -> Result<Code, Error> {
    emit_into(code, tasks, n, bases, thread, aliased, tasks.width(), |_| ())
}

/// The same for points in pieces of another width, after the state of the code was changed.
#[allow(clippy::too_many_arguments)]
pub fn emit_into(
    code: Code,
    tasks: &Tasks,
    n: usize,
    bases: &[Value],
    thread: Value,
    aliased: bool,
    width: usize,
    prepare: impl FnOnce(&mut Emitter),
) -> Result<Code, Error> {
    let (task, k) = (&tasks.tasks[n], &tasks.shape.kernel);
    let mut e = Emitter::new(code, tasks, bases, aliased)?;
    prepare(&mut e);
    match task.work {
        Work::Points { .. } => e.points(thread, width)?,
        Work::Tile => {
            let Form::Tiles(tiles) = &tasks.shape.form else {
                return Err(err!(Compile, "cuda: kernel {} has no tiles", k.name));
            };
            let (block, place) = e.divide(thread, THREADS as usize);
            e.tile(tiles, block, place)?;
        }
        Work::Fold { lanes, chunks } => e.fold(thread, lanes, chunks)?,
        Work::FoldChunks { chunks } => e.fold_chunks(thread, chunks)?,
        Work::Fill { count, with } => e.fill(thread, count, with),
        Work::Claim => e.claim(thread, only_store(k)?)?,
        Work::Overwrite => e.overwrite(thread, only_store(k)?)?,
        Work::Accumulate { combine } => e.accumulate(thread, only_store(k)?, combine)?,
        Work::Note => e.note(thread, only_store(k)?)?,
        Work::CombineRuns { combine } => e.combine_runs(thread, only_store(k)?, combine)?,
        Work::CombineFew { combine } => e.combine_few(thread, only_store(k)?, combine)?,
        // Such a task has an entry of its own.
        Work::Sort(_) => return Err(err!(Compile, "cuda: a sort is no task of single threads")),
        Work::FillCopy { combine, lanes, chunks } => {
            e.fill_copy(thread, only_store(k)?, combine, (lanes, chunks))?;
        }
        Work::TakeCopies { combine, lanes, chunks } => {
            e.take_copies(thread, only_store(k)?, combine, (lanes, chunks))?;
        }
    }
    Ok(e.c)
}

/// An entry for one task of a kernel. Its parameters are the addresses of the kernel's buffers and
/// then of the task's scratch memory.
pub fn entry(name: &str, tasks: &Tasks, n: usize, aliased: bool) -> Result<Entry, Error> {
    if let Work::Sort(stage) = &tasks.tasks[n].work {
        return Ok(sorts::entry(name, stage, tasks.shape.kernel.buffers.len()));
    }
    let mut code = Code::default();
    code.comment(&tasks.shape.kernel.name);
    let addresses = tasks.shape.kernel.buffers.len() + tasks.tasks[n].scratch.len();
    let bases: Vec<Value> = (0..addresses)
        .map(|n| code.get(Class::B64, "ld.param.u64", format_args!("[a{n}]")))
        .collect();
    let mut special = |name: &str| code.get(Class::B32, "mov.u32", format_args!("{name}"));
    let (block, size, place) = (special("%ctaid.x"), special("%ntid.x"), special("%tid.x"));
    let thread = if tasks.shape.wide {
        let place = code.get(Class::B64, "cvt.u64.u32", format_args!("{place}"));
        code.get(Class::B64, "mad.wide.u32", format_args!("{block}, {size}, {place}"))
    } else {
        code.get(Class::B32, "mad.lo.u32", format_args!("{block}, {size}, {place}"))
    };
    let code = emit(code, tasks, n, &bases, thread, aliased)?;
    let threads = threads_of(&tasks.tasks[n]);
    let shared = match &tasks.shape.form {
        Form::Tiles(tiles) => tiles.shared,
        _ => 0,
    };
    Ok(Entry { name: name.into(), addresses, threads, shared, code })
}

/// The text of a module of these entries.
pub fn module(entries: &[Entry]) -> String {
    let mentioned = |name: &str| entries.iter().any(|e| e.code.mentions(name));
    ptx::module(&ops::declarations(mentioned), entries)
}
