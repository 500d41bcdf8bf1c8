//! The code of single nodes, as scalars or as lanes inside the vector loop, and of the stores at
//! the innermost level. Loops live in `kernel`.

use crate::emit::emitter::Emitter;
use crate::ops::lanes::{Lanes, load_scalar};
use crate::ops::values::{Regs, constant, memory, vconst};
use crate::ops::vector::{self, Operand};
use crate::ops::{elementary, scalar};
use crate::run::runtime;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node, NodeId, Range, Store};
use cotangent_jit::op::{Level, ScalarOp};
use cotangent_jit::{DType, Error, Scalar};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Emitter<'_, '_> {
    /// Computes a node whose loops are all open now. Constants are made where they are used.
    pub fn compute(&mut self, n: NodeId) -> Result<(), Error> {
        let nest = self.nest;
        let node = nest.kernel.node(n);
        if let Node::Constant(_) = node {
            return Ok(());
        }
        match self.width {
            // Positions become lanes only if a node needs them that is not a gather or a store of
            // consecutive elements.
            Some(_) if nest.varies[n.0 as usize] && nest.steps[n.0 as usize].is_some() => {}
            Some(width) if nest.varies[n.0 as usize] => {
                let v = self.in_lanes(node, width)?;
                self.keep_lanes(n, v);
            }
            _ => {
                let v = self.as_scalar(node)?;
                self.keep_scalar(n, v);
            }
        }
        Ok(())
    }

    fn as_scalar(&mut self, node: &Node) -> Result<Value, Error> {
        match node {
            Node::Constant(s) => constant(self.b, *s),
            Node::Counter(n) => Ok(self.counter(*n)),
            Node::Load { buffer, at, guard, fill } => match self.carry_scalar(*buffer, at) {
                Some(v) => Ok(v),
                None => self.load(*buffer, at, guard, *fill, 0),
            },
            Node::Gather { buffer, at } => {
                let at = self.scalar(*at)?;
                self.gather(*buffer, at)
            }
            Node::Op { op, args } => {
                let d = self.nest.dtype(args[args.len() - 1]);
                let mut values = smallvec::SmallVec::<[Value; 3]>::new();
                for a in args {
                    values.push(self.scalar(*a)?);
                }
                if op.level() == Level::Elementary {
                    return if self.nest.calls {
                        self.call((*op, d, false), &values)
                    } else {
                        elementary::in_place(self.b, *op, d, &values)
                    };
                }
                scalar::emit(self.b, *op, d, &values)
            }
        }
    }

    fn in_lanes(&mut self, node: &Node, width: usize) -> Result<Lanes, Error> {
        match node {
            Node::Constant(s) => Ok(Lanes::constant(self.b, *s, width)),
            Node::Counter(n) => self.counter_lanes(*n, width),
            Node::Load { buffer, at, guard, fill } => match self.carry_lanes(*buffer, at) {
                Some(lanes) => Ok(lanes),
                None => self.load_lanes(*buffer, at, guard, *fill, width),
            },
            Node::Gather { buffer, at } if self.nest.steps[at.0 as usize] == Some(1) => {
                self.gather_run(*buffer, *at, width)
            }
            Node::Gather { buffer, at } => {
                let at = self.operand(*at, width)?.lanes;
                let mut values = Vec::with_capacity(width);
                for n in 0..width {
                    let at = at.lane(self.b, n);
                    values.push(self.gather(*buffer, at)?);
                }
                Ok(Lanes::gather(self.b, self.buffer_type(*buffer), &values))
            }
            Node::Op { op, args } => {
                if let ScalarOp::Convert(to @ (DType::I32 | DType::U32)) = *op
                    && let Some(lanes) = self.narrow_run(args[0], to, width)?
                {
                    return Ok(lanes);
                }
                let d = self.nest.dtype(args[args.len() - 1]);
                let mut operands = Vec::with_capacity(args.len());
                let shifts =
                    matches!(op, ScalarOp::Shl | ScalarOp::ShrLogical | ScalarOp::ShrArithmetic);
                for (n, a) in args.iter().enumerate() {
                    if shifts && n == 1 && !self.nest.varies[a.0 as usize] {
                        // An amount that is the same for all lanes stays a scalar. The lanes given
                        // here are not read.
                        let first: &Operand = &operands[0];
                        let lanes = first.lanes.clone();
                        operands.push(Operand { lanes, scalar: Some(self.scalar(*a)?) });
                        continue;
                    }
                    operands.push(self.operand(*a, width)?);
                }
                if op.level() == Level::Elementary {
                    return self.call_lanes(*op, d, &operands);
                }
                vector::emit(self.b, *op, d, &operands, width)
            }
        }
    }

    fn call_lanes(&mut self, op: ScalarOp, d: DType, args: &[Operand]) -> Result<Lanes, Error> {
        let first = &args[0].lanes;
        let mut regs = Regs::new();
        for r in 0..first.regs.len() {
            let values: Vec<Value> = args.iter().map(|a| a.lanes.regs[r]).collect();
            regs.push(self.call((op, d, true), &values)?);
        }
        Ok(Lanes { regs, ..first.clone() })
    }

    /// The scalar of a node that does not vary here.
    pub fn scalar(&mut self, n: NodeId) -> Result<Value, Error> {
        if let Some(v) = self.scalars[n.0 as usize] {
            return Ok(v);
        }
        if let Node::Constant(s) = self.nest.kernel.node(n) {
            let v = constant(self.b, *s)?;
            self.keep_scalar(n, v);
            return Ok(v);
        }
        unreachable!("node {n:?} is used before the loops it depends on are open")
    }

    /// A node in lanes; with its scalar, if it does not vary.
    pub fn operand(&mut self, n: NodeId, width: usize) -> Result<Operand, Error> {
        if self.nest.varies[n.0 as usize] {
            let lanes = match &self.lanes[n.0 as usize] {
                Some(lanes) => lanes.clone(),
                None => {
                    let lanes = self.in_lanes(self.nest.kernel.node(n), width)?;
                    self.keep_lanes(n, lanes.clone());
                    lanes
                }
            };
            return Ok(Operand { lanes, scalar: None });
        }
        let scalar = self.scalar(n)?;
        let lanes = match &self.lanes[n.0 as usize] {
            Some(lanes) => lanes.clone(),
            None => match self.nest.kernel.node(n) {
                Node::Constant(s) if self.used_once[n.0 as usize] => {
                    Lanes::pooled(self.b, self.pool, *s, width)
                }
                node => {
                    let lanes = match node {
                        Node::Constant(s) => Lanes::constant(self.b, *s, width),
                        _ => Lanes::splat(self.b, self.nest.dtype(n), scalar, width),
                    };
                    self.keep_lanes(n, lanes.clone());
                    lanes
                }
            },
        };
        Ok(Operand { lanes, scalar: Some(scalar) })
    }

    /// Broadcasts, before the vector loop, the loop-invariant values that the loop uses.
    pub fn broadcast_invariants(&mut self) -> Result<(), Error> {
        let (nest, Some(width)) = (self.nest, self.width) else { return Ok(()) };
        let mut used = vec![false; nest.types.len()];
        for (n, node) in nest.kernel.nodes.iter().enumerate() {
            if let Node::Op { args, .. } = node
                && nest.live[n]
                && nest.varies[n]
            {
                args.iter().for_each(|a| used[a.0 as usize] = true);
            }
        }
        nest.kernel.stores.iter().for_each(|s| used[s.value.0 as usize] = true);
        nest.kernel.reductions.iter().for_each(|r| used[r.value.0 as usize] = true);
        let ready =
            |n: &usize| used[*n] && !nest.varies[*n] && nest.level[*n] <= self.counters.len();
        let ready: Vec<usize> = (0..nest.types.len()).filter(ready).collect();
        // There are few registers: beyond this number, constants are loaded where they are used.
        let busy = (0..nest.types.len()).filter(|n| nest.live[*n] && nest.varies[*n]).count();
        let mut room: usize = if busy <= 12 { 6 } else { 0 };
        for n in ready {
            let constant = matches!(nest.kernel.nodes[n], Node::Constant(_));
            if constant && room == 0 {
                continue;
            }
            room = room.saturating_sub(usize::from(constant));
            let n = NodeId(n as u32);
            let lanes = match nest.kernel.node(n) {
                Node::Constant(s) => Lanes::constant(self.b, *s, width),
                _ => self.operand(n, width)?.lanes,
            };
            self.keep_lanes(n, lanes);
        }
        Ok(())
    }

    fn counter_lanes(&mut self, n: usize, width: usize) -> Result<Lanes, Error> {
        let counter = self.counter(n);
        let base = Lanes::splat(self.b, DType::I64, counter, width);
        let mut regs = Regs::new();
        for (r, v) in base.regs.iter().enumerate() {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&(2 * r as u64).to_le_bytes());
            bytes[8..].copy_from_slice(&(2 * r as u64 + 1).to_le_bytes());
            let step = vconst(self.b, types::I64X2, bytes);
            regs.push(self.b.ins().iadd(*v, step));
        }
        Ok(Lanes { regs, ..base })
    }

    /// The condition under which the guard admits this lane; `None` if there is no guard.
    fn admitted(&mut self, guard: &[Range], lane: usize) -> Option<Value> {
        let mut all: Option<Value> = None;
        for range in guard {
            let at = self.index(&range.at, lane);
            let from = self.b.ins().iadd_imm_s(at, range.low.wrapping_neg());
            // As an unsigned number the difference fits.
            let span = range.high.max(range.low).wrapping_sub(range.low);
            let span = self.b.ins().iconst(types::I64, span);
            let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, from, span);
            all = Some(match all {
                None => inside,
                Some(a) => self.b.ins().band(a, inside),
            });
        }
        all
    }

    /// One element, or `fill` where the guard does not hold; in that case the load reads a harmless
    /// address.
    pub fn load(
        &mut self,
        buffer: BufferId,
        at: &Affine,
        guard: &[Range],
        fill: Scalar,
        lane: usize,
    ) -> Result<Value, Error> {
        let d = self.buffer_type(buffer);
        if self.nest.unrolled {
            // All counters are known, so the value of the guard is known.
            let admits =
                |r: &Range| self.fixed_index(&r.at).is_some_and(|i| r.low <= i && i < r.high);
            if !guard.iter().all(admits) {
                return constant(self.b, fill);
            }
            if let Some(register) = self.held(buffer, at) {
                return Ok(self.b.use_var(register));
            }
            let (pointer, offset) = self.address(buffer, at, lane);
            return load_scalar(self.b, d, pointer, offset);
        }
        let (pointer, offset) = self.address(buffer, at, lane);
        let Some(ok) = self.admitted(guard, lane) else {
            return load_scalar(self.b, d, pointer, offset);
        };
        let full = self.b.ins().iadd_imm_s(pointer, i64::from(offset));
        let safe = self.b.ins().iconst(types::I64, runtime::NOWHERE.as_ptr() as i64);
        let address = self.b.ins().select(ok, full, safe);
        let v = load_scalar(self.b, d, address, 0)?;
        let fill = constant(self.b, fill)?;
        Ok(self.b.ins().select(ok, v, fill))
    }

    pub fn gather(&mut self, buffer: BufferId, at: Value) -> Result<Value, Error> {
        let d = self.buffer_type(buffer);
        let len = self.nest.kernel.buffers[buffer.0 as usize].len;
        if len == 0 {
            return constant(self.b, Scalar::zero(d));
        }
        let base = self.base(buffer);
        let last = self.b.ins().iconst(types::I64, len as i64 - 1);
        let zero = self.b.ins().iconst(types::I64, 0);
        let at = self.b.ins().smin(at, last);
        let at = self.b.ins().smax(at, zero);
        let bytes = self.b.ins().ishl_imm_u(at, i64::from(d.size().trailing_zeros()));
        let address = self.b.ins().iadd(base, bytes);
        load_scalar(self.b, d, address, 0)
    }

    pub fn load_lanes(
        &mut self,
        buffer: BufferId,
        at: &Affine,
        guard: &[Range],
        fill: Scalar,
        width: usize,
    ) -> Result<Lanes, Error> {
        let d = self.buffer_type(buffer);
        let stride = self.nest.vector.map_or(0, |(v, _)| at.stride(v));
        if guard.is_empty() && stride == 1 {
            let (pointer, offset) = self.address(buffer, at, 0);
            return Ok(Lanes::load(self.b, d, pointer, offset, width));
        }
        let mut values = Vec::with_capacity(width);
        for lane in 0..width {
            values.push(self.load(buffer, at, guard, fill, lane)?);
        }
        Ok(Lanes::gather(self.b, d, &values))
    }

    /// All stores of the kernel, at the current point or lanes.
    pub fn stores(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        for s in &nest.kernel.stores {
            match self.width {
                Some(width) => self.store_lanes(s, width)?,
                None => {
                    let value = self.scalar(s.value)?;
                    if self.update_carry(s, value) {
                        continue;
                    }
                    let offset = s.offset.map(|o| self.scalar(o)).transpose()?;
                    self.store(s, value, offset, 0)?;
                }
            }
        }
        Ok(())
    }

    fn store_lanes(&mut self, s: &Store, width: usize) -> Result<(), Error> {
        let value = self.operand(s.value, width)?;
        if self.update_carry_lanes(s, &value.lanes, width) {
            return Ok(());
        }
        let stride = self.nest.vector.map_or(0, |(v, _)| s.at.stride(v));
        if stride == 1 && s.offset.is_none() && s.combine.is_none() {
            let (pointer, offset) = self.address(s.buffer, &s.at, 0);
            value.lanes.store(self.b, pointer, offset);
            return Ok(());
        }
        if let Some(offset) = s.offset
            && self.nest.steps[offset.0 as usize].is_some_and(|step| step + stride == 1)
        {
            let bits = Lanes::bits_for(self.buffer_type(s.buffer), width);
            let lanes = value.lanes.with_bits(self.b, bits, width);
            return self.store_run(s, &lanes, offset);
        }
        let offsets = s.offset.map(|o| self.operand(o, width)).transpose()?;
        for lane in 0..width {
            let v = value.lanes.lane(self.b, lane);
            let offset = match &offsets {
                None => None,
                Some(Operand { scalar: Some(v), .. }) => Some(*v),
                Some(o) => Some(o.lanes.lane(self.b, lane)),
            };
            self.store(s, v, offset, lane)?;
        }
        Ok(())
    }

    fn store(
        &mut self,
        s: &Store,
        value: Value,
        offset: Option<Value>,
        lane: usize,
    ) -> Result<(), Error> {
        let Some(offset) = offset else {
            if let Some(register) = self.held(s.buffer, &s.at) {
                let d = self.buffer_type(s.buffer);
                let value = match s.combine {
                    None => value,
                    Some(c) => {
                        let old = self.b.use_var(register);
                        scalar::emit(self.b, c.op(), d, &[old, value])?
                    }
                };
                self.b.def_var(register, value);
                return Ok(());
            }
            let (pointer, bytes) = self.address(s.buffer, &s.at, lane);
            return self.write(s, value, pointer, bytes);
        };
        let at = self.index(&s.at, lane);
        let at = self.b.ins().iadd(at, offset);
        self.write_inside(s, value, at)
    }

    /// A store at a computed position, dropped outside the buffer.
    pub fn write_inside(&mut self, s: &Store, value: Value, at: Value) -> Result<(), Error> {
        let len = self.nest.kernel.buffers[s.buffer.0 as usize].len as i64;
        let inside = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, at, len);
        let base = self.base(s.buffer);
        let size = self.buffer_type(s.buffer).size();
        self.when(inside, |e| {
            let bytes = e.b.ins().ishl_imm_u(at, i64::from(size.trailing_zeros()));
            let pointer = e.b.ins().iadd(base, bytes);
            e.write(s, value, pointer, 0)
        })
    }

    fn write(&mut self, s: &Store, value: Value, pointer: Value, bytes: i32) -> Result<(), Error> {
        let d = self.buffer_type(s.buffer);
        let value = match s.combine {
            None => value,
            Some(c) => {
                let old = load_scalar(self.b, d, pointer, bytes)?;
                scalar::emit(self.b, c.op(), d, &[old, value])?
            }
        };
        self.b.ins().store(memory(), value, pointer, bytes);
        Ok(())
    }
}
