//! Machine code: compiled functions laid out in one block of pages, linked, made executable, freed
//! with their owner.
//!
//! Functions of one executable call each other directly, so they lie in one reservation, far below
//! 2 GB. The runtime is called through addresses in registers, so the code does not depend on the
//! load address of the process. cranelift-jit provides the pages: they are never writable and
//! executable at once, and instruction caches are flushed where the processor needs it. The
//! emission of CLIF does not live here.

use crate::code::isa::{self, Allocator};
use crate::plan::launch::FunctionId;
use cotangent_jit::{Error, err};
use cranelift_codegen::Context;
use cranelift_codegen::FinalizedRelocTarget;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, LibCall};
use cranelift_jit::{ArenaMemoryProvider, BranchProtection, JITMemoryKind, JITMemoryProvider};
use std::fmt::Display;

/// The target of a relocation.
#[derive(Clone, Copy, Debug)]
enum Target {
    Function(FunctionId),
    Runtime(usize),
    /// An offset in the function itself.
    Here(u32),
}

#[derive(Clone, Copy, Debug)]
struct Patch {
    at: u32,
    kind: Reloc,
    target: Target,
    addend: i64,
}

/// One compiled, not yet linked function.
pub struct Compiled {
    id: FunctionId,
    bytes: Vec<u8>,
    align: usize,
    patches: Vec<Patch>,
    /// CLIF and assembly, if asked for.
    pub text: Option<(String, String)>,
}

/// Compiles the function in the context.
pub fn compile(
    context: &mut Context,
    id: FunctionId,
    allocator: Allocator,
    keep_text: bool,
) -> Result<Compiled, Error> {
    let isa = isa::host(allocator)?;
    let clif = keep_text.then(|| context.func.display().to_string());
    context.set_disasm(keep_text);
    let code = context
        .compile(isa.as_ref(), &mut ControlPlane::default())
        .map_err(|e| err!(Compile, "cranelift: {}", e.inner))?;
    let bytes = code.code_buffer().to_vec();
    let align = code.buffer.alignment.max(16) as usize;
    let assembly = code.vcode.clone().unwrap_or_default();
    let raw: Vec<_> = code.buffer.relocs().to_vec();
    let mut patches = Vec::with_capacity(raw.len());
    for r in raw {
        let target = match r.target {
            FinalizedRelocTarget::Func(offset) => Target::Here(offset),
            FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                let name = &context.func.params.user_named_funcs()[name];
                Target::Function(FunctionId(name.index))
            }
            FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) => {
                Target::Runtime(libcall(call)?)
            }
            FinalizedRelocTarget::ExternalName(other) => {
                return Err(err!(Compile, "cranelift: unexpected symbol {other:?}"));
            }
        };
        patches.push(Patch { at: r.offset, kind: r.kind, target, addend: r.addend });
    }
    Ok(Compiled { id, bytes, align, patches, text: clif.map(|c| (c, assembly)) })
}

/// The runtime function that Cranelift calls on hosts that lack an instruction.
fn libcall(call: LibCall) -> Result<usize, Error> {
    extern "C" fn ceil32(x: f32) -> f32 {
        x.ceil()
    }
    extern "C" fn ceil64(x: f64) -> f64 {
        x.ceil()
    }
    extern "C" fn floor32(x: f32) -> f32 {
        x.floor()
    }
    extern "C" fn floor64(x: f64) -> f64 {
        x.floor()
    }
    extern "C" fn trunc32(x: f32) -> f32 {
        x.trunc()
    }
    extern "C" fn trunc64(x: f64) -> f64 {
        x.trunc()
    }
    extern "C" fn nearest32(x: f32) -> f32 {
        x.round_ties_even()
    }
    extern "C" fn nearest64(x: f64) -> f64 {
        x.round_ties_even()
    }
    extern "C" fn fma32(x: f32, y: f32, z: f32) -> f32 {
        x.mul_add(y, z)
    }
    extern "C" fn fma64(x: f64, y: f64, z: f64) -> f64 {
        x.mul_add(y, z)
    }
    Ok(match call {
        LibCall::CeilF32 => ceil32 as *const () as usize,
        LibCall::CeilF64 => ceil64 as *const () as usize,
        LibCall::FloorF32 => floor32 as *const () as usize,
        LibCall::FloorF64 => floor64 as *const () as usize,
        LibCall::TruncF32 => trunc32 as *const () as usize,
        LibCall::TruncF64 => trunc64 as *const () as usize,
        LibCall::NearestF32 => nearest32 as *const () as usize,
        LibCall::NearestF64 => nearest64 as *const () as usize,
        LibCall::FmaF32 => fma32 as *const () as usize,
        LibCall::FmaF64 => fma64 as *const () as usize,
        other => return Err(err!(Compile, "cranelift: no runtime function for {other}")),
    })
}

