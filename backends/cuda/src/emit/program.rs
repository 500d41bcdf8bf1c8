//! A program as items: entries for its kernels, and for loops that one block can run as a whole.

use super::conditions::Guards;
use super::{beside, block, conditions, rows, task};
use crate::plan::routines::{DOT, as_kernels};
use crate::plan::{
    self, Address, Argument, Gemm, Item, Plan, Rows, Target, Tasks, alignment, graphs, may_be_one,
    tasks,
};
use crate::products::{self, Operand};
use crate::ptx::{Entry, Source};
use crate::sorts::{self, Memory, Stage};
use cotangent_jit::program::{Program, Routine, SlotId, Step, View};
use cotangent_jit::{Error, err};
use rustc_hash::FxHashMap;

/// The plan of a program on real numbers, in entries of our own.
pub fn plan(program: &Program, target: Target) -> Result<Plan, Error> {
    plan_with(program, target, &mut |_| Ok(false))
}

/// The plan of a program on real numbers. `takes` tells whether a library computes a product.
pub fn plan_with(
    program: &Program,
    target: Target,
    takes: &mut dyn FnMut(&Gemm) -> Result<bool, Error>,
) -> Result<Plan, Error> {
    let given = program.kernels.len();
    let program = as_kernels(program, &products::is_tiled);
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
    let mut b = Builder {
        program: &program,
        kernels: &kernels,
        aliased: &facts.aliased,
        scratch,
        most,
        entries: Vec::new(),
        uses: program.uses(),
        first: FxHashMap::default(),
        beside: FxHashMap::default(),
        stages: Vec::new(),
        known: FxHashMap::default(),
        takes,
        products: Vec::new(),
        again: 0,
        library: target.library,
    };
    let items = b.steps(&program.steps, 0)?;
    let (arena, products, mut guards) = (scratch + b.most, b.products, Guards::new(b.entries));
    let mut make = |function, sources: &[Source]| guards.entry(function, sources);
    let (mut items, graphs) = graphs(items, target.conditions.then_some(&mut make));
    let entries = conditions::drop_unused(guards.entries, &mut items);
    let launches = plan::launches(&items);
    Ok(Plan { entries, items, products, graphs, arena, launches })
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
            let found = alignment(&Address::of(program, view, 0));
            let known = &mut self.alignment[kernel][n];
            *known = (*known).min(found);
        }
        let slots = |n: usize| args[n].slot;
        let same = |a: usize| (0..a).any(|b| may_be_one(program, slots(a), slots(b)));
        let same = (0..args.len()).any(same);
        self.aliased[kernel] |= same;
    }
}

