//! The forms of a compiled jaxpr: program, kernels, machine code; and its costs.
//!
//! Texts of code exist only if the executable was compiled to keep them
//! ([`Executable::inspectable`]).

use super::device;
use super::executable::Executable;
use super::subnormals::compile_options;
use crate::core::jaxpr::Jaxpr;
use cotangent_jit::Error;
use cotangent_jit::backend::CompileOptions;
use cotangent_jit::cost;
use std::fmt;

/// The costs of running and holding an executable.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Costs {
    /// Float operations of one run; while loops count one round.
    pub flops: f64,
    /// Bytes that kernels and routines read, each buffer once per launch.
    pub bytes_read: f64,
    pub bytes_written: f64,
    /// Bytes of scratch memory during a run.
    pub arena: usize,
    /// Bytes of machine code.
    pub code_size: usize,
    /// Different kernels.
    pub kernels: usize,
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} flops, {} bytes read, {} bytes written, {} bytes of scratch, {} kernels in {} \
             bytes of code",
            self.flops,
            self.bytes_read,
            self.bytes_written,
            self.arena,
            self.kernels,
            self.code_size
        )
    }
}

impl Executable {
    /// Compiled for the default device with the texts of its code kept.
    pub fn inspectable(jaxpr: &Jaxpr, name: &str) -> Result<Executable, Error> {
        let options = CompileOptions { keep_text: true, ..compile_options() };
        Executable::compile(jaxpr, name, device::default_place()?, &options)
    }

    /// Slots, steps and kernels as text.
    pub fn program_text(&self) -> String {
        self.program().get().to_string()
    }

    /// The kernels alone, as text.
    pub fn kernels_text(&self) -> String {
        let texts: Vec<String> = self.program().kernels.iter().map(|k| k.to_string()).collect();
        texts.join("\n")
    }

    /// The text of a stage of the backend's code, if it was kept: `"clif"` or `"asm"` on the CPU.
    pub fn code_text(&self, stage: &str) -> Option<String> {
        self.compiled().text(stage)
    }

    pub fn costs(&self) -> Result<Costs, Error> {
        let program = self.program().get();
        let counted = cost::cost(program)?;
        Ok(Costs {
            flops: counted.flops,
            bytes_read: counted.bytes_read,
            bytes_written: counted.bytes_written,
            arena: program.arena,
            code_size: self.compiled().code_size(),
            kernels: program.kernels.len(),
        })
    }
}
