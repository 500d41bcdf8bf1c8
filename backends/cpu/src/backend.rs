//! The CPU as a device: it compiles programs, runs them and copies bytes. The emission of code
//! lives in the other files.

use crate::code::isa::Allocator;
use crate::code::link::{self, Code};
use crate::emit::driver::{self, Function, Owned, Parts};
use crate::emit::{kernel, outline};
use crate::plan::bands::{self, Band};
use crate::plan::lanes::Vectors;
use crate::plan::launch::{self, DRIVER, FunctionId, Prepared, STACK_ARENA};
use crate::plan::outlines::{Key, Outlines};
use crate::plan::row_loops::{self, RowLoop};
use crate::plan::scatter::scattering;
use crate::plan::{calls, stages};
use crate::run::subnormals::Treatment;
use crate::run::{devices, host, memory};
use cotangent_jit::backend::{
    Backend, CompileOptions, Executable, Launches, Literal, MemoryStats, Tuning, expect_buffers,
    expect_bytes,
};
use cotangent_jit::buffer::{Buffer, Memory};
use cotangent_jit::kernel::Kernel;
use cotangent_jit::prepare::complex;
use cotangent_jit::program::{Placement, Program};
use cotangent_jit::verify::Verified;
use cotangent_jit::{Error, plural};
use cranelift_codegen::Context;
use cranelift_frontend::FunctionBuilderContext;
use rayon::prelude::*;
use std::cell::RefCell;

/// All cores, host memory; one device, unless the environment asks for more.
pub struct CpuBackend;

/// The process's CPU.
pub fn backend() -> &'static CpuBackend {
    static BACKEND: CpuBackend = CpuBackend;
    &BACKEND
}

impl Backend for CpuBackend {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn device_count(&self) -> Result<u32, Error> {
        devices::count()
    }

