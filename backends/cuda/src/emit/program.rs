//! A program as items: entries for its kernels, and for loops that one block can run as a whole.

use super::block;
use super::task;
use crate::plan::routines::{DOT, as_kernels};
use crate::plan::{Address, Argument, Counts, Item, Plan, Target, Tasks, alignment, tasks};
use crate::ptx::Entry;
use crate::routines::{self, Operand};
use cotangent_jit::program::{Program, Routine, SlotId, SlotKind, Step, View};
use cotangent_jit::{Error, err};
use rustc_hash::FxHashMap;

/// The plan of a program on real numbers.
pub fn plan(program: &Program, target: Target) -> Result<Plan, Error> {
    let given = program.kernels.len();
    let program = as_kernels(program, &routines::is_tiled);
    let mut facts = Facts::new(&program);
    facts.steps(&program, &program.steps);
    let kernels = program.kernels.iter().zip(&facts.alignment).enumerate();
    let kernels = kernels.map(|(n, (k, alignment))| {
        let product = n >= given && k.name == DOT;
        let tasks = tasks(k, alignment, Target { product, ..target });
        tasks.map_err(|e| e.context(format!("kernel {}", k.name)))
    });
    let kernels: Vec<Tasks> = kernels.collect::<Result<_, _>>()?;
    let scratch = program.arena.next_multiple_of(256);
    let most = kernels.iter().map(|k| k.scratch).max().unwrap_or(0);
    let first = FxHashMap::default();
    let mut b = Builder {
        program: &program,
        kernels: &kernels,
        aliased: &facts.aliased,
        scratch,
        most,
        entries: Vec::new(),
        first,
        known: FxHashMap::default(),
    };
    let items = b.steps(&program.steps, 0)?;
    let counts = Counts::of(&items);
    Ok(Plan { entries: b.entries, items, arena: scratch + b.most, counts })
}

/// What all launches of a kernel have in common.
struct Facts {
    /// By kernel and buffer.
    alignment: Vec<Vec<usize>>,
    /// By kernel: two of its buffers may be one, of which it writes one.
    aliased: Vec<bool>,
}

impl Facts {
    fn new(program: &Program) -> Facts {
        let most = |k: &cotangent_jit::kernel::Kernel| vec![64; k.buffers.len()];
        Facts {
            alignment: program.kernels.iter().map(most).collect(),
            aliased: vec![false; program.kernels.len()],
        }
    }

    fn steps(&mut self, program: &Program, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Launch { kernel, args } => self.launch(program, kernel.0 as usize, args),
                Step::Loop { body, .. } => self.steps(program, body),
                Step::While { test, body, .. } => {
                    self.steps(program, test);
                    self.steps(program, body);
                }
                Step::Branch { arms, .. } => arms.iter().for_each(|a| self.steps(program, a)),
                Step::Routine { .. } | Step::Host { .. } | Step::Copy { .. } => {}
            }
        }
    }

    fn launch(&mut self, program: &Program, kernel: usize, args: &[View]) {
        for (n, view) in args.iter().enumerate() {
            let found = alignment(&Address::of(program, view));
            let known = &mut self.alignment[kernel][n];
            *known = (*known).min(found);
        }
        let slots = |n: usize| args[n].slot;
        let one = |a: SlotId, b: SlotId| {
            let pair = (program.slot(a).kind, program.slot(b).kind);
            a == b
                || match pair {
                    (SlotKind::Input(i), SlotKind::Output(o))
                    | (SlotKind::Output(o), SlotKind::Input(i)) => {
                        program.donations.contains(&(o, i))
                    }
                    _ => false,
                }
        };
        let same = (0..args.len()).any(|a| (0..a).any(|b| one(slots(a), slots(b))));
        self.aliased[kernel] |= same;
    }
}

struct Builder<'a> {
    program: &'a Program,
    kernels: &'a [Tasks],
    aliased: &'a [bool],
    /// Where scratch memory begins in the memory of a run.
    scratch: usize,
    /// Bytes of scratch memory.
    most: usize,
    entries: Vec<Entry>,
    /// The first entry of each kernel that has entries.
    first: FxHashMap<usize, usize>,
    /// The launches of each routine with entries, by the alignment of its arguments; their entries
    /// by number.
    known: FxHashMap<(Routine, Vec<usize>), Vec<Known>>,
}

/// A launch of an entry of a routine.
#[derive(Clone)]
struct Known {
    entry: usize,
    blocks: u64,
    operands: Vec<Operand>,
}

