//! The program under construction: its slots, its kernels, and the arrays that it takes as further
//! inputs.
//!
//! Not here: the steps, which the stages of a region return.

use super::value::{Arg, Place};
use crate::core::array::{Array, Concrete, Repr};
use crate::core::jaxpr::Jaxpr;
use cotangent_jit::backend::Tuning;
use cotangent_jit::kernel::Kernel;
use cotangent_jit::program::{KernelId, Placement, Program, Slot, SlotId, SlotKind, Step};
use cotangent_jit::{DType, Error, Scalar};
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Lowers a nested region to steps: the program, the region's jaxpr, its inputs, the places of its
/// outputs, and the number of loops around it.
pub type LowerNested =
    fn(&mut ProgramBuilder, &Jaxpr, Vec<Arg>, &[Place], usize) -> Result<Vec<Step>, Error>;

pub struct ProgramBuilder {
    /// The wishes of the device.
    pub tuning: Tuning,
    /// Number of inputs of the jaxpr.
    inputs: usize,
    /// Arrays that equations name. They are inputs after those of the jaxpr.
    constants: Vec<Array>,
    constant_slots: FxHashMap<*const Concrete, SlotId>,
    slots: Vec<Slot>,
    kernels: Vec<Kernel>,
    /// Kernels by the hash of all but their names.
    known: FxHashMap<u64, SmallVec<[KernelId; 1]>>,
    /// Loops and branches reach the lowering of regions, which stands above them, through this.
    lower_nested: LowerNested,
}

/// A state to which slots can be taken back.
pub struct Mark {
    slots: usize,
    constants: usize,
}

impl ProgramBuilder {
    pub fn new(inputs: usize, tuning: Tuning, lower_nested: LowerNested) -> ProgramBuilder {
        ProgramBuilder {
            tuning,
            inputs,
            constants: Vec::new(),
            constant_slots: FxHashMap::default(),
            slots: Vec::new(),
            kernels: Vec::new(),
            known: FxHashMap::default(),
            lower_nested,
        }
    }

    /// The program with these steps, and the arrays that are its inputs after those of the jaxpr.
    pub fn finish(
        self,
        name: &str,
        place: Placement,
        steps: Vec<Step>,
        donations: Vec<(usize, usize)>,
    ) -> (Program, Vec<Array>) {
        let program = Program {
            name: name.to_string(),
            place,
            slots: self.slots,
            kernels: self.kernels,
            steps,
            donations,
            arena: 0,
        };
        (program, self.constants)
    }

    pub fn slot(&mut self, dtype: DType, len: usize, kind: SlotKind) -> SlotId {
        self.slots.push(Slot { dtype, len, kind });
        SlotId(self.slots.len() as u32 - 1)
    }

    pub fn temp(&mut self, dtype: DType, len: usize) -> Place {
        Place::whole(self.slot(dtype, len, SlotKind::Temp { arena_offset: 0 }))
    }

    pub fn mark(&self) -> Mark {
        Mark { slots: self.slots.len(), constants: self.constants.len() }
    }

    /// Takes the slots since the mark back, unless a constant is among them.
    pub fn rewind(&mut self, mark: Mark) {
        if self.constants.len() == mark.constants {
            self.slots.truncate(mark.slots);
        }
    }

    /// The steps of a region inside another one. `depth` loops are around the inner region.
    pub fn nested_steps(
        &mut self,
        jaxpr: &Jaxpr,
        args: Vec<Arg>,
        dests: &[Place],
        depth: usize,
    ) -> Result<Vec<Step>, Error> {
        (self.lower_nested)(self, jaxpr, args, dests, depth)
    }

    /// The place of a concrete array, or the value of a literal as the error.
    pub fn constant(&mut self, array: &Array) -> Result<Place, Scalar> {
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

    /// The number of the kernel. Kernels that do the same work have the same number, which is
    /// appended to the name.
    pub fn kernel(&mut self, mut kernel: Kernel) -> KernelId {
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
                && other.condition == kernel.condition;
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
