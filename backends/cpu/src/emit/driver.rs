//! Emission of a whole program as one native driver: `fn(inputs, outputs, arena) -> failure`, where
//! the failure is 0 after success, else the address of the error of the host call at which the
//! program ended.
//!
//! Loops, branches and copies are native; small kernels are emitted in place, others are called
//! directly, and those with enough work go through the runtime, which shares them among threads.
//! Routines and host calls are calls of the runtime with data that the executable owns; after a
//! host call the driver checks for a failure. Loops and branches live in `control`.

use crate::code::{declare, isa};
use crate::emit::emitter::{Base, Emitter};
use crate::ops::pool::Pool;
use crate::ops::values::{memory, register};
use crate::plan::bands::Band;
use crate::plan::launch::{
    self, DRIVER, FunctionId, Prepared, SHARED_NANOSECONDS, STACK_ARENA, arena_bytes,
};
use crate::plan::outlines::Outlines;
use crate::plan::registers;
use crate::plan::row_loops::{self, RowLoop};
use crate::plan::rows;
use crate::plan::scatter::Scatter;
use crate::plan::stages::{Source, Stage};
use crate::run::{host, routines, runtime};
use cotangent_jit::affine::Affine;
use cotangent_jit::host::HostCall;
use cotangent_jit::program::{Program, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::{Error, err};
use cranelift_codegen::Context;
use cranelift_codegen::ir::{
    Block, BlockArg, FuncRef, InstBuilder, SigRef, StackSlot, StackSlotData, StackSlotKind, Value,
    types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Slots whose addresses are computed once at entry.
const EAGER_SLOTS: usize = 10;

pub struct Driver<'d, 'f> {
    pub b: FunctionBuilder<'f>,
    pub program: &'d Program,
    kernels: &'d [Prepared],
    outlines: &'d Outlines,
    pool: Pool,
    /// Values whose addresses generated code holds.
    owned: &'d mut Owned,
    pub inputs: Value,
    pub outputs: Value,
    pub arena: Value,
    scratch_at: usize,
    pub counters: Vec<Value>,
    pub slots: FxHashMap<SlotId, Value>,
    /// The elements of slots that are kept in registers.
    registers: FxHashMap<SlotId, Vec<Variable>>,
    buffers: Option<StackSlot>,
    signatures: FxHashMap<usize, SigRef>,
    imported: FxHashMap<FunctionId, FuncRef>,
    /// Loops that are shared by rows.
    loops: &'d [RowLoop<'d>],
    /// Launches that are done band by band.
    pub bands: &'d [Band<'d>],
    /// In the function of some rows: which of them these steps are for.
    pub part: Option<Part>,
    /// The block that returns a failure. The first host call creates it.
    failed: Option<Block>,
    flush: bool,
}

/// Rows from `first` to `last`.
#[derive(Clone, Copy)]
pub struct Part {
    /// The number of all rows.
    pub rows: usize,
    pub first: Value,
    pub last: Value,
    /// The number of rows of the part, if it is known.
    pub grain: Option<usize>,
}

/// The function to build: the driver, or one that works on some rows.
#[derive(Clone, Copy)]
pub enum Function<'d> {
    Driver,
    /// `fn(list, begin, end)`: the rows of a loop. The list has the driver's three parameters and
    /// the counters of the loops around.
    Loop(&'d RowLoop<'d>),
    /// `fn(list, begin, end, scratch)`: rows of launches. The list is the same.
    Band(&'d Band<'d>),
}

/// The data that generated code reads through addresses. Each value has an allocation of its own,
/// so its address stays.
#[derive(Default)]
pub struct Owned {
    pub routines: Vec<Arc<routines::Call>>,
    pub hosts: Vec<Arc<HostCall>>,
    pub scatters: Vec<Arc<routines::scatter::Scatter>>,
}

/// The inputs of the emission of a driver.
#[derive(Clone, Copy)]
pub struct Parts<'d> {
    pub program: &'d Program,
    pub kernels: &'d [Prepared],
    pub outlines: &'d Outlines,
    pub loops: &'d [RowLoop<'d>],
    pub bands: &'d [Band<'d>],
    /// The program flushes subnormal numbers, and host calls do not.
    pub flush: bool,
}

