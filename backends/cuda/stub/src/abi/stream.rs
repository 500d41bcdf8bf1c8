//! Streams.

use super::call::{ask, current, functions, wait, with, with_stream};
use crate::code::{Answer, Code};
use crate::driver::{Counter, LEGACY, Stream};
use crate::pointer::Out;

fn create(out: &Out<u64>, flags: u32, priority: i32) -> Answer {
    if out.is_null() || flags > 1 {
        return Err(Code::INVALID_VALUE);
    }
    let handle = with(|shared, c| {
        let handle = shared.handle();
        let priority = priority.clamp(-5, 0);
        let stream = Stream { blocking: flags == 0, priority, ..Stream::default() };
        c.streams.insert(handle, stream);
        Ok(handle)
    })?;
    out.put(handle)
}

functions! {
    fn cuStreamCreate(stream: Out<u64>, flags: u32) {
        create(&stream, flags, 0)
    }

    fn cuStreamCreateWithPriority(stream: Out<u64>, flags: u32, priority: i32) {
        create(&stream, flags, priority)
    }

    fn cuStreamGetPriority(stream: u64, priority: Out<i32>) {
        let found = with_stream(stream, |driver, context, stream| {
            Ok(driver.context(context)?.1.stream(stream)?.priority)
        })?;
        priority.put(found)
    }

    fn cuCtxGetStreamPriorityRange(least: Out<i32>, greatest: Out<i32>) {
        current()?;
        least.offer(0);
        greatest.offer(-5);
        Ok(())
    }

    fn cuStreamGetCtx(stream: u64, context: Out<u64>) {
        context.put(with_stream(stream, |_, context, _| Ok(context))?)
    }

    fn cuStreamDestroy_v2(stream: u64) {
        with_stream(stream, |driver, context, stream| {
            if stream == LEGACY {
                return Err(Code::INVALID_HANDLE);
            }
            let (_, c) = driver.context(context)?;
            if let Some((capture, _)) = c.stream(stream)?.capture.take() {
                driver.invalidate(capture, Code::CAPTURE_UNSUPPORTED);
            }
            let (_, c) = driver.context(context)?;
            // Its work is done still.
            c.stream(stream)?.destroyed = true;
            c.retire(stream);
            Ok(())
        })
    }

    fn cuStreamSynchronize(stream: u64) {
        let (context, goal) = with_stream(stream, |driver, context, stream| {
            driver.refuse_waiting(context, stream)?;
            let (shared, c) = driver.context(context)?;
            shared.counters.one(Counter::Synchronisations);
            Ok((context, c.order(stream)?.clock.clone()))
        })?;
        wait(context, &goal)
    }

    fn cuStreamQuery(stream: u64) {
        let (context, goal) = with_stream(stream, |driver, context, stream| {
            driver.refuse_waiting(context, stream)?;
            let (_, c) = driver.context(context)?;
            Ok((context, c.order(stream)?.clock.clone()))
        })?;
        ask(context, &goal)
    }
}
