//! Blocks of memory, on the device and on the host, and the pool of a device.

use super::call::{current, enter, functions, wait_for_all, with, with_stream};
use crate::code::{Answer, Code};
use crate::driver::{Context, Counter, Driver, Work};
use crate::pointer::{Host, Out, Pages};

/// The attributes of a pool that are known, as the driver numbers them.
const THRESHOLD: u32 = 4;
const RESERVED: u32 = 5;
const RESERVED_HIGH: u32 = 6;
const USED: u32 = 7;
const USED_HIGH: u32 = 8;

fn pinned(out: &Out<u64>, bytes: usize) -> Answer {
    if out.is_null() || bytes == 0 {
        return Err(Code::INVALID_VALUE);
    }
    let (mut driver, context) = (enter()?, current()?);
    driver.context(context)?.1.check()?;
    driver.refuse_unsafe()?;
    let pages = Pages::new(bytes).ok_or(Code::OUT_OF_MEMORY)?;
    let address = pages.host().address();
    driver.shared.counters.one(Counter::PinnedAllocations);
    driver.pinned.insert(address, pages);
    out.put(address as u64)
}

/// Waits for everything that may use memory of the host.
fn wait_for_everybody() -> Answer {
    let contexts: Vec<u64> = enter()?.contexts.keys().copied().collect();
    for context in contexts {
        // A fault is told to whoever waits for its context.
        let _ = wait_for_all(context);
    }
    Ok(())
}

/// Refuses an access to what lives in the pool of no context.
fn pool(driver: &mut Driver, pool: u64) -> Answer<Option<&mut Context>> {
    let slot = driver.slots.iter().find(|s| s.pool == pool).ok_or(Code::INVALID_HANDLE)?;
    Ok(slot.context.and_then(|c| driver.contexts.get_mut(&c)))
}