/// Fills the context with one of these functions.
pub fn build<'d>(
    context: &mut Context,
    scratch: &mut FunctionBuilderContext,
    Parts { program, kernels, outlines, loops, bands, flush }: Parts<'d>,
    which: Function<'d>,
    owned: &mut Owned,
) -> Result<Pool, Error> {
    context.func = match which {
        Function::Driver => declare::function(DRIVER, declare::returning(3)?),
        Function::Loop(only) => declare::function(only.id, declare::signature(3)?),
        Function::Band(only) => declare::function(only.id, declare::signature(4)?),
    };
    let frontend = isa::host(isa::Allocator::Careful)?.frontend_config();
    let mut b = FunctionBuilder::new(&mut context.func, scratch);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let parameters: Vec<Value> = b.block_params(entry).to_vec();
    let [mut inputs, mut outputs, mut arena] = parameters[..3] else {
        return Err(err!(Compile, "cpu: the driver has three parameters"));
    };
    let depth = match which {
        Function::Driver => None,
        Function::Loop(only) => Some(only.depth),
        Function::Band(only) => Some(only.depth),
    };
    let mut counters = Vec::new();
    if let Some(depth) = depth {
        let list = inputs;
        let mut get = |n: usize| b.ins().load(types::I64, memory(), list, 8 * n as i32);
        (inputs, outputs, arena) = (get(0), get(1), get(2));
        counters = (0..depth).map(|n| get(3 + n)).collect();
    }
    let (scratch_at, bytes) = arena_bytes(program, kernels);
    if depth.is_none() && bytes > 0 && bytes <= STACK_ARENA {
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes as u32, 4);
        let slot = b.create_sized_stack_slot(slot);
        arena = b.ins().stack_addr(types::I64, slot, 0);
    }
    let most = kernels.iter().flat_map(|k| &k.stages).map(|s| s.sources.len());
    let scatters = kernels.iter().filter_map(|k| Some(k.scatter.as_ref()?.sources.len()));
    let most = most.chain(scatters).chain(program.steps.iter().map(most_views));
    let depths = loops.iter().map(|l| l.depth).chain(bands.iter().map(|b| b.depth));
    let most = most.chain(depths.map(|d| 3 + d)).max().unwrap_or(0);
    let buffers = (most > 0).then(|| {
        let bytes = 8 * most as u32;
        b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3))
    });
    let pool = Pool::new(&mut b);
    let mut driver = Driver {
        b,
        program,
        kernels,
        outlines,
        pool,
        owned,
        inputs,
        outputs,
        arena,
        scratch_at,
        counters,
        slots: FxHashMap::default(),
        registers: FxHashMap::default(),
        buffers,
        signatures: FxHashMap::default(),
        imported: FxHashMap::default(),
        loops,
        bands: if depth.is_none() { bands } else { &[] },
        part: None,
        failed: None,
        flush,
    };
    if program.slots.len() <= EAGER_SLOTS {
        for n in 0..program.slots.len() {
            let slot = SlotId(n as u32);
            let address = driver.slot(slot);
            driver.slots.insert(slot, address);
        }
    }
    match which {
        Function::Driver => {}
        Function::Loop(only) => driver.rows_of_loop(only, [parameters[1], parameters[2]])?,
        Function::Band(only) => driver.band(only, [parameters[1], parameters[2], parameters[3]])?,
    }
    if depth.is_some() {
        driver.b.ins().return_(&[]);
        driver.b.finalize(frontend);
        return Ok(driver.pool);
    }
    for slot in registers::choose(program, kernels) {
        let Slot { dtype, len, .. } = *program.slot(slot);
        let t = register(dtype)?;
        let elements = (0..len).map(|_| driver.b.declare_var(t)).collect();
        driver.registers.insert(slot, elements);
    }
    driver.steps(&program.steps)?;
    driver.write_outputs();
    let well = driver.b.ins().iconst(types::I64, 0);
    driver.b.ins().return_(&[well]);
    if let Some(block) = driver.failed {
        driver.b.seal_block(block);
        driver.b.switch_to_block(block);
        let failure = driver.b.block_params(block)[0];
        driver.b.ins().return_(&[failure]);
    }
    driver.b.finalize(frontend);
    Ok(driver.pool)
}

/// The most views that a routine in this step takes.
fn most_views(step: &Step) -> usize {
    let most = |steps: &[Step]| steps.iter().map(most_views).max().unwrap_or(0);
    match step {
        Step::Launch { args, .. } | Step::Routine { args, .. } | Step::Host { args, .. } => {
            args.len()
        }
        Step::Copy { .. } => 0,
        Step::Loop { body, .. } => most(body),
        Step::While { test, body, .. } => most(test).max(most(body)),
        Step::Branch { arms, .. } => arms.iter().map(|a| most(a)).max().unwrap_or(0),
    }
}

