//! Stores at a point.

use super::emitter::{Emitter, Lanes};
use crate::ops;
use crate::plan::width::aligned;
use crate::ptx::{Class, Value};
use cotangent_jit::Error;
use cotangent_jit::kernel::{Kernel, Store};

impl Emitter<'_> {
    /// All stores, in order.
    pub fn stores(&mut self) -> Result<(), Error> {
        let k: &Kernel = self.k;
        k.stores.iter().try_for_each(|s| self.store_node(s))
    }

    fn store_node(&mut self, s: &Store) -> Result<(), Error> {
        if let Some(register) = self.carried(s.buffer) {
            let value = self.value(s.value, 0)?;
            self.c.set(register, value);
            return Ok(());
        }
        let k = self.k;
        let width = self.width();
        let (d, size) = (k.buffers[s.buffer.0 as usize].dtype, self.size(s));
        if s.offset.is_some() {
            for lane in 0..width {
                let (address, inside) = self.target(s, lane)?;
                let value = self.value(s.value, lane)?;
                self.combine_and_store(s, address, 0, value, Some(inside))?;
            }
            return Ok(());
        }
        let address = self.address(s.buffer.0, &s.at);
        let whole = width > 1
            && s.combine.is_none()
            && self.vector.is_some_and(|v| {
                v.whole && aligned(k, v.of, &s.at, s.buffer.0 as usize, width, self.alignment)
            });
        if whole {
            let values = (0..width).map(|lane| self.value(s.value, lane));
            let values: Lanes = values.collect::<Result<_, _>>()?;
            let place = self.place(s.buffer.0, address, s.at.offset * size);
            self.store(d, place, &values, None);
            return Ok(());
        }
        for lane in 0..width {
            let offset = (s.at.offset + self.lane_offset(&s.at, lane)) * size;
            let value = self.value(s.value, lane)?;
            self.combine_and_store(s, address, offset, value, None)?;
        }
        Ok(())
    }

    fn size(&self, s: &Store) -> i64 {
        self.k.buffers[s.buffer.0 as usize].dtype.size() as i64
    }

    /// The number of the element to which a store with an offset goes, and whether it is inside.
    pub fn element_of(&mut self, s: &Store, lane: usize) -> Result<(Value, Value), Error> {
        let at = self.index(&s.at);
        let at = match at.class() {
            Class::B32 => {
                let at = self.c.held(at);
                self.c.get(Class::B64, "cvt.s64.s32", format_args!("{at}"))
            }
            _ => at,
        };
        let moved = s.at.offset + self.lane_offset(&s.at, lane);
        let offset = match s.offset {
            Some(node) => self.value(node, lane)?,
            None => Value::long(0),
        };
        // A sum that wraps is outside as well: the other operand is small.
        let at = self.c.held(at);
        let at = self.c.get(Class::B64, "add.s64", format_args!("{at}, {offset}"));
        let at = self.c.get(Class::B64, "add.s64", format_args!("{at}, {moved}"));
        let len = self.k.buffers[s.buffer.0 as usize].len;
        let inside = self.c.get(Class::Pred, "setp.lt.u64", format_args!("{at}, {len}"));
        Ok((at, inside))
    }

    /// The address of that element.
    fn target(&mut self, s: &Store, lane: usize) -> Result<(Value, Value), Error> {
        let (at, inside) = self.element_of(s, lane)?;
        Ok((self.element(s.buffer, at), inside))
    }

    /// Stores a value, or what it gives with the element, if the predicate holds.
    fn combine_and_store(
        &mut self,
        s: &Store,
        address: Value,
        offset: i64,
        value: Value,
        inside: Option<Value>,
    ) -> Result<(), Error> {
        let d = self.k.buffers[s.buffer.0 as usize].dtype;
        let place = self.place(s.buffer.0, address, offset);
        let mut value = value;
        if let Some(combine) = s.combine {
            let old = match inside {
                Some(p) => {
                    let zero = cotangent_jit::Scalar::zero(d);
                    self.load_if(d, place, p, zero, false)
                }
                None => self.load(d, place, 1, false)[0],
            };
            value = ops::emit(&mut self.c, combine.op(), d, &[old, value])?;
        }
        self.store(d, place, &[value], inside);
        Ok(())
    }
}