    fn describe(&self, _ordinal: u32) -> Result<String, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(format!("{}, {}", std::env::consts::ARCH, plural(cores, "core")))
    }

    fn memory(&self, ordinal: u32) -> Result<&'static dyn Memory, Error> {
        devices::memory_of(ordinal)
    }

    fn compile(
        &self,
        program: &Verified<Program>,
        options: &CompileOptions,
    ) -> Result<Box<dyn Executable>, Error> {
        let named = |e: Error| e.context(format!("compile {}", program.get().name));
        let parts = complex::split(program.get()).map_err(named)?;
        let real = parts.as_ref().unwrap_or(program);
        let compiled = compile(real.get(), options).map_err(named)?;
        Ok(if options.flush_subnormals { Box::new(Flushing(compiled)) } else { Box::new(compiled) })
    }

    fn upload(&self, from: &[u8], to: &mut Buffer) -> Result<(), Error> {
        expect_bytes("upload", to.bytes(), from.len())?;
        // SAFETY: the buffer has as many bytes, is ours alone, and is host memory.
        unsafe {
            std::ptr::copy_nonoverlapping(from.as_ptr(), to.write_pointer(), from.len());
        }
        Ok(())
    }

    fn download(&self, from: &Buffer, to: &mut [u8]) -> Result<(), Error> {
        expect_bytes("download", from.bytes(), to.len())?;
        // SAFETY: as many bytes are readable, in host memory.
        unsafe { std::ptr::copy_nonoverlapping(from.pointer(), to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    /// Runs are over when they return.
    fn synchronize(&self, _ordinal: u32) -> Result<(), Error> {
        Ok(())
    }

    fn memory_stats(&self, ordinal: u32) -> MemoryStats {
        devices::stats_of(ordinal)
    }

    fn tuning(&self, _ordinal: u32) -> Tuning {
        Tuning { least_lanes: 16, short_axis: 8, streamed_bytes: 1 << 20, rounds: 1024 }
    }
}

type DriverFunction = unsafe extern "C" fn(*const *const u8, *const *mut u8, *mut u8) -> i64;

struct CpuExecutable {
    driver: DriverFunction,
    inputs: usize,
    outputs: usize,
    /// Bytes of arena to allocate per run; 0 if it lies on the stack.
    arena: usize,
    place: Placement,
    text: Vec<(String, String)>,
    code: Code,
    /// Read by the code, through their addresses.
    _owned: Vec<Owned>,
    _constants: Vec<Box<[u128]>>,
}

impl Executable for CpuExecutable {
    unsafe fn run(
        &self,
        inputs: &mut [*const u8],
        literals: &[Literal],
        outputs: &[*mut u8],
    ) -> Result<(), Error> {
        expect_buffers((self.inputs, self.outputs), (inputs.len(), outputs.len()))?;
        for literal in literals {
            inputs[literal.input] = std::ptr::from_ref(&literal.bits).cast();
        }
        if self.arena == 0 {
            // SAFETY: the code lives as long as self; the buffers are valid by the caller's
            // promise.
            let none = std::ptr::null_mut();
            let failure = unsafe { (self.driver)(inputs.as_ptr(), outputs.as_ptr(), none) };
            // SAFETY: the driver returned it just now.
            return unsafe { host::outcome(failure) };
        }
        let arena = memory::take(self.arena)?;
        // SAFETY: as above; the arena is ours for this run and has the bytes that the driver was
        // built for.
        let failure = unsafe {
            let failure = (self.driver)(inputs.as_ptr(), outputs.as_ptr(), arena);
            memory::give(arena, self.arena);
            failure
        };
        // SAFETY: the driver returned it just now.
        unsafe { host::outcome(failure) }
    }

    fn text(&self, stage: &str) -> Option<String> {
        if self.text.is_empty() {
            return None;
        }
        let pick: fn(&(String, String)) -> &str = match stage {
            "clif" => |t| &t.0,
            "asm" => |t| &t.1,
            _ => return None,
        };
        Some(self.text.iter().map(pick).collect::<Vec<_>>().join("\n"))
    }

    fn code_size(&self) -> usize {
        self.code.bytes()
    }

    fn place(&self) -> Placement {
        self.place
    }

    /// A program is one native function.
    fn launches(&self) -> Launches {
        Launches { single: 1, ..Launches::default() }
    }
}

/// An executable that flushes subnormal numbers on every thread that runs a part of it. Other
/// executables do not look at the float unit.
struct Flushing(CpuExecutable);

impl Executable for Flushing {
    unsafe fn run(
        &self,
        inputs: &mut [*const u8],
        literals: &[Literal],
        outputs: &[*mut u8],
    ) -> Result<(), Error> {
        let _treatment = Treatment::set(true);
        // SAFETY: the caller's promise.
        unsafe { self.0.run(inputs, literals, outputs) }
    }

    fn text(&self, stage: &str) -> Option<String> {
        self.0.text(stage)
    }

    fn code_size(&self) -> usize {
        self.0.code_size()
    }

    fn place(&self) -> Placement {
        self.0.place()
    }

    fn launches(&self) -> Launches {
        self.0.launches()
    }
}

thread_local! {
    /// Cranelift's tables, which are reused from function to function. The cell is empty while they
    /// are in use.
    static TABLES: RefCell<Option<(Context, FunctionBuilderContext)>> =
        const { RefCell::new(None) };
}

/// Runs `work` with cleared compilation tables of this thread.
fn with_tables<R>(work: impl FnOnce(&mut Context, &mut FunctionBuilderContext) -> R) -> R {
    let kept = TABLES.with(|t| t.borrow_mut().take());
    let (mut context, mut scratch) =
        kept.unwrap_or_else(|| (Context::new(), FunctionBuilderContext::new()));
    context.clear();
    let result = work(&mut context, &mut scratch);
    TABLES.with(|t| *t.borrow_mut() = Some((context, scratch)));
    result
}

/// Functions above this many nodes in all are compiled on several threads.
const PARALLEL_NODES: usize = 120;

/// Straight-line code above this many instructions goes through the fast register allocator.
const LONG: usize = 2500;

/// A function to compile.
#[derive(Clone, Copy)]
enum Job<'a> {
    Kernel(&'a stages::Stage, FunctionId),
    Outline(Key, FunctionId),
    Driver,
    Rows(&'a RowLoop<'a>),
    Band(&'a Band<'a>),
}

/// The stages of a kernel, which have no functions yet.
fn prepare(kernel: &Kernel, vectors: Vectors) -> Result<Prepared, Error> {
    let (expanded, functions) = (calls::expand(kernel), Vec::new());
    Ok(match scattering(&expanded, vectors)? {
        Some((stages, scratch, s)) => Prepared { stages, scratch, functions, scatter: Some(s) },
        None => {
            let (stages, scratch) = stages::stages(&expanded, vectors)?;
            Prepared { stages, scratch, functions, scatter: None }
        }
    })
}

fn compile(program: &Program, options: &CompileOptions) -> Result<CpuExecutable, Error> {
    #[cfg(all(target_arch = "x86_64", not(windows)))]
    let vectors = crate::wide::vectors();
    #[cfg(not(all(target_arch = "x86_64", not(windows))))]
    let vectors = Vectors::LEAST;
    let mut kernels = Vec::with_capacity(program.kernels.len());
    for k in &program.kernels {
        let prepared = prepare(k, vectors);
        kernels.push(prepared.map_err(|e| e.context(format!("kernel {}", k.name)))?);
    }
    let next = launch::functions(&mut kernels, 1);
    let nests = kernels.iter().flat_map(|k| &k.stages).map(|s| &s.nest);
    let (outlines, next) = Outlines::collect(nests, next);
    let (loops, next) = row_loops::collect(program, &kernels, next);
    let bands = bands::collect(program, &mut kernels, &loops, next);
    let stages = || kernels.iter().flat_map(|k| k.stages.iter().zip(&k.functions));
    let flush = options.flush_subnormals;
    let (kernels, loops, bands) = (&kernels[..], &loops[..], &bands[..]);
    let parts = Parts { program, kernels, outlines: &outlines, loops, bands, flush };
    let mut jobs = vec![Job::Driver];
    jobs.extend(loops.iter().map(Job::Rows));
    jobs.extend(bands.iter().map(Job::Band));
    jobs.extend(
        stages()
            .filter(|(stage, _)| !stage.nest.empty())
            .filter_map(|(stage, id)| Some(Job::Kernel(stage, (*id)?))),
    );
    jobs.extend(outlines.functions().into_iter().map(|(key, id)| Job::Outline(key, id)));
    let nodes: usize = stages().map(|(s, _)| s.nest.size()).sum();
    let one = |job: &Job| {
        #[cfg(all(target_arch = "x86_64", not(windows)))]
        if let Job::Kernel(stage, id) = *job
            && let Some(compiled) = crate::wide::build(&stage.nest, id, options.keep_text)?
        {
            return Ok((compiled, (Owned::default(), None)));
        }
        with_tables(|context, scratch| {
            let mut owned = Owned::default();
            let (id, pool) = match *job {
                Job::Kernel(stage, id) => {
                    (id, kernel::build(context, scratch, &stage.nest, &outlines, id)?)
                }
                Job::Outline(key, id) => (id, outline::build(context, scratch, key, id)?),
                Job::Driver | Job::Rows(_) | Job::Band(_) => {
                    let (id, which) = match *job {
                        Job::Rows(shared) => (shared.id, Function::Loop(shared)),
                        Job::Band(band) => (band.id, Function::Band(band)),
                        _ => (DRIVER, Function::Driver),
                    };
                    (id, driver::build(context, scratch, parts, which, &mut owned)?)
                }
            };
            let long = context.func.dfg.num_insts() > LONG;
            let allocator = if long { Allocator::Fast } else { Allocator::Careful };
            Ok((link::compile(context, id, allocator, options.keep_text)?, (owned, pool.rows())))
        })
    };
    let compiled = if jobs.len() > 1 && nodes > PARALLEL_NODES {
        jobs.par_iter().map(one).collect::<Result<Vec<_>, Error>>()?
    } else {
        jobs.iter().map(one).collect::<Result<Vec<_>, Error>>()?
    };
    let (compiled, owned): (Vec<_>, Vec<_>) = compiled.into_iter().unzip();
    let (owned, constants): (Vec<_>, Vec<_>) = owned.into_iter().unzip();
    let code = Code::link(&compiled)?;
    let (_, arena) = launch::arena_bytes(program, kernels);
    let driver = code.address(DRIVER);
    // SAFETY: the driver was built with this signature, and `code` is kept beside it.
    let driver = unsafe { std::mem::transmute::<*const u8, DriverFunction>(driver) };
    Ok(CpuExecutable {
        driver,
        inputs: program.inputs().len(),
        outputs: program.outputs().len(),
        arena: if arena <= STACK_ARENA { 0 } else { arena },
        place: program.place,
        text: compiled.into_iter().filter_map(|c| c.text).collect(),
        code,
        _owned: owned,
        _constants: constants.into_iter().flatten().collect(),
    })
}
