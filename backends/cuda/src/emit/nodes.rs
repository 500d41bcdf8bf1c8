//! The nodes at a point, or at a few neighbouring points.

use super::emitter::{Emitter, Lanes};
use crate::ops;
use crate::plan::width::{aligned, guard_is_common};
use crate::ptx::{Class, Value};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node, NodeId};
use cotangent_jit::{DType, Error, Scalar};
use smallvec::{SmallVec, smallvec};

impl Emitter<'_> {
    /// Computes every node whose loops all have counters and that has no value yet.
    pub fn nodes(&mut self) -> Result<(), Error> {
        let known = (0..self.counters.len()).filter(|n| self.counters[*n].is_some());
        let known = known.fold(0u64, |bits, n| bits | 1 << n);
        for n in 0..self.k.nodes.len() {
            if self.live[n] && self.values[n].is_none() && self.dependence[n] & !known == 0 {
                let lanes = self.node(n)?;
                self.keep_value(n, lanes);
            }
        }
        Ok(())
    }

    fn node(&mut self, n: usize) -> Result<Lanes, Error> {
        let width = if self.varies(n) { self.width() } else { 1 };
        let k = self.k;
        match &k.nodes[n] {
            Node::Constant(value) => Ok(smallvec![Value::scalar(*value)]),
            Node::Counter(of) => Ok((0..width).map(|lane| self.counter(*of, lane)).collect()),
            Node::Load { buffer, at, .. } => {
                let common = guard_is_common(&k.nodes[n], self.vector.map_or(0, |v| v.of));
                self.loads(n, *buffer, at, width, common)
            }
            Node::Gather { buffer, at } => {
                (0..width).map(|lane| self.gather(*buffer, *at, lane)).collect()
            }
            Node::Op { op, args } => {
                let operand = args[args.len() - 1];
                let d = self.types[operand.0 as usize];
                (0..width)
                    .map(|lane| {
                        let args: SmallVec<[Value; 3]> =
                            args.iter().map(|a| self.value(*a, lane)).collect::<Result<_, _>>()?;
                        ops::emit(&mut self.c, *op, d, &args)
                    })
                    .collect()
            }
        }
    }

    /// The counter of a loop as a number of 64 bits.
    fn counter(&mut self, of: usize, lane: usize) -> Value {
        let moved = self.lane_offset(&Affine::counter(of), lane);
        let Some(counter) = self.counters[of] else { return Value::long(moved) };
        let x = counter.value;
        let x = match x.class() {
            Class::B32 if x.known().is_none() => {
                self.c.get(Class::B64, "cvt.s64.s32", format_args!("{x}"))
            }
            Class::B32 => Value::long(x.known().unwrap_or(0) as u32 as i32 as i64),
            _ => x,
        };
        match moved {
            0 => x,
            _ => {
                let x = self.c.held(x);
                self.c.get(Class::B64, "add.s64", format_args!("{x}, {moved}"))
            }
        }
    }

    fn loads(
        &mut self,
        n: usize,
        buffer: BufferId,
        at: &Affine,
        width: usize,
        common: bool,
    ) -> Result<Lanes, Error> {
        let k = self.k;
        let Node::Load { guard, fill, .. } = &k.nodes[n] else { return Ok(Lanes::new()) };
        if let Some(register) = self.carried(buffer) {
            // The stores of the iteration write the register before the last use of the value.
            return Ok(smallvec![self.c.copy(register)]);
        }
        let d = k.buffers[buffer.0 as usize].dtype;
        let unwritten = self.unwritten[buffer.0 as usize];
        let size = d.size() as i64;
        let whole = width > 1
            && common
            && guard.is_empty()
            && self.vector.is_some_and(|v| {
                v.whole && aligned(k, v.of, at, buffer.0 as usize, width, self.alignment)
            });
        let address = self.address(buffer.0, at);
        if whole {
            let place = self.place(buffer.0, address, at.offset * size);
            return Ok(self.load(d, place, width, unwritten));
        }
        let mut shared = None;
        (0..width)
            .map(|lane| {
                let offset = (at.offset + self.lane_offset(at, lane)) * size;
                let place = self.place(buffer.0, address, offset);
                let p = match shared {
                    Some(p) if common => p,
                    _ => *shared.insert(self.guard(guard, lane)),
                };
                Ok(match p {
                    Some(p) => self.load_if(d, place, p, *fill, unwritten),
                    None => self.load(d, place, 1, unwritten)[0],
                })
            })
            .collect()
    }

    fn gather(&mut self, buffer: BufferId, at: NodeId, lane: usize) -> Result<Value, Error> {
        let b = &self.k.buffers[buffer.0 as usize];
        let (d, len) = (b.dtype, b.len);
        if len == 0 {
            return Ok(Value::scalar(Scalar::zero(d)));
        }
        let at = self.value(at, lane)?;
        let at = self.c.held(at);
        let at = self.c.get(Class::B64, "max.s64", format_args!("{at}, 0"));
        let at = self.c.get(Class::B64, "min.s64", format_args!("{at}, {}", len - 1));
        let address = self.element(buffer, at);
        let place = self.place(buffer.0, address, 0);
        let unwritten = self.unwritten[buffer.0 as usize];
        Ok(self.load(d, place, 1, unwritten)[0])
    }

    /// The address of an element whose number, of 64 bits, is inside of the buffer.
    pub fn element(&mut self, buffer: BufferId, at: Value) -> Value {
        let b = &self.k.buffers[buffer.0 as usize];
        let (size, base) = (b.dtype.size(), self.bases[buffer.0 as usize]);
        if b.len <= u32::MAX as usize {
            let low = self.c.get(Class::B32, "cvt.u32.u64", format_args!("{at}"));
            return self.c.get(Class::B64, "mad.wide.u32", format_args!("{low}, {size}, {base}"));
        }
        self.c.get(Class::B64, "mad.lo.u64", format_args!("{at}, {size}, {base}"))
    }

    /// A value of type `from` in another type.
    pub fn converted(&mut self, v: Value, from: DType, to: DType) -> Result<Value, Error> {
        ops::convert(&mut self.c, from, to, v)
    }
}