impl Driver<'_, '_> {
    fn slot(&mut self, id: SlotId) -> Value {
        if let Some(v) = self.slots.get(&id) {
            return *v;
        }
        match self.program.slot(id).kind {
            SlotKind::Input(n) => {
                self.b.ins().load(types::I64, memory(), self.inputs, 8 * n as i32)
            }
            SlotKind::Output(n) => {
                self.b.ins().load(types::I64, memory(), self.outputs, 8 * n as i32)
            }
            SlotKind::Temp { arena_offset: 0 } => self.arena,
            SlotKind::Temp { arena_offset } => {
                self.b.ins().iadd_imm_s(self.arena, arena_offset as i64)
            }
        }
    }

    fn view(&mut self, view: &View) -> Value {
        let size = self.program.slot(view.slot).dtype.size() as i64;
        let mut address = self.slot(view.slot);
        for (n, counter) in self.counters.iter().enumerate() {
            let bytes = view.at.stride(n) * size;
            if bytes != 0 {
                let step = self.b.ins().imul_imm_s(*counter, bytes);
                address = self.b.ins().iadd(address, step);
            }
        }
        match view.at.offset * size {
            0 => address,
            bytes => self.b.ins().iadd_imm_s(address, bytes),
        }
    }

    /// The registers from the view's position on, if its slot is held in registers.
    fn held(&self, view: &View) -> Option<&[Variable]> {
        Some(&self.registers.get(&view.slot)?[view.at.offset as usize..])
    }

    /// Stores the outputs that are kept in registers.
    fn write_outputs(&mut self) {
        let held: Vec<(SlotId, Vec<Variable>)> =
            self.registers.iter().map(|(s, e)| (*s, e.clone())).collect();
        for (slot, elements) in held {
            let Slot { dtype, kind: SlotKind::Output(_), .. } = *self.program.slot(slot) else {
                continue;
            };
            let address = self.slot(slot);
            for (n, element) in elements.into_iter().enumerate() {
                let v = self.b.use_var(element);
                self.b.ins().store(memory(), v, address, (n * dtype.size()) as i32);
            }
        }
    }

    /// One element at a view.
    pub fn element(&mut self, view: &View) -> Result<Value, Error> {
        if let Some(elements) = self.held(view) {
            let element = elements[0];
            return Ok(self.b.use_var(element));
        }
        let t = register(self.program.slot(view.slot).dtype)?;
        let address = self.view(view);
        Ok(self.b.ins().load(t, memory(), address, 0))
    }

    pub fn steps(&mut self, steps: &[Step]) -> Result<(), Error> {
        let mut left = steps;
        while let [step, rest @ ..] = left {
            left = rest;
            if let Some(band) = self.bands.iter().find(|b| std::ptr::eq(&b.steps[0], step)) {
                self.launch_band(band)?;
                left = &rest[band.steps.len() - 1..];
                continue;
            }
            if let Some(shared) = self.loops.iter().find(|l| std::ptr::eq(l.step, step)) {
                self.share(shared)?;
                continue;
            }
            match step {
                Step::Launch { kernel, args } => {
                    let kernels = self.kernels;
                    let k = &kernels[kernel.0 as usize];
                    for (stage, function) in k.stages.iter().zip(&k.functions) {
                        self.launch(stage, *function, args)?;
                    }
                    if let Some(scatter) = &k.scatter {
                        self.scatter(scatter, args)?;
                    }
                }
                Step::Routine { routine, args } => {
                    let mut views: Vec<Value> = args.iter().map(|v| self.view(v)).collect();
                    let mut routine = routine.clone();
                    if let Some(Part { first, grain: Some(grain), .. }) = self.part
                        && let Some((part, moves)) = row_loops::part(&routine, grain)
                    {
                        routine = part;
                        for ((view, arg), by) in views.iter_mut().zip(args).zip(moves) {
                            *view = self.further(*view, first, by, arg);
                        }
                    }
                    let call = Arc::new(routines::Call::new(routine)?);
                    let data = std::ptr::from_ref(&*call) as i64;
                    self.owned.routines.push(call);
                    let list = self.list(&views);
                    let data = self.b.ins().iconst(types::I64, data);
                    self.call(routines::run as *const () as usize, &[data, list])?;
                }
                Step::Host { call, args } => self.host(call, args)?,
                Step::Copy { from, to, len } => self.copy(from, to, *len)?,
                Step::Loop { trips, body } => self.repeat(*trips, body)?,
                Step::While { test, holds, body, limit } => {
                    self.repeat_while(test, holds, body, *limit)?;
                }
                Step::Branch { index, arms } => self.branch(index, arms)?,
            }
        }
        Ok(())
    }

