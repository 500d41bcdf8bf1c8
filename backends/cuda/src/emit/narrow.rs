//! Updates of elements narrower than a word, in any order: the word around the element is exchanged
//! until no other thread was faster.

use super::emitter::Emitter;
use crate::ops;
use crate::ptx::{Class, Value};
use cotangent_jit::kernel::Combine;
use cotangent_jit::{DType, Error};

impl Emitter<'_> {
    /// Combines a value with the element at this address. The word around it belongs to the buffer.
    pub fn exchange_part(
        &mut self,
        at: Value,
        v: Value,
        by: Combine,
        d: DType,
    ) -> Result<(), Error> {
        let ones = if d.size() == 1 { 0xff } else { 0xffff };
        let int = Class::B32;
        let word = self.c.get(Class::B64, "and.b64", format_args!("{at}, -4"));
        let low = self.c.get(int, "cvt.u32.u64", format_args!("{at}"));
        let byte = self.c.get(int, "and.b32", format_args!("{low}, 3"));
        let shift = self.c.get(int, "shl.b32", format_args!("{byte}, 3"));
        let mask = self.c.copy(Value::int(ones));
        let mask = self.c.get(int, "shl.b32", format_args!("{mask}, {shift}"));
        let others = self.c.get(int, "not.b32", format_args!("{mask}"));
        // Zero in place of zero changes nothing and tells the word.
        let seen = self.c.get(int, "atom.global.cas.b32", format_args!("[{word}], 0, 0"));
        let again = self.c.label();
        self.c.place(again);
        let part = self.c.get(int, "shr.u32", format_args!("{seen}, {shift}"));
        let old = self.unpacked(d, part, ones);
        let next = ops::emit(&mut self.c, by.op(), d, &[old, v])?;
        let next = self.packed(d, next, ones);
        let next = self.c.get(int, "shl.b32", format_args!("{next}, {shift}"));
        let kept = self.c.get(int, "and.b32", format_args!("{seen}, {others}"));
        let next = self.c.get(int, "or.b32", format_args!("{kept}, {next}"));
        let found =
            self.c.get(int, "atom.global.cas.b32", format_args!("[{word}], {seen}, {next}"));
        let other = self.c.get(Class::Pred, "setp.ne.u32", format_args!("{found}, {seen}"));
        self.c.set(seen, found);
        self.c.put(format_args!("@{other} bra {again}"));
        Ok(())
    }

    /// The element in the low bits of a word, as registers hold it.
    fn unpacked(&mut self, d: DType, word: Value, ones: i32) -> Value {
        match d {
            DType::I8 => self.c.get(Class::B32, "cvt.s32.s8", format_args!("{word}")),
            DType::I16 => self.c.get(Class::B32, "cvt.s32.s16", format_args!("{word}")),
            DType::F16 | DType::BF16 => {
                self.c.get(Class::B16, "cvt.u16.u32", format_args!("{word}"))
            }
            _ => {
                let bits = self.c.get(Class::B32, "and.b32", format_args!("{word}, {ones}"));
                match d {
                    DType::Bool => {
                        self.c.get(Class::Pred, "setp.ne.u32", format_args!("{bits}, 0"))
                    }
                    _ => bits,
                }
            }
        }
    }

    /// The bits of an element, extended by zeros.
    fn packed(&mut self, d: DType, v: Value, ones: i32) -> Value {
        let v = self.c.held(v);
        match d {
            DType::Bool => self.c.get(Class::B32, "selp.b32", format_args!("1, 0, {v}")),
            DType::F16 | DType::BF16 => self.c.get(Class::B32, "cvt.u32.u16", format_args!("{v}")),
            _ => self.c.get(Class::B32, "and.b32", format_args!("{v}, {ones}")),
        }
    }
}
