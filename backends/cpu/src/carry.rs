//! What a loop in order hands from round to round, in registers: elements that every point of it reads and writes anew.
//!
//! In a kernel of parallel lanes with time inside, a carry is a buffer that is loaded and stored at one position which
//! does not move with time. It is loaded before the loop, lives in variables, and is stored after it. Where points end the
//! loop themselves, lanes go on together until the last has ended; those that have keep what they handed on last.

use crate::kernel::Emitter;
use crate::lanes::{self, Lanes, Regs};
use crate::normal::{self, Nest};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Kernel, Node, Store};
use cotangent_jit::{DType, Error, Scalar};
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
fn positions(k: &Kernel, live: &[bool]) -> Vec<(BufferId, Affine)> {
    let time = k.loops.len() - 1;
    let mut held = vec![true; k.buffers.len()];
    let mut loads: Vec<(BufferId, Affine)> = Vec::new();
    for (node, _) in k.nodes.iter().zip(live).filter(|(_, live)| **live) {
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

/// Whether everything that is stored is handed on.
pub fn holds_all(k: &Kernel, live: &[bool]) -> bool {
    let held = positions(k, live);
    k.stores.iter().all(|s| held.contains(&(s.buffer, s.at.clone())))
}

impl Emitter<'_, '_> {
    /// Before the loop: everything that it hands on is loaded.
    pub fn take_up(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        for (buffer, at) in positions(&nest.kernel, &nest.live) {
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
        self.active.clear();
        if let (Some(width), true) = (self.width, nest.kernel.goes_on.is_some()) {
            let all = Lanes::constant(self.b, Scalar::from(true), width);
            for v in &all.regs {
                let t = self.b.func.dfg.value_type(*v);
                let variable = self.b.declare_var(t);
                self.b.def_var(variable, *v);
                self.active.push(variable);
            }
        }
        Ok(())
    }

    /// The mask of lanes that have not ended, if lanes can.
    fn active_lanes(&mut self, width: usize) -> Option<Lanes> {
        let bits = Lanes::bits_for(DType::Bool, width);
        let regs: Regs = self.active.iter().map(|v| self.b.use_var(*v)).collect();
        (!regs.is_empty()).then_some(Lanes { dtype: DType::Bool, bits, regs })
    }

    /// After the stores: whether the loop goes on, if the kernel says. Lanes that end now keep what they hand on.
    pub fn look_whether_to_go_on(&mut self) -> Result<(), Error> {
        let Some(holds) = self.nest.kernel.goes_on else { return Ok(()) };
        let Some(width) = self.width else {
            self.goes_on = Some(self.scalar(holds)?);
            return Ok(());
        };
        let Some(mask) = self.active_lanes(width) else { return Ok(()) };
        let now = self.operand(holds, width)?.lanes.with_bits(self.b, mask.bits, width);
        let mut any: Option<Value> = None;
        for (n, (was, now)) in mask.regs.iter().zip(&now.regs).enumerate() {
            let both = self.b.ins().band(*was, *now);
            self.b.def_var(self.active[n], both);
            any = Some(match any {
                None => both,
                Some(any) => self.b.ins().bor(any, both),
            });
        }
        self.goes_on = any.map(|any| self.b.ins().vany_true(any));
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
    pub fn hand_on(&mut self, s: &Store, value: Value) -> bool {
        let Some(n) = self.carried(s.buffer, &s.at) else { return false };
        self.b.def_var(self.carried[n].variables[0], value);
        true
    }

    /// As `hand_on`, in the lanes that have not ended.
    pub fn hand_on_lanes(&mut self, s: &Store, value: &Lanes, width: usize) -> bool {
        let Some(n) = self.carried(s.buffer, &s.at) else { return false };
        let Some(form) = self.carried[n].lanes.clone() else { return false };
        let value = value.clone().with_bits(self.b, form.bits, width);
        let mask = self.active_lanes(width).map(|m| m.with_bits(self.b, form.bits, width));
        for (r, new) in value.regs.iter().enumerate() {
            let variable = self.carried[n].variables[r];
            let mut new = *new;
            if let Some(mask) = &mask {
                let (old, t) = (self.b.use_var(variable), self.b.func.dfg.value_type(new));
                let mask = lanes::bitcast(self.b, t, mask.regs[r]);
                new = self.b.ins().bitselect(mask, new, old);
            }
            self.b.def_var(variable, new);
        }
        true
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
                        self.b.ins().store(lanes::memory(), v, pointer, offset);
                    }
                }
                None => {
                    let (pointer, offset) = self.address(c.buffer, &c.at, 0);
                    self.b.ins().store(lanes::memory(), values[0], pointer, offset);
                }
            }
        }
        Ok(())
    }
}
