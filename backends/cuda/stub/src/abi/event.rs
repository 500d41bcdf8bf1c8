//! Events.

use super::call::{ask, current_or_none, enter, functions, wait, with};
use crate::code::{Answer, Code};
use crate::driver::{Counter, Driver, Event};
use crate::pointer::Out;

/// The flag of events that keep no time.
const NO_TIMING: u32 = 2;

/// Works on the context of an event, unless a fault has ended it.
fn with_event<T>(event: u64, work: impl FnOnce(&mut Driver, u64) -> Answer<T>) -> Answer<T> {
    let mut driver = enter()?;
    let context = driver.context_of_event(event)?;
    driver.context(context)?.1.check()?;
    work(&mut driver, context)
}

/// The context and the stream of a call that has an event too.
fn with_both(
    event: u64,
    stream: u64,
    work: impl FnOnce(&mut Driver, u64, u64, u64) -> Answer,
) -> Answer {
    with_event(event, |driver, of_event| {
        let current = current_or_none();
        let (context, stream) = driver.stream(current, stream)?;
        if context == 0 {
            return Err(Code::INVALID_CONTEXT);
        }
        work(driver, of_event, context, stream)
    })
}

/// Refuses an event that lies in a graph and was never recorded elsewhere.
fn refuse_captured(driver: &mut Driver, context: u64, event: u64) -> Answer {
    match driver.context(context)?.1.event(event)?.captured.clone() {
        Some((capture, _)) => Err(driver.invalidate(capture, Code::CAPTURED_EVENT)),
        None => Ok(()),
    }
}

fn elapsed(out: &Out<f32>, start: u64, end: u64) -> Answer {
    let time = |driver: &mut Driver, context, event: u64| {
        let (_, c) = driver.context(context)?;
        let event = c.event(event)?;
        if !event.timing || event.recorded.is_none() {
            return Err(Code::INVALID_HANDLE);
        }
        event.time.ok_or(Code::NOT_READY)
    };
    let start = with_event(start, |driver, context| time(driver, context, start))?;
    let end = with_event(end, |driver, context| time(driver, context, end))?;
    out.put((end as f64 - start as f64) as f32 / 1e6)
}

functions! {
    fn cuEventCreate(event: Out<u64>, flags: u32) {
        if event.is_null() || flags > 7 {
            return Err(Code::INVALID_VALUE);
        }
        let handle = with(|shared, c| {
            let handle = shared.handle();
            let timing = flags & NO_TIMING == 0;
            c.events.insert(handle, Event { timing, ..Event::default() });
            Ok(handle)
        })?;
        event.put(handle)
    }

    fn cuEventDestroy_v2(event: u64) {
        with_event(event, |driver, context| {
            driver.context(context)?.1.events.remove(&event);
            Ok(())
        })
    }

    fn cuEventRecord(event: u64, stream: u64) {
        with_both(event, stream, |driver, of_event, context, stream| {
            if of_event != context {
                return Err(Code::INVALID_HANDLE);
            }
            driver.record_event(context, stream, event)
        })
    }

    fn cuStreamWaitEvent(stream: u64, event: u64, flags: u32) {
        if flags > 1 {
            return Err(Code::INVALID_VALUE);
        }
        let mut other = None;
        with_both(event, stream, |driver, of_event, context, stream| {
            if of_event != context {
                other = Some((of_event, driver.context(of_event)?.1.event(event)?.clock.clone()));
                return Ok(());
            }
            driver.wait_event(context, stream, event)
        })?;
        // Devices have no common order here: the host waits in the place of the stream.
        match other {
            Some((context, goal)) => wait(context, &goal),
            None => Ok(()),
        }
    }

    fn cuEventSynchronize(event: u64) {
        let (context, goal) = with_event(event, |driver, context| {
            refuse_captured(driver, context, event)?;
            let (shared, c) = driver.context(context)?;
            shared.counters.one(Counter::Synchronisations);
            Ok((context, c.event(event)?.clock.clone()))
        })?;
        wait(context, &goal)
    }

    fn cuEventQuery(event: u64) {
        let (context, goal) = with_event(event, |driver, context| {
            refuse_captured(driver, context, event)?;
            Ok((context, driver.context(context)?.1.event(event)?.clock.clone()))
        })?;
        ask(context, &goal)
    }

    fn cuEventElapsedTime_v2(milliseconds: Out<f32>, start: u64, end: u64) {
        elapsed(&milliseconds, start, end)
    }

    fn cuEventElapsedTime(milliseconds: Out<f32>, start: u64, end: u64) {
        elapsed(&milliseconds, start, end)
    }
}
