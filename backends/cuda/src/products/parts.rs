//! The sum of the parts: a thread per result adds them in order and rounds once.

use super::frame::advanced;
use super::product::Product;
use crate::ops;
use crate::ptx::{Class, Code, Entry};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error};

const THREADS: usize = 256;

/// The blocks of the entry.
pub fn blocks(p: &Product) -> u64 {
    p.results().div_ceil(THREADS) as u64
}

/// Its parameters are the results and the parts.
pub fn entry(p: &Product, parts: usize) -> Result<Entry, Error> {
    let mut c = Code::default();
    let sum = p.sum();
    let [to, from] = [0, 1].map(|n| c.get(Class::B64, "ld.param.u64", format_args!("[a{n}]")));
    let block = c.get(Class::B32, "mov.u32", format_args!("%ctaid.x"));
    let thread = c.get(Class::B32, "mov.u32", format_args!("%tid.x"));
    let at = c.get(Class::B32, "mad.lo.s32", format_args!("{block}, {THREADS}, {thread}"));
    let end = c.label();
    let beyond = c.get(Class::Pred, "setp.ge.s32", format_args!("{at}, {}", p.results()));
    c.put(format_args!("@{beyond} bra {end}"));
    let bits = 8 * sum.size();
    let from = advanced(&mut c, from, at, sum.size() as i64);
    let mut address = from;
    let mut all = Vec::with_capacity(parts);
    for n in 0..parts {
        all.push(c.get(Class::of(sum), &format!("ld.global.b{bits}"), format_args!("[{address}]")));
        if n + 1 < parts {
            let apart = p.results() * sum.size();
            address = c.get(Class::B64, "add.s64", format_args!("{address}, {apart}"));
        }
    }
    let mut total = all[0];
    for part in &all[1..] {
        total = ops::emit(&mut c, ScalarOp::Add, sum, &[total, *part])?;
    }
    let value = ops::convert(&mut c, sum, p.dtype, total)?;
    let to = advanced(&mut c, to, at, p.dtype.size() as i64);
    let bits = if matches!(p.dtype, DType::F16 | DType::BF16) { 16 } else { bits };
    c.put(format_args!("st.global.b{bits} [{to}], {value}"));
    c.place(end);
    Ok(Entry { name: String::new(), addresses: 2, threads: THREADS as u32, shared: 0, code: c })
}

/// The most results: their numbers have 31 bits.
pub const MOST_RESULTS: usize = 1 << 30;