impl Builder<'_> {
    /// `depth` is the number of enclosing loops.
    fn steps(&mut self, steps: &[Step], depth: usize) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(steps.len());
        for step in steps {
            if block::fits(step, self.program, self.kernels) {
                items.push(self.block(step, depth)?);
                continue;
            }
            let address = |v: &View| Address::of(self.program, v);
            match step {
                Step::Launch { kernel, args } => {
                    self.launch(kernel.0 as usize, args, &mut items)?
                }
                Step::Routine { routine, args } => {
                    self.routine(routine, args.iter().map(address).collect(), &mut items);
                }
                Step::Host { call, args } => items.push(Item::Host {
                    call: call.clone(),
                    args: args.iter().map(address).collect(),
                }),
                Step::Copy { .. } => return Err(err!(Compile, "cuda: a copy is no kernel")),
                Step::Loop { trips, body } => {
                    let body = self.steps(body, depth + 1)?;
                    items.push(Item::Loop { trips: *trips, body });
                }
                Step::While { test, holds, body, limit } => items.push(Item::While {
                    test: self.steps(test, depth + 1)?,
                    holds: Address::of(self.program, holds),
                    body: self.steps(body, depth + 1)?,
                    limit: *limit,
                }),
                Step::Branch { index, arms } => items.push(Item::Branch {
                    index: Address::of(self.program, index),
                    arms: arms.iter().map(|a| self.steps(a, depth)).collect::<Result<_, _>>()?,
                }),
            }
        }
        Ok(items)
    }

    /// The entries of a kernel's tasks, which are made when the kernel is first launched.
    fn entries(&mut self, kernel: usize) -> Result<usize, Error> {
        if let Some(known) = self.first.get(&kernel) {
            return Ok(*known);
        }
        let (first, tasks) = (self.entries.len(), &self.kernels[kernel]);
        for n in 0..tasks.tasks.len() {
            let name = format!("k{}", self.entries.len());
            let entry = task::entry(&name, tasks, n, self.aliased[kernel]);
            let named = |e: Error| e.context(format!("kernel {}", tasks.shape.kernel.name));
            self.entries.push(entry.map_err(named)?);
        }
        self.first.insert(kernel, first);
        Ok(first)
    }

    fn launch(&mut self, kernel: usize, args: &[View], items: &mut Vec<Item>) -> Result<(), Error> {
        let first = self.entries(kernel)?;
        for (n, task) in self.kernels[kernel].tasks.iter().enumerate() {
            let buffers = args.iter().map(|v| Address::of(self.program, v));
            let scratch = task.scratch.iter().map(|at| Address::arena(self.scratch + at));
            let args = buffers.chain(scratch).map(Argument::Address).collect();
            items.push(Item::Launch { entry: first + n, blocks: task::blocks(task), args });
        }
        Ok(())
    }

    /// The launches of a routine, or the routine for the host.
    fn routine(&mut self, routine: &Routine, args: Vec<Address>, items: &mut Vec<Item>) {
        let key = (routine.clone(), args.iter().map(alignment).collect::<Vec<usize>>());
        if !self.known.contains_key(&key)
            && let Some(made) = routines::launches(routine, &key.1)
        {
            self.most = self.most.max(made.scratch);
            let mut known = Vec::with_capacity(made.all.len());
            for routines::Launch { mut entry, blocks, operands } in made.all {
                entry.name = format!("k{}", self.entries.len());
                known.push(Known { entry: self.entries.len(), blocks, operands });
                self.entries.push(entry);
            }
            self.known.insert(key.clone(), known);
        }
        let Some(known) = self.known.get(&key) else {
            items.push(Item::Routine { routine: key.0, args });
            return;
        };
        for Known { entry, blocks, operands } in known {
            let address = |o: &Operand| match o {
                Operand::Argument(n) => args[*n].clone(),
                Operand::Scratch(at) => Address::arena(self.scratch + at),
            };
            let args = operands.iter().map(|o| Argument::Address(address(o))).collect();
            items.push(Item::Launch { entry: *entry, blocks: *blocks, args });
        }
    }

    /// A step that one block runs.
    fn block(&mut self, step: &Step, depth: usize) -> Result<Item, Error> {
        let name = format!("k{}", self.entries.len());
        let context = block::Context {
            program: self.program,
            kernels: self.kernels,
            scratch: self.scratch,
            depth,
        };
        let (entry, args) = block::entry(&name, step, &context)?;
        self.entries.push(entry);
        Ok(Item::Launch { entry: self.entries.len() - 1, blocks: 1, args })
    }
}
