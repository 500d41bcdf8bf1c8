//! Single nodes in lanes, and the stores at the innermost level.

use super::asm::Ins;
use super::emitter::{Emitter, unsupported};
use super::values::Arg;
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::kernel::{Node, NodeId, Store};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar};
use smallvec::SmallVec;

impl Emitter<'_> {
    /// Computes a node whose loops are all open now. Constants, counters and positions are made
    /// where they are used.
    pub fn compute(&mut self, n: NodeId) -> Result<(), Error> {
        let nest = self.nest;
        let node = nest.kernel.node(n);
        let position = nest.varies[n.0 as usize] && nest.steps[n.0 as usize].is_some();
        if position || matches!(node, Node::Constant(_) | Node::Counter(_)) {
            return Ok(());
        }
        let lanes = self.in_lanes_of(node)?;
        self.keep(n, lanes);
        Ok(())
    }

    /// A node in lanes.
    pub fn operand(&mut self, n: NodeId) -> Result<Arg, Error> {
        let node = self.nest.kernel.node(n);
        if let Node::Constant(s) = node {
            return Ok(Arg { lanes: self.constant(*s), constant: Some(*s), last: false });
        }
        let lanes = match self.known(n) {
            Some(lanes) => lanes.clone(),
            None => {
                let lanes = self.in_lanes_of(node)?;
                self.keep(n, lanes.clone());
                lanes
            }
        };
        let n = n.0 as usize;
        let last = self.uses[n] == 1 && self.nest.level[n] == self.counters.len();
        Ok(Arg { lanes, constant: None, last })
    }

    fn in_lanes_of(&mut self, node: &Node) -> Result<Lanes, Error> {
        let nest = self.nest;
        match node {
            Node::Constant(s) => Ok(self.constant(*s)),
            Node::Counter(n) => Ok(self.counter_lanes(*n)),
            Node::Load { buffer, at, guard, fill } => {
                if let Some(carry) = self.find_carry(*buffer, at) {
                    return Ok(carry);
                }
                let moves = |a: &cotangent_jit::affine::Affine| self.step(a) != 0;
                if self.in_lanes && (moves(at) || guard.iter().any(|r| moves(&r.at))) {
                    self.load_lanes(*buffer, at, guard, *fill)
                } else {
                    self.load_one(*buffer, at, guard, *fill)
                }
            }
            Node::Gather { buffer, at } => self.gather(*buffer, *at),
            Node::Op { op, args } => {
                if let ScalarOp::Convert(to) = *op
                    && let Some(lanes) = self.narrow_position(args[0], to)?
                {
                    return Ok(lanes);
                }
                let d = nest.dtype(args[args.len() - 1]);
                if let Some(lanes) = self.merged(*op, args)? {
                    return Ok(lanes);
                }
                let mut operands = SmallVec::<[Arg; 3]>::new();
                for a in args {
                    operands.push(self.operand(*a)?);
                }
                self.op(*op, d, &operands)
            }
        }
    }

    fn counter_lanes(&mut self, n: usize) -> Lanes {
        let counter = self.counter(n);
        let (w, count) = self.shape(Bits::B64);
        let each = self.lanes_each(Bits::B64);
        let varies = self.in_lanes && self.nest.vector.is_some_and(|(v, _)| v == n);
        let first = self.spread(counter, Bits::B64);
        let mut regs = Regs::new();
        for r in 0..count {
            regs.push(if varies {
                let ahead = self.ramp(Bits::B64, (self.shift + r * each) as i64, 1);
                self.v(Ins::Vpaddq, w, first, ahead)
            } else {
                first
            });
        }
        Lanes { dtype: DType::I64, bits: Bits::B64, regs }
    }

    /// A position as numbers of another type by way of 32-bit lanes, if all its values fit there.
    fn narrow_position(&mut self, n: NodeId, to: DType) -> Result<Option<Lanes>, Error> {
        let nest = self.nest;
        let Some(step) = nest.steps[n.0 as usize] else { return Ok(None) };
        if !self.in_lanes || !nest.varies[n.0 as usize] || to.is_bool() {
            return Ok(None);
        }
        let Some((least, most)) = self.position_range(n) else { return Ok(None) };
        if least <= i64::from(i32::MIN) || most >= i64::from(i32::MAX) || to.is_narrow() {
            return Ok(None);
        }
        let first = self.first_position(n, None)?;
        let first = self.spread(first, Bits::B32);
        let (w, count) = self.shape(Bits::B32);
        let each = self.lanes_each(Bits::B32);
        let mut regs = Regs::new();
        for r in 0..count {
            let ahead = self.ramp(Bits::B32, (r * each) as i64 * step, step);
            regs.push(self.v(Ins::Vpaddd, w, first, ahead));
        }
        let lanes = Lanes { dtype: DType::I32, bits: Bits::B32, regs };
        Ok(Some(if to == DType::I64 { return Ok(None) } else { self.convert(&lanes, to)? }))
    }

    /// The least and the greatest value of a position made of counters and constants.
    fn position_range(&self, n: NodeId) -> Option<(i64, i64)> {
        let range = match self.nest.kernel.node(n) {
            Node::Constant(s) => s.to_i64().map(|c| (c, c)),
            Node::Counter(v) => Some((0, self.nest.kernel.loops[*v].extent as i64)),
            Node::Op { op, args } if args.len() == 2 => {
                let (a, b) = (self.position_range(args[0])?, self.position_range(args[1])?);
                match op {
                    ScalarOp::Add => Some((a.0 + b.0, a.1 + b.1)),
                    ScalarOp::Sub => Some((a.0 - b.1, a.1 - b.0)),
                    ScalarOp::Mul => {
                        let all = [a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1];
                        Some((*all.iter().min()?, *all.iter().max()?))
                    }
                    _ => None,
                }
            }
            _ => None,
        }?;
        (range.0.unsigned_abs().max(range.1.unsigned_abs()) < 1 << 31).then_some(range)
    }

    /// All stores of the kernel, at the current lanes.
    pub fn stores(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        let values = self.stored_values(&nest.kernel.stores)?;
        let going_on = self.holding()?;
        for (s, value) in nest.kernel.stores.iter().zip(values) {
            if !self.update_carry(s, &value) {
                self.store(s, value)?;
            }
        }
        self.end_lanes(going_on);
        Ok(())
    }

    fn store(&mut self, s: &Store, value: Lanes) -> Result<(), Error> {
        if let Some(offset) = s.offset {
            return self.scatter(s, offset, &value);
        }
        let alone = !self.in_lanes || self.step(&s.at) == 0;
        if alone && self.in_lanes {
            return unsupported("lanes that store to one element");
        }
        let value = match s.combine {
            None => value,
            Some(_) => {
                let (d, zero) =
                    (self.buffer_type(s.buffer), Scalar::zero(self.buffer_type(s.buffer)));
                let old = match alone {
                    true => self.load_one(s.buffer, &s.at, &[], zero)?,
                    false => self.load_lanes(s.buffer, &s.at, &[], zero)?,
                };
                self.combined(s, d, old, value)?
            }
        };
        if alone {
            self.store_first(s.buffer, &s.at, &value);
            return Ok(());
        }
        if s.combine.is_none() && self.write_tile(s.buffer, &s.at, &value) {
            return Ok(());
        }
        self.store_lanes(s.buffer, &s.at, &value)
    }

    /// What a store leaves where `old` was.
    pub fn combined(
        &mut self,
        s: &Store,
        d: DType,
        old: Lanes,
        value: Lanes,
    ) -> Result<Lanes, Error> {
        let Some(combine) = s.combine else { return Ok(value) };
        let value = if d.is_bool() { self.with_bits(&value, old.bits) } else { value };
        self.join(combine.op(), d, old, value)
    }
}
