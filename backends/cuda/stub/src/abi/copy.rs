//! Copies and fills, in the order of a stream or of the legacy stream.

use super::call::{current, enter, functions, wait, with_stream};
use crate::code::{Answer, Code};
use crate::driver::{Copy, Fill, LEGACY, Side, Work};
use crate::pointer::Host;

/// Enqueues a copy. One from pageable memory takes the bytes as they are; one to pageable memory is
/// waited for, as the driver's manual says, or where the caller `waits`.
fn copy(from: Side, to: Side, bytes: usize, stream: u64, waits: bool) -> Answer {
    let waiting = with_stream(stream, |driver, context, stream| {
        if waits {
            driver.refuse_unsafe()?;
            driver.refuse_waiting(context, stream)?;
        }
        let recording = driver.context(context)?.1.stream(stream)?.capture.is_some();
        let mut pageable = false;
        let mut side = |side: Side| -> Answer<Side> {
            match side {
                Side::Device(address) => {
                    driver.context(context)?.1.check_range(address, bytes as u64)?;
                }
                Side::Host(host) if host.is_null() && bytes > 0 => return Err(Code::INVALID_VALUE),
                Side::Host(host) => pageable = !driver.is_pinned(host.address(), bytes),
                Side::Bytes(_) => {}
            }
            Ok(side)
        };
        let (from, to) = (side(from)?, side(to)?);
        let downloads = matches!(to, Side::Host(_));
        let from = match from {
            Side::Host(host) if pageable && !recording => Side::Bytes(host.read(bytes).into()),
            from => from,
        };
        driver.submit(context, stream, Work::Copy(Copy { from, to, bytes: bytes as u64 }))?;
        let waits = waits || (downloads && pageable && !recording);
        let goal = driver.context(context)?.1.stream(stream)?.clock.clone();
        Ok(waits.then_some((context, goal)))
    })?;
    match waiting {
        Some((context, goal)) => wait(context, &goal),
        None => Ok(()),
    }
}

fn fill(address: u64, value: u32, size: u32, count: usize, stream: u64, waits: bool) -> Answer {
    with_stream(stream, |driver, context, stream| {
        if waits {
            driver.refuse_unsafe()?;
        }
        let fill = Fill::new(address, value, size, count as u64)?;
        driver.context(context)?.1.check_range(address, fill.bytes())?;
        driver.submit(context, stream, Work::Fill(fill))
    })
}

functions! {
    fn cuMemcpyHtoD_v2(to: u64, from: Host, bytes: usize) {
        copy(Side::Host(from), Side::Device(to), bytes, LEGACY, true)
    }

    fn cuMemcpyDtoH_v2(to: Host, from: u64, bytes: usize) {
        copy(Side::Device(from), Side::Host(to), bytes, LEGACY, true)
    }

    fn cuMemcpyDtoD_v2(to: u64, from: u64, bytes: usize) {
        enter()?.refuse_unsafe()?;
        current()?;
        copy(Side::Device(from), Side::Device(to), bytes, LEGACY, false)
    }

    fn cuMemcpyHtoDAsync_v2(to: u64, from: Host, bytes: usize, stream: u64) {
        copy(Side::Host(from), Side::Device(to), bytes, stream, false)
    }

    fn cuMemcpyDtoHAsync_v2(to: Host, from: u64, bytes: usize, stream: u64) {
        copy(Side::Device(from), Side::Host(to), bytes, stream, false)
    }

    fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, stream: u64) {
        copy(Side::Device(from), Side::Device(to), bytes, stream, false)
    }

    fn cuMemsetD8_v2(address: u64, value: u8, count: usize) {
        fill(address, value.into(), 1, count, LEGACY, true)
    }

    fn cuMemsetD16_v2(address: u64, value: u16, count: usize) {
        fill(address, value.into(), 2, count, LEGACY, true)
    }

    fn cuMemsetD32_v2(address: u64, value: u32, count: usize) {
        fill(address, value, 4, count, LEGACY, true)
    }

    fn cuMemsetD8Async(address: u64, value: u8, count: usize, stream: u64) {
        fill(address, value.into(), 1, count, stream, false)
    }

    fn cuMemsetD16Async(address: u64, value: u16, count: usize, stream: u64) {
        fill(address, value.into(), 2, count, stream, false)
    }

    fn cuMemsetD32Async(address: u64, value: u32, count: usize, stream: u64) {
        fill(address, value, 4, count, stream, false)
    }
}
