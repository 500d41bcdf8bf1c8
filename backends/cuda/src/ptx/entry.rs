//! Entries, functions and modules as text.

use super::code::Code;
use super::value::Value;
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

impl Entry {
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
    for entry in entries {
        text.push('\n');
        text.push_str(&entry.text());
    }
    text
}