    /// Emits a call that lets threads run a loop, each on rows of its own.
    pub fn share(&mut self, shared: &RowLoop) -> Result<(), Error> {
        let mut list = vec![self.inputs, self.outputs, self.arena];
        list.extend(&self.counters);
        let list = self.list(&list);
        let function = declare::import(self.b.func, shared.id, declare::signature(3)?);
        let address = self.b.ins().func_addr(types::I64, function);
        let [rows, grain] =
            [shared.rows, shared.grain].map(|n| self.b.ins().iconst(types::I64, n as i64));
        self.call(runtime::launch as *const () as usize, &[address, list, rows, grain])
    }

    /// The steps of a shared loop, for the rows of one part.
    fn rows_of_loop(&mut self, only: &RowLoop, [first, last]: [Value; 2]) -> Result<(), Error> {
        let Step::Loop { trips, body } = only.step else { return Ok(()) };
        self.part = Some(Part { rows: only.rows, first, last, grain: Some(only.grain) });
        self.repeat(*trips, body)
    }

    /// The address `rows` rows further, where a row has `by` elements.
    fn further(&mut self, address: Value, rows: Value, by: i64, view: &View) -> Value {
        let bytes = by * self.program.slot(view.slot).dtype.size() as i64;
        let step = self.b.ins().imul_imm_s(rows, bytes);
        self.b.ins().iadd(address, step)
    }

    /// Stores addresses in memory, for functions that take a list of them.
    pub fn list(&mut self, addresses: &[Value]) -> Value {
        let Some(slot) = self.buffers else { return self.arena };
        for (n, v) in addresses.iter().enumerate() {
            self.b.ins().stack_store(types::I64, *v, slot, 8 * n as i32);
        }
        self.b.ins().stack_addr(types::I64, slot, 0)
    }

    /// Calls the runtime.
    pub fn call(&mut self, address: usize, args: &[Value]) -> Result<(), Error> {
        let signature = match self.signatures.get(&args.len()) {
            Some(s) => *s,
            None => {
                let s = self.b.import_signature(declare::signature(args.len())?);
                self.signatures.insert(args.len(), s);
                s
            }
        };
        let address = self.b.ins().iconst(types::I64, address as i64);
        self.b.ins().call_indirect(signature, address, args);
        Ok(())
    }

    /// Calls the host and leaves the program if that fails.
    fn host(&mut self, call: &HostCall, args: &[View]) -> Result<(), Error> {
        let call = Arc::new(call.clone());
        let data = std::ptr::from_ref(&*call) as i64;
        self.owned.hosts.push(call);
        let views: Vec<Value> = args.iter().map(|v| self.view(v)).collect();
        let list = self.list(&views);
        let signature = self.b.import_signature(declare::returning(2)?);
        let data = self.b.ins().iconst(types::I64, data);
        let run = if self.flush { host::run_unflushed } else { host::run };
        let address = self.b.ins().iconst(types::I64, run as *const () as i64);
        let done = self.b.ins().call_indirect(signature, address, &[data, list]);
        let failure = self.b.inst_results(done)[0];
        let failed = match self.failed {
            Some(block) => block,
            None => {
                let block = self.b.create_block();
                self.b.append_block_param(block, types::I64);
                self.b.set_cold_block(block);
                *self.failed.insert(block)
            }
        };
        let on = self.b.create_block();
        self.b.ins().brif(failure, failed, &[BlockArg::Value(failure)], on, &[]);
        self.b.seal_block(on);
        self.b.switch_to_block(on);
        Ok(())
    }

    /// Calls the routine of a scatter.
    fn scatter(&mut self, scatter: &Scatter, args: &[View]) -> Result<(), Error> {
        let mut list = Vec::with_capacity(scatter.sources.len());
        for (source, shift) in scatter.sources {
            list.push(match source {
                Source::Argument(n) => {
                    let bytes = shift * self.program.slot(args[n].slot).dtype.size() as i64;
                    let address = self.view(&args[n]);
                    self.b.ins().iadd_imm_s(address, bytes)
                }
                Source::Scratch(at) => self.scratch(at),
            });
        }
        let list = self.list(&list);
        let Scatter { dtype, combine, rows, width, len, copies, .. } = *scatter;
        let call = routines::scatter::Scatter { dtype, combine, rows, width, len, copies };
        let call = Arc::new(call);
        let data = std::ptr::from_ref(&*call) as i64;
        self.owned.scatters.push(call);
        let data = self.b.ins().iconst(types::I64, data);
        self.call(routines::scatter::run as *const () as usize, &[data, list])
    }

    /// The address of the scratch memory at this byte.
    fn scratch(&mut self, at: usize) -> Value {
        self.b.ins().iadd_imm_s(self.arena, (self.scratch_at + at) as i64)
    }

