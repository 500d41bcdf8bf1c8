//! Contexts: the primary one of each device.

use super::call::{
    current, current_or_none, enter, functions, pop_current, push_current, set_current,
    wait_for_all, with,
};
use crate::code::Code;
use crate::driver::Counter;
use crate::pointer::Out;

/// The limits of a context that can be read and set, and their values at first.
const LIMITS: [(u32, usize); 3] = [(0, 1024), (1, 1 << 20), (2, 8 << 20)];

functions! {
    fn cuDevicePrimaryCtxRetain(context: Out<u64>, device: i32) {
        if context.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        let handle = enter()?.retain(device)?;
        context.put(handle)
    }

    fn cuDevicePrimaryCtxRelease_v2(device: i32) {
        // Work that is enqueued may use memory of the host: it ends before the context does.
        let last = {
            let mut driver = enter()?;
            let slot = driver.slot(device)?;
            slot.context.filter(|_| slot.retained == 1)
        };
        if let Some(context) = last {
            let _ = wait_for_all(context);
        }
        enter()?.release(device)
    }

    fn cuDevicePrimaryCtxReset_v2(device: i32) {
        let context = enter()?.slot(device)?.context;
        if let Some(context) = context {
            let _ = wait_for_all(context);
        }
        enter()?.reset(device)
    }

    fn cuDevicePrimaryCtxGetState(device: i32, flags: Out<u32>, active: Out<i32>) {
        let mut driver = enter()?;
        let slot = driver.slot(device)?;
        flags.put(slot.flags)?;
        active.put(i32::from(slot.context.is_some()))
    }

    fn cuDevicePrimaryCtxSetFlags_v2(device: i32, flags: u32) {
        if flags > 0x1f {
            return Err(Code::INVALID_VALUE);
        }
        enter()?.slot(device)?.flags = flags;
        Ok(())
    }

    fn cuCtxSetCurrent(context: u64) {
        if context != 0 && !enter()?.contexts.contains_key(&context) {
            return Err(Code::INVALID_CONTEXT);
        }
        set_current(context)
    }

    fn cuCtxGetCurrent(context: Out<u64>) {
        drop(enter()?);
        context.put(current_or_none())
    }

    fn cuCtxPushCurrent_v2(context: u64) {
        if !enter()?.contexts.contains_key(&context) {
            return Err(Code::INVALID_CONTEXT);
        }
        push_current(context)
    }

    fn cuCtxPopCurrent_v2(context: Out<u64>) {
        drop(enter()?);
        context.offer(pop_current()?);
        Ok(())
    }

    fn cuCtxSynchronize() {
        let context = {
            let (mut driver, context) = (enter()?, current()?);
            driver.context(context)?.1.check()?;
            driver.refuse_recording(context)?;
            driver.shared.counters.one(Counter::Synchronisations);
            context
        };
        wait_for_all(context)
    }

    fn cuCtxGetDevice(device: Out<i32>) {
        let ordinal = with(|_, context| Ok(context.ordinal))?;
        device.put(ordinal as i32)
    }

    fn cuCtxGetLimit(value: Out<usize>, limit: u32) {
        let first = LIMITS.iter().find(|(n, _)| *n == limit).ok_or(Code::UNSUPPORTED_LIMIT)?.1;
        value.put(with(|_, context| Ok(context.limits.get(&limit).copied().unwrap_or(first)))?)
    }

    fn cuCtxSetLimit(limit: u32, value: usize) {
        LIMITS.iter().find(|(n, _)| *n == limit).ok_or(Code::UNSUPPORTED_LIMIT)?;
        with(|_, context| {
            context.limits.insert(limit, value);
            Ok(())
        })
    }
}
