//! Computed positions that advance by one in the vector loop: gathers and offset stores of
//! consecutive elements. Which positions advance is decided in `plan::steps`.
//!
//! Rows of an embedding, dynamic slices and their updates are read and written as whole registers
//! where a test at run time says that all lanes lie inside, and lane by lane elsewhere.

use crate::emit::emitter::Emitter;
use crate::ops::lanes::{Lanes, load_scalar};
use crate::ops::scalar;
use crate::ops::values::{Regs, memory, vector_type};
use crate::ops::vector::{self, Operand};
use crate::plan::steps::clamps;
use cotangent_jit::kernel::{BufferId, Node, NodeId, Store};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, InstBuilder, StackSlot, StackSlotData, StackSlotKind, Value, types,
};

impl Emitter<'_, '_> {
    /// A position as 32-bit lanes, which wrap as the conversion does; `None` if the position
    /// contains a clamp.
    pub fn narrow_run(
        &mut self,
        n: NodeId,
        to: DType,
        width: usize,
    ) -> Result<Option<Lanes>, Error> {
        let nest = self.nest;
        let Some(step) = nest.steps[n.0 as usize] else { return Ok(None) };
        if clamps(&nest.kernel, &nest.varies, n) {
            return Ok(None);
        }
        let first = self.first(n, width, &mut Vec::new())?;
        let first = self.b.ins().ireduce(types::I32, first);
        let first = Lanes::splat(self.b, to, first, width);
        let mut regs = Regs::new();
        for (r, v) in first.regs.iter().enumerate() {
            let mut bytes = [0; 16];
            for (i, lane) in bytes.chunks_mut(4).enumerate() {
                let ahead = (step as i32).wrapping_mul((4 * r + i) as i32);
                lane.copy_from_slice(&ahead.to_le_bytes());
            }
            let ahead = self.pool.get(self.b, types::I32X4, bytes);
            regs.push(self.b.ins().iadd(*v, ahead));
        }
        Ok(Some(Lanes { regs, ..first }))
    }

    /// The position at the first lane if no clamp takes effect. The conditions for that are added
    /// to `tests`.
    fn first(&mut self, n: NodeId, width: usize, tests: &mut Vec<Value>) -> Result<Value, Error> {
        let nest = self.nest;
        if !nest.varies[n.0 as usize] {
            return self.scalar(n);
        }
        let (op, args) = match nest.kernel.node(n) {
            Node::Counter(v) => return Ok(self.counter(*v)),
            Node::Op { op, args } => (*op, args),
            _ => unreachable!("a position that steps is made of counters and ops"),
        };
        let x = self.first(args[0], width, tests)?;
        let y = self.first(args[1], width, tests)?;
        if !matches!(op, ScalarOp::Min | ScalarOp::Max) {
            return scalar::emit(self.b, op, DType::I64, &[x, y]);
        }
        let varying = usize::from(!nest.varies[args[0].0 as usize]);
        let (clamped, bound) = if varying == 0 { (x, y) } else { (y, x) };
        let step = nest.steps[args[varying].0 as usize].unwrap_or(0);
        let reach = step * (width as i64 - 1);
        let low = op == ScalarOp::Max;
        // The lane nearest to the bound decides.
        let nearest = if low { reach.min(0) } else { reach.max(0) };
        let at = self.b.ins().iadd_imm_s(clamped, nearest);
        let order =
            if low { IntCC::SignedGreaterThanOrEqual } else { IntCC::SignedLessThanOrEqual };
        tests.push(self.b.ins().icmp(order, at, bound));
        if nearest != 0 {
            // The lanes do not wrap.
            let order = if low { IntCC::SignedLessThan } else { IntCC::SignedGreaterThan };
            tests.push(self.b.ins().icmp(order, at, clamped));
        }
        Ok(clamped)
    }

    /// The position at a lane known at run time.
    fn at_lane(&mut self, n: NodeId, lane: Value) -> Result<Value, Error> {
        let nest = self.nest;
        if !nest.varies[n.0 as usize] {
            return self.scalar(n);
        }
        match nest.kernel.node(n) {
            Node::Counter(v) => {
                let first = self.counter(*v);
                Ok(self.b.ins().iadd(first, lane))
            }
            Node::Op { op, args } => {
                let x = self.at_lane(args[0], lane)?;
                let y = self.at_lane(args[1], lane)?;
                scalar::emit(self.b, *op, DType::I64, &[x, y])
            }
            _ => unreachable!("a position that steps is made of counters and ops"),
        }
    }

