//! One element or a few neighbours in memory.

use super::emitter::{Emitter, Lanes};
use crate::ptx::{Class, Value};
use cotangent_jit::{DType, Scalar};

/// The type of an element in memory, as loads and stores name it.
fn memory_type(d: DType) -> &'static str {
    match d {
        DType::Bool | DType::U8 => "u8",
        DType::I8 => "s8",
        DType::I16 => "s16",
        DType::U16 => "u16",
        DType::F16 | DType::BF16 => "b16",
        d if d.size() == 4 => "b32",
        _ => "b64",
    }
}

/// The class of the register that a load fills: that of a bool is one of 32 bits.
fn loaded_class(d: DType) -> Class {
    if d.is_bool() { Class::B32 } else { Class::of(d) }
}

/// An address with an offset in bytes, in global or in shared memory.
#[derive(Clone, Copy)]
pub struct Place {
    pub address: Value,
    pub offset: i64,
    pub shared: bool,
}

impl Place {
    /// In global memory.
    pub fn global(address: Value) -> Place {
        Place { address, offset: 0, shared: false }
    }

    fn space(self) -> &'static str {
        if self.shared { "shared" } else { "global" }
    }
}

impl Emitter<'_> {
    /// A place so many bytes behind an address in a buffer.
    pub fn place(&mut self, buffer: u32, address: Value, offset: i64) -> Place {
        let shared = self.shared[buffer as usize];
        // Offsets in an instruction have 32 bits.
        if i32::try_from(offset).is_ok() {
            return Place { address, offset, shared };
        }
        let address = self.c.get(Class::B64, "add.s64", format_args!("{address}, {offset}"));
        Place { address, offset: 0, shared }
    }

    /// The elements at a place, `width` neighbours at once.
    pub fn load(&mut self, d: DType, at: Place, width: usize, unwritten: bool) -> Lanes {
        let t = memory_type(d);
        let cache = if unwritten && !at.shared { ".nc" } else { "" };
        let space = at.space();
        let registers: Lanes = (0..width).map(|_| self.c.register(loaded_class(d))).collect();
        let Place { address, offset, .. } = at;
        if width == 1 {
            let x = registers[0];
            self.c.put(format_args!("ld.{space}{cache}.{t} {x}, [{address}+{offset}]"));
        } else {
            let list = list(&registers);
            self.c.put(format_args!("ld.{space}{cache}.v{width}.{t} {list}, [{address}+{offset}]"));
        }
        registers.into_iter().map(|x| self.loaded(d, x)).collect()
    }

    /// The element at a place where a predicate holds, elsewhere `fill`.
    pub fn load_if(
        &mut self,
        d: DType,
        at: Place,
        p: Value,
        fill: Scalar,
        unwritten: bool,
    ) -> Value {
        let t = memory_type(d);
        let cache = if unwritten && !at.shared { ".nc" } else { "" };
        let space = at.space();
        let fill = match d {
            DType::Bool => Value::int(i32::from(fill.bits() != 0)),
            _ => Value::scalar(fill),
        };
        let x = self.c.copy(fill);
        let Place { address, offset, .. } = at;
        self.c.put(format_args!("@{p} ld.{space}{cache}.{t} {x}, [{address}+{offset}]"));
        self.loaded(d, x)
    }

    /// A value from the register that a load has filled.
    fn loaded(&mut self, d: DType, x: Value) -> Value {
        match d {
            DType::Bool => self.c.get(Class::Pred, "setp.ne.u32", format_args!("{x}, 0")),
            _ => x,
        }
    }

    /// Stores neighbours, where the predicate holds if there is one.
    pub fn store(&mut self, d: DType, at: Place, values: &[Value], p: Option<Value>) {
        let t = match memory_type(d) {
            "s8" => "u8",
            "s16" => "u16",
            t => t,
        };
        let space = at.space();
        let registers: Lanes = values.iter().map(|v| self.stored(d, *v)).collect();
        let Place { address, offset, .. } = at;
        let only = p.map_or_else(String::new, |p| format!("@{p} "));
        if registers.len() == 1 {
            let x = registers[0];
            self.c.put(format_args!("{only}st.{space}.{t} [{address}+{offset}], {x}"));
        } else {
            let (list, width) = (list(&registers), registers.len());
            self.c.put(format_args!("{only}st.{space}.v{width}.{t} [{address}+{offset}], {list}"));
        }
    }

    /// A value in the register that a store takes.
    fn stored(&mut self, d: DType, v: Value) -> Value {
        match d {
            DType::Bool => match v.known() {
                Some(bits) => self.c.copy(Value::int(i32::from(bits != 0))),
                None => self.c.get(Class::B32, "selp.b32", format_args!("1, 0, {v}")),
            },
            _ => self.c.held(v),
        }
    }
}

fn list(registers: &[Value]) -> String {
    let names: Vec<String> = registers.iter().map(Value::to_string).collect();
    format!("{{{}}}", names.join(", "))
}
