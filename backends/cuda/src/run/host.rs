//! What the host computes in the middle of a run: it waits, copies out, computes, copies in.

use super::device::Device;
use cotangent_jit::host::{HostCall, HostInput, HostOutput};
use cotangent_jit::interp;
use cotangent_jit::program::{Placement, Program, Routine, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, Error};

/// Calls the host on operands at these addresses: arguments, then results.
///
/// # Safety
/// Behind the addresses are the elements that the call names; results overlap nothing.
pub unsafe fn call(device: &Device, call: &HostCall, addresses: &[u64]) -> Result<(), Error> {
    let mut bytes = Vec::with_capacity(addresses.len());
    for ((dtype, len, written), at) in call.operands().zip(addresses) {
        let mut operand = vec![0; len * dtype.size()];
        if !written {
            // SAFETY: the caller's promise.
            unsafe { device.read(*at, &mut operand)? };
        }
        bytes.push(operand);
    }
    let (given, made) = bytes.split_at_mut(call.args.len());
    let inputs: Vec<HostInput> = given
        .iter()
        .zip(&call.args)
        .map(|(bytes, (dtype, _))| HostInput { dtype: *dtype, bytes })
        .collect();
    let mut outputs: Vec<HostOutput> = made
        .iter_mut()
        .zip(&call.results)
        .map(|(bytes, (dtype, _))| HostOutput { dtype: *dtype, bytes })
        .collect();
    call.run(&inputs, &mut outputs)?;
    for (bytes, at) in made.iter().zip(&addresses[call.args.len()..]) {
        // SAFETY: the caller's promise.
        unsafe { device.write(*at, bytes)? };
    }
    Ok(())
}

/// Computes a routine by its definition on operands at these addresses.
///
/// # Safety
/// Behind the addresses are the elements that the routine names.
pub unsafe fn routine(device: &Device, routine: &Routine, addresses: &[u64]) -> Result<(), Error> {
    let operands = routine.args();
    let mut inputs = Vec::new();
    for ((dtype, len, written), at) in operands.iter().zip(addresses) {
        if !written {
            let mut bytes = vec![0; len * dtype.size()];
            // SAFETY: the caller's promise.
            unsafe { device.read(*at, &mut bytes)? };
            inputs.push(bytes);
        }
    }
    let program = verify(alone(routine, &operands))?;
    let outputs = interp::run(&program, &inputs)?;
    let targets = operands.iter().zip(addresses).filter(|((.., written), _)| *written);
    for (bytes, (_, at)) in outputs.iter().zip(targets) {
        // SAFETY: the caller's promise.
        unsafe { device.write(*at, bytes)? };
    }
    Ok(())
}

/// A program of one routine.
fn alone(routine: &Routine, operands: &[(DType, usize, bool)]) -> Program {
    let (mut inputs, mut outputs) = (0, 0);
    let next = |n: &mut usize| {
        *n += 1;
        *n - 1
    };
    let slots = operands.iter().map(|(dtype, len, written)| Slot {
        dtype: *dtype,
        len: *len,
        kind: match written {
            true => SlotKind::Output(next(&mut outputs)),
            false => SlotKind::Input(next(&mut inputs)),
        },
    });
    let args = (0..operands.len() as u32).map(|n| View::whole(SlotId(n))).collect();
    Program {
        name: routine.name().into(),
        place: Placement { backend: "cuda", ordinal: 0 },
        slots: slots.collect(),
        kernels: Vec::new(),
        steps: vec![Step::Routine { routine: routine.clone(), args }],
        donations: Vec::new(),
        arena: 0,
    }
}