    /// Returns whether `first .. first + width` lies in `0..len` and all tests hold.
    fn all_inside(&mut self, first: Value, len: usize, width: usize, tests: &[Value]) -> Value {
        let room = len as i64 - width as i64;
        let last = self.b.ins().iconst(types::I64, room.max(-1));
        let mut all = self.b.ins().icmp(IntCC::SignedLessThanOrEqual, first, last);
        let low = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, first, 0);
        all = self.b.ins().band(all, low);
        for test in tests {
            all = self.b.ins().band(all, *test);
        }
        all
    }

    fn spill(&mut self, d: DType, width: usize) -> StackSlot {
        let bytes = (width * d.size()).max(16) as u32;
        self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4))
    }

    /// `for lane in 0..width { body }`.
    fn each_lane(
        &mut self,
        width: usize,
        body: impl FnOnce(&mut Self, Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let block = self.b.create_block();
        let exit = self.b.create_block();
        let lane = self.b.append_block_param(block, types::I64);
        let zero = self.b.ins().iconst(types::I64, 0);
        self.b.ins().jump(block, &[BlockArg::Value(zero)]);
        self.b.switch_to_block(block);
        body(self, lane)?;
        let next = self.b.ins().iadd_imm_s(lane, 1);
        let more = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, next, width as i64);
        self.b.ins().brif(more, block, &[BlockArg::Value(next)], exit, &[]);
        self.b.seal_block(block);
        self.b.seal_block(exit);
        self.b.switch_to_block(exit);
        Ok(())
    }

    /// Lanes of a gather whose position advances by one.
    pub fn gather_run(
        &mut self,
        buffer: BufferId,
        at: NodeId,
        width: usize,
    ) -> Result<Lanes, Error> {
        let d = self.buffer_type(buffer);
        let len = self.nest.kernel.buffers[buffer.0 as usize].len;
        let mark = self.mark();
        let mut tests = Vec::new();
        let first = self.first(at, width, &mut tests)?;
        let inside = self.all_inside(first, len, width, &tests);
        let bits = Lanes::bits_for(d, width);
        let t = vector_type(d, bits);
        let [fast, slow, joined] = std::array::from_fn(|_| self.b.create_block());
        for _ in 0..width / bits.lanes() {
            self.b.append_block_param(joined, t);
        }
        self.b.set_cold_block(slow);
        self.b.ins().brif(inside, fast, &[], slow, &[]);
        self.b.seal_block(fast);
        self.b.seal_block(slow);

        self.b.switch_to_block(fast);
        let base = self.base(buffer);
        let bytes = self.b.ins().ishl_imm_u(first, i64::from(d.size().trailing_zeros()));
        let address = self.b.ins().iadd(base, bytes);
        let loaded = Lanes::load(self.b, d, address, 0, width);
        self.jump_with(joined, &loaded);

        self.b.switch_to_block(slow);
        let slot = self.spill(d, width);
        self.each_lane(width, |e, lane| {
            let position = e.at_lane(at, lane)?;
            let v = e.gather(buffer, position)?;
            let place = e.b.ins().stack_addr(types::I64, slot, 0);
            let bytes = e.b.ins().ishl_imm_u(lane, i64::from(d.size().trailing_zeros()));
            let place = e.b.ins().iadd(place, bytes);
            e.b.ins().store(memory(), v, place, 0);
            Ok(())
        })?;
        let place = self.b.ins().stack_addr(types::I64, slot, 0);
        let loaded = Lanes::load(self.b, d, place, 0, width);
        self.jump_with(joined, &loaded);

        self.b.seal_block(joined);
        self.b.switch_to_block(joined);
        // Values computed in one branch are not available in the other.
        self.undo(mark);
        let regs = self.b.block_params(joined).iter().copied().collect();
        Ok(Lanes { dtype: d, bits, regs })
    }

    fn jump_with(&mut self, to: cranelift_codegen::ir::Block, v: &Lanes) {
        let args: Vec<BlockArg> = v.regs.iter().map(|r| BlockArg::Value(*r)).collect();
        self.b.ins().jump(to, &args);
    }

    /// A store of lanes at an offset that advances, with the loop, by one.
    pub fn store_run(&mut self, s: &Store, value: &Lanes, offset: NodeId) -> Result<(), Error> {
        let (d, width) = (self.buffer_type(s.buffer), value.width());
        let len = self.nest.kernel.buffers[s.buffer.0 as usize].len;
        let mark = self.mark();
        let mut tests = Vec::new();
        let position = self.first(offset, width, &mut tests)?;
        let at = self.index(&s.at, 0);
        let first = self.b.ins().iadd(at, position);
        let inside = self.all_inside(first, len, width, &tests);
        let [fast, slow, joined] = std::array::from_fn(|_| self.b.create_block());
        self.b.set_cold_block(slow);
        self.b.ins().brif(inside, fast, &[], slow, &[]);
        self.b.seal_block(fast);
        self.b.seal_block(slow);

        self.b.switch_to_block(fast);
        let base = self.base(s.buffer);
        let size = i64::from(d.size().trailing_zeros());
        let bytes = self.b.ins().ishl_imm_u(first, size);
        let address = self.b.ins().iadd(base, bytes);
        let new = match s.combine {
            None => value.clone(),
            Some(c) => {
                let old = Lanes::load(self.b, d, address, 0, width);
                let value = value.clone().with_bits(self.b, old.bits, width);
                let operand = |lanes| Operand { lanes, scalar: None };
                vector::emit(self.b, c.op(), d, &[operand(old), operand(value)], width)?
            }
        };
        new.store(self.b, address, 0);
        self.b.ins().jump(joined, &[]);

        self.b.switch_to_block(slow);
        let slot = self.spill(d, width);
        let place = self.b.ins().stack_addr(types::I64, slot, 0);
        value.store(self.b, place, 0);
        let step = self.nest.vector.map_or(0, |(v, _)| s.at.stride(v));
        self.each_lane(width, |e, lane| {
            let place = e.b.ins().stack_addr(types::I64, slot, 0);
            let bytes = e.b.ins().ishl_imm_u(lane, size);
            let place = e.b.ins().iadd(place, bytes);
            let v = load_scalar(e.b, d, place, 0)?;
            let position = e.at_lane(offset, lane)?;
            let moved = e.b.ins().imul_imm_s(lane, step);
            let at = e.b.ins().iadd(at, moved);
            let at = e.b.ins().iadd(at, position);
            e.write_inside(s, v, at)
        })?;
        self.b.ins().jump(joined, &[]);
        self.b.seal_block(joined);
        self.b.switch_to_block(joined);
        self.undo(mark);
        Ok(())
    }
}
