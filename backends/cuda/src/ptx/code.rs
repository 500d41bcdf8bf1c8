//! The body of an entry in the making: instructions, registers, labels.

use super::value::{Class, Value};
use std::fmt::{self, Write};

/// A place in the code that branches go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(u32);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$L{}", self.0)
    }
}

/// The function of the device that sets the condition of a node of a graph.
const SET_CONDITION: &str = "cudaGraphSetConditional";

/// Instructions, and how many registers of each class they use.
#[derive(Clone, Default)]
pub struct Code {
    text: String,
    registers: [u32; 4],
    labels: u32,
    together: u32,
}

impl Code {
    /// Asks for as few registers that a multiprocessor runs so many blocks at once, and allows as
    /// many as that leaves.
    pub fn run_together(&mut self, blocks: usize) {
        self.together = blocks as u32;
    }

    pub fn together(&self) -> u32 {
        self.together
    }

    pub fn register(&mut self, class: Class) -> Value {
        let n = &mut self.registers[class as usize];
        *n += 1;
        Value::Register(class, *n - 1)
    }

    /// Adds an instruction, without its semicolon.
    pub fn put(&mut self, instruction: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "    {instruction};");
    }

    /// Adds an instruction that gives a register of this class: `mnemonic d, operands`.
    pub fn get(&mut self, class: Class, mnemonic: &str, operands: fmt::Arguments<'_>) -> Value {
        let d = self.register(class);
        self.put(format_args!("{mnemonic} {d}, {operands}"));
        d
    }

    pub fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    pub fn place(&mut self, label: Label) {
        let _ = writeln!(self.text, "{label}:");
    }

    /// A line of comment.
    pub fn comment(&mut self, text: &str) {
        let text: String =
            text.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect();
        let _ = writeln!(self.text, "    // {text}");
    }

    /// The value in a register of its own, which may be written again.
    pub fn copy(&mut self, v: Value) -> Value {
        let d = self.register(v.class());
        self.set(d, v);
        d
    }

    /// Writes a register again.
    pub fn set(&mut self, d: Value, v: Value) {
        match (v.class(), v.known()) {
            (Class::Pred, Some(bits)) => {
                let zero = self.copy(Value::int(0));
                let test = if bits != 0 { "eq" } else { "ne" };
                self.put(format_args!("setp.{test}.b32 {d}, {zero}, 0"));
            }
            (class, _) => self.put(format_args!("mov.{} {d}, {v}", class.bits())),
        }
    }

    /// The value in a register.
    pub fn held(&mut self, v: Value) -> Value {
        if v.known().is_some() { self.copy(v) } else { v }
    }

    /// Sets the condition of this handle, of 64 bits, to a number of 32 bits. For one thread alone.
    pub fn set_condition(&mut self, handle: Value, number: Value) {
        self.text.push_str("    {\n");
        self.put(format_args!(".param .b64 handle"));
        self.put(format_args!(".param .b32 number"));
        self.put(format_args!("st.param.b64 [handle+0], {handle}"));
        self.put(format_args!("st.param.b32 [number+0], {number}"));
        self.put(format_args!("call.uni {SET_CONDITION}, (handle, number)"));
        self.text.push_str("    }\n");
    }

    /// Whether the instructions set conditions.
    pub fn sets_conditions(&self) -> bool {
        self.mentions(SET_CONDITION)
    }

    /// The same instructions, in which `load` stands for those that load parameters: it gets the
    /// register and the number of the parameter.
    pub fn loading(&self, mut load: impl FnMut(&mut Code, Value, usize)) -> Code {
        let text = String::with_capacity(self.text.len() + self.text.len() / 8);
        let mut code = Code { text, ..*self };
        for line in self.text.lines() {
            match parameter(line) {
                Some((register, n)) => load(&mut code, register, n),
                None => {
                    code.text.push_str(line);
                    code.text.push('\n');
                }
            }
        }
        code
    }

    /// Whether the instructions name this variable.
    pub fn mentions(&self, name: &str) -> bool {
        self.text.contains(name)
    }

    /// The declarations of the registers, then the instructions.
    pub fn text(&self) -> String {
        let mut all = String::new();
        for class in Class::ALL {
            let n = self.registers[class as usize];
            if n > 0 {
                let (kind, letter) = (class.bits(), class.letter());
                let _ = writeln!(all, "    .reg .{kind} %{letter}<{n}>;");
            }
        }
        all + &self.text
    }
}

/// The register and the number of a parameter, if a line loads one.
fn parameter(line: &str) -> Option<(Value, usize)> {
    let operands = line.trim_start().strip_prefix("ld.param.u64 %d")?;
    let (register, parameter) = operands.strip_suffix("];")?.split_once(", [a")?;
    Some((Value::Register(Class::B64, register.parse().ok()?), parameter.parse().ok()?))
}

/// The declaration of the function that sets conditions.
pub fn declare_set_condition() -> String {
    format!(".extern .func {SET_CONDITION}(.param .b64 handle, .param .b32 number);\n")
}
