//! Reductions: accumulators that live in registers across the reduce loops.
//!
//! If the vector loop is parallel, each lane folds a point of its own. If it is a reduce loop,
//! lanes fold interleaved parts of one point, are joined pairwise at the end and then with the fold
//! of the remainder. The order depends on the kernel alone. Long reductions into few points are cut
//! into chunks first (`plan::stages`), so that threads can share them. Carries of sequential loops
//! live in `carry`.

use crate::emit::emitter::{Accumulator, Emitter};
use crate::ops::lanes::{Lanes, load_scalar};
use crate::ops::scalar;
use crate::ops::values::{Regs, constant, memory, register, vector_type};
use crate::ops::vector::{self, Operand};
use cotangent_jit::kernel::Reduction;
use cotangent_jit::{DType, Error};
use cranelift_codegen::ir::{InstBuilder, Value};

impl Emitter<'_, '_> {
    /// The number of lanes if they fold parts of one point.
    fn folds_lanes(&self) -> Option<usize> {
        self.nest.vector.filter(|(v, _)| *v >= self.nest.outer).map(|(_, width)| width)
    }

    pub fn start_reductions(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        self.accumulators.clear();
        for r in &nest.kernel.reductions {
            let identity = r.combine.identity(r.accumulator);
            let width = self.width.or(self.folds_lanes());
            let from_memory = nest.accumulate;
            let lanes = width.map(|width| {
                let start = if from_memory && self.width.is_some() {
                    self.stored_lanes(r, width)
                } else {
                    Lanes::constant(self.b, identity, width)
                };
                let t = vector_type(start.dtype, start.bits);
                let define = |v: &Value| {
                    let variable = self.b.declare_var(t);
                    self.b.def_var(variable, *v);
                    variable
                };
                start.regs.iter().map(define).collect()
            });
            let scalar = if self.width.is_none() {
                let v = if from_memory {
                    let (pointer, offset) = self.address(r.buffer, &r.at, 0);
                    load_scalar(self.b, r.accumulator, pointer, offset)?
                } else {
                    constant(self.b, identity)?
                };
                let variable = self.b.declare_var(register(r.accumulator)?);
                self.b.def_var(variable, v);
                Some(variable)
            } else {
                None
            };
            self.accumulators.push(Accumulator { scalar, lanes });
        }
        Ok(())
    }

    /// The current contents of the results of these lanes. The results must be contiguous.
    fn stored_lanes(&mut self, r: &Reduction, width: usize) -> Lanes {
        let (pointer, offset) = self.address(r.buffer, &r.at, 0);
        Lanes::load(self.b, r.accumulator, pointer, offset, width)
    }

    /// Folds in the current point or lanes.
    pub fn fold(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        for (n, r) in nest.kernel.reductions.iter().enumerate() {
            let from = nest.dtype(r.value);
            if let Some(width) = self.width {
                let value = self.operand(r.value, width)?.lanes;
                let value = vector::convert(self.b, from, r.accumulator, &value, width);
                let bits = Lanes::bits_for(r.accumulator, width);
                let value = value.with_bits(self.b, bits, width);
                let variables = self.accumulators[n].lanes.clone().unwrap_or_default();
                let regs: Regs = variables.iter().map(|v| self.b.use_var(*v)).collect();
                let old = Lanes { dtype: r.accumulator, bits, regs };
                let new = self.join_lanes(r, old, value, width)?;
                for (variable, v) in variables.iter().zip(&new.regs) {
                    self.b.def_var(*variable, *v);
                }
            } else if let Some(variable) = self.accumulators[n].scalar {
                let value = self.scalar(r.value)?;
                let value = scalar::convert(self.b, from, r.accumulator, value)?;
                let old = self.b.use_var(variable);
                let new = scalar::emit(self.b, r.combine.op(), r.accumulator, &[old, value])?;
                self.b.def_var(variable, new);
            }
        }
        Ok(())
    }

    fn join_lanes(
        &mut self,
        r: &Reduction,
        x: Lanes,
        y: Lanes,
        width: usize,
    ) -> Result<Lanes, Error> {
        let operand = |lanes| Operand { lanes, scalar: None };
        vector::emit(self.b, r.combine.op(), r.accumulator, &[operand(x), operand(y)], width)
    }

    /// Stores the results of the point or lanes whose reduce loops have closed.
    pub fn finish_reductions(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        for (n, r) in nest.kernel.reductions.iter().enumerate() {
            let d = self.buffer_type(r.buffer);
            if let Some(width) = self.width {
                let sum = self.running(n, r.accumulator, width);
                let sum = vector::convert(self.b, r.accumulator, d, &sum, width);
                let step = nest.vector.map_or(0, |(v, _)| r.at.stride(v));
                if step == 1 {
                    let (pointer, offset) = self.address(r.buffer, &r.at, 0);
                    sum.store(self.b, pointer, offset);
                    continue;
                }
                for lane in 0..width {
                    let v = sum.lane(self.b, lane);
                    let (pointer, offset) = self.address(r.buffer, &r.at, lane);
                    self.b.ins().store(memory(), v, pointer, offset);
                }
                continue;
            }
            let Some(variable) = self.accumulators[n].scalar else { continue };
            let mut sum = self.b.use_var(variable);
            if let Some(width) = self.folds_lanes() {
                let joined = self.join_all(n, r, width)?;
                sum = scalar::emit(self.b, r.combine.op(), r.accumulator, &[joined, sum])?;
            }
            let v = scalar::convert(self.b, r.accumulator, d, sum)?;
            if let Some(register) = self.held(r.buffer, &r.at) {
                self.b.def_var(register, v);
                continue;
            }
            let (pointer, offset) = self.address(r.buffer, &r.at, 0);
            self.b.ins().store(memory(), v, pointer, offset);
        }
        Ok(())
    }

    fn running(&mut self, n: usize, d: DType, width: usize) -> Lanes {
        let variables = self.accumulators[n].lanes.clone().unwrap_or_default();
        let regs = variables.iter().map(|v| self.b.use_var(*v)).collect();
        Lanes { dtype: d, bits: Lanes::bits_for(d, width), regs }
    }

    /// Joins all lanes: registers by halves, then the lanes of the last register.
    fn join_all(&mut self, n: usize, r: &Reduction, width: usize) -> Result<Value, Error> {
        let mut sum = self.running(n, r.accumulator, width);
        while sum.regs.len() > 1 {
            let half = sum.regs.len() / 2;
            let upper = Lanes { regs: sum.regs[half..].into(), ..sum.clone() };
            sum.regs.truncate(half);
            let width = sum.width();
            sum = self.join_lanes(r, sum, upper, width)?;
        }
        let mut joined = sum.lane(self.b, 0);
        for lane in 1..sum.width() {
            let v = sum.lane(self.b, lane);
            joined = scalar::emit(self.b, r.combine.op(), r.accumulator, &[joined, v])?;
        }
        Ok(joined)
    }
}
