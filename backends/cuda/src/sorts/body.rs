//! The body of a launch of a sort: the number of the thread, memory, barriers, sums over a block.

use super::extents::{THREADS, size};
use crate::ops::divide_by;
use crate::ptx::{Class, Code, Label, Value};
use std::fmt;

/// Threads of a warp.
pub const WARP: usize = 32;

pub struct Body {
    pub c: Code,
    /// The addresses of the operands.
    args: Vec<Value>,
    /// The numbers of the thread in its block, and of the block.
    pub thread: Value,
    pub block: Value,
    /// The address of shared memory.
    shared: Value,
}

impl Body {
    /// Operands are the parameters from `first` on up to `end`.
    pub fn new(first: usize, end: usize, shares: bool) -> Body {
        let mut c = Code::default();
        let param = |n| c.get(Class::B64, "ld.param.u64", format_args!("[a{n}]"));
        let args = (first..end).map(param).collect();
        let thread = c.get(Class::B32, "mov.u32", format_args!("%tid.x"));
        let block = c.get(Class::B32, "mov.u32", format_args!("%ctaid.x"));
        let shared = match shares {
            true => c.get(Class::B32, "mov.u32", format_args!("shared")),
            false => Value::int(0),
        };
        Body { c, args, thread, block, shared }
    }

    /// A number of 32 bits.
    pub fn int(&mut self, mnemonic: &str, operands: fmt::Arguments<'_>) -> Value {
        self.c.get(Class::B32, mnemonic, operands)
    }

    /// A predicate.
    pub fn test(&mut self, mnemonic: &str, operands: fmt::Arguments<'_>) -> Value {
        self.c.get(Class::Pred, mnemonic, operands)
    }

    /// `x * by + more`
    pub fn times(&mut self, x: Value, by: usize, more: Value) -> Value {
        match (by, more.known()) {
            (0, _) => more,
            (1, Some(0)) => x,
            (1, _) => self.int("add.u32", format_args!("{x}, {more}")),
            (_, Some(0)) => self.int("mul.lo.u32", format_args!("{x}, {by}")),
            _ => self.int("mad.lo.u32", format_args!("{x}, {by}, {more}")),
        }
    }

    pub fn plus(&mut self, x: Value, more: usize) -> Value {
        if more == 0 { x } else { self.int("add.u32", format_args!("{x}, {more}")) }
    }

    /// The quotient and the remainder.
    pub fn divide(&mut self, x: Value, by: usize) -> (Value, Value) {
        divide_by(&mut self.c, x, by)
    }

    /// The number of the thread among all. The code ends for those from `count` on; nobody waits
    /// behind the label.
    pub fn number(&mut self, count: usize) -> (Value, Label) {
        let (block, thread) = (self.block, self.thread);
        let n = self.int("mad.lo.u32", format_args!("{block}, {THREADS}, {thread}"));
        let beyond = self.test("setp.ge.u32", format_args!("{n}, {count}"));
        let end = self.c.label();
        self.c.put(format_args!("@{beyond} bra {end}"));
        (n, end)
    }

    /// Whether `x + more` is below `end`, all of which are small.
    pub fn below(&mut self, x: Value, more: usize, end: usize) -> Value {
        let bound = end as i64 - more as i64;
        self.test("setp.lt.s32", format_args!("{x}, {bound}"))
    }

    /// A value in a register of at least its width.
    pub fn extended(&mut self, v: Value, class: Class) -> Value {
        match (v.class(), class) {
            (Class::B32, Class::B64) => self.c.get(Class::B64, "cvt.u64.u32", format_args!("{v}")),
            _ => v,
        }
    }

    /// The address of an element of an operand.
    pub fn at(&mut self, arg: usize, index: Value, size: usize) -> Value {
        let base = self.args[arg];
        self.c.get(Class::B64, "mad.wide.u32", format_args!("{index}, {size}, {base}"))
    }

    /// The bits of an element, extended by zeros; zero where the predicate does not hold.
    pub fn load(&mut self, address: Value, size: usize, p: Option<Value>) -> Value {
        self.load_behind(address, 0, size, p)
    }

