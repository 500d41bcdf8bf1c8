//! Runs a jaxpr at once: compiled, or in the interpreter that compiled code is compared with.
//!
//! Not here: one operation outside of traces (`eager`).

use super::cache::{cached, set_weakness};
use super::device;
use super::executable::{self, Executable};
use super::nan_check::{self, NanCheck};
use super::nan_search::check_outputs;
use super::placement::{any_committed, site};
use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use cotangent_jit::{Error, interp};

/// Runs a jaxpr through the cache of executables. An input without another owner may be
/// overwritten.
pub fn run_jaxpr(jaxpr: &Jaxpr, inputs: Vec<Array>) -> Result<Vec<Array>, Error> {
    let executable = cached(jaxpr, "main", site(&inputs)?.place())?;
    let mut outputs = run_checked(&executable, "main", jaxpr, inputs)?;
    set_weakness(jaxpr, &mut outputs);
    Ok(outputs)
}

/// Runs an executable, and checks its outputs while a NaN check is on. `jaxpr` is the one that was
/// compiled or one that it was made from; the search for a NaN runs it again.
pub fn run_checked(
    executable: &Executable,
    name: &str,
    jaxpr: &Jaxpr,
    inputs: Vec<Array>,
) -> Result<Vec<Array>, Error> {
    let check = nan_check::current();
    if check == NanCheck::NONE {
        return executable.run(name, inputs);
    }
    // The search needs the inputs as they are, so that none of them is overwritten.
    let outputs = executable.run_ref(name, &inputs)?.into_vec();
    // The search makes constants of the program on its device.
    executable.site().home(|| check_outputs(check, name, jaxpr, &inputs, &outputs))?;
    Ok(outputs)
}

/// Runs a jaxpr's program in the interpreter, which is slow. Its results define what the program
/// means.
pub fn interpret(jaxpr: &Jaxpr, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    interpreted(jaxpr, inputs, false)
}

/// Like [`interpret`], but gives all inputs up: outputs are written over them where the program
/// allows it.
pub fn interpret_donating(jaxpr: &Jaxpr, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    interpreted(jaxpr, inputs, true)
}

fn interpreted(jaxpr: &Jaxpr, inputs: &[Array], donate: bool) -> Result<Vec<Array>, Error> {
    let site = site(inputs)?;
    let (program, constants) = executable::program(jaxpr, "main", site.place())?;
    let committed = any_committed(inputs) || any_committed(&constants);
    let bytes =
        inputs.iter().chain(&constants).map(Array::to_bytes).collect::<Result<Vec<_>, Error>>()?;
    let run = if donate { interp::run_sharing } else { interp::run };
    let outputs = site.home(|| run(&program, &bytes))?;
    let avals = jaxpr.out_avals();
    let upload =
        |(aval, bytes): (_, Vec<u8>)| device::upload_to(site.memory(), aval, &bytes, committed);
    avals.into_iter().zip(outputs).map(upload).collect()
}
