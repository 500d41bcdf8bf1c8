//! Compiled jaxprs, and how they run: from arrays to pointers and back. Every call pays for this.
//!
//! The program may overwrite an input that has no other owner. It never overwrites a shared one.
//!
//! Not here: finding an executable (`cache`), lowering, checks of the outputs (`run`).

use super::placement::{self, Site, mixed};
use super::{device, lower};
use crate::core::array::{Array, Concrete, Held, Repr};
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::Arrays;
use crate::core::trace::no_value;
use cotangent_jit::backend::{CompileOptions, Executable as Compiled, Literal};
use cotangent_jit::program::{Placement, Program, Step};
use cotangent_jit::verify::{Verified, verify};
use cotangent_jit::{Error, Scalar, err, plan, plural};
use smallvec::SmallVec;
use std::sync::Arc;

/// A jaxpr compiled for a device. All equal jaxprs share it, and it may run on many threads at
/// once.
pub struct Executable {
    program: Verified<Program>,
    compiled: Box<dyn Compiled>,
    site: Site,
    in_avals: Vec<Aval>,
    out_avals: Vec<Aval>,
    out_bytes: Vec<usize>,
    /// Arrays that equations name. They are inputs after those of the caller.
    constants: Vec<Array>,
    calls_host: bool,
}

/// Inputs as the backend takes them.
struct Operands {
    pointers: SmallVec<[*const u8; 8]>,
    literals: SmallVec<[Literal; 4]>,
    /// Copies of operands that came from another device. They live until the run is enqueued.
    moved: Vec<Array>,
    /// One of them is committed to the device, so that the outputs are, too.
    committed: bool,
}

/// Inputs that become outputs.
type Given = SmallVec<[Option<Arc<Concrete>>; 2]>;

/// The planned and verified program of a jaxpr, and the arrays that are its inputs after those of
/// the jaxpr.
pub fn program(
    jaxpr: &Jaxpr,
    name: &str,
    place: Placement,
) -> Result<(Verified<Program>, Vec<Array>), Error> {
    let tuning = device::tuning(place)?;
    let (mut program, constants) = lower::lower(jaxpr, name, place, tuning)?;
    plan::plan(&mut program);
    Ok((verify(program)?, constants))
}

/// The array at this site, or the error that it is committed to another.
fn brought(name: &str, to: Site, operands: &[Array], array: &Array) -> Result<Array, Error> {
    match &array.0 {
        Repr::Concrete(c) if c.committed() && !to.holds(c) => Err(mixed(name, to, operands, array)),
        Repr::Concrete(_) => placement::moved(array, to, false),
        _ => Ok(array.clone()),
    }
}

/// Tells whether one of the steps calls a closure on the host.
fn calls_host(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Host { .. } => true,
        Step::Loop { body, .. } => calls_host(body),
        Step::While { test, body, .. } => calls_host(test) || calls_host(body),
        Step::Branch { arms, .. } => arms.iter().any(|arm| calls_host(arm)),
        Step::Launch { .. } | Step::Routine { .. } | Step::Copy { .. } => false,
    })
}

impl Executable {
    pub fn compile(
        jaxpr: &Jaxpr,
        name: &str,
        place: Placement,
        options: &CompileOptions,
    ) -> Result<Executable, Error> {
        let site = Site::of(place)?;
        let (program, constants) = program(jaxpr, name, place)?;
        let constants = constants.iter().map(|c| brought(name, site, &[], c));
        let constants = constants.collect::<Result<_, Error>>()?;
        let compiled = device::backend(place.backend)?.compile(&program, options)?;
        let out_avals = jaxpr.out_avals();
        let calls_host = calls_host(&program.get().steps);
        Ok(Executable {
            program,
            calls_host,
            compiled,
            site,
            in_avals: jaxpr.in_avals(),
            out_bytes: out_avals.iter().map(Aval::bytes).collect(),
            out_avals,
            constants,
        })
    }

    pub fn program(&self) -> &Verified<Program> {
        &self.program
    }

    pub fn site(&self) -> Site {
        self.site
    }

    pub fn compiled(&self) -> &dyn Compiled {
        &*self.compiled
    }

    pub fn in_avals(&self) -> &[Aval] {
        &self.in_avals
    }

    pub fn out_avals(&self) -> &[Aval] {
        &self.out_avals
    }

    /// Runs on inputs that the caller gives up. Outputs may take the memory of those that are not
    /// shared. `name` stands in errors.
    pub fn run(&self, name: &str, mut inputs: Vec<Array>) -> Result<Vec<Array>, Error> {
        let operands = self.operands(name, &inputs)?;
        let mut given: Given = SmallVec::new();
        for (output, input) in &self.program.donations {
            let Repr::Concrete(c) = &mut inputs[*input].0 else { continue };
            let own = Arc::get_mut(c).and_then(|c| c.buffer.sole());
            if own.is_some_and(|buffer| self.site.gave(buffer)) {
                let nothing = Array::literal(Scalar::zero(self.in_avals[*input].dtype));
                if let Repr::Concrete(c) = std::mem::replace(&mut inputs[*input], nothing).0 {
                    given.resize(self.out_avals.len(), None);
                    given[*output] = Some(c);
                }
            }
        }
        let mut outputs = Vec::with_capacity(self.out_avals.len());
        self.launch(operands, given, |a| outputs.push(a))?;
        Ok(outputs)
    }

