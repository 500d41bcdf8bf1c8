//! Launches that run side by side as one: each block belongs to one of them.

use super::task::{blocks_of, emit, threads_of};
use crate::plan::Tasks;
use crate::ptx::{Class, Code, Entry, Value};
use cotangent_jit::Error;

/// An entry for kernels of one task each, and its blocks. Its parameters are the addresses of the
/// buffers of the first kernel, then of the next, and so on.
pub fn entry(name: &str, parts: &[(&Tasks, bool)]) -> Result<(Entry, u64), Error> {
    let threads = parts.iter().map(|(tasks, _)| threads_of(&tasks.tasks[0])).max().unwrap_or(1);
    let mut code = Code::default();
    let names: Vec<&str> = parts.iter().map(|(t, _)| t.shape.kernel.name.as_str()).collect();
    code.comment(&names.join(", "));
    let mut special = |name: &str| code.get(Class::B32, "mov.u32", format_args!("{name}"));
    let (block, place) = (special("%ctaid.x"), special("%tid.x"));
    let end = code.label();
    let (mut addresses, mut first) = (0, 0);
    for (n, (tasks, aliased)) in parts.iter().enumerate() {
        let last = first + blocks_of(&tasks.tasks[0], threads);
        let next = code.label();
        if n + 1 < parts.len() {
            let over = code.get(Class::Pred, "setp.ge.u32", format_args!("{block}, {last}"));
            code.put(format_args!("@{over} bra {next}"));
        }
        let own = code.get(Class::B32, "sub.u32", format_args!("{block}, {first}"));
        let thread = if tasks.shape.wide {
            let place = code.get(Class::B64, "cvt.u64.u32", format_args!("{place}"));
            code.get(Class::B64, "mad.wide.u32", format_args!("{own}, {threads}, {place}"))
        } else {
            code.get(Class::B32, "mad.lo.u32", format_args!("{own}, {threads}, {place}"))
        };
        let count = tasks.shape.kernel.buffers.len();
        let bases: Vec<Value> = (addresses..addresses + count)
            .map(|n| code.get(Class::B64, "ld.param.u64", format_args!("[a{n}]")))
            .collect();
        code = emit(code, tasks, 0, &bases, thread, *aliased)?;
        code.put(format_args!("bra {end}"));
        code.place(next);
        (addresses, first) = (addresses + count, last);
    }
    code.place(end);
    Ok((Entry { name: name.into(), addresses, threads, shared: 0, code }, first))
}
