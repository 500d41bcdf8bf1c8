//! Compilation ahead of time: each stage can be inspected, and the compiled function can be called.
//!
//! Not here: the stages themselves (`stage`).

use super::cache::Key;
use super::function::{Func, Sig, calling};
use super::graph::{self, Graph};
use super::pytree::{Flat, Pytree, same_structure};
use crate::core::jaxpr::{ClosedJaxpr, Jaxpr};
use crate::core::notebook::{Shown, escape, folded, preformatted};
use crate::core::trace::is_tracing;
use crate::stage::executable::{Executable, program};
use crate::stage::placement::{Site, site};
use crate::stage::run::run_checked;
use crate::stage::subnormals::{compile_options, with_flush};
use crate::transforms::simplify::{Options, simplify};
use cotangent_jit::backend::CompileOptions;
use cotangent_jit::cost::cost;
use cotangent_jit::program::{Cost, Placement, Program, SlotId};
use cotangent_jit::{Error, err};
use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

impl<'f, S: Sig<'f>, R: Pytree> Func<'f, S, R> {
    /// Traces the function for arguments of these types and their device, without running anything.
    /// Arrays that are a type only ([`shape_dtype`](super::shape_dtype::shape_dtype)) suffice: the
    /// default device counts for those.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let lowered = jit(|x: Array| x * 2.0 + 1.0).lower((array![1.0, 2.0],))?;
    /// println!("{}\n{}", lowered.jaxpr(), lowered.program()?);
    /// let compiled = lowered.compile()?;
    /// assert_eq!(compiled.cost()?.flops, 4.0);
    /// assert!(compiled.text("clif").is_some());
    /// assert_eq!(compiled.call((array![1.0, 2.0],))?.to_vec::<f32>(), [3.0, 5.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn lower(&self, args: S::Args) -> Result<Lowered<S::Args, R>, Error> {
        let args = Flat::of(args);
        let site = match self.device {
            Some(device) => Site::of(device.place())?,
            None => site(&args.leaves)?,
        };
        let key = Key::of(&args, Some(site));
        let graph = calling(|| graph::trace(&self.inner, &key.tree, &key.avals, Some(site)))?;
        if graph.captured.iter().any(|a| a.is_tracer()) {
            return Err(err!(
                Tracer,
                "lower: {} closes over a traced value; lower it outside the trace",
                self.name()
            ));
        }
        let simple = simplify(&graph.jaxpr, Options { inline: true })?;
        let (name, flush) = (self.name().into(), self.flush);
        let place = site.place();
        Ok(Lowered { name, graph, simple, key, place, flush, types: PhantomData })
    }
}

/// A traced function, not compiled yet. Made by [`Func::lower`].
pub struct Lowered<A, R> {
    name: String,
    graph: Graph,
    simple: Jaxpr,
    key: Key,
    /// The device that it is compiled for.
    place: Placement,
    /// The function flushes subnormal numbers, wherever it is called.
    flush: bool,
    types: PhantomData<fn(A) -> R>,
}

impl<A: Pytree, R: Pytree> Lowered<A, R> {
    /// The jaxpr that was traced.
    pub fn jaxpr(&self) -> ClosedJaxpr {
        self.graph.closed()
    }

    /// The jaxpr that is compiled. Calls are inlined, constants are folded, equal equations are
    /// merged, and unused ones are dropped.
    pub fn simplified(&self) -> &Jaxpr {
        &self.simple
    }

    /// The program as text: its kernels, and the steps that launch them.
    pub fn program(&self) -> Result<String, Error> {
        Ok(program(&self.simple, &self.name, self.place)?.0.to_string())
    }

    /// Floating-point operations and bytes moved by one run.
    pub fn cost(&self) -> Result<Cost, Error> {
        cost(&program(&self.simple, &self.name, self.place)?.0)
    }

    /// Bytes that one run needs.
    pub fn memory(&self) -> Result<MemoryAnalysis, Error> {
        let (program, _) = program(&self.simple, &self.name, self.place)?;
        Ok(self.analysed(&program))
    }

    /// Shows the jaxpr in an evcxr notebook, and behind clicks its simplified form and the program.
    pub fn evcxr_display(&self) {
        let mut shown = self.jaxpr().to_string();
        let mut html = folded("jaxpr", &preformatted(&shown));
        html.push_str(&folded("simplified", &preformatted(&self.simple.to_string())));
        match self.program() {
            Ok(program) => html.push_str(&folded("program", &preformatted(&program))),
            Err(e) => shown.push_str(&format!("\n{e}")),
        }
        let head = format!("<p><code>{}</code>, lowered</p>", escape(&self.name));
        Shown::new(shown, head + &html).print();
    }

    fn analysed(&self, program: &Program) -> MemoryAnalysis {
        let bytes = |slots: Vec<SlotId>| -> Vec<usize> {
            slots.into_iter().map(|s| program.slot(s).bytes()).collect()
        };
        let (inputs, outputs) = (bytes(program.inputs()), bytes(program.outputs()));
        let (captured, all) = (self.graph.captured.len(), self.simple.inputs.len());
        MemoryAnalysis {
            arguments: inputs[captured..all].iter().sum(),
            captured: inputs[..captured].iter().chain(&inputs[all..]).sum(),
            results: outputs.iter().sum(),
            reused: program.donations.iter().map(|(output, _)| outputs[*output]).sum(),
            temporaries: program.arena,
        }
    }

