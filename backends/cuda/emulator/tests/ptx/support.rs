//! Modules, buffers and launches for the tests.

use cotangent_cuda_emulator::{Device, Fault, FaultKind, Module, Stats};
use std::hash::{DefaultHasher, Hash, Hasher};

const HEADER: &str = ".version 7.0\n.target sm_80\n.address_size 64\n";
/// The lines before the text of a test.
const LINES: u32 = 3;

/// A module of the oldest version and architecture that the backend emits for.
pub fn source(text: &str) -> String {
    format!("{HEADER}{text}")
}

pub fn module(text: &str) -> Module {
    let source = source(text);
    let module = Module::parse(&source).unwrap_or_else(|fault| panic!("{fault}\n{source}"));
    if let Ok(folder) = std::env::var("EMULATOR_PTX") {
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        std::fs::write(format!("{folder}/{:016x}.ptx", hasher.finish()), &source).unwrap();
    }
    module
}

/// An entry `f` of 64-bit parameters `p0`, `p1`, .., with registers of every type.
pub fn entry(params: usize, before: &str, body: &str) -> String {
    let params: Vec<String> = (0..params).map(|n| format!(".param .u64 p{n}")).collect();
    format!(
        "{before}\n.visible .entry f({}) .maxntid 1024 {{\n\
         .reg .pred %p<8>; .reg .b16 %h<16>; .reg .b32 %r<64>; .reg .b64 %a<32>;\n\
         .reg .f32 %f<32>; .reg .f64 %d<16>;\n{body}\nret; }}",
        params.join(", ")
    )
}

pub fn bytes<T: Copy, const N: usize>(values: &[T], to: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|v| to(*v)).collect()
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

pub fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// A device with buffers, and their addresses as parameters.
pub struct Gpu {
    pub device: Device,
    pub params: Vec<u64>,
}

impl Gpu {
    pub fn new(seed: u64) -> Gpu {
        Gpu { device: Device::new(seed), params: Vec::new() }
    }

    /// Adds a buffer that holds these bytes.
    pub fn holds(mut self, bytes: &[u8]) -> Gpu {
        let address = self.device.allocate(bytes.len() as u64).unwrap();
        self.device.write(address, bytes).unwrap();
        self.params.push(address);
        self
    }

    /// Adds a buffer that nobody has written.
    pub fn room(mut self, bytes: u64) -> Gpu {
        self.params.push(self.device.allocate(bytes).unwrap());
        self
    }

    pub fn number(mut self, n: u64) -> Gpu {
        self.params.push(n);
        self
    }

    pub fn launch(&mut self, module: &Module, grid: u32, block: u32) -> Result<Stats, Fault> {
        self.launch_with(module, grid, block, 0)
    }

    pub fn launch_with(
        &mut self,
        module: &Module,
        grid: u32,
        block: u32,
        shared: u32,
    ) -> Result<Stats, Fault> {
        let params = bytes(&self.params, u64::to_le_bytes);
        self.device.launch(module, "f", [grid, 1, 1], [block, 1, 1], shared, &params)
    }

    pub fn read(&mut self, param: usize, bytes: u64) -> Vec<u8> {
        self.device.read(self.params[param], bytes).unwrap()
    }
}

/// The line of the first text that holds a mark, as the interpreter counts.
pub fn line_of(text: &str, mark: &str) -> u32 {
    let found = text.lines().position(|l| l.contains(mark));
    LINES + 1 + found.unwrap_or_else(|| panic!("no line holds {mark}")) as u32
}

/// Expects a fault of a kind in the line that holds a mark.
pub fn expect_fault(result: Result<Stats, Fault>, kind: FaultKind, text: &str, mark: &str) {
    let fault = result.expect_err("the fault was not found");
    assert_eq!(fault.kind, kind, "{fault}");
    assert_eq!(fault.line, Some(line_of(text, mark)), "{fault}\n{text}");
    assert!(fault.block.is_some() && fault.thread.is_some(), "{fault}");
}