    fn launch(
        &mut self,
        stage: &Stage,
        function: Option<FunctionId>,
        args: &[View],
    ) -> Result<(), Error> {
        let nest = &stage.nest;
        if nest.empty() {
            return Ok(());
        }
        let mut bases = Vec::with_capacity(stage.sources.len());
        for source in &stage.sources {
            bases.push(match source {
                Source::Argument(n) => match self.held(&args[*n]) {
                    Some(elements) => Base::Registers(elements.to_vec()),
                    None => Base::Memory(self.view(&args[*n])),
                },
                Source::Scratch(at) => Base::Memory(self.scratch(*at)),
            });
        }
        let Some(id) = function else {
            let (outlines, pool) = (self.outlines, &mut self.pool);
            return Emitter::new(&mut self.b, nest, bases, outlines, pool).run(None);
        };
        let addresses: Vec<Value> = bases
            .into_iter()
            .filter_map(|b| if let Base::Memory(v) = b { Some(v) } else { None })
            .collect();
        let list = self.list(&addresses);
        let function = match self.imported.get(&id) {
            Some(f) => *f,
            None => {
                let f = declare::import(self.b.func, id, declare::signature(3)?);
                self.imported.insert(id, f);
                f
            }
        };
        if let Some(part) = self.part
            && let Some(points) =
                nest.split.and_then(|split| rows::points_per_row(nest, split, part.rows))
        {
            let begin = self.b.ins().imul_imm_s(part.first, points as i64);
            let end = self.b.ins().imul_imm_s(part.last, points as i64);
            self.b.ins().call(function, &[list, begin, end]);
            return Ok(());
        }
        let total = nest.split.map_or(1, |n| nest.kernel.loops[n].extent);
        let work = nest.nanoseconds();
        let shared = work >= SHARED_NANOSECONDS && total > 1;
        let total_value = self.b.ins().iconst(types::I64, total as i64);
        if !shared {
            let zero = self.b.ins().iconst(types::I64, 0);
            self.b.ins().call(function, &[list, zero, total_value]);
            return Ok(());
        }
        let grain = launch::grain(work, total);
        // Parts end at multiples of the vector width and of a cache line.
        let lanes = nest.vector.is_some_and(|(v, _)| nest.split == Some(v));
        let grain = if lanes { grain.next_multiple_of(64) } else { grain };
        let address = self.b.ins().func_addr(types::I64, function);
        let grain = self.b.ins().iconst(types::I64, grain as i64);
        self.call(runtime::launch as *const () as usize, &[address, list, total_value, grain])
    }

    fn copy(&mut self, from: &View, to: &View, len: usize) -> Result<(), Error> {
        if self.held(from).is_some() || self.held(to).is_some() {
            let shifted = |v: &View, n: usize| View {
                slot: v.slot,
                at: v.at.add(&Affine::constant(n as i64)),
            };
            // All elements are read before any is written, because the ranges may be the same.
            let values = (0..len).map(|n| self.element(&shifted(from, n)));
            let values = values.collect::<Result<Vec<Value>, Error>>()?;
            let size = self.program.slot(to.slot).dtype.size();
            let elements = self.held(to).map(<[Variable]>::to_vec);
            let address = if elements.is_none() { Some(self.view(to)) } else { None };
            for (n, v) in values.into_iter().enumerate() {
                match (&elements, address) {
                    (Some(elements), _) => self.b.def_var(elements[n], v),
                    (None, Some(address)) => {
                        self.b.ins().store(memory(), v, address, (n * size) as i32);
                    }
                    (None, None) => {}
                }
            }
            return Ok(());
        }
        let (mut source, mut target, mut len) = (self.view(from), self.view(to), len);
        if let Some(Part { rows, first, grain: Some(grain), .. }) = self.part {
            let row = len / rows;
            source = self.further(source, first, row as i64, from);
            target = self.further(target, first, row as i64, to);
            len = row * grain;
        }
        let bytes = len * self.program.slot(from.slot).dtype.size();
        let (from, to) = (source, target);
        if bytes > 64 {
            let bytes = self.b.ins().iconst(types::I64, bytes as i64);
            return self.call(runtime::copy as *const () as usize, &[from, to, bytes]);
        }
        let mut at = 0;
        for t in [types::I8X16, types::I64, types::I32, types::I16, types::I8] {
            let size = t.bytes() as usize;
            while bytes - at >= size {
                let v = self.b.ins().load(t, memory(), from, at as i32);
                self.b.ins().store(memory(), v, to, at as i32);
                at += size;
            }
        }
        Ok(())
    }
}
