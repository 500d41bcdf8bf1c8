//! Loads and stores at computed positions.
//!
//! Positions that advance by one from lane to lane are whole registers where a test at run time
//! says that all lanes lie inside; elsewhere a load is a gather of clamped positions, and a store
//! goes lane by lane, in order, because lanes may meet.

use super::asm::{Cond, Ins};
use super::code::{Address, Amount, Arith, Base, Inst, Place, R};
use super::emitter::{Emitter, unsupported};
use super::masks::by;
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use crate::plan::nest::Nest;
use cotangent_jit::kernel::{BufferId, Node, NodeId, Store};
use cotangent_jit::op::{MachineOp, ScalarOp};
use cotangent_jit::{DType, Error, Scalar};

impl Emitter<'_> {
    pub fn gather(&mut self, buffer: BufferId, at: NodeId) -> Result<Lanes, Error> {
        let (d, len) = (self.buffer_type(buffer), self.buffer_len(buffer));
        if len == 0 {
            return Ok(self.constant(Scalar::zero(d)));
        }
        if !(self.in_lanes && self.nest.varies[at.0 as usize]) {
            let index = self.uniform(at)?;
            self.update(Arith::Min, index, Amount::Now(len as i64 - 1));
            self.update(Arith::Max, index, Amount::Now(0));
            let from = self.computed_address(buffer, index);
            return Ok(self.element(d, from));
        }
        if self.nest.steps[at.0 as usize] == Some(1) {
            return self.gather_run(buffer, at);
        }
        self.gather_lanes(buffer, at)
    }

    fn computed_address(&mut self, buffer: BufferId, index: R) -> Address {
        let base = Base::Reg(self.base(buffer));
        let size = self.buffer_type(buffer).size() as u8;
        Address { base, index: Some((index, size)), disp: 0 }
    }

    /// A position that does not vary between lanes, in a general register of its own.
    fn uniform(&mut self, n: NodeId) -> Result<R, Error> {
        match self.nest.kernel.node(n) {
            Node::Constant(s) => Ok(self.set(s.to_i64().unwrap_or(0))),
            Node::Counter(v) => Ok(self.counter(*v)),
            _ => {
                let lanes = self.operand(n)?.lanes;
                Ok(self.first(lanes.regs[0], 8))
            }
        }
    }

    /// A position that steps by a constant, at the first lane. Where a clamp takes effect in some
    /// lane, the code jumps to `clamped`.
    pub fn first_position(&mut self, n: NodeId, clamped: Option<Place>) -> Result<R, Error> {
        let nest = self.nest;
        if !nest.varies[n.0 as usize] {
            return self.uniform(n);
        }
        let (op, args) = match nest.kernel.node(n) {
            Node::Counter(v) => {
                let first = self.counter(*v);
                if self.shift > 0 {
                    self.update(Arith::Add, first, Amount::Now(self.shift as i64));
                }
                return Ok(first);
            }
            Node::Op { op, args } => (*op, args),
            _ => return unsupported("a position"),
        };
        let x = self.first_position(args[0], clamped)?;
        let y = self.first_position(args[1], clamped)?;
        let arith = match op {
            ScalarOp::Add => Arith::Add,
            ScalarOp::Sub => Arith::Sub,
            ScalarOp::Mul => Arith::Mul,
            ScalarOp::Min | ScalarOp::Max => {
                let Some(clamped) = clamped else { return unsupported("a clamped position") };
                let varying = usize::from(!nest.varies[args[0].0 as usize]);
                let (value, bound) = if varying == 0 { (x, y) } else { (y, x) };
                let step = nest.steps[args[varying].0 as usize].unwrap_or(0);
                let reach = step * (self.lanes as i64 - 1);
                let low = op == ScalarOp::Max;
                // The lane nearest to the bound decides.
                let nearest = if low { reach.min(0) } else { reach.max(0) };
                let at = self.copy_general(value);
                self.update(Arith::Add, at, Amount::Now(nearest));
                let cond = if low { Cond::L } else { Cond::G };
                self.code.push(Inst::Branch { a: at, cond, b: Amount::Reg(bound), to: clamped });
                if nearest != 0 {
                    // The lanes wrap.
                    let cond = if low { Cond::G } else { Cond::L };
                    let b = Amount::Reg(value);
                    self.code.push(Inst::Branch { a: at, cond, b, to: clamped });
                }
                return Ok(value);
            }
            _ => return unsupported("a position"),
        };
        self.update(arith, x, Amount::Reg(y));
        Ok(x)
    }

    /// Jumps unless `first .. first + lanes` lies in `0..len`.
    fn jump_unless_inside(&mut self, first: R, len: usize, to: Place) {
        let room = len as i64 - self.lanes as i64;
        self.code.push(Inst::Branch { a: first, cond: Cond::L, b: Amount::Now(0), to });
        let b = Amount::Now(room.max(-1));
        self.code.push(Inst::Branch { a: first, cond: Cond::G, b, to });
    }

    fn gather_run(&mut self, buffer: BufferId, at: NodeId) -> Result<Lanes, Error> {
        let (d, len) = (self.buffer_type(buffer), self.buffer_len(buffer));
        let (slow, done) = (self.code.place(), self.code.place());
        let mark = self.mark();
        let first = self.first_position(at, Some(slow))?;
        self.jump_unless_inside(first, len, slow);
        let from = self.computed_address(buffer, first);
        let tail = self.tail.take();
        let loaded = self.contiguous(d, from);
        let results = self.own(&loaded).regs;
        self.code.push(Inst::Jump(done));
        self.undo(mark);
        self.code.push(Inst::Bind(slow));
        let mut lanes = self.gather_lanes(buffer, at)?;
        if d.is_bool() {
            lanes = self.with_bits(&lanes, loaded.bits);
        }
        for (to, from) in results.iter().zip(&lanes.regs) {
            self.assign(*to, *from);
        }
        self.code.push(Inst::Bind(done));
        self.tail = tail;
        self.undo(mark);
        Ok(Lanes { regs: results, ..loaded })
    }

    /// Any positions: clamped, then gathered.
    fn gather_lanes(&mut self, buffer: BufferId, at: NodeId) -> Result<Lanes, Error> {
        let (d, len) = (self.buffer_type(buffer), self.buffer_len(buffer));
        if let Node::Op { op: ScalarOp::Convert(DType::I64), args } = self.nest.kernel.node(at)
            && matches!(self.nest.dtype(args[0]), DType::I32 | DType::U32)
            && self.nest.varies[args[0].0 as usize]
            && len * d.size() < 1 << 31
        {
            let positions = self.operand(args[0])?.lanes;
            let positions = self.clamped(args[0], &positions, len);
            return Ok(self.gather_words(buffer, &positions));
        }
        let positions = self.operand(at)?.lanes;
        let positions = self.clamped(at, &positions, len);
        if d.size() < 4 {
            return Ok(self.gather_narrow(buffer, &positions));
        }
        let base = self.base(buffer);
        let (w, _) = self.shape(Bits::B64);
        let mut parts = Regs::new();
        for &index in &positions.regs {
            let mask = self.constant_mask(true, self.memory_bits(d));
            let ins = if d.size() == 4 { Ins::Vgatherqps } else { Ins::Vgatherqpd };
            let (dst, scale) = (self.vector(), d.size() as u8);
            self.code.push(Inst::Gather { ins, w, dst, base, index, scale, disp: 0, mask });
            parts.push(dst);
        }
        let bits = self.memory_bits(d);
        let regs = if d.size() == 4 { self.joined(&parts) } else { parts };
        Ok(Lanes { dtype: d, bits, regs })
    }

    /// The positions of this node inside of a buffer of this length.
    fn clamped(&mut self, at: NodeId, positions: &Lanes, len: usize) -> Lanes {
        let (least, most) = bounds(self.nest, at, CLAMPS);
        if least >= 0 && most < len as i64 {
            return positions.clone();
        }
        let (bits, d) = (positions.bits, positions.dtype);
        let (w, _) = self.shape(bits);
        let last = self.repeated(bits, len as u64 - 1);
        let zero = self.repeated(bits, 0);
        self.map(d, positions, |e, v| {
            let v = e.int_extremum(MachineOp::Min, d, bits, w, v, last);
            if d.is_unsigned() { v } else { e.int_extremum(MachineOp::Max, d, bits, w, v, zero) }
        })
    }

    /// A gather by positions of 32 bits.
    fn gather_words(&mut self, buffer: BufferId, positions: &Lanes) -> Lanes {
        let d = self.buffer_type(buffer);
        let bits = self.memory_bits(d);
        let (w, _) = self.shape(bits);
        let base = self.base(buffer);
        if d.size() < 4 {
            let power = d.size().trailing_zeros() as u8;
            let bytes = self.map(DType::I32, positions, |e, v| match power {
                0 => v,
                _ => e.ui(Ins::VpslldImm, w, v, power),
            });
            let lanes = self.narrow_elements(d, base, &bytes.regs, None);
            return if d.is_bool() { self.truths(&lanes) } else { lanes };
        }
        let indices = match bits {
            Bits::B32 => positions.regs.clone(),
            Bits::B64 => self.split(positions),
        };
        let mut regs = Regs::new();
        for index in indices {
            let mask = self.constant_mask(true, bits);
            let ins = by(bits, Ins::Vgatherdps, Ins::Vgatherdpd);
            let (dst, scale) = (self.vector(), d.size() as u8);
            self.code.push(Inst::Gather { ins, w, dst, base, index, scale, disp: 0, mask });
            regs.push(dst);
        }
        Lanes { dtype: d, bits, regs }
    }

    fn gather_narrow(&mut self, buffer: BufferId, positions: &Lanes) -> Lanes {
        let d = self.buffer_type(buffer);
        let places = self.code.room(8 * self.lanes as u32);
        let values = self.code.room(4 * self.lanes as u32);
        self.spill_lanes(positions, places);
        self.each_lane(
            None,
            |e, lane| {
                let from = Address { index: Some((lane, 8)), ..Address::frame(places) };
                let index = e.load_general(from, 8, false);
                let from = e.computed_address(buffer, index);
                let src = e.load_general(from, d.size() as u8, d.is_signed());
                let to = Address { index: Some((lane, 4)), ..Address::frame(values) };
                e.code.push(Inst::StoreGeneral { src, to, bytes: 4 });
            },
            |_| {},
        );
        let lanes = Lanes { dtype: d, ..self.frame_lanes(DType::I32, values) };
        if d.is_bool() { self.truths(&lanes) } else { lanes }
    }

    /// A store at `at + offset`, dropped outside of the buffer.
    pub fn scatter(&mut self, s: &Store, offset: NodeId, value: &Lanes) -> Result<(), Error> {
        let (d, len) = (self.buffer_type(s.buffer), self.buffer_len(s.buffer));
        let stride = if self.in_lanes { self.step(&s.at) } else { 0 };
        let varies = self.in_lanes && self.nest.varies[offset.0 as usize];
        let step = if varies { self.nest.steps[offset.0 as usize] } else { Some(0) };
        if !self.in_lanes {
            let position = self.uniform(offset)?;
            let at = self.index(&s.at);
            self.update(Arith::Add, position, Amount::Reg(at));
            return self.store_inside(s, d, len, position, value);
        }
        if step.is_none_or(|step| step + stride != 1) {
            return self.scatter_lanes(s, offset, value);
        }
        let (slow, done) = (self.code.place(), self.code.place());
        let mark = self.mark();
        let first = self.first_position(offset, Some(slow))?;
        let at = self.index(&s.at);
        self.update(Arith::Add, first, Amount::Reg(at));
        self.jump_unless_inside(first, len, slow);
        let to = self.computed_address(s.buffer, first);
        let new = match s.combine {
            None => value.clone(),
            Some(_) => {
                let old = self.contiguous(d, to);
                self.combined(s, d, old, value.clone())?
            }
        };
        self.store_contiguous(d, to, &new);
        self.code.push(Inst::Jump(done));
        self.undo(mark);
        self.code.push(Inst::Bind(slow));
        self.scatter_lanes(s, offset, value)?;
        self.code.push(Inst::Bind(done));
        self.undo(mark);
        Ok(())
    }

    fn store_inside(
        &mut self,
        s: &Store,
        d: DType,
        len: usize,
        position: R,
        value: &Lanes,
    ) -> Result<(), Error> {
        let after = self.code.place();
        let b = Amount::Now(len as i64);
        self.code.push(Inst::Branch { a: position, cond: Cond::AE, b, to: after });
        let to = self.computed_address(s.buffer, position);
        let new = match s.combine {
            None => value.clone(),
            Some(_) => {
                let old = self.element(d, to);
                self.combined(s, d, old, value.clone())?
            }
        };
        self.store_one(d, to, &new);
        self.code.push(Inst::Bind(after));
        Ok(())
    }

    /// Lane by lane, in order.
    fn scatter_lanes(&mut self, s: &Store, offset: NodeId, value: &Lanes) -> Result<(), Error> {
        let (d, len) = (self.buffer_type(s.buffer), self.buffer_len(s.buffer));
        let offsets = self.operand(offset)?.lanes;
        let start = self.index(&s.at);
        let start = self.spread(start, Bits::B64);
        let (w, _) = self.shape(Bits::B64);
        let (each, step) = (self.lanes_each(Bits::B64) as i64, self.step(&s.at));
        let mut regs = Regs::new();
        for (r, v) in offsets.regs.iter().enumerate() {
            let ahead = self.ramp(Bits::B64, r as i64 * each * step, step);
            let at = self.v(Ins::Vpaddq, w, start, ahead);
            regs.push(self.v(Ins::Vpaddq, w, *v, at));
        }
        let places = self.code.room(8 * self.lanes as u32);
        self.spill_lanes(&Lanes { regs, ..offsets }, places);
        let value = if d.is_bool() { self.ones(value) } else { value.clone() };
        let size = super::emitter::size_of_lane(value.bits);
        let values = self.code.room((size * self.lanes) as u32);
        self.spill_lanes(&value, values);
        let masks = self.existing(Bits::B32);
        let lanes = self.lanes;
        let mut failure = None;
        self.each_lane(
            masks.as_ref(),
            |e, lane| {
                let from = Address { index: Some((lane, 8)), ..Address::frame(places) };
                let position = e.load_general(from, 8, false);
                let from = Address { index: Some((lane, size as u8)), ..Address::frame(values) };
                e.lanes = 1;
                let one = e.lane_from_frame(d, from);
                failure = e.store_inside(s, d, len, position, &one).err();
                e.lanes = lanes;
            },
            |_| {},
        );
        failure.map_or(Ok(()), Err)
    }

    /// One lane, in the form that lanes have in registers, from the frame.
    fn lane_from_frame(&mut self, d: DType, from: Address) -> Lanes {
        let bits = self.memory_bits(d);
        let (w, _) = self.shape(bits);
        let ins = by(bits, Ins::Vbroadcastss, Ins::Vpbroadcastq);
        let v = self.u(ins, w, from);
        let lanes = Lanes { dtype: d, bits, regs: Regs::from_elem(v, 1) };
        if d.is_bool() { self.truths(&lanes) } else { lanes }
    }
}

/// The ops of an index that are looked through for its bounds.
const CLAMPS: usize = 6;

/// Bounds of an int that its clamps guarantee, among its last few ops.
fn bounds(nest: &Nest, n: NodeId, ops: usize) -> (i64, i64) {
    if ops == 0 {
        return (i64::MIN, i64::MAX);
    }
    let bounds = |n: NodeId| bounds(nest, n, ops - 1);
    match nest.kernel.node(n) {
        Node::Constant(s) => s.to_i64().map_or((i64::MIN, i64::MAX), |c| (c, c)),
        Node::Op { op: ScalarOp::Convert(DType::I64), args } if nest.dtype(args[0]).is_int() => {
            match nest.dtype(args[0]) {
                DType::U64 => (i64::MIN, i64::MAX),
                _ => bounds(args[0]),
            }
        }
        Node::Op { op: op @ (ScalarOp::Min | ScalarOp::Max), args } => {
            let (a, b) = (bounds(args[0]), bounds(args[1]));
            match op {
                ScalarOp::Min => (a.0.min(b.0), a.1.min(b.1)),
                _ => (a.0.max(b.0), a.1.max(b.1)),
            }
        }
        _ => (i64::MIN, i64::MAX),
    }
}
