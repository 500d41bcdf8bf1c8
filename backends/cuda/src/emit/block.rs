//! Control flow that one block runs as a whole: its threads share the points of every kernel inside
//! and meet at a barrier between two tasks, so that no round of a loop goes through the host.

use super::task;
use crate::plan::{Address, Argument, Task, Tasks, Work};
use crate::ptx::{Class, Code, Entry, Value};
use cotangent_jit::program::{Program, SlotId, Step, View};
use cotangent_jit::{Error, err};

/// The most threads of a task that a block takes over.
const MOST_THREADS: usize = 1 << 13;
/// The most points of a task, those of its reduce loops included.
const MOST_POINTS: usize = 1 << 16;
/// The most nodes of all kernels in one entry.
const MOST_NODES: usize = 6000;
/// The most threads of a block.
const BLOCK: usize = 512;

/// Whether a step is control flow that one block can run.
pub fn fits(step: &Step, kernels: &[Tasks]) -> bool {
    let flow = matches!(step, Step::Loop { .. } | Step::While { .. } | Step::Branch { .. });
    flow && nodes(step, kernels).is_some_and(|n| n <= MOST_NODES)
}

/// The nodes of all kernels of a step; `None` if something in it is not for one block.
fn nodes(step: &Step, kernels: &[Tasks]) -> Option<usize> {
    let all = |steps: &[Step]| steps.iter().map(|s| nodes(s, kernels)).sum();
    match step {
        Step::Launch { kernel, .. } => {
            let k = &kernels[kernel.0 as usize];
            let alone = |t: &Task| matches!(t.work, Work::Tile | Work::Sort(_));
            let small = k.tasks.iter().all(|t| t.threads <= MOST_THREADS && !alone(t))
                && k.shape.kernel.points() <= MOST_POINTS;
            small.then(|| k.tasks.len() * k.shape.kernel.nodes.len())
        }
        Step::Loop { body, .. } => all(body),
        Step::While { test, body, .. } => {
            let (test, body): (Option<usize>, Option<usize>) = (all(test), all(body));
            Some(test? + body?)
        }
        Step::Branch { arms, .. } => arms.iter().map(|a| all(a)).sum(),
        Step::Routine { .. } | Step::Host { .. } | Step::Copy { .. } => None,
    }
}

/// What an entry needs of the program around it.
pub struct Context<'a> {
    pub program: &'a Program,
    pub kernels: &'a [Tasks],
    /// Where scratch memory begins in the memory of a run.
    pub scratch: usize,
    /// The number of enclosing loops, which the host runs.
    pub depth: usize,
}

/// An entry for one block that runs a step, and its parameters.
pub fn entry(name: &str, step: &Step, context: &Context) -> Result<(Entry, Vec<Argument>), Error> {
    let mut most = 32;
    widest(step, context.kernels, &mut most);
    let threads = most.next_power_of_two().clamp(32, BLOCK);
    let mut block = Block {
        context,
        code: Code::default(),
        threads,
        place: Value::int(0),
        args: Vec::new(),
        bases: Vec::new(),
        counters: Vec::new(),
    };
    for n in 0..context.depth {
        let value = block.parameter(Argument::Counter { of: n, depth: context.depth });
        block.counters.push(value);
    }
    for n in 0..context.program.slots.len() as u32 {
        let value = if block.uses(step, SlotId(n)) { block.slot(SlotId(n)) } else { None };
        block.bases.push(value);
    }
    let scratch =
        block.parameter(Argument::Address(Address::arena(context.scratch, context.depth)));
    block.place = block.code.get(Class::B32, "mov.u32", format_args!("%tid.x"));
    block.step(step, scratch)?;
    let Block { code, args, .. } = block;
    let entry = Entry {
        name: name.into(),
        addresses: args.len(),
        threads: threads as u32,
        shared: 0,
        code,
    };
    Ok((entry, args))
}

