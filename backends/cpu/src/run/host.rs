//! Calls of the host from generated code: views become slices, and a failure becomes an address
//! that the driver returns. The closures live in `cotangent_jit::host`.

use crate::run::subnormals::Treatment;
use cotangent_jit::Error;
use cotangent_jit::host::{HostCall, HostInput, HostOutput};
use std::slice;

/// Generated code calls this function. It returns 0 for success, else a failure for [`outcome`].
///
/// # Safety
/// `call` is alive, and `args` holds one valid address per argument and result of the types it
/// names; results overlap nothing else.
pub unsafe extern "C" fn run(call: *const HostCall, args: *const *mut u8) -> i64 {
    // SAFETY: the caller's promise.
    let call = unsafe { &*call };
    let mut inputs = Vec::with_capacity(call.args.len());
    let mut outputs = Vec::with_capacity(call.results.len());
    for (n, (dtype, len, written)) in call.operands().enumerate() {
        let bytes = len * dtype.size();
        // SAFETY: as many addresses were promised; an address of no bytes may be anything except
        // null.
        let at = unsafe { if bytes > 0 { *args.add(n) } else { std::ptr::dangling_mut() } };
        // SAFETY: the memory at each is valid for its type, and nothing else writes to it while the
        // program runs.
        unsafe {
            if written {
                outputs.push(HostOutput { dtype, bytes: slice::from_raw_parts_mut(at, bytes) });
            } else {
                inputs.push(HostInput { dtype, bytes: slice::from_raw_parts(at, bytes) });
            }
        }
    }
    match call.run(&inputs, &mut outputs) {
        Ok(()) => 0,
        Err(error) => Box::into_raw(Box::new(error)) as i64,
    }
}

/// Like [`run`], from a program that flushes subnormal numbers: the closure runs by IEEE 754.
///
/// # Safety
/// As for [`run`].
pub unsafe extern "C" fn run_unflushed(call: *const HostCall, args: *const *mut u8) -> i64 {
    let _treatment = Treatment::set(false);
    // SAFETY: the caller's promise.
    unsafe { run(call, args) }
}

/// The outcome that a driver's result stands for.
///
/// # Safety
/// `failure` was returned by a driver, and is passed here once.
pub unsafe fn outcome(failure: i64) -> Result<(), Error> {
    if failure == 0 {
        return Ok(());
    }
    // SAFETY: it is 0 or the address of a box that `run` leaked.
    Err(unsafe { *Box::from_raw(failure as *mut Error) })
}
