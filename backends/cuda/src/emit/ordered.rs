//! Updates that combine with their element in order: first every update notes its element and its
//! value, then one thread per element combines what goes there.

use super::access::Place;
use super::emitter::Emitter;
use crate::ops;
use crate::ptx::{Class, Label, Value};
use cotangent_jit::kernel::{Combine, Store};
use cotangent_jit::{DType, Error, Scalar};

/// Scratch memory, by its number among that of the task: the element of each update, its value, and
/// the number of the update where they are sorted.
const ELEMENTS: usize = 0;
const VALUES: usize = 1;
const UPDATES: usize = 2;

impl Emitter<'_> {
    /// Notes where the update of the thread goes, and its value. An update that is dropped goes
    /// behind the last element.
    pub fn note(&mut self, thread: Value, s: &Store) -> Result<(), Error> {
        let points = self.k.points();
        let end = self.beyond(thread, points);
        let all: Vec<usize> = (0..self.k.loops.len()).collect();
        self.decode(thread, &all, 1);
        self.nodes()?;
        let (at, inside) = self.element_of(s, 0)?;
        let low = self.c.get(Class::B32, "cvt.u32.u64", format_args!("{at}"));
        let none = self.none(s);
        let element = format_args!("{low}, {none}, {inside}");
        let element = self.c.get(Class::B32, "selp.b32", element);
        let place = self.scratch_part(ELEMENTS, thread, DType::U32);
        self.store(DType::U32, place, &[element], None);
        let (d, value) = (self.k.buffers[s.buffer.0 as usize].dtype, self.value(s.value, 0)?);
        let place = self.scratch_part(VALUES, thread, d);
        self.store(d, place, &[value], None);
        if self.bases.len() > self.k.buffers.len() + UPDATES {
            let place = self.scratch_part(UPDATES, thread, DType::U32);
            let number = match thread.class() {
                Class::B64 => self.c.get(Class::B32, "cvt.u32.u64", format_args!("{thread}")),
                _ => thread,
            };
            self.store(DType::U32, place, &[number], None);
        }
        self.c.place(end);
        Ok(())
    }

    /// The number of no element, as of those that are dropped.
    fn none(&self, s: &Store) -> Value {
        Value::Constant(Class::B32, self.k.buffers[s.buffer.0 as usize].len as u64)
    }

    /// The element of an update; `none` where the predicate does not hold.
    fn noted(&mut self, update: Value, p: Option<Value>, none: Value) -> Value {
        let place = self.scratch_part(ELEMENTS, update, DType::U32);
        match p {
            Some(p) => {
                let none = Scalar::from_bits(DType::U32, none.known().unwrap_or(0).into());
                self.load_if(DType::U32, place, p, none, false)
            }
            None => self.load(DType::U32, place, 1, false)[0],
        }
    }

    /// The element of the thread's update, for updates that are no element's: a jump to the label.
    fn own(&mut self, thread: Value, s: &Store) -> (Value, Label) {
        let points = self.k.points();
        let end = self.beyond(thread, points);
        let none = self.none(s);
        let own = self.noted(thread, None, none);
        let dropped = self.c.get(Class::Pred, "setp.ge.u32", format_args!("{own}, {none}"));
        self.c.put(format_args!("@{dropped} bra {end}"));
        (own, end)
    }

    /// The address of an element by its number of 32 bits, and the element in a register that takes
    /// the combination.
    fn started(&mut self, s: &Store, own: Value) -> (Place, Value) {
        let own = self.c.get(Class::B64, "cvt.u64.u32", format_args!("{own}"));
        let address = self.element(s.buffer, own);
        let place = Place::global(address);
        let d = self.k.buffers[s.buffer.0 as usize].dtype;
        let old = self.load(d, place, 1, false)[0];
        (place, self.c.copy(old))
    }

    /// Combines the value of an update.
    fn combine(&mut self, s: &Store, by: Combine, sum: Value, update: Value) -> Result<(), Error> {
        let d = self.k.buffers[s.buffer.0 as usize].dtype;
        let place = self.scratch_part(VALUES, update, d);
        let v = self.load(d, place, 1, false)[0];
        let next = ops::emit(&mut self.c, by.op(), d, &[sum, v])?;
        self.c.set(sum, next);
        Ok(())
    }

    /// Of few updates: the first of each element looks for all others.
    pub fn combine_few(&mut self, thread: Value, s: &Store, by: Combine) -> Result<(), Error> {
        let (own, end) = self.own(thread, s);
        let (none, t) = (self.none(s), self.index_type());
        let zero = self.index_constant(0);
        let other = self.c.copy(zero);
        let (earlier, first) = (self.c.label(), self.c.label());
        self.c.place(earlier);
        let here = self.equal(other, thread);
        self.c.put(format_args!("@{here} bra {first}"));
        let element = self.noted(other, None, none);
        let same = self.c.get(Class::Pred, "setp.eq.u32", format_args!("{element}, {own}"));
        self.c.put(format_args!("@{same} bra {end}"));
        self.c.put(format_args!("add.{t} {other}, {other}, 1"));
        self.c.put(format_args!("bra {earlier}"));
        self.c.place(first);
        let (place, sum) = self.started(s, own);
        let (again, next) = (self.c.label(), self.c.label());
        self.c.place(again);
        let element = self.noted(other, None, none);
        let differs = self.c.get(Class::Pred, "setp.ne.u32", format_args!("{element}, {own}"));
        self.c.put(format_args!("@{differs} bra {next}"));
        self.combine(s, by, sum, other)?;
        self.c.place(next);
        self.c.put(format_args!("add.{t} {other}, {other}, 1"));
        let more = self.before_end(other);
        self.c.put(format_args!("@{more} bra {again}"));
        self.put_back(s, place, sum);
        self.c.place(end);
        Ok(())
    }

    /// Of updates in the order of their elements: the first of each element goes on to the last.
    pub fn combine_runs(&mut self, thread: Value, s: &Store, by: Combine) -> Result<(), Error> {
        let (own, end) = self.own(thread, s);
        let (none, t) = (self.none(s), self.index_type());
        let at = self.c.get(self.index_class(), &format!("sub.{t}"), format_args!("{thread}, 1"));
        let follows = self.c.get(Class::Pred, &format!("setp.gt.{t}"), format_args!("{thread}, 0"));
        let element = self.noted(at, Some(follows), none);
        let same = self.c.get(Class::Pred, "setp.eq.u32", format_args!("{element}, {own}"));
        self.c.put(format_args!("@{same} bra {end}"));
        let (place, sum) = self.started(s, own);
        let at = self.c.copy(thread);
        let again = self.c.label();
        self.c.place(again);
        let update = self.scratch_part(UPDATES, at, DType::U32);
        let update = self.load(DType::U32, update, 1, false)[0];
        self.c.put(format_args!("add.{t} {at}, {at}, 1"));
        let more = self.before_end(at);
        let element = self.noted(at, Some(more), none);
        let update = match self.wide {
            true => self.c.get(Class::B64, "cvt.u64.u32", format_args!("{update}")),
            false => update,
        };
        self.combine(s, by, sum, update)?;
        let same = self.c.get(Class::Pred, "setp.eq.u32", format_args!("{element}, {own}"));
        self.c.put(format_args!("@{same} bra {again}"));
        self.put_back(s, place, sum);
        self.c.place(end);
        Ok(())
    }

    fn put_back(&mut self, s: &Store, place: Place, sum: Value) {
        let d = self.k.buffers[s.buffer.0 as usize].dtype;
        self.store(d, place, &[sum], None);
    }

    fn equal(&mut self, a: Value, b: Value) -> Value {
        let t = self.index_class().unsigned();
        self.c.get(Class::Pred, &format!("setp.eq.{t}"), format_args!("{a}, {b}"))
    }

    fn before_end(&mut self, update: Value) -> Value {
        let (t, points) = (self.index_type(), self.k.points());
        self.c.get(Class::Pred, &format!("setp.lt.{t}"), format_args!("{update}, {points}"))
    }
}