/// The most threads that a task inside of a step asks for.
fn widest(step: &Step, kernels: &[Tasks], most: &mut usize) {
    match step {
        Step::Launch { kernel, .. } => {
            let tasks = &kernels[kernel.0 as usize].tasks;
            *most = tasks.iter().map(|t| t.threads).fold(*most, usize::max);
        }
        Step::Loop { body, .. } => body.iter().for_each(|s| widest(s, kernels, most)),
        Step::While { test, body, .. } => {
            test.iter().chain(body).for_each(|s| widest(s, kernels, most));
        }
        Step::Branch { arms, .. } => arms.iter().flatten().for_each(|s| widest(s, kernels, most)),
        Step::Routine { .. } | Step::Host { .. } | Step::Copy { .. } => {}
    }
}

struct Block<'a> {
    context: &'a Context<'a>,
    code: Code,
    threads: usize,
    /// The number of the thread.
    place: Value,
    args: Vec<Argument>,
    /// The addresses of the slots that the step uses.
    bases: Vec<Option<Value>>,
    /// Those of the enclosing loops, of 64 bits.
    counters: Vec<Value>,
}

impl Block<'_> {
    fn parameter(&mut self, argument: Argument) -> Value {
        let n = self.args.len();
        self.args.push(argument);
        self.code.get(Class::B64, "ld.param.u64", format_args!("[a{n}]"))
    }

    /// The address of a slot.
    fn slot(&mut self, id: SlotId) -> Option<Value> {
        let address = Address::of(self.context.program, &View::whole(id), self.context.depth);
        Some(self.parameter(Argument::Address(address)))
    }

    fn uses(&self, step: &Step, id: SlotId) -> bool {
        let any = |steps: &[Step]| steps.iter().any(|s| self.uses(s, id));
        match step {
            Step::Launch { args, .. } | Step::Routine { args, .. } | Step::Host { args, .. } => {
                args.iter().any(|v| v.slot == id)
            }
            Step::Copy { from, to, .. } => from.slot == id || to.slot == id,
            Step::Loop { body, .. } => any(body),
            Step::While { test, holds, body, .. } => holds.slot == id || any(test) || any(body),
            Step::Branch { index, arms } => index.slot == id || arms.iter().any(|a| any(a)),
        }
    }

    fn barrier(&mut self) {
        self.code.put(format_args!("bar.sync 0"));
    }

    /// The address of a view with the counters as they are.
    fn address(&mut self, view: &View) -> Result<Value, Error> {
        let size = self.context.program.slot(view.slot).dtype.size() as i64;
        let base = self.bases[view.slot.0 as usize];
        let mut address =
            base.ok_or_else(|| err!(Compile, "cuda: slot {} is not here", view.slot.0))?;
        for (n, counter) in self.counters.iter().enumerate() {
            let stride = view.at.stride(n) * size;
            if stride != 0 {
                let operands = format_args!("{counter}, {stride}, {address}");
                address = self.code.get(Class::B64, "mad.lo.s64", operands);
            }
        }
        let offset = view.at.offset * size;
        if offset != 0 {
            address = self.code.get(Class::B64, "add.s64", format_args!("{address}, {offset}"));
        }
        Ok(address)
    }

    fn steps(&mut self, steps: &[Step], scratch: Value) -> Result<(), Error> {
        steps.iter().try_for_each(|s| self.step(s, scratch))
    }

    fn step(&mut self, step: &Step, scratch: Value) -> Result<(), Error> {
        match step {
            Step::Launch { kernel, args } => self.launch(kernel.0 as usize, args, scratch),
            Step::Loop { trips: 0, .. } => Ok(()),
            Step::Loop { trips, body } => {
                let again = self.enter();
                self.steps(body, scratch)?;
                let counter = self.count();
                let more = format_args!("{counter}, {trips}");
                let more = self.code.get(Class::Pred, "setp.lt.s64", more);
                self.code.put(format_args!("@{more} bra {again}"));
                self.counters.pop();
                Ok(())
            }
            Step::While { test, holds, body, limit } => {
                let again = self.enter();
                let done = self.code.label();
                self.steps(test, scratch)?;
                let at = self.address(holds)?;
                let holds = self.code.get(Class::B32, "ld.global.u8", format_args!("[{at}]"));
                let ends = self.code.get(Class::Pred, "setp.eq.u32", format_args!("{holds}, 0"));
                // No thread may write it again before all have read it.
                self.barrier();
                self.code.put(format_args!("@{ends} bra {done}"));
                if let Some(limit) = limit {
                    let counter = self.counters[self.counters.len() - 1];
                    let over = format_args!("{counter}, {limit}");
                    let over = self.code.get(Class::Pred, "setp.ge.s64", over);
                    self.code.put(format_args!("@{over} bra {done}"));
                }
                self.steps(body, scratch)?;
                self.count();
                self.code.put(format_args!("bra {again}"));
                self.code.place(done);
                self.counters.pop();
                Ok(())
            }
            Step::Branch { index, arms } => self.branch(index, arms, scratch),
            Step::Routine { .. } | Step::Host { .. } | Step::Copy { .. } => {
                Err(err!(Compile, "cuda: a step that is not for one block"))
            }
        }
    }

    /// Begins a loop: its counter, and the place to which it goes back.
    fn enter(&mut self) -> crate::ptx::Label {
        let counter = self.code.copy(Value::long(0));
        self.counters.push(counter);
        let again = self.code.label();
        self.code.place(again);
        again
    }

    /// Counts one iteration of the innermost loop.
    fn count(&mut self) -> Value {
        let counter = self.counters[self.counters.len() - 1];
        self.code.put(format_args!("add.s64 {counter}, {counter}, 1"));
        counter
    }

    fn branch(&mut self, index: &View, arms: &[Vec<Step>], scratch: Value) -> Result<(), Error> {
        let at = self.address(index)?;
        let n = self.code.get(Class::B32, "ld.global.b32", format_args!("[{at}]"));
        self.barrier();
        let done = self.code.label();
        let last = arms.len().saturating_sub(1);
        for (which, arm) in arms.iter().enumerate() {
            let next = self.code.label();
            // The first arm also takes what lies below, the last what lies above.
            if which < last {
                let other = self.code.get(Class::Pred, "setp.gt.s32", format_args!("{n}, {which}"));
                self.code.put(format_args!("@{other} bra {next}"));
            }
            self.steps(arm, scratch)?;
            self.code.put(format_args!("bra {done}"));
            self.code.place(next);
        }
        self.code.place(done);
        Ok(())
    }

    /// All tasks of a kernel, each followed by a barrier.
    fn launch(&mut self, kernel: usize, args: &[View], scratch: Value) -> Result<(), Error> {
        let tasks = &self.context.kernels[kernel];
        for (n, task) in tasks.tasks.iter().enumerate() {
            let mut bases = Vec::with_capacity(args.len() + task.scratch.len());
            for view in args {
                bases.push(self.address(view)?);
            }
            for at in &task.scratch {
                bases.push(self.code.get(Class::B64, "add.s64", format_args!("{scratch}, {at}")));
            }
            self.task(tasks, n, &bases)?;
            self.barrier();
        }
        Ok(())
    }

    /// The threads of a task, shared among those of the block. All threads of a warp take part in
    /// as many rounds.
    fn task(&mut self, tasks: &Tasks, n: usize, bases: &[Value]) -> Result<(), Error> {
        let threads = tasks.tasks[n].threads;
        if threads <= self.threads {
            let place = self.place;
            return self.thread(tasks, n, bases, place);
        }
        let thread = self.code.copy(self.place);
        let again = self.code.label();
        self.code.place(again);
        self.thread(tasks, n, bases, thread)?;
        let step = self.threads;
        self.code.put(format_args!("add.s32 {thread}, {thread}, {step}"));
        let most = threads.next_multiple_of(step);
        let more = self.code.get(Class::Pred, "setp.lt.s32", format_args!("{thread}, {most}"));
        self.code.put(format_args!("@{more} bra {again}"));
        Ok(())
    }

    fn thread(
        &mut self,
        tasks: &Tasks,
        n: usize,
        bases: &[Value],
        thread: Value,
    ) -> Result<(), Error> {
        let thread = match tasks.shape.wide {
            true => self.code.get(Class::B64, "cvt.u64.u32", format_args!("{thread}")),
            false => thread,
        };
        let code = std::mem::take(&mut self.code);
        // What one task writes another reads: no load may go past the barriers.
        self.code = task::emit(code, tasks, n, bases, thread, true)?;
        Ok(())
    }
}