    /// Generates machine code, and keeps its text. Inside of
    /// [`flush_subnormals`](super::subnormals::flush_subnormals()) the code flushes, wherever it
    /// runs.
    pub fn compile(self) -> Result<Compiled<A, R>, Error> {
        let start = Instant::now();
        let options = compile_options();
        let flush_subnormals = self.flush || options.flush_subnormals;
        let options = CompileOptions { keep_text: true, flush_subnormals };
        let executable = Executable::compile(&self.simple, &self.name, self.place, &options)?;
        let time = start.elapsed();
        Ok(Compiled { lowered: self, executable, flush: flush_subnormals, time })
    }
}

impl<A, R> fmt::Debug for Lowered<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lowered({} {})", self.name, self.simple)
    }
}

/// The bytes that one run of a compiled function needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MemoryAnalysis {
    /// Bytes of the arguments.
    pub arguments: usize,
    /// Bytes of the arrays that the function closes over.
    pub captured: usize,
    /// Bytes of the results.
    pub results: usize,
    /// Bytes of the results that take the memory of arguments which the caller gives up.
    pub reused: usize,
    /// Bytes of temporary memory.
    pub temporaries: usize,
}

impl MemoryAnalysis {
    /// The sum of all, minus the memory that is reused.
    pub fn peak(&self) -> usize {
        self.arguments + self.captured + self.results - self.reused + self.temporaries
    }
}

/// A compiled function for arguments of fixed types. Made by [`Lowered::compile`].
pub struct Compiled<A, R> {
    lowered: Lowered<A, R>,
    executable: Executable,
    flush: bool,
    time: Duration,
}

impl<A: Pytree, R: Pytree> Compiled<A, R> {
    /// Runs on arguments of the types and on the device that it was compiled for. Others are an
    /// error.
    pub fn call(&self, args: A) -> Result<R, Error> {
        let args = Flat::of(args);
        let Lowered { graph, key, name, .. } = &self.lowered;
        if is_tracing() {
            return Err(err!(
                Tracer,
                "{name}: compiled code cannot be traced; call the jitted function instead"
            ));
        }
        same_structure(name, &key.tree, &args.tree)?;
        for (i, (expected, got)) in key.avals.iter().zip(&args.leaves).enumerate() {
            if *expected != got.aval() {
                let argument = graph::argument(&key.tree, i);
                let got = got.aval();
                return Err(err!(
                    Shape,
                    "{name}: {argument}: compiled for {expected}, got {got}; lower it anew for that"
                ));
            }
        }
        // The search for a NaN runs equations in the mode of the code.
        let inputs = graph.inputs(args.leaves);
        let run = || run_checked(&self.executable, name, &graph.jaxpr, inputs);
        let leaves = with_flush(self.flush, run)?;
        graph::result(&graph.out_tree, graph::typed(leaves, &graph.out_weak))
    }

    /// Text of a stage of code generation: `"program"` (slots, steps and kernels), `"clif"`,
    /// `"asm"`.
    #[doc(alias = "as_text")]
    pub fn text(&self, stage: &str) -> Option<String> {
        if stage == "program" {
            return Some(self.executable.program_text());
        }
        self.executable.compiled().text(stage)
    }

    /// Floating-point operations and bytes moved by one run.
    #[doc(alias = "cost_analysis")]
    pub fn cost(&self) -> Result<Cost, Error> {
        cost(self.executable.program())
    }

    /// Bytes that one run needs.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = shape_dtype([1000], DType::F32);
    /// let memory = jit(|x: Array| x.sin().sum()).lower((x,))?.compile()?.memory();
    /// assert_eq!((memory.arguments, memory.results), (4000, 4));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "memory_analysis")]
    pub fn memory(&self) -> MemoryAnalysis {
        self.lowered.analysed(self.executable.program())
    }

    /// What one run does, in words: where it runs, its arithmetic, its memory, and what it asks of
    /// the device (functions launched, graphs, times that the host waits).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = shape_dtype([1000], DType::F32);
    /// let compiled = jit(|x: Array| x.sin().sum()).lower((x,))?.compile()?;
    /// println!("{}", compiled.explain()?);
    /// assert!(compiled.explain()?.contains("1 function, 0 round trips"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn explain(&self) -> Result<String, Error> {
        let (cost, memory) = (self.cost()?, self.memory());
        let Lowered { name, place, .. } = &self.lowered;
        let launches = self.executable.compiled().launches();
        Ok(format!(
            "{name} on {place}: {launches}; {} flops, {} bytes read, {} written; {} bytes at most, \
             {} of them temporary; compiled in {:.1} ms",
            cost.flops,
            cost.bytes_read,
            cost.bytes_written,
            memory.peak(),
            memory.temporaries,
            self.time.as_secs_f64() * 1e3
        ))
    }

    /// Shows in an evcxr notebook what one run does, and behind clicks each stage of the code.
    pub fn evcxr_display(&self) {
        let head = self.explain().unwrap_or_else(|e| e.to_string());
        let stages = ["program", "clif", "asm", "ptx"];
        let stage = |name: &&str| Some(folded(name, &preformatted(&self.text(name)?)));
        let stages: String = stages.iter().filter_map(stage).collect();
        let jaxpr = folded("jaxpr", &preformatted(&self.lowered.jaxpr().to_string()));
        Shown::new(head.clone(), format!("<p>{}</p>{jaxpr}{stages}", escape(&head))).print();
    }

    /// Bytes of machine code.
    pub fn code_size(&self) -> usize {
        self.executable.compiled().code_size()
    }

    /// The time that lowering to a program and generating code took.
    pub fn compile_time(&self) -> Duration {
        self.time
    }

    /// The lowered function that was compiled.
    pub fn lowered(&self) -> &Lowered<A, R> {
        &self.lowered
    }
}
