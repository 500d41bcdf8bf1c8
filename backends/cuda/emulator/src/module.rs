//! A module: entries, constants, variables.

use crate::decode::{entry, place};
use crate::fault::{Fault, FaultKind};
use crate::instruction::Kernel;
use crate::parse::parse;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Decoded PTX, without its text. A module belongs to no device.
#[derive(Debug)]
pub struct Module {
    pub(crate) id: u64,
    pub(crate) kernels: Vec<Kernel>,
    pub(crate) constant: Vec<u8>,
    /// The variables in global memory and their first bytes.
    pub(crate) globals: Vec<(String, Vec<u8>)>,
}

/// An entry of a module, as a driver sees it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a>(&'a Kernel);

impl Module {
    /// Reads and checks a module. It must begin with `.version`, `.target` and `.address_size 64`.
    ///
    /// ```
    /// use cotangent_cuda_emulator::{Device, Module};
    ///
    /// let text = "
    ///     .version 7.0
    ///     .target sm_80
    ///     .address_size 64
    ///     .visible .entry twice(.param .u64 x) {
    ///         .reg .b64 %a<3>;
    ///         .reg .b32 %r<3>;
    ///         ld.param.u64 %a0, [x];
    ///         mov.u32 %r0, %tid.x;
    ///         mad.wide.u32 %a1, %r0, 4, %a0;
    ///         ld.global.u32 %r1, [%a1];
    ///         add.u32 %r2, %r1, %r1;
    ///         st.global.u32 [%a1], %r2;
    ///         ret;
    ///     }";
    /// let module = Module::parse(text)?;
    /// let mut device = Device::new(0);
    /// let x = device.allocate(12)?;
    /// device.write(x, &[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])?;
    /// device.launch(&module, "twice", [1; 3], [3, 1, 1], 0, &x.to_le_bytes())?;
    /// assert_eq!(device.read(x, 12)?, [2, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0]);
    /// # Ok::<(), cotangent_cuda_emulator::Fault>(())
    /// ```
    pub fn parse(text: &str) -> Result<Module, Fault> {
        let text = parse(text)?;
        let variables = place(&text)?;
        let kernels = text.entries.iter().map(|e| entry(&text, &variables, e));
        let kernels = kernels.collect::<Result<_, Fault>>()?;
        let (constant, globals) = (variables.constant, variables.global);
        Ok(Module { id: NEXT.fetch_add(1, Ordering::Relaxed), kernels, constant, globals })
    }

    /// The entries, in the order of the text.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.kernels.iter().map(Entry)
    }

    /// The entry of a name.
    pub fn entry(&self, name: &str) -> Result<Entry<'_>, Fault> {
        let found = self.entries().find(|e| e.name() == name);
        let missing = || Fault::new(FaultKind::Name, format!("the module has no entry `{name}`"));
        found.ok_or_else(missing)
    }
}

impl<'a> Entry<'a> {
    pub fn name(&self) -> &'a str {
        &self.0.name
    }

    /// The offset and the bytes of each parameter.
    pub fn parameters(&self) -> &'a [(u32, u32)] {
        &self.0.params
    }

    /// The bytes of all parameters, with the padding between them.
    pub fn parameter_bytes(&self) -> u32 {
        self.0.param_bytes
    }

    /// The most threads of a block.
    pub fn max_threads(&self) -> u32 {
        let limit = self.0.exact_threads.or(self.0.max_threads);
        limit.map_or(1024, |t| t.iter().fold(1u32, |n, t| n.saturating_mul(*t)).min(1024))
    }

    /// The static shared memory.
    pub fn shared_bytes(&self) -> u32 {
        self.0.shared_bytes
    }

    /// The local memory of a thread.
    pub fn local_bytes(&self) -> u32 {
        self.0.local_bytes
    }

    /// The registers of each thread that the text names. An assembler needs fewer.
    pub fn registers(&self) -> usize {
        self.0.registers.len()
    }

    pub fn instructions(&self) -> usize {
        self.0.code.len()
    }

    pub(crate) fn kernel(&self) -> &'a Kernel {
        self.0
    }
}