struct Builder<'a> {
    program: &'a Program,
    kernels: &'a [Tasks],
    aliased: &'a [bool],
    /// Where scratch memory begins in the memory of a run.
    scratch: usize,
    /// The most bytes of scratch memory that anything needs.
    most: usize,
    entries: Vec<Entry>,
    /// The number of views of each slot.
    uses: FxHashMap<SlotId, usize>,
    /// The first entry of each kernel that has entries.
    first: FxHashMap<usize, usize>,
    /// The entry and the blocks of kernels that run side by side.
    beside: FxHashMap<Vec<usize>, (usize, u64)>,
    /// The launches of routines that have entries.
    stages: Vec<(Stage, usize)>,
    /// The launches of each routine with entries, by the alignment of its arguments; their entries
    /// by number.
    known: FxHashMap<(Routine, Vec<usize>), Vec<Known>>,
    /// Whether a library computes a product.
    takes: &'a mut dyn FnMut(&Gemm) -> Result<bool, Error>,
    /// Those that it computes.
    products: Vec<Gemm>,
    /// The loops and branches around the steps that are planned.
    again: usize,
    library: usize,
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
        let mut left = steps;
        while let [step, rest @ ..] = left {
            if let Some(rows) = plan::rows(self.program, self.kernels, &self.uses, left) {
                items.push(self.rows(&rows, depth)?);
                left = &left[rows.steps.len()..];
                continue;
            }
            let beside = plan::beside(self.program, self.kernels, left);
            let alone = (1..beside.len()).find(|n| {
                plan::rows(self.program, self.kernels, &self.uses, &left[*n..]).is_some()
            });
            let count = alone.unwrap_or(beside.len());
            if count > 1 {
                items.push(self.beside(&beside[..count], depth)?);
                left = &left[count..];
                continue;
            }
            left = rest;
            if block::fits(step, self.kernels) {
                items.push(self.block(step, depth)?);
                continue;
            }
            let address = |v: &View| Address::of(self.program, v, depth);
            match step {
                Step::Launch { kernel, args } => {
                    self.launch(kernel.0 as usize, args, depth, &mut items)?
                }
                Step::Routine { routine, args } => {
                    let shared = |n: usize| {
                        let output = args[args.len() / 2 + n].slot;
                        may_be_one(self.program, args[n].slot, output)
                    };
                    match sorts::launches(routine, shared) {
                        Some(launches) => self.sort(launches, args, depth, &mut items),
                        None => {
                            let args = args.iter().map(address).collect();
                            self.routine(routine, args, depth, &mut items)?;
                        }
                    }
                }
                Step::Host { call, args } => items.push(Item::Host {
                    call: call.clone(),
                    args: args.iter().map(address).collect(),
                }),
                Step::Copy { .. } => return Err(err!(Compile, "cuda: a copy is no kernel")),
                Step::Loop { trips, body } => {
                    let body = self.inner(body, depth + 1)?;
                    items.push(Item::Loop { trips: *trips, body });
                }
                Step::While { test, holds, body, limit } => items.push(Item::While {
                    test: self.inner(test, depth + 1)?,
                    holds: Address::of(self.program, holds, depth + 1),
                    body: self.inner(body, depth + 1)?,
                    limit: *limit,
                }),
                Step::Branch { index, arms } => items.push(Item::Branch {
                    index: address(index),
                    arms: arms.iter().map(|a| self.inner(a, depth)).collect::<Result<_, _>>()?,
                }),
            }
        }
        Ok(items)
    }

    /// The steps of a loop or a branch.
    fn inner(&mut self, steps: &[Step], depth: usize) -> Result<Vec<Item>, Error> {
        self.again += 1;
        let items = self.steps(steps, depth);
        self.again -= 1;
        items
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

    fn launch(
        &mut self,
        kernel: usize,
        args: &[View],
        depth: usize,
        items: &mut Vec<Item>,
    ) -> Result<(), Error> {
        let first = self.entries(kernel)?;
        for (n, task) in self.kernels[kernel].tasks.iter().enumerate() {
            let buffers = args.iter().map(|v| Address::of(self.program, v, depth));
            let scratch = task.scratch.iter().map(|at| Address::arena(self.scratch + at, depth));
            let args = buffers.chain(scratch).map(Argument::Address).collect();
            items.push(Item::Launch { entry: first + n, blocks: task::blocks(task), args });
        }
        Ok(())
    }

    /// Launches that run side by side.
    fn beside(&mut self, launches: &[(usize, &[View])], depth: usize) -> Result<Item, Error> {
        let key: Vec<usize> = launches.iter().map(|(kernel, _)| *kernel).collect();
        let known = self.beside.get(&key).copied();
        let (entry, blocks) = match known {
            Some(known) => known,
            None => {
                let name = format!("k{}", self.entries.len());
                let parts: Vec<(&Tasks, bool)> =
                    key.iter().map(|k| (&self.kernels[*k], self.aliased[*k])).collect();
                let (entry, blocks) = beside::entry(&name, &parts)?;
                self.entries.push(entry);
                self.beside.insert(key, (self.entries.len() - 1, blocks));
                (self.entries.len() - 1, blocks)
            }
        };
        let views = launches.iter().flat_map(|(_, args)| args.iter());
        let args = views.map(|v| Argument::Address(Address::of(self.program, v, depth))).collect();
        Ok(Item::Launch { entry, blocks, args })
    }

    /// Launches that a warp takes a row through.
    fn rows(&mut self, rows: &Rows, depth: usize) -> Result<Item, Error> {
        let name = format!("k{}", self.entries.len());
        let (entry, args, blocks) = rows::entry(&name, self.program, self.kernels, rows, depth)?;
        self.entries.push(entry);
        Ok(Item::Launch { entry: self.entries.len() - 1, blocks, args })
    }

    /// The launches of a sort.
    fn sort(
        &mut self,
        launches: sorts::Launches,
        args: &[View],
        depth: usize,
        items: &mut Vec<Item>,
    ) {
        self.most = self.most.max(launches.scratch);
        for launch in launches.all {
            let blocks = launch.stage.blocks() as u64;
            let args = launch.args.iter().map(|m| match m {
                Memory::Argument(n) => Address::of(self.program, &args[*n], depth),
                Memory::Scratch(at) => Address::arena(self.scratch + at, depth),
            });
            let args = args.map(Argument::Address).collect();
            let known = self.stages.iter().find(|(stage, _)| *stage == launch.stage);
            let entry = known.map_or(self.entries.len(), |(_, entry)| *entry);
            if entry == self.entries.len() {
                let name = format!("k{entry}");
                self.entries.push(sorts::entry(&name, &launch.stage, 0));
                self.stages.push((launch.stage, entry));
            }
            items.push(Item::Launch { entry, blocks, args });
        }
    }

    /// A product for a library, the launches of one, or the routine for the host.
    fn routine(
        &mut self,
        routine: &Routine,
        args: Vec<Address>,
        depth: usize,
        items: &mut Vec<Item>,
    ) -> Result<(), Error> {
        let key = (routine.clone(), args.iter().map(alignment).collect::<Vec<usize>>());
        // In loops and branches more is lost: without the call they would be parts of a graph.
        let least = if self.again > 0 { 2 * self.library } else { self.library };
        if let Some(gemm) = products::for_library(routine, &key.1, least)
            && (self.takes)(&gemm)?
        {
            items.push(self.product(gemm, args)?);
            return Ok(());
        }
        if !self.known.contains_key(&key)
            && let Some(made) = products::launches(routine, &key.1)
        {
            self.most = self.most.max(made.scratch);
            let mut known = Vec::with_capacity(made.all.len());
            for products::Launch { mut entry, blocks, operands } in made.all {
                entry.name = format!("k{}", self.entries.len());
                known.push(Known { entry: self.entries.len(), blocks, operands });
                self.entries.push(entry);
            }
            self.known.insert(key.clone(), known);
        }
        let Some(known) = self.known.get(&key) else {
            items.push(Item::Routine { routine: key.0, args });
            return Ok(());
        };
        for Known { entry, blocks, operands } in known {
            let address = |o: &Operand| match o {
                Operand::Argument(n) => args[*n].clone(),
                Operand::Scratch(at) => Address::arena(self.scratch + at, depth),
            };
            let args = operands.iter().map(|o| Argument::Address(address(o))).collect();
            items.push(Item::Launch { entry: *entry, blocks: *blocks, args });
        }
        Ok(())
    }

    /// A product that a library computes. What is on the right in rows is on the left in columns.
    fn product(&mut self, gemm: Gemm, args: Vec<Address>) -> Result<Item, Error> {
        let Ok([lhs, rhs, out]) = <[Address; 3]>::try_from(args) else {
            return Err(err!(Compile, "cuda: a product has three arguments"));
        };
        let number = self.products.iter().position(|p| *p == gemm).unwrap_or_else(|| {
            self.products.push(gemm);
            self.products.len() - 1
        });
        Ok(Item::Product { number, args: [rhs, lhs, out] })
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
