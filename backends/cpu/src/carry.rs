//! What a loop in order hands from round to round, in registers: elements that every point of it reads and writes anew.
//!
//! In a kernel of parallel lanes with time inside, a carry is a buffer that is loaded and stored at one position which
//! does not move with time. It is loaded before the loop, lives in variables, and is stored after it.

use crate::kernel::Emitter;
use crate::lanes::{Lanes, Regs};
use crate::normal::{self, Nest};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node, Store};
use cotangent_jit::{Error, Scalar};
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::Variable;

/// One element, or lanes of them, held in variables.
pub struct Carried {
    buffer: BufferId,
    at: Affine,
    variables: Vec<Variable>,
    /// In lanes: their types.
    lanes: Option<Lanes>,
}

/// Whether loop `n` runs in order inside of parallel lanes.
pub fn is_time(nest: &Nest, n: usize) -> bool {
    n + 1 == nest.kernel.loops.len() && normal::over_time(&nest.kernel)
}

/// The positions that can be held: all that happens to their buffer are plain loads and stores at positions that stay.
fn positions(nest: &Nest) -> Vec<(BufferId, Affine)> {
    let k = &nest.kernel;
    let time = k.loops.len() - 1;
    let mut held = vec![true; k.buffers.len()];
    let mut loads: Vec<(BufferId, Affine)> = Vec::new();
    for (node, _) in k.nodes.iter().zip(&nest.live).filter(|(_, live)| **live) {
        match node {
            Node::Load { buffer, at, guard, .. } => {
                held[buffer.0 as usize] &= guard.is_empty() && at.stride(time) == 0;
                loads.push((*buffer, at.clone()));
            }
            Node::Gather { buffer, .. } => held[buffer.0 as usize] = false,
            _ => {}
        }
    }
    for s in &k.stores {
        let plain = s.offset.is_none() && s.combine.is_none() && s.at.stride(time) == 0;
        // A position that is stored to and not loaded is another one's business: leave the buffer alone.
        held[s.buffer.0 as usize] &= plain && loads.contains(&(s.buffer, s.at.clone()));
    }
    loads.retain(|(buffer, _)| held[buffer.0 as usize] && k.writes(*buffer));
    loads
}

impl Emitter<'_, '_> {
    /// Before the loop: everything that it hands on is loaded.
    pub fn take_up(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        for (buffer, at) in positions(nest) {
            let fill = Scalar::zero(self.buffer_type(buffer));
            let (values, lanes): (Vec<Value>, _) = match self.width {
                Some(width) => {
                    let lanes = self.load_lanes(buffer, &at, &[], fill, width)?;
                    (lanes.regs.to_vec(), Some(lanes))
                }
                None => (vec![self.load(buffer, &at, &[], fill, 0)?], None),
            };
            let mut variables = Vec::with_capacity(values.len());
            for v in values {
                let t = self.b.func.dfg.value_type(v);
                let variable = self.b.declare_var(t);
                self.b.def_var(variable, v);
                variables.push(variable);
            }
            self.carried.push(Carried { buffer, at, variables, lanes });
        }
        Ok(())
    }

    fn carried(&self, buffer: BufferId, at: &Affine) -> Option<usize> {
        self.carried.iter().position(|c| c.buffer == buffer && c.at == *at)
    }

    /// The element that the loop has in registers, if it has.
    pub fn carried_scalar(&mut self, buffer: BufferId, at: &Affine) -> Option<Value> {
        let n = self.carried(buffer, at)?;
        let variable = self.carried[n].variables[0];
        Some(self.b.use_var(variable))
    }

    pub fn carried_lanes(&mut self, buffer: BufferId, at: &Affine) -> Option<Lanes> {
        let n = self.carried(buffer, at)?;
        let c = &self.carried[n];
        let lanes = c.lanes.clone()?;
        let regs: Regs = c.variables.iter().map(|v| self.b.use_var(*v)).collect();
        Some(Lanes { regs, ..lanes })
    }

    /// Hands on what a store gives, instead of storing it.
    pub fn hand_on(&mut self, s: &Store, value: &[Value]) -> bool {
        let Some(n) = self.carried(s.buffer, &s.at) else { return false };
        for (variable, v) in self.carried[n].variables.iter().zip(value) {
            self.b.def_var(*variable, *v);
        }
        true
    }

    /// The bits of the masks of what is carried there.
    pub fn carried_form(&self, s: &Store) -> Option<&Lanes> {
        self.carried[self.carried(s.buffer, &s.at)?].lanes.as_ref()
    }

    /// After the loop: everything that it handed on is stored.
    pub fn put_down(&mut self) -> Result<(), Error> {
        for c in std::mem::take(&mut self.carried) {
            let step = self.nest.vector.map_or(0, |(v, _)| c.at.stride(v));
            let values: Vec<Value> = c.variables.iter().map(|v| self.b.use_var(*v)).collect();
            match c.lanes {
                Some(lanes) => {
                    let lanes = Lanes { regs: values.into_iter().collect(), ..lanes };
                    if step == 1 {
                        let (pointer, offset) = self.address(c.buffer, &c.at, 0);
                        lanes.store(self.b, pointer, offset);
                        continue;
                    }
                    for n in 0..lanes.width() {
                        let v = lanes.lane(self.b, n);
                        let (pointer, offset) = self.address(c.buffer, &c.at, n);
                        self.b.ins().store(crate::lanes::memory(), v, pointer, offset);
                    }
                }
                None => {
                    let (pointer, offset) = self.address(c.buffer, &c.at, 0);
                    self.b.ins().store(crate::lanes::memory(), values[0], pointer, offset);
                }
            }
        }
        Ok(())
    }
}
