//! Jaxpr to program.
//!
//! | file | its part |
//! | --- | --- |
//! | [`flatten`] | calls inlined: one list of equations |
//! | [`value`] | index maps: every view is one affine function of a value that has memory |
//! | [`region`], [`group`] | equations into groups, one kernel each; what fits no kernel stands alone |
//! | [`pads`], [`sums`] | sums of padded pieces are assembled, small updates are added where they belong |
//! | [`sink`] | equations down to the groups that need them |
//! | [`reads`], [`assign`] | who gets memory, which outputs are written in place, what callers may donate |
//! | [`emit`] | a group as a kernel |
//! | [`assemble`], [`routine`] | pieces, scatters, dots, sorts, calls of the host |
//! | [`accumulate`] | sums and other folds of which every step counts |
//! | [`control`] | loops and branches, each a region of its own |
//! | [`hoist`] | work of a loop that depends on constants alone, before the loop |
//! | [`time`], [`components`] | scans that work lane by lane as one kernel; values with short axes split |
//! | [`normal`] | the simplest loops of a kernel |
//!
//! A region is a jaxpr that runs as a block: the program itself, the body of a loop, the arm of a branch. All are
//! lowered by the same code; they differ in where their inputs lie and where their outputs go.
//! Not here: simplification (a transform), placing temporaries in the arena (`cotangent_jit::plan`), machine code.

mod accumulate;
mod assemble;
mod assign;
mod components;
mod control;
mod emit;
mod flatten;
mod group;
mod hoist;
mod normal;
mod pads;
mod reads;
mod region;
mod routine;
mod sink;
mod sums;
mod time;
mod value;

use crate::core::array::{Array, Concrete, Repr};
use crate::core::jaxpr::Jaxpr;
use cotangent_jit::kernel::Kernel;
use cotangent_jit::program::{KernelId, Placement, Program, Slot, SlotId, SlotKind, Step};
use cotangent_jit::{DType, Error, Scalar};
use region::Region;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use value::{Arg, Place, dense};

/// The program that computes this jaxpr, not yet planned, and the arrays that are its inputs after those of the jaxpr.
pub fn lower(jaxpr: &Jaxpr, name: &str, place: Placement) -> Result<(Program, Vec<Array>), Error> {
    let mut cx = Cx { inputs: jaxpr.inputs.len(), ..Cx::default() };
    let args: Vec<Arg> = (jaxpr.inputs.iter().enumerate())
        .map(|(n, v)| {
            let aval = jaxpr.aval(*v);
            let slot = cx.slot(aval.dtype, aval.size(), SlotKind::Input(n));
            Arg::Strided { place: Place::whole(slot), len: aval.size(), at: dense(&aval.shape) }
        })
        .collect();
    let dests: Vec<Place> = (jaxpr.out_avals().iter().enumerate())
        .map(|(n, a)| Place::whole(cx.slot(a.dtype, a.size(), SlotKind::Output(n))))
        .collect();
    let mut region = Region::new(&mut cx, jaxpr, args, 0, false)?;
    region.assign(&mut cx, &dests);
    let donations = region.donations();
    let steps = region.emit(&mut cx)?;
    let program = Program {
        name: name.to_string(),
        place,
        slots: cx.slots,
        kernels: cx.kernels,
        steps,
        donations,
        arena: 0,
    };
    Ok((program, cx.constants))
}

/// Steps of a nested region.
fn lower_region(
    cx: &mut Cx,
    jaxpr: &Jaxpr,
    args: Vec<Arg>,
    dests: &[Place],
    depth: usize,
) -> Result<Vec<Step>, Error> {
    let mut region = Region::new(cx, jaxpr, args, depth, true)?;
    region.assign(cx, dests);
    region.emit(cx)
}

/// The program under construction.
#[derive(Default)]
struct Cx {
    /// How many inputs the jaxpr has.
    inputs: usize,
    /// Further inputs: arrays that equations name.
    constants: Vec<Array>,
    constant_slots: FxHashMap<*const Concrete, SlotId>,
    slots: Vec<Slot>,
    kernels: Vec<Kernel>,
    /// Kernels by the hash of all but their names.
    known: FxHashMap<u64, SmallVec<[KernelId; 1]>>,
}

impl Cx {
    fn slot(&mut self, dtype: DType, len: usize, kind: SlotKind) -> SlotId {
        self.slots.push(Slot { dtype, len, kind });
        SlotId(self.slots.len() as u32 - 1)
    }

    fn temp(&mut self, dtype: DType, len: usize) -> Place {
        Place::whole(self.slot(dtype, len, SlotKind::Temp { arena_offset: 0 }))
    }

    /// Where a concrete array will be; the value of a literal.
    fn constant(&mut self, array: &Array) -> Result<Place, Scalar> {
        let key = match &array.0 {
            Repr::Literal { value, .. } => return Err(*value),
            Repr::Concrete(c) => Arc::as_ptr(c),
            Repr::Tracer(_) => unreachable!("constants are concrete"),
        };
        if let Some(slot) = self.constant_slots.get(&key) {
            return Ok(Place::whole(*slot));
        }
        let number = SlotKind::Input(self.inputs + self.constants.len());
        let slot = self.slot(array.dtype(), array.size(), number);
        self.constants.push(array.clone());
        self.constant_slots.insert(key, slot);
        Ok(Place::whole(slot))
    }

    /// The kernel's number; equal work is one kernel. Its name gets the number behind it.
    fn kernel(&mut self, mut kernel: Kernel) -> KernelId {
        let name = std::mem::take(&mut kernel.name);
        let mut hasher = FxHasher::default();
        kernel.hash(&mut hasher);
        let same = self.known.entry(hasher.finish()).or_default();
        for id in same.iter() {
            let other = &self.kernels[id.0 as usize];
            let equal = other.loops == kernel.loops
                && other.buffers == kernel.buffers
                && other.nodes == kernel.nodes
                && other.stores == kernel.stores
                && other.reductions == kernel.reductions
                && other.goes_on == kernel.goes_on;
            if equal {
                return *id;
            }
        }
        let id = KernelId(self.kernels.len() as u32);
        same.push(id);
        kernel.name = format!("{name}_{}", id.0);
        self.kernels.push(kernel);
        id
    }
}
