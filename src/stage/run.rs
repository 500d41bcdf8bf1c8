//! Running a jaxpr at once: compiled, or by the interpreter that compiled code is compared with.

use super::cache::cached;
use super::{device, executable};
use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use cotangent_jit::{Error, interp};

/// Runs a jaxpr through the cache of executables. Inputs that nobody else holds may be overwritten.
pub fn run_jaxpr(jaxpr: &Jaxpr, inputs: Vec<Array>) -> Result<Vec<Array>, Error> {
    let mut outputs = cached(jaxpr, "main")?.run_watched("main", jaxpr, inputs)?;
    for (output, atom) in outputs.iter_mut().zip(&jaxpr.outputs) {
        super::eager::set_weak(output, jaxpr.atom_aval(*atom).weak);
    }
    Ok(outputs)
}

/// Runs a jaxpr's program in the interpreter: slow, and what it gives is what the program means.
pub fn interpret(jaxpr: &Jaxpr, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    interpreted(jaxpr, inputs, false)
}

/// As [`interpret`], with all inputs given up, so that outputs are written over them where the program allows it.
pub fn interpret_donating(jaxpr: &Jaxpr, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    interpreted(jaxpr, inputs, true)
}

fn interpreted(jaxpr: &Jaxpr, inputs: &[Array], donate: bool) -> Result<Vec<Array>, Error> {
    let (program, constants) = executable::program(jaxpr, "main", device::DEFAULT)?;
    let bytes =
        inputs.iter().chain(&constants).map(Array::to_bytes).collect::<Result<Vec<_>, Error>>()?;
    let run = if donate { interp::run_sharing } else { interp::run };
    let outputs = run(&program, &bytes)?;
    let avals = jaxpr.out_avals();
    avals.into_iter().zip(outputs).map(|(aval, bytes)| device::upload(aval, &bytes)).collect()
}
