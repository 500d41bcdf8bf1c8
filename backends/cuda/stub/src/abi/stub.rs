//! The stub's own functions: what [`control`](crate::control) calls. They need no context, and may
//! be called before the driver is initialised.

use super::call::functions;
use crate::code::Code;
use crate::driver::{Counter, Driver, lock};
use crate::pointer::{Host, Out, Text};

/// Text for the caller: gives the bytes that all of it needs, without the zero.
fn text(text: &str, target: Host, room: usize, needed: &Out<usize>) -> Result<(), Code> {
    if !target.is_null() {
        target.write_text(text, room);
    }
    needed.offer(text.len());
    Ok(())
}

fn number(driver: &Driver, counter: Counter) -> u64 {
    let sum = |of: fn((u64, usize)) -> u64| {
        driver.contexts.values().map(|c| of(c.device.allocated())).sum()
    };
    match counter {
        Counter::AllocatedBytes => sum(|(bytes, _)| bytes),
        Counter::LiveBlocks => sum(|(_, blocks)| blocks as u64),
        counter => driver.shared.counters.get(counter),
    }
}

functions! {
    fn cotangent_stub_seed(seed: u64) {
        lock().reseed(seed);
        Ok(())
    }

    fn cotangent_stub_capacity(bytes: u64) {
        lock().set_capacity(bytes);
        Ok(())
    }

    fn cotangent_stub_devices(count: u32) {
        lock().shared.settings.devices = count.min(64) as usize;
        Ok(())
    }

    fn cotangent_stub_driver(version: i32) {
        lock().shared.settings.driver = version;
        Ok(())
    }

    fn cotangent_stub_eagerness(percent: u32) {
        lock().shared.settings.eagerness = percent.min(100);
        Ok(())
    }

    fn cotangent_stub_compute(major: i32, minor: i32) {
        lock().shared.settings.compute = (major, minor);
        Ok(())
    }

    fn cotangent_stub_budget(instructions: u64) {
        lock().set_budget(instructions);
        Ok(())
    }

    fn cotangent_stub_fail_allocation(after: u64) {
        lock().shared.settings.fail_allocation = Some(after);
        Ok(())
    }

    fn cotangent_stub_fail_launch(after: u64, code: u32) {
        lock().shared.settings.fail_launch = Some((after, Code(code)));
        Ok(())
    }

    fn cotangent_stub_count(counter: u32, out: Out<u64>) {
        let counter = Counter::of(counter).ok_or(Code::INVALID_VALUE)?;
        out.put(number(&lock(), counter))
    }

    fn cotangent_stub_runs(entry: Text, out: Out<u64>) {
        let entry = entry.string()?;
        out.put(lock().shared.counters.runs(&entry))
    }

    fn cotangent_stub_kernels(target: Host, room: usize, needed: Out<usize>) {
        text(&lock().shared.counters.listing(), target, room, &needed)
    }

    fn cotangent_stub_fault(target: Host, room: usize, needed: Out<usize>) {
        text(&lock().shared.fault, target, room, &needed)
    }

    fn cotangent_stub_reset() {
        let mut driver = lock();
        driver.shared.counters = Default::default();
        driver.shared.fault.clear();
        driver.shared.settings.fail_allocation = None;
        driver.shared.settings.fail_launch = None;
        driver.shared.settings.fail_product = None;
        Ok(())
    }
}