/// Executable pages.
pub struct Code {
    pages: ArenaMemoryProvider,
    base: *const u8,
    /// The offset of each function, by its number.
    starts: Vec<usize>,
    bytes: usize,
}

// SAFETY: the pages are read and executed only, from the moment `Code` exists until it is dropped.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: an executable owns its code and outlives its runs, so no thread executes these
        // pages now or later.
        unsafe { self.pages.free_memory() }
    }
}

impl Code {
    /// Lays the functions out, links them and makes them executable.
    pub fn link(functions: &[Compiled]) -> Result<Code, Error> {
        let count = functions.iter().map(|f| f.id.0 as usize + 1).max().unwrap_or(0);
        let mut starts = vec![0; count];
        let mut bytes = 0;
        for f in functions {
            bytes = usize::next_multiple_of(bytes, f.align);
            starts[f.id.0 as usize] = bytes;
            bytes += f.bytes.len();
        }
        let align = functions.iter().map(|f| f.align).max().unwrap_or(1) as u64;
        let failed = |e: &dyn Display| err!(Device, "code memory of {bytes} bytes: {e}");
        let mut pages = ArenaMemoryProvider::new_with_size(bytes.max(1)).map_err(|e| failed(&e))?;
        let base = pages
            .allocate(bytes.max(1), align, JITMemoryKind::Executable)
            .map_err(|e| failed(&e))?;
        for f in functions {
            let start = starts[f.id.0 as usize];
            // SAFETY: the layout above gave this function `bytes.len()` bytes at `start` of fresh
            // writable pages.
            let place = unsafe {
                let place = base.add(start);
                std::ptr::copy_nonoverlapping(f.bytes.as_ptr(), place, f.bytes.len());
                std::slice::from_raw_parts_mut(place, f.bytes.len())
            };
            for patch in &f.patches {
                let target = match patch.target {
                    Target::Function(id) => base as usize + starts[id.0 as usize],
                    Target::Runtime(address) => address,
                    Target::Here(offset) => base as usize + start + offset as usize,
                };
                apply(place, patch, target)?;
            }
        }
        pages.finalize(BranchProtection::None).map_err(|e| failed(&e))?;
        Ok(Code { pages, base, starts, bytes })
    }

    /// The address of a function, valid as long as this value.
    pub fn address(&self, id: FunctionId) -> *const u8 {
        self.base.wrapping_add(self.starts[id.0 as usize])
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn apply(place: &mut [u8], patch: &Patch, target: usize) -> Result<(), Error> {
    let at = patch.at as usize;
    let here = place.as_ptr() as usize + at;
    let goal = target as i64 + patch.addend;
    match patch.kind {
        Reloc::Abs8 => place[at..at + 8].copy_from_slice(&goal.to_le_bytes()),
        Reloc::X86PCRel4 | Reloc::X86CallPCRel4 | Reloc::X86CallPLTRel4 => {
            let distance = i32::try_from(goal - here as i64)
                .map_err(|_| err!(Compile, "code memory: a call reaches too far"))?;
            place[at..at + 4].copy_from_slice(&distance.to_le_bytes());
        }
        Reloc::Arm64Call => {
            let distance = (goal - here as i64) >> 2;
            if !(-(1 << 25)..1 << 25).contains(&distance) {
                return Err(err!(Compile, "code memory: a call reaches too far"));
            }
            let old = u32::from_le_bytes([place[at], place[at + 1], place[at + 2], place[at + 3]]);
            let new = (old & 0xfc00_0000) | (distance as u32 & 0x03ff_ffff);
            place[at..at + 4].copy_from_slice(&new.to_le_bytes());
        }
        other => return Err(err!(Compile, "code memory: unknown relocation {other}")),
    }
    Ok(())
}
