//! Entries, functions and modules as text.

use super::code::{Code, declare_set_condition};
use super::value::{Class, Value};
use smallvec::SmallVec;
use std::fmt::Write;

/// Above so many threads of a block, an assembler spills registers for the sake of further blocks,
/// unless it is told that one is enough.
const MANY: u32 = 256;

/// A function that the host launches. Its parameters are addresses, named `a0`, `a1` and so on.
pub struct Entry {
    pub name: String,
    pub addresses: usize,
    /// Threads of a block.
    pub threads: u32,
    /// Bytes of shared memory, as the array `shared`.
    pub shared: usize,
    pub code: Code,
}

/// The source of a parameter of an entry that runs under a condition of a graph, where the host
/// sets no parameters between two runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// It stays as it was when the graph was made.
    Own,
    /// The next word of the launch's row of a table in the device's memory, and multiples of
    /// counters, which lie there too.
    Row { terms: SmallVec<[(usize, i64); 2]> },
}

/// Parameters that come before those of [`Source::Own`]: the addresses of the row and of the
/// counters.
pub const FIRST: usize = 2;

impl Entry {
    /// The same function with its parameters from these sources.
    pub fn from_sources(&self, name: String, sources: &[Source]) -> Entry {
        let count = |n: usize, own: bool| {
            sources[..n].iter().filter(|s| matches!(s, Source::Own) == own).count()
        };
        let code = self.code.loading(|c, d, n| match &sources[n] {
            Source::Own => {
                c.put(format_args!("ld.param.u64 {d}, [a{}]", FIRST + count(n, true)));
            }
            Source::Row { terms } => {
                c.put(format_args!("ld.param.u64 {d}, [a0]"));
                c.put(format_args!("ld.global.u64 {d}, [{d}+{}]", 8 * count(n, false)));
                for (counter, stride) in terms {
                    let all = c.get(Class::B64, "ld.param.u64", format_args!("[a1]"));
                    let at = format_args!("[{all}+{}]", 8 * counter);
                    let counter = c.get(Class::B64, "ld.global.u64", at);
                    c.put(format_args!("mad.lo.s64 {d}, {counter}, {stride}, {d}"));
                }
            }
        });
        let addresses = FIRST + count(sources.len(), true);
        Entry { name, addresses, threads: self.threads, shared: self.shared, code }
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        let params: Vec<String> =
            (0..self.addresses).map(|n| format!("    .param .u64 a{n}")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, ".visible .entry {}(\n{}\n)", self.name, params.join(",\n"));
        let _ = writeln!(text, ".maxntid {}, 1, 1", self.threads);
        let together = self.code.together().max(u32::from(self.threads > MANY));
        if together > 0 {
            let _ = writeln!(text, ".minnctapersm {together}");
        }
        text.push_str("{\n");
        if self.shared > 0 {
            let _ = writeln!(text, "    .shared .align 16 .b8 shared[{}];", self.shared);
        }
        text + &self.code.text() + "    ret;\n}\n"
    }
}

/// The register that holds the argument of a function.
pub const ARGUMENT: &str = "x";

/// A function of a number of 64 bits, which gives another.
pub fn function(name: &str, result: Value, code: &Code) -> String {
    let head = format!(".func (.reg .b64 y) {name}(.reg .b64 {ARGUMENT})");
    format!("\n{head}\n{{\n{}    mov.b64 y, {result};\n    ret;\n}}\n", code.text())
}

/// A module of these entries and declarations, for compute capability 8.0 and later.
pub fn module(declarations: &str, entries: &[Entry]) -> String {
    let mut text = String::from(".version 7.0\n.target sm_80\n.address_size 64\n");
    text.push_str(declarations);
    if entries.iter().any(|e| e.code.sets_conditions()) {
        text.push_str(&declare_set_condition());
    }
    for entry in entries {
        text.push('\n');
        text.push_str(&entry.text());
    }
    text
}