    /// The same of the element so many bytes behind an address.
    pub fn load_behind(
        &mut self,
        address: Value,
        bytes: usize,
        size: usize,
        p: Option<Value>,
    ) -> Value {
        let (class, t) = element(size);
        let x = match p {
            Some(_) => self.c.copy(Value::Constant(class, 0)),
            None => self.c.register(class),
        };
        let only = only(p);
        self.c.put(format_args!("{only}ld.global.{t} {x}, [{address}+{bytes}]"));
        x
    }

    pub fn store(&mut self, address: Value, size: usize, v: Value, p: Option<Value>) {
        let (t, only) = (element(size).1, only(p));
        let v = self.c.held(v);
        self.c.put(format_args!("{only}st.global.{t} [{address}], {v}"));
    }

    /// The address of word `index` of the array that begins at this byte of shared memory.
    pub fn shared_at(&mut self, start: usize, index: Value, word: Class) -> Shared {
        let (base, size) = (self.shared, size(word));
        let address = match index.known() {
            Some(n) => return Shared { address: base, start: start + n as usize * size, word },
            None => self.int("mad.lo.u32", format_args!("{index}, {size}, {base}")),
        };
        Shared { address, start, word }
    }

    pub fn get(&mut self, at: Shared) -> Value {
        let Shared { address, start, word } = at;
        let t = word.bits();
        self.c.get(word, &format!("ld.shared.{t}"), format_args!("[{address}+{start}]"))
    }

    pub fn put(&mut self, at: Shared, v: Value, p: Option<Value>) {
        let Shared { address, start, word } = at;
        let (t, only) = (word.bits(), only(p));
        let v = self.c.held(v);
        self.c.put(format_args!("{only}st.shared.{t} [{address}+{start}], {v}"));
    }

    /// Waits for all threads of the block.
    pub fn barrier(&mut self) {
        self.c.put(format_args!("bar.sync 0"));
    }

    /// Waits for all threads of the warp.
    pub fn warp_barrier(&mut self) {
        self.c.put(format_args!("bar.warp.sync 0xffffffff"));
    }

    /// The numbers of the warp and of the lane.
    pub fn warp_and_lane(&mut self) -> (Value, Value) {
        let thread = self.thread;
        self.divide(thread, WARP)
    }

    /// The sum of a number over the threads before this one, and over all; `room` is where a word
    /// per warp of a block of 256 threads lies in shared memory.
    pub fn sums(&mut self, v: Value, room: usize) -> (Value, Value) {
        let (warp, lane) = self.warp_and_lane();
        let sum = self.c.copy(v);
        for by in [1, 2, 4, 8, 16] {
            let p = self.c.register(Class::Pred);
            let below = self.c.register(Class::B32);
            self.c.put(format_args!("shfl.sync.up.b32 {below}|{p}, {sum}, {by}, 0, 0xffffffff"));
            self.c.put(format_args!("@{p} add.u32 {sum}, {sum}, {below}"));
        }
        let last = self.test("setp.eq.u32", format_args!("{lane}, {}", WARP - 1));
        let place = self.shared_at(room, warp, Class::B32);
        self.put(place, sum, Some(last));
        self.barrier();
        let before = self.int("sub.u32", format_args!("{sum}, {v}"));
        let all = self.c.copy(Value::int(0));
        for n in 0..THREADS / WARP {
            let place = self.shared_at(room, Value::int(n as i32), Class::B32);
            let part = self.get(place);
            let earlier = self.test("setp.gt.u32", format_args!("{warp}, {n}"));
            self.c.put(format_args!("@{earlier} add.u32 {before}, {before}, {part}"));
            self.c.put(format_args!("add.u32 {all}, {all}, {part}"));
        }
        self.barrier();
        (before, all)
    }
}

/// A word of shared memory: an address of 32 bits, and bytes behind it.
#[derive(Clone, Copy)]
pub struct Shared {
    pub address: Value,
    pub start: usize,
    pub word: Class,
}

/// The register of an element of so many bytes, and the type of its loads and stores.
fn element(size: usize) -> (Class, &'static str) {
    match size {
        1 => (Class::B32, "u8"),
        2 => (Class::B32, "u16"),
        4 => (Class::B32, "b32"),
        _ => (Class::B64, "b64"),
    }
}

fn only(p: Option<Value>) -> String {
    p.map_or_else(String::new, |p| format!("@{p} "))
}
