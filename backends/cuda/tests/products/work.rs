//! Launches on the interpreter of PTX.

#![allow(dead_code)]

use cotangent_cuda::emit::module;
use cotangent_cuda::plan::{Address, Argument, Base, Item, Node, Plan};
use cotangent_cuda::products::{Launches, Operand};
use cotangent_cuda_emulator::{Device, Fault, Module};
use cotangent_jit::affine::Affine;

/// Launches of the entries of a text.
pub struct Work {
    pub text: String,
    launches: Vec<Launch>,
    arena: usize,
}

struct Launch {
    name: String,
    threads: u32,
    blocks: u64,
    args: Vec<Address>,
}

/// The launches of items, loops included.
fn unrolled(made: &Plan, items: &[Item], counters: &mut Vec<i64>, all: &mut Vec<Launch>) {
    for item in items {
        match item {
            Item::Launch { entry, blocks, args } => {
                all.push(fixed(made, *entry, *blocks, args, counters));
            }
            Item::Graph { graph, .. } => all.extend(graph.nodes.iter().map(|node| match node {
                Node::Launch(l) => fixed(made, l.entry, l.blocks, &l.args, counters),
                other => panic!("not a launch: {other:?}"),
            })),
            Item::Loop { trips, body } => {
                for n in 0..*trips {
                    counters.push(n as i64);
                    unrolled(made, body, counters, all);
                    counters.pop();
                }
            }
            other => panic!("neither a launch nor a loop: {other:?}"),
        }
    }
}

/// A launch with the values of the counters in its arguments.
fn fixed(made: &Plan, entry: usize, blocks: u64, args: &[Argument], counters: &[i64]) -> Launch {
    let address = |a: &Argument| match a {
        Argument::Address(at) => {
            let bytes = Affine::constant(at.bytes.at(counters));
            Address { bytes, ..at.clone() }
        }
        other => panic!("{other:?}"),
    };
    let args = args.iter().map(address).collect();
    let entry = &made.entries[entry];
    Launch { name: entry.name.clone(), threads: entry.threads, blocks, args }
}

impl Work {
    pub fn of_plan(made: Plan) -> Work {
        let mut launches = Vec::new();
        unrolled(&made, &made.items, &mut Vec::new(), &mut launches);
        Work { text: module(&made.entries), launches, arena: made.arena }
    }

    /// The launches of a routine with these arguments.
    pub fn of_launches(form: Launches, addresses: &[Address]) -> Work {
        let (mut entries, mut launches) = (Vec::new(), Vec::new());
        for (n, mut launch) in form.all.into_iter().enumerate() {
            let name = format!("k{n}");
            let address = |o: &Operand| match o {
                Operand::Argument(n) => addresses[*n].clone(),
                Operand::Scratch(at) => Address::arena(*at, 0),
            };
            let args = launch.operands.iter().map(address).collect();
            let (threads, blocks) = (launch.entry.threads, launch.blocks);
            launches.push(Launch { name: name.clone(), threads, blocks, args });
            launch.entry.name = name;
            entries.push(launch.entry);
        }
        Work { text: module(&entries), launches, arena: form.scratch }
    }

    /// What is left in the output of so many bytes; the threads run in an order from the seed.
    pub fn run(&self, inputs: &[Vec<u8>; 2], bytes: usize, seed: u64) -> Result<Vec<u8>, String> {
        let fault = |e: Fault| format!("{e}\n{}", self.text);
        let parsed = Module::parse(&self.text).map_err(fault)?;
        let mut device = Device::new(seed);
        let mut bases = Vec::new();
        for bytes in inputs {
            let address = device.allocate(bytes.len().max(1) as u64).map_err(fault)?;
            device.write(address, bytes).map_err(fault)?;
            bases.push(address);
        }
        let output = device.allocate(bytes.max(1) as u64).map_err(fault)?;
        device.write(output, &vec![0x55; bytes]).map_err(fault)?;
        let arena = device.allocate(self.arena.max(1) as u64).map_err(fault)?;
        for Launch { name, threads, blocks, args } in &self.launches {
            let address = |at: &Address| {
                let base = match at.base {
                    Base::Input(n) => bases[n],
                    Base::Output(_) => output,
                    Base::Arena => arena,
                };
                base.wrapping_add_signed(at.bytes.offset)
            };
            let params: Vec<u8> = args.iter().flat_map(|a| address(a).to_le_bytes()).collect();
            let (grid, block) = ([*blocks as u32, 1, 1], [*threads, 1, 1]);
            device.launch(&parsed, name, grid, block, 0, &params).map_err(fault)?;
        }
        device.read(output, bytes as u64).map_err(fault)
    }
}
