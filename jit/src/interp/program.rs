//! Programs: steps run in order, and slots are regions of memory. Unwritten memory holds 0xaa, so
//! tests notice when it is read. Kernels and routines live in files of their own.

use super::memory::Place;
use super::{kernel, routine};
use crate::host::{HostCall, HostInput, HostOutput};
use crate::program::{Program, SlotId, SlotKind, Step, View};
use crate::verify::Verified;
use crate::{DType, Error, Scalar, err};
use smallvec::SmallVec;

/// Runs a program on the bytes of its inputs (as many as their slots need, or more) and returns
/// those of its outputs.
pub fn run(
    program: &Verified<Program>,
    inputs: &[impl AsRef<[u8]>],
) -> Result<Vec<Vec<u8>>, Error> {
    execute(program.get(), inputs, false)
}

/// As [`run`], but every donated input lends its memory to its output, as for a caller who gives up
/// all inputs.
pub fn run_sharing(
    program: &Verified<Program>,
    inputs: &[impl AsRef<[u8]>],
) -> Result<Vec<Vec<u8>>, Error> {
    execute(program.get(), inputs, true)
}

fn execute(
    program: &Program,
    inputs: &[impl AsRef<[u8]>],
    share: bool,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut machine = Machine {
        program,
        memory: Vec::new(),
        slots: Vec::with_capacity(program.slots.len()),
        counters: Vec::new(),
    };
    machine.lay_out(inputs, share)?;
    machine.steps(&program.steps).map_err(|e| e.context(format_args!("run {}", program.name)))?;
    let bytes = |id: SlotId| {
        let (slot, place) = (program.slot(id), machine.slots[id.0 as usize]);
        machine.memory[place.region][..slot.len * slot.dtype.size()].to_vec()
    };
    Ok(program.outputs().into_iter().map(bytes).collect())
}

struct Machine<'a> {
    program: &'a Program,
    memory: Vec<Vec<u8>>,
    /// The position of each slot.
    slots: Vec<Place>,
    /// Counters of the enclosing loops, outermost first.
    counters: Vec<i64>,
}

impl Machine<'_> {
    fn lay_out(&mut self, inputs: &[impl AsRef<[u8]>], share: bool) -> Result<(), Error> {
        let name = &self.program.name;
        let expected = self.program.inputs().len();
        if inputs.len() != expected {
            return Err(err!(
                Value,
                "run {name}: expected {inputs}, got {}",
                inputs.len(),
                inputs = crate::plural(expected, "input")
            ));
        }
        // Region 0 is the arena.
        self.memory.push(vec![0xaa; self.program.arena]);
        for slot in &self.program.slots {
            let bytes = slot.len * slot.dtype.size();
            let own = Place { region: self.memory.len(), byte: 0 };
            let (place, contents) = match slot.kind {
                SlotKind::Input(n) => match inputs[n].as_ref().get(..bytes) {
                    Some(given) => (own, given.to_vec()),
                    None => {
                        let got = inputs[n].as_ref().len();
                        return Err(err!(
                            Value,
                            "run {name}: input {n}: expected {bytes}, got {got}",
                            bytes = crate::plural(bytes, "byte")
                        ));
                    }
                },
                SlotKind::Output(_) => (own, vec![0xaa; bytes]),
                SlotKind::Temp { arena_offset } => {
                    (Place { region: 0, byte: arena_offset }, Vec::new())
                }
            };
            self.slots.push(place);
            self.memory.push(contents);
        }
        if share {
            let (inputs, outputs) = (self.program.inputs(), self.program.outputs());
            for &(output, input) in &self.program.donations {
                self.slots[outputs[output].0 as usize] = self.slots[inputs[input].0 as usize];
            }
        }
        Ok(())
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), Error> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Launch { kernel, args } => {
                let places: SmallVec<[Place; 4]> = args.iter().map(|v| self.place(v)).collect();
                kernel::run(self.program.kernel(*kernel), &mut self.memory, &places)
            }
            Step::Routine { routine, args } => {
                let places: SmallVec<[Place; 4]> = args.iter().map(|v| self.place(v)).collect();
                routine::run(routine, &mut self.memory, &places)
            }
            Step::Host { call, args } => self.host(call, args),
            Step::Copy { from, to, len } => {
                let bytes = len * self.program.slot(from.slot).dtype.size();
                let (from, to) = (self.place(from), self.place(to));
                let moved = self.memory[from.region][from.byte..from.byte + bytes].to_vec();
                self.memory[to.region][to.byte..to.byte + bytes].copy_from_slice(&moved);
                Ok(())
            }
            Step::Loop { trips, body } => {
                self.counters.push(0);
                for trip in 0..*trips {
                    *self.counters.last_mut().expect("pushed above") = trip as i64;
                    self.steps(body)?;
                }
                self.counters.pop();
                Ok(())
            }
            Step::While { test, holds, body, limit } => {
                self.counters.push(0);
                self.steps(test)?;
                let mut round = 0;
                while limit.is_none_or(|n| round < n) && self.read(holds).bits() != 0 {
                    *self.counters.last_mut().expect("pushed above") = round as i64;
                    self.steps(body)?;
                    self.steps(test)?;
                    round += 1;
                }
                self.counters.pop();
                Ok(())
            }
            Step::Branch { index, arms } => {
                let index = self.read(index).to_i64().unwrap_or(0);
                let last = arms.len() as i64 - 1;
                self.steps(&arms[index.clamp(0, last) as usize])
            }
        }
    }

    /// Runs a host call. The results are written to memory of their own and then copied, because
    /// the arguments may lie anywhere.
    fn host(&mut self, call: &HostCall, args: &[View]) -> Result<(), Error> {
        let places: SmallVec<[Place; 4]> = args.iter().map(|v| self.place(v)).collect();
        let (from, to) = places.split_at(call.args.len());
        let inputs = from.iter().zip(&call.args).map(|(place, (dtype, len))| {
            let bytes = &self.memory[place.region][place.byte..place.byte + len * dtype.size()];
            HostInput { dtype: *dtype, bytes }
        });
        let inputs: Vec<HostInput> = inputs.collect();
        let mut made: Vec<Vec<u8>> =
            call.results.iter().map(|(dtype, len)| vec![0xaa; len * dtype.size()]).collect();
        let outputs = made.iter_mut().zip(&call.results);
        let mut outputs: Vec<HostOutput> =
            outputs.map(|(bytes, (dtype, _))| HostOutput { dtype: *dtype, bytes }).collect();
        call.run(&inputs, &mut outputs)?;
        for (place, bytes) in to.iter().zip(made) {
            self.memory[place.region][place.byte..place.byte + bytes.len()].copy_from_slice(&bytes);
        }
        Ok(())
    }

    fn place(&self, view: &View) -> Place {
        let place = self.slots[view.slot.0 as usize];
        let size = self.program.slot(view.slot).dtype.size();
        Place { byte: place.byte + view.at.at(&self.counters) as usize * size, ..place }
    }

    fn read(&self, view: &View) -> Scalar {
        let (place, dtype): (Place, DType) = (self.place(view), self.program.slot(view.slot).dtype);
        Scalar::from_bytes(dtype, &self.memory[place.region][place.byte..])
    }
}