functions! {
    fn cuMemAlloc_v2(address: Out<u64>, bytes: usize) {
        if address.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        enter()?.refuse_unsafe()?;
        address.put(with(|shared, c| c.allocate(shared, bytes as u64))?)
    }

    fn cuMemFree_v2(address: u64) {
        if address == 0 {
            return Ok(());
        }
        enter()?.refuse_unsafe()?;
        with(|_, c| c.check_block(address))?;
        // Freeing waits for all that is enqueued, as on a device.
        wait_for_all(current()?)?;
        with(|shared, c| {
            c.free(shared, address).map(drop).map_err(|_| Code::INVALID_VALUE)
        })
    }

    fn cuMemAllocAsync(address: Out<u64>, bytes: usize, stream: u64) {
        if address.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        let start = with_stream(stream, |driver, context, stream| {
            let size = bytes as u64;
            let recording = driver.context(context)?.1.stream(stream)?.capture.clone();
            if let Some((capture, _)) = recording {
                return Err(driver.invalidate(capture, Code::NOT_SUPPORTED));
            }
            let (shared, c) = driver.context(context)?;
            let start = c.allocate(shared, size)?;
            c.pooled.insert(start, size);
            c.pooled_high = c.pooled_high.max(c.pooled.values().sum());
            driver.submit(context, stream, Work::Allocate(start, size))?;
            Ok(start)
        })?;
        address.put(start)
    }

    fn cuMemAllocFromPoolAsync(address: Out<u64>, bytes: usize, handle: u64, stream: u64) {
        // Each device has its own pool alone.
        let of_pool = {
            let mut driver = enter()?;
            pool(&mut driver, handle)?.map(|c| c.ordinal)
        };
        let of_stream = with_stream(stream, |driver, context, _| {
            Ok(driver.context(context)?.1.ordinal)
        })?;
        if of_pool != Some(of_stream) {
            return Err(Code::INVALID_VALUE);
        }
        match cuMemAllocAsync(address, bytes, stream) {
            0 => Ok(()),
            code => Err(Code(code)),
        }
    }

    fn cuMemFreeAsync(address: u64, stream: u64) {
        if address == 0 {
            return Ok(());
        }
        with_stream(stream, |driver, context, stream| {
            let recording = driver.context(context)?.1.stream(stream)?.capture.clone();
            if let Some((capture, _)) = recording {
                return Err(driver.invalidate(capture, Code::NOT_SUPPORTED));
            }
            let (_, c) = driver.context(context)?;
            c.check_block(address)?;
            c.freeing.insert(address);
            driver.submit(context, stream, Work::Free(address))
        })
    }

    fn cuMemGetInfo_v2(free: Out<usize>, total: Out<usize>) {
        let (used, capacity) =
            with(|shared, c| Ok((c.device.allocated().0, shared.settings.capacity)))?;
        free.put(capacity.saturating_sub(used) as usize)?;
        total.put(capacity as usize)
    }

    fn cuMemHostAlloc(out: Out<u64>, bytes: usize, flags: u32) {
        if flags > 7 {
            return Err(Code::INVALID_VALUE);
        }
        pinned(&out, bytes)
    }

    fn cuMemAllocHost_v2(out: Out<u64>, bytes: usize) {
        pinned(&out, bytes)
    }

    fn cuMemFreeHost(host: Host) {
        let address = host.address();
        {
            let mut driver = enter()?;
            driver.refuse_unsafe()?;
            driver.pinned.get(&address).ok_or(Code::INVALID_VALUE)?;
        }
        wait_for_everybody()?;
        enter()?.pinned.remove(&address).map(drop).ok_or(Code::INVALID_VALUE)
    }

    fn cuMemHostRegister_v2(host: Host, bytes: usize, flags: u32) {
        if host.is_null() || bytes == 0 || flags > 15 {
            return Err(Code::INVALID_VALUE);
        }
        let mut driver = enter()?;
        let (start, end) = (host.address(), host.address().saturating_add(bytes));
        let meets = |(at, size): (&usize, &usize)| start < at + size && *at < end;
        if driver.registered.iter().any(meets) {
            return Err(Code::ALREADY_REGISTERED);
        }
        driver.registered.insert(start, bytes);
        Ok(())
    }

    fn cuMemHostUnregister(host: Host) {
        if !enter()?.registered.contains_key(&host.address()) {
            return Err(Code::NOT_REGISTERED);
        }
        wait_for_everybody()?;
        enter()?.registered.remove(&host.address());
        Ok(())
    }

    fn cuMemPoolGetAttribute(handle: u64, attribute: u32, value: Out<u64>) {
        let mut driver = enter()?;
        let context = pool(&mut driver, handle)?;
        let (used, high, threshold) = match context {
            Some(c) => (c.pooled.values().sum(), c.pooled_high, c.threshold),
            None => (0, 0, 0),
        };
        value.put(match attribute {
            THRESHOLD => threshold,
            // The pool keeps nothing: what is freed goes back at once.
            RESERVED | USED => used,
            RESERVED_HIGH | USED_HIGH => high,
            _ => return Err(Code::NOT_SUPPORTED),
        })
    }

    fn cuMemPoolSetAttribute(handle: u64, attribute: u32, value: Out<u64>) {
        let value = value.get()?;
        let mut driver = enter()?;
        let context = pool(&mut driver, handle)?.ok_or(Code::INVALID_CONTEXT)?;
        match attribute {
            THRESHOLD => context.threshold = value,
            RESERVED_HIGH | USED_HIGH if value == 0 => {
                context.pooled_high = context.pooled.values().sum();
            }
            RESERVED | USED | RESERVED_HIGH | USED_HIGH => return Err(Code::INVALID_VALUE),
            _ => return Err(Code::NOT_SUPPORTED),
        }
        Ok(())
    }

    fn cuMemPoolTrimTo(handle: u64, _keep: usize) {
        let mut driver = enter()?;
        pool(&mut driver, handle).map(drop)
    }
}
