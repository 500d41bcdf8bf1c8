//! Carries of sequential loops in registers: the elements that each iteration reads and writes
//! anew.
//!
//! In a kernel whose innermost loop is sequential and whose other loops are parallel, a carry is an
//! element that is loaded and stored at one position, which does not vary with the innermost loop.
//! The carry is loaded before that loop, lives in variables, and is stored after it. If the kernel
//! has a condition that ends the loop, lanes continue together until the last of them has ended,
//! and an ended lane keeps its last carry. The loops themselves are emitted in `kernel`, and
//! `plan::carries` finds the carries.

use crate::emit::emitter::{Carry, Emitter};
use crate::ops::lanes::Lanes;
use crate::ops::values::{Regs, bitcast, memory};
use crate::plan::carries::positions;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Store};
use cotangent_jit::{DType, Error, Scalar};
use cranelift_codegen::ir::{InstBuilder, Value};

impl Emitter<'_, '_> {
    /// Loads the carries, before the loop.
    pub fn load_carries(&mut self) -> Result<(), Error> {
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
            self.carries.push(Carry { buffer, at, variables, lanes });
        }
        self.active.clear();
        if let (Some(width), true) = (self.width, nest.kernel.condition.is_some()) {
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

    /// The mask of lanes that have not ended; `None` if the kernel has no condition.
    fn active_lanes(&mut self, width: usize) -> Option<Lanes> {
        let bits = Lanes::bits_for(DType::Bool, width);
        let regs: Regs = self.active.iter().map(|v| self.b.use_var(*v)).collect();
        (!regs.is_empty()).then_some(Lanes { dtype: DType::Bool, bits, regs })
    }

    /// Emits the condition under which the loop continues, after the stores of an iteration. A lane
    /// that ends now keeps its carries.
    pub fn emit_condition(&mut self) -> Result<(), Error> {
        let Some(holds) = self.nest.kernel.condition else { return Ok(()) };
        let Some(width) = self.width else {
            self.condition = Some(self.scalar(holds)?);
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
        self.condition = any.map(|any| self.b.ins().vany_true(any));
        Ok(())
    }

    fn find_carry(&self, buffer: BufferId, at: &Affine) -> Option<usize> {
        self.carries.iter().position(|c| c.buffer == buffer && c.at == *at)
    }

    /// The carry at this position, if there is one.
    pub fn carry_scalar(&mut self, buffer: BufferId, at: &Affine) -> Option<Value> {
        let n = self.find_carry(buffer, at)?;
        let variable = self.carries[n].variables[0];
        Some(self.b.use_var(variable))
    }

    pub fn carry_lanes(&mut self, buffer: BufferId, at: &Affine) -> Option<Lanes> {
        let n = self.find_carry(buffer, at)?;
        let c = &self.carries[n];
        let lanes = c.lanes.clone()?;
        let regs: Regs = c.variables.iter().map(|v| self.b.use_var(*v)).collect();
        Some(Lanes { regs, ..lanes })
    }

    /// Updates a carry instead of storing a value; returns false if the store is not to a carry.
    pub fn update_carry(&mut self, s: &Store, value: Value) -> bool {
        let Some(n) = self.find_carry(s.buffer, &s.at) else { return false };
        self.b.def_var(self.carries[n].variables[0], value);
        true
    }

    /// As `update_carry`, in the lanes that have not ended.
    pub fn update_carry_lanes(&mut self, s: &Store, value: &Lanes, width: usize) -> bool {
        let Some(n) = self.find_carry(s.buffer, &s.at) else { return false };
        let Some(form) = self.carries[n].lanes.clone() else { return false };
        let value = value.clone().with_bits(self.b, form.bits, width);
        let mask = self.active_lanes(width).map(|m| m.with_bits(self.b, form.bits, width));
        for (r, new) in value.regs.iter().enumerate() {
            let variable = self.carries[n].variables[r];
            let mut new = *new;
            if let Some(mask) = &mask {
                let (old, t) = (self.b.use_var(variable), self.b.func.dfg.value_type(new));
                let mask = bitcast(self.b, t, mask.regs[r]);
                new = self.b.ins().bitselect(mask, new, old);
            }
            self.b.def_var(variable, new);
        }
        true
    }

    /// Stores the carries, after the loop.
    pub fn store_carries(&mut self) -> Result<(), Error> {
        for c in std::mem::take(&mut self.carries) {
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
                        self.b.ins().store(memory(), v, pointer, offset);
                    }
                }
                None => {
                    let (pointer, offset) = self.address(c.buffer, &c.at, 0);
                    self.b.ins().store(memory(), values[0], pointer, offset);
                }
            }
        }
        Ok(())
    }
}
