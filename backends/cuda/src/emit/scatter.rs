//! Updates of computed elements by many threads.
//!
//! Where the last update of an element stays, threads first agree on it: the greatest position
//! wins. Updates that give the same in any order are atomic. Updates that combine in copies fill
//! their copy in order, one thread per chunk and lane, and then elements take the copies.

use super::access::Place;
use super::emitter::Emitter;
use crate::ops;
use crate::ptx::{Class, Label, Value};
use cotangent_jit::kernel::{Combine, Store};
use cotangent_jit::{DType, Error, Scalar};

impl Emitter<'_> {
    /// The code of a thread that fills scratch memory of `n` numbers.
    pub fn fill(&mut self, thread: Value, n: usize, with: Scalar) {
        let end = self.beyond(thread, n);
        let place = self.scratch(thread, with.dtype());
        self.store(with.dtype(), place, &[Value::scalar(with)], None);
        self.c.place(end);
    }

    /// Jumps to the label if the number of the thread is not below `n`.
    pub fn beyond(&mut self, thread: Value, n: usize) -> Label {
        let (end, t) = (self.c.label(), self.index_type());
        let most = self.index_constant(n as i64);
        let beyond =
            self.c.get(Class::Pred, &format!("setp.ge.{t}"), format_args!("{thread}, {most}"));
        self.c.put(format_args!("@{beyond} bra {end}"));
        end
    }

    /// The address so many bytes further on.
    fn further(&mut self, at: Value, bytes: i64) -> Value {
        match bytes {
            0 => at,
            _ => self.c.get(Class::B64, "add.s64", format_args!("{at}, {bytes}")),
        }
    }

    /// An element of scratch memory by an index.
    fn scratch(&mut self, at: Value, d: DType) -> Place {
        self.scratch_part(0, at, d)
    }

    /// The same of part `n` of the task's scratch memory.
    pub fn scratch_part(&mut self, n: usize, at: Value, d: DType) -> Place {
        let base = self.bases[self.k.buffers.len() + n];
        let wide = if self.wide { "mad.lo.s64" } else { "mad.wide.s32" };
        let address = self.c.get(Class::B64, wide, format_args!("{at}, {}, {base}", d.size()));
        Place::global(address)
    }

    /// The same by an element's number of 64 bits.
    fn scratch_of(&mut self, element: Value, d: DType) -> Place {
        let base = self.bases[self.k.buffers.len()];
        let operands = format_args!("{element}, {}, {base}", d.size());
        let address = self.c.get(Class::B64, "mad.lo.s64", operands);
        Place::global(address)
    }

    /// Goes to the point of the thread, and jumps to the label if its update is dropped.
    fn update(&mut self, thread: Value, s: &Store) -> Result<(Value, Label), Error> {
        let points = self.k.points();
        let end = self.beyond(thread, points);
        let all: Vec<usize> = (0..self.k.loops.len()).collect();
        self.decode(thread, &all, 1);
        self.nodes()?;
        let (at, inside) = self.element_of(s, 0)?;
        self.c.put(format_args!("@!{inside} bra {end}"));
        Ok((at, end))
    }

    /// The last update of each element: its position and 1.
    pub fn claim(&mut self, thread: Value, s: &Store) -> Result<(), Error> {
        let (at, end) = self.update(thread, s)?;
        let place = self.scratch_of(at, DType::U32).address;
        let mine = self.position(thread);
        self.c.put(format_args!("red.global.max.u32 [{place}], {mine}"));
        self.c.place(end);
        Ok(())
    }

    fn position(&mut self, thread: Value) -> Value {
        let low = match thread.class() {
            Class::B64 => self.c.get(Class::B32, "cvt.u32.u64", format_args!("{thread}")),
            _ => thread,
        };
        self.c.get(Class::B32, "add.u32", format_args!("{low}, 1"))
    }

    /// Stores the update that has claimed its element.
    pub fn overwrite(&mut self, thread: Value, s: &Store) -> Result<(), Error> {
        let (at, end) = self.update(thread, s)?;
        let place = self.scratch_of(at, DType::U32);
        let last = self.load(DType::U32, place, 1, false)[0];
        let mine = self.position(thread);
        let wins = self.c.get(Class::Pred, "setp.eq.u32", format_args!("{last}, {mine}"));
        let value = self.value(s.value, 0)?;
        let address = self.element(s.buffer, at);
        let d = self.k.buffers[s.buffer.0 as usize].dtype;
        self.store(d, Place::global(address), &[value], Some(wins));
        self.c.place(end);
        Ok(())
    }

    /// Combines an update with its element, whatever other threads do to it meanwhile.
    pub fn accumulate(&mut self, thread: Value, s: &Store, combine: Combine) -> Result<(), Error> {
        let (at, end) = self.update(thread, s)?;
        let value = self.value(s.value, 0)?;
        let value = self.c.held(value);
        let address = self.element(s.buffer, at);
        let d = self.k.buffers[s.buffer.0 as usize].dtype;
        match atomic(combine, d) {
            Some(op) => self.c.put(format_args!("red.global.{op} [{address}], {value}")),
            None if d.size() < 4 => self.exchange_part(address, value, combine, d)?,
            None => self.exchange(address, value, combine, d)?,
        }
        self.c.place(end);
        Ok(())
    }

    /// Tries to put the combination in place of the element until no other thread was faster.
    fn exchange(&mut self, at: Value, v: Value, by: Combine, d: DType) -> Result<(), Error> {
        let class = Class::of(d);
        let swap = format!("atom.global.cas.{}", class.bits());
        // Zero in place of zero changes nothing and tells the element.
        let seen = self.c.get(class, &swap, format_args!("[{at}], 0, 0"));
        let again = self.c.label();
        self.c.place(again);
        let next = ops::emit(&mut self.c, by.op(), d, &[seen, v])?;
        let found = self.c.get(class, &swap, format_args!("[{at}], {seen}, {next}"));
        let test = format!("setp.ne.{}", class.bits());
        let other = self.c.get(Class::Pred, &test, format_args!("{found}, {seen}"));
        self.c.set(seen, found);
        self.c.put(format_args!("@{other} bra {again}"));
        Ok(())
    }

    /// Combines the updates of one chunk and lane in their copy, in order.
    pub fn fill_copy(
        &mut self,
        thread: Value,
        s: &Store,
        combine: Combine,
        (lanes, chunks): (usize, usize),
    ) -> Result<(), Error> {
        let end = self.beyond(thread, lanes * chunks);
        let (chunk, lane) = self.divide(thread, lanes);
        let extent = self.k.loops[0].extent;
        let length = self.k.order.cut.map_or(extent, |c| c.length) as i64;
        let (class, t) = (self.index_class(), self.index_type());
        let length = self.index_constant(length);
        let first = self.c.get(class, &format!("mul.lo.{t}"), format_args!("{chunk}, {length}"));
        let next = self.c.get(class, &format!("add.{t}"), format_args!("{first}, {length}"));
        let most = self.index_constant(extent as i64);
        let last = self.c.get(class, &format!("min.{t}"), format_args!("{next}, {most}"));
        let lane = self.c.held(lane);
        let start = self.c.get(class, &format!("add.{t}"), format_args!("{lane}, {first}"));
        let copy = self.copy_base(thread, s, combine);
        let all: Vec<usize> = (0..self.k.loops.len()).collect();
        self.updates(&all, (start, last), lanes as i64, s, combine, copy)?;
        self.c.place(end);
        Ok(())
    }

    /// The address of a copy.
    fn copy_base(&mut self, copy: Value, s: &Store, combine: Combine) -> Value {
        let b = &self.k.buffers[s.buffer.0 as usize];
        let bytes = b.len * combine.accumulator(b.dtype).size();
        let base = self.bases[self.k.buffers.len()];
        let copy = match copy.class() {
            Class::B32 => self.c.get(Class::B64, "cvt.u64.u32", format_args!("{copy}")),
            _ => copy,
        };
        self.c.get(Class::B64, "mad.lo.u64", format_args!("{copy}, {bytes}, {base}"))
    }

    fn updates(
        &mut self,
        loops: &[usize],
        range: (Value, Value),
        step: i64,
        s: &Store,
        combine: Combine,
        copy: Value,
    ) -> Result<(), Error> {
        self.nodes()?;
        let Some((first, rest)) = loops.split_first() else {
            return self.update_copy(s, combine, copy);
        };
        let inner = rest.first().map_or(0, |n| self.k.loops[*n].extent as i64);
        let whole = (self.index_constant(0), self.index_constant(inner));
        // Only a single loop deals its points among lanes.
        self.repeat(*first, range, step, |e| e.updates(rest, whole, 1, s, combine, copy))?;
        Ok(())
    }

    fn update_copy(&mut self, s: &Store, combine: Combine, copy: Value) -> Result<(), Error> {
        let d = self.k.buffers[s.buffer.0 as usize].dtype;
        let accumulator = combine.accumulator(d);
        let (at, inside) = self.element_of(s, 0)?;
        let dropped = self.c.label();
        self.c.put(format_args!("@!{inside} bra {dropped}"));
        let size = accumulator.size();
        let address = self.c.get(Class::B64, "mad.lo.s64", format_args!("{at}, {size}, {copy}"));
        let place = Place::global(address);
        let old = self.load(accumulator, place, 1, false)[0];
        let v = self.value(s.value, 0)?;
        let v = self.converted(v, self.types[s.value.0 as usize], accumulator)?;
        let next = ops::emit(&mut self.c, combine.op(), accumulator, &[old, v])?;
        self.store(accumulator, place, &[next], None);
        self.c.place(dropped);
        Ok(())
    }

    /// Combines one element with its copies, lanes by halves and chunks in order.
    pub fn take_copies(
        &mut self,
        thread: Value,
        s: &Store,
        combine: Combine,
        (lanes, chunks): (usize, usize),
    ) -> Result<(), Error> {
        let b = &self.k.buffers[s.buffer.0 as usize];
        let (d, len) = (b.dtype, b.len);
        let accumulator = combine.accumulator(d);
        let end = self.beyond(thread, len);
        let wide = match thread.class() {
            Class::B32 => self.c.get(Class::B64, "cvt.u64.u32", format_args!("{thread}")),
            _ => thread,
        };
        let address = self.element(s.buffer, wide);
        let target = Place::global(address);
        let old = self.load(d, target, 1, false)[0];
        let old = self.converted(old, d, accumulator)?;
        let sum = self.c.copy(old);
        let copies = self.scratch(thread, accumulator).address;
        let at = self.c.copy(copies);
        let left = self.c.copy(Value::int(chunks as i32));
        let again = self.c.label();
        self.c.place(again);
        let bytes = (len * accumulator.size()) as i64;
        let mut parts = Vec::with_capacity(lanes);
        for lane in 0..lanes as i64 {
            let copy = self.further(at, lane * bytes);
            let place = Place::global(copy);
            parts.push(self.load(accumulator, place, 1, false)[0]);
        }
        while parts.len() > 1 {
            let upper = parts.split_off(parts.len() / 2);
            for (low, high) in parts.iter_mut().zip(upper) {
                *low = ops::emit(&mut self.c, combine.op(), accumulator, &[*low, high])?;
            }
        }
        let next = ops::emit(&mut self.c, combine.op(), accumulator, &[sum, parts[0]])?;
        self.c.set(sum, next);
        let step = lanes as i64 * bytes;
        self.c.put(format_args!("add.s64 {at}, {at}, {step}"));
        self.c.put(format_args!("sub.s32 {left}, {left}, 1"));
        let more = self.c.get(Class::Pred, "setp.gt.s32", format_args!("{left}, 0"));
        self.c.put(format_args!("@{more} bra {again}"));
        let v = self.converted(sum, accumulator, d)?;
        self.store(d, target, &[v], None);
        self.c.place(end);
        Ok(())
    }
}

/// The atomic instruction of a combination, if there is one that keeps its meaning: those of floats
/// flush subnormal numbers or drop a NaN.
fn atomic(combine: Combine, d: DType) -> Option<String> {
    let bits = d.bits();
    let signed = if d.is_signed() { 's' } else { 'u' };
    if !d.is_int() || d.size() < 4 {
        return None;
    }
    Some(match combine {
        Combine::Sum => format!("add.u{bits}"),
        Combine::Max => format!("max.{signed}{bits}"),
        Combine::Min => format!("min.{signed}{bits}"),
        Combine::And => format!("and.b{bits}"),
        Combine::Or => format!("or.b{bits}"),
        Combine::Xor => format!("xor.b{bits}"),
        Combine::Product => return None,
    })
}