    /// Runs without changing the inputs.
    pub fn run_ref(&self, name: &str, inputs: &[Array]) -> Result<Arrays, Error> {
        let operands = self.operands(name, inputs)?;
        let mut outputs = Arrays::new();
        self.launch(operands, SmallVec::new(), |a| outputs.push(a))?;
        Ok(outputs)
    }

    fn check(&self, name: &str, inputs: &[Array]) -> Result<(), Error> {
        let fits = |(a, e): (&Array, &Aval)| a.dtype() == e.dtype && *a.shape() == e.shape[..];
        if inputs.len() == self.in_avals.len() && inputs.iter().zip(&self.in_avals).all(fits) {
            return Ok(());
        }
        let (expected, got) = (self.in_avals.len(), inputs.len());
        if expected != got {
            return Err(err!(
                Value,
                "{name}: expected {inputs}, got {got}",
                inputs = plural(expected, "input")
            ));
        }
        let wrong = inputs.iter().zip(&self.in_avals).position(|p| !fits(p)).unwrap_or(0);
        let (expected, got) = (&self.in_avals[wrong], inputs[wrong].aval());
        Err(err!(Shape, "{name}: input {wrong}: expected {expected}, got {got}"))
    }

    /// Pointers to the inputs' elements. They are valid as long as the inputs' arrays and the
    /// operands live.
    fn operands(&self, name: &str, inputs: &[Array]) -> Result<Operands, Error> {
        self.check(name, inputs)?;
        let mut operands = Operands {
            pointers: SmallVec::with_capacity(inputs.len() + self.constants.len()),
            literals: SmallVec::new(),
            moved: Vec::new(),
            committed: false,
        };
        for (n, input) in inputs.iter().chain(&self.constants).enumerate() {
            operands.pointers.push(match &input.0 {
                Repr::Concrete(c) if self.site.holds(c) => {
                    operands.committed |= c.committed();
                    c.buffer.pointer()
                }
                Repr::Concrete(_) => {
                    operands.moved.push(brought(name, self.site, inputs, input)?);
                    match operands.moved.last().map(|a| &a.0) {
                        Some(Repr::Concrete(c)) => c.buffer.pointer(),
                        _ => unreachable!("what was moved has memory"),
                    }
                }
                Repr::Literal { value, .. } => {
                    operands.literals.push(Literal { input: n, bits: value.bits() });
                    std::ptr::null()
                }
                Repr::Tracer(t) => {
                    let what = format!("{name}: input {n}");
                    return Err(no_value(t, &what));
                }
            });
        }
        Ok(operands)
    }

    /// Enqueues a run. Its outputs can be operands at once; reading their elements waits.
    fn launch(
        &self,
        operands: Operands,
        mut given: Given,
        output: impl FnMut(Array),
    ) -> Result<(), Error> {
        let Operands { mut pointers, literals, moved, committed } = operands;
        let n = self.out_avals.len();
        let mut written: SmallVec<[Arc<Concrete>; 2]> = SmallVec::with_capacity(n);
        let mut targets: SmallVec<[*mut u8; 8]> = SmallVec::with_capacity(n);
        for (n, aval) in self.out_avals.iter().enumerate() {
            let Some(mut target) = given.get_mut(n).and_then(Option::take) else {
                let mut buffer = self.site.memory().allocate(self.out_bytes[n])?;
                targets.push(buffer.write_pointer());
                let buffer = Held::Own(buffer);
                written.push(Arc::new(Concrete::new(aval.clone(), buffer, committed)));
                continue;
            };
            let own = Arc::get_mut(&mut target);
            let Some(buffer) = own.and_then(|own| {
                own.retake(aval, committed);
                own.buffer.sole()
            }) else {
                return Err(err!(Device, "{}: output {n} is shared", self.program.name));
            };
            targets.push(buffer.write_pointer());
            written.push(target);
        }
        // Closures of the user that the program calls make their arrays on its device.
        let _home = self.calls_host.then(|| self.site.as_home());
        // SAFETY: the inputs were checked against the types that the program was compiled for, so
        // their buffers have the bytes of its slots, and literals stand in `literals`; the outputs
        // were allocated with theirs and are owned here alone, but for inputs given up by the
        // caller, which the program's donations allow. All of them live until the call returns: the
        // caller of this function holds the inputs, and `moved` the copies.
        unsafe { self.compiled.run(&mut pointers, &literals, &targets)? };
        drop(moved);
        written.into_iter().map(|c| Array(Repr::Concrete(c))).for_each(output);
        Ok(())
    }
}
