//! Compiled jaxprs, and how they run: from arrays to pointers and back. Every call pays for this.
//!
//! The program may overwrite an input that has no other owner. It never overwrites a shared one.
//!
//! Not here: finding an executable (`cache`), lowering, checks of the outputs (`run`).

use super::{device, lower};
use crate::core::array::{Array, Concrete, Held, Repr};
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::Arrays;
use crate::core::trace::no_value;
use cotangent_jit::backend::{CompileOptions, Executable as Compiled, Literal};
use cotangent_jit::buffer::Memory;
use cotangent_jit::program::{Placement, Program};
use cotangent_jit::verify::{Verified, verify};
use cotangent_jit::{Error, Scalar, err, plan, plural};
use smallvec::SmallVec;
use std::sync::Arc;

/// A jaxpr compiled for a device. All equal jaxprs share it, and it may run on many threads at
/// once.
pub struct Executable {
    program: Verified<Program>,
    compiled: Box<dyn Compiled>,
    memory: &'static dyn Memory,
    in_avals: Vec<Aval>,
    out_avals: Vec<Aval>,
    out_bytes: Vec<usize>,
    /// Arrays that equations name. They are inputs after those of the caller.
    constants: Vec<Array>,
}

/// Inputs as the backend takes them.
struct Operands {
    pointers: SmallVec<[*const u8; 8]>,
    literals: SmallVec<[Literal; 4]>,
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
    let (mut program, constants) = lower::lower(jaxpr, name, place)?;
    plan::plan(&mut program);
    Ok((verify(program)?, constants))
}

impl Executable {
    pub fn compile(
        jaxpr: &Jaxpr,
        name: &str,
        place: Placement,
        options: &CompileOptions,
    ) -> Result<Executable, Error> {
        let (program, constants) = program(jaxpr, name, place)?;
        let compiled = device::backend(place.backend)?.compile(&program, options)?;
        let out_avals = jaxpr.out_avals();
        Ok(Executable {
            program,
            compiled,
            memory: device::memory(place)?,
            in_avals: jaxpr.in_avals(),
            out_bytes: out_avals.iter().map(Aval::bytes).collect(),
            out_avals,
            constants,
        })
    }

    pub fn program(&self) -> &Verified<Program> {
        &self.program
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
    /// shared.
    pub fn run(&self, mut inputs: Vec<Array>) -> Result<Vec<Array>, Error> {
        let operands = self.operands(&inputs)?;
        let mut given: Given = SmallVec::new();
        for (output, input) in &self.program.donations {
            let Repr::Concrete(c) = &mut inputs[*input].0 else { continue };
            if Arc::get_mut(c).is_some_and(|c| c.buffer.sole().is_some()) {
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
    pub fn run_ref(&self, inputs: &[Array]) -> Result<Arrays, Error> {
        let operands = self.operands(inputs)?;
        let mut outputs = Arrays::new();
        self.launch(operands, SmallVec::new(), |a| outputs.push(a))?;
        Ok(outputs)
    }

    fn check(&self, inputs: &[Array]) -> Result<(), Error> {
        let fits = |(a, e): (&Array, &Aval)| a.dtype() == e.dtype && *a.shape() == e.shape[..];
        if inputs.len() == self.in_avals.len() && inputs.iter().zip(&self.in_avals).all(fits) {
            return Ok(());
        }
        let name = &self.program.name;
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

    /// Pointers to the inputs' elements. They are valid as long as the inputs' arrays live.
    fn operands(&self, inputs: &[Array]) -> Result<Operands, Error> {
        self.check(inputs)?;
        let mut operands =
            Operands { pointers: SmallVec::with_capacity(inputs.len()), literals: SmallVec::new() };
        for (n, input) in inputs.iter().chain(&self.constants).enumerate() {
            operands.pointers.push(match &input.0 {
                Repr::Concrete(c) => c.buffer.pointer(),
                Repr::Literal { value, .. } => {
                    operands.literals.push(Literal { input: n, bits: value.bits() });
                    std::ptr::null()
                }
                Repr::Tracer(t) => {
                    let what = format!("{}: input {n}", self.program.name);
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
        let Operands { mut pointers, literals } = operands;
        let n = self.out_avals.len();
        let mut written: SmallVec<[Arc<Concrete>; 2]> = SmallVec::with_capacity(n);
        let mut targets: SmallVec<[*mut u8; 8]> = SmallVec::with_capacity(n);
        for (n, aval) in self.out_avals.iter().enumerate() {
            let Some(mut target) = given.get_mut(n).and_then(Option::take) else {
                let mut buffer = self.memory.allocate(self.out_bytes[n])?;
                targets.push(buffer.write_pointer());
                let buffer = Held::Own(buffer);
                written.push(Arc::new(Concrete::new(aval.clone(), buffer)));
                continue;
            };
            let own = Arc::get_mut(&mut target);
            let Some(buffer) = own.and_then(|own| {
                own.aval.clone_from(aval);
                if let Some(ticket) = &own.ticket {
                    ticket.retype(aval);
                }
                own.buffer.sole()
            }) else {
                return Err(err!(Device, "{}: output {n} is shared", self.program.name));
            };
            targets.push(buffer.write_pointer());
            written.push(target);
        }
        // SAFETY: the inputs were checked against the types that the program was compiled for, so
        // their buffers have the bytes of its slots, and literals stand in `literals`; the outputs
        // were allocated with theirs and are owned here alone, but for inputs given up by the
        // caller, which the program's donations allow. All of them live until the call returns: the
        // caller of this function holds the inputs.
        unsafe { self.compiled.run(&mut pointers, &literals, &targets)? };
        written.into_iter().map(|c| Array(Repr::Concrete(c))).for_each(output);
        Ok(())
    }
}
