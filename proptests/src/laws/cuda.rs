//! The second backend gives what the interpreter gives, to the bit but for the bits of a NaN. Its
//! code runs on the device that is there; where none is, in the interpreter of PTX behind a stub of
//! the driver, which refuses what PTX leaves open.
//!
//! `COTANGENT_CUDA_DRIVER` names the driver to use; without it the stub is used.

use super::backend::agree;
use crate::program::Program;
use crate::violation::Violation;
use cotangent::api::device::with_default_device;
use cotangent::core::array::Array;
use cotangent::prims::entry::Case;
use cotangent::{Device, stage};
use cotangent_cuda_stub::control::Stub;
use std::sync::LazyLock;

pub fn law(case: &Case) -> Result<(), Violation> {
    on(&Program::of(case)?)
}

/// Of any program.
pub fn on(p: &Program) -> Result<(), Violation> {
    let device = device()?;
    let expected = p.interpret()?;
    let inputs = || p.inputs.iter().map(|x| Ok(x.try_to(&device)?)).collect();
    let kept: Vec<Array> = {
        let all: Result<Vec<Array>, Violation> = inputs();
        all?
    };
    let run = |given: Vec<Array>| {
        let told = |e| Violation::from(e).within(format!("on {device}\n{}", p.jaxpr));
        with_default_device(&device, || stage::run_jaxpr(&p.jaxpr, given)).map_err(told)
    };
    let got = run(kept.clone())?;
    if p.jaxpr.to_string().contains("bitcast_convert_type") {
        // It shows which NaN there is, which is the machine's.
        return run(kept).map(drop);
    }
    agree(p, &got, &expected)?;
    // Now nobody else has them, so outputs may take their memory.
    agree(p, &run(kept)?, &expected)
}

/// The device of the cases; an error if there is neither a driver nor the stub beside the program.
pub fn device() -> Result<Device, Violation> {
    static LOADED: LazyLock<()> = LazyLock::new(|| {
        if std::env::var_os("COTANGENT_CUDA_DRIVER").is_none() {
            // It goes by the driver's own name, so that the backend finds it in its place.
            Stub::load();
        }
    });
    LazyLock::force(&LOADED);
    Ok(Device::cuda(0)?)
}
