//! The entries of a kernel, and how they are launched one after the other.

use super::emitter::Emitter;
use crate::ops;
use crate::plan::{Form, Shape};
use crate::ptx::{self, Entry, Value};
use cotangent_jit::kernel::{Combine, Kernel, Mode, Store};
use cotangent_jit::{DType, Error, Scalar, err};

/// The most threads of a block.
pub const THREADS: u32 = 256;
/// Threads of a block where there are few in all, so that more multiprocessors take part.
const FEW_THREADS: u32 = 64;
const FEW: usize = 1 << 16;

/// An address that an entry is launched with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arg {
    /// Where this buffer of the kernel begins.
    Buffer(usize),
    /// This byte of the kernel's scratch memory.
    Scratch(usize),
}

/// A launch of an entry.
pub struct Stage {
    pub entry: Entry,
    pub blocks: u64,
    pub args: Vec<Arg>,
}

/// The launches of a kernel, in order.
#[derive(Default)]
pub struct Stages {
    pub stages: Vec<Stage>,
    /// Bytes of memory that they share.
    pub scratch: usize,
}

/// The text of a module of these launches.
pub fn module<'a>(stages: impl Iterator<Item = &'a Stage>) -> String {
    let entries: Vec<&Entry> = stages.map(|s| &s.entry).collect();
    let far = entries.iter().any(|e| e.code.mentions(ops::TABLE));
    ptx::module(&if far { ops::table() } else { String::new() }, &entries)
}

/// What the launches of a kernel have in common.
pub struct Launches<'a> {
    /// The name of its entries.
    pub name: &'a str,
    /// Multiples of bytes at which its buffers begin.
    pub alignment: &'a [usize],
    /// Two of its buffers may be one.
    pub aliased: bool,
}

/// The entries of a kernel.
pub fn stages(shape: &Shape, launches: &Launches) -> Result<Stages, Error> {
    let k = &shape.kernel;
    let outer = k.loops.iter().filter(|l| l.mode != Mode::Reduce);
    if outer.clone().any(|l| l.extent == 0) {
        return Ok(Stages::default());
    }
    let extents = |mode: Mode| k.loops.iter().filter(move |l| l.mode == mode).map(|l| l.extent);
    let points: usize = extents(Mode::Parallel).product();
    let mut b = Builder { shape, launches, done: Stages::default() };
    match shape.form {
        Form::Points { width } => {
            b.stage(points / width, Vec::new(), |e, t| e.points(t, width))?;
        }
        Form::Fold { lanes, chunks } => {
            let mut scratch = Vec::new();
            if chunks > 1 {
                for r in &k.reductions {
                    scratch.push(b.reserve(points * chunks * r.accumulator.size()));
                }
            }
            let threads = points * chunks * lanes;
            b.stage(threads, scratch.clone(), |e, t| e.fold(t, lanes, chunks))?;
            if chunks > 1 {
                b.stage(points, scratch, |e, t| e.fold_chunks(t, chunks))?;
            }
        }
        Form::Overwrite => {
            let s = only_store(k)?;
            let len = k.buffers[s.buffer.0 as usize].len;
            let claims = vec![b.reserve(4 * len)];
            let zero = Scalar::zero(DType::U32);
            b.fill(&claims, len, zero)?;
            b.stage(k.points(), claims.clone(), |e, t| e.claim(t, s))?;
            b.stage(k.points(), claims, |e, t| e.overwrite(t, s))?;
        }
        Form::Accumulate(combine) => {
            let s = only_store(k)?;
            b.stage(k.points(), Vec::new(), |e, t| e.accumulate(t, s, combine))?;
        }
        Form::Copies { combine, lanes, chunks } => b.copies(combine, lanes, chunks)?,
    }
    Ok(b.done)
}

fn only_store(k: &Kernel) -> Result<&Store, Error> {
    k.scatter().ok_or_else(|| err!(Compile, "cuda: kernel {} is no scatter", k.name))
}

struct Builder<'a> {
    shape: &'a Shape,
    launches: &'a Launches<'a>,
    done: Stages,
}

impl Builder<'_> {
    /// Scratch memory that no other stage has.
    fn reserve(&mut self, bytes: usize) -> usize {
        let at = self.done.scratch;
        self.done.scratch += bytes.next_multiple_of(256);
        at
    }

    /// A launch of at least so many threads.
    fn stage(
        &mut self,
        threads: usize,
        scratch: Vec<usize>,
        body: impl FnOnce(&mut Emitter, Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if threads == 0 {
            return Ok(());
        }
        let Launches { name, alignment, aliased } = *self.launches;
        let mut e = Emitter::new(self.shape, alignment, aliased, scratch.len())?;
        e.c.comment(&self.shape.kernel.name);
        let thread = e.thread();
        body(&mut e, thread)?;
        let size = if threads >= FEW { THREADS } else { FEW_THREADS };
        let buffers = self.shape.kernel.buffers.len();
        let number = self.done.stages.len();
        let entry = Entry {
            name: format!("{name}_{number}"),
            addresses: buffers + scratch.len(),
            threads: size,
            shared: 0,
            code: e.c,
        };
        let args = (0..buffers).map(Arg::Buffer);
        let args = args.chain(scratch.into_iter().map(Arg::Scratch)).collect();
        let blocks = threads.div_ceil(size as usize) as u64;
        self.done.stages.push(Stage { entry, blocks, args });
        Ok(())
    }

    /// A launch that fills scratch memory of `n` numbers.
    fn fill(&mut self, scratch: &[usize], n: usize, with: Scalar) -> Result<(), Error> {
        self.stage(n, scratch.to_vec(), |e, t| {
            e.fill(t, n, with);
            Ok(())
        })
    }

    fn copies(&mut self, combine: Combine, lanes: usize, chunks: usize) -> Result<(), Error> {
        let k = &self.shape.kernel;
        let s = only_store(k)?;
        let buffer = &k.buffers[s.buffer.0 as usize];
        let accumulator = combine.accumulator(buffer.dtype);
        let numbers = lanes * chunks * buffer.len;
        let copies = vec![self.reserve(numbers * accumulator.size())];
        self.fill(&copies, numbers, combine.neutral(accumulator))?;
        let both = (lanes, chunks);
        self.stage(lanes * chunks, copies.clone(), |e, t| e.fill_copy(t, s, combine, both))?;
        self.stage(buffer.len, copies, |e, t| e.take_copies(t, s, combine, both))
    }
}
