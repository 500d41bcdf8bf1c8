//! The way of all work into a queue or, while the stream records, into a graph.

use super::capture::{Capture, GLOBAL, THREAD_LOCAL};
use super::graph::Action;
use super::state::Driver;
use super::stream::LEGACY;
use super::work::Work;
use crate::code::{Answer, Code};

impl Driver {
    /// Puts work into a stream: at the end of its queue or, while it records, into its graph.
    pub fn submit(&mut self, context: u64, stream: u64, work: Work) -> Answer {
        self.refuse_implicit(context, stream)?;
        let (_, c) = self.context(context)?;
        c.check()?;
        if let Some((capture, after)) = c.stream(stream)?.capture.clone() {
            return self.record(context, stream, capture, after, work);
        }
        let (shared, context) = self.context(context)?;
        context.enqueue(stream, work)?;
        context.run_early(shared);
        Ok(())
    }

    fn record(
        &mut self,
        context: u64,
        stream: u64,
        capture: u64,
        after: Vec<usize>,
        work: Work,
    ) -> Answer {
        let Some(recording) = self.captures.get(&capture) else { return Err(Code::ILLEGAL_STATE) };
        if recording.invalid {
            return Err(Code::CAPTURE_INVALIDATED);
        }
        let graph = recording.graph;
        let action = match work {
            Work::Kernel(launch) => Action::Kernel(launch),
            Work::Copy(copy) => Action::Copy(copy),
            Work::Fill(fill) => Action::Fill(fill),
            Work::Call(call) => Action::Call(call),
            _ => return Err(self.invalidate(capture, Code::CAPTURE_UNSUPPORTED)),
        };
        let node = self.add_node(graph, after, action)?;
        let (_, place) = self.node(node)?;
        let (_, context) = self.context(context)?;
        context.stream(stream)?.capture = Some((capture, vec![place]));
        Ok(())
    }

    pub fn invalidate(&mut self, capture: u64, code: Code) -> Code {
        if let Some(capture) = self.captures.get_mut(&capture) {
            capture.invalid = true;
        }
        code
    }

    /// Refuses what would wait for a stream that records.
    pub fn refuse_waiting(&mut self, context: u64, stream: u64) -> Answer {
        self.refuse_implicit(context, stream)?;
        let (_, context) = self.context(context)?;
        match context.stream(stream)?.capture {
            Some((capture, _)) => Err(self.invalidate(capture, Code::CAPTURE_UNSUPPORTED)),
            None => Ok(()),
        }
    }

    /// Refuses the legacy stream while a stream that is ordered with it records.
    fn refuse_implicit(&mut self, context: u64, stream: u64) -> Answer {
        if stream != LEGACY || self.captures.is_empty() {
            return Ok(());
        }
        let (_, context) = self.context(context)?;
        let recording = context.streams.values().filter(|s| s.blocking);
        match recording.filter_map(|s| s.capture.as_ref()).map(|(c, _)| *c).next() {
            Some(capture) => Err(self.invalidate(capture, Code::CAPTURE_IMPLICIT)),
            None => Ok(()),
        }
    }

    /// Refuses a call that waits for the whole context while a stream records.
    pub fn refuse_recording(&mut self, context: u64) -> Answer {
        let found = self.captures.iter().find(|(_, c)| c.context == context).map(|(n, _)| *n);
        match found {
            Some(capture) => Err(self.invalidate(capture, Code::CAPTURE_UNSUPPORTED)),
            None => Ok(()),
        }
    }

    /// Refuses a call that a capture of this thread, or of any in the mode for all, must not meet.
    pub fn refuse_unsafe(&mut self) -> Answer {
        let thread = std::thread::current().id();
        let forbids =
            |c: &Capture| c.mode == GLOBAL || (c.mode == THREAD_LOCAL && c.thread == thread);
        let found = self.captures.iter().find(|(_, c)| forbids(c)).map(|(n, _)| *n);
        match found {
            Some(capture) => Err(self.invalidate(capture, Code::CAPTURE_UNSUPPORTED)),
            None => Ok(()),
        }
    }

    pub fn begin_capture(&mut self, context: u64, stream: u64, mode: u32) -> Answer {
        if mode > 2 {
            return Err(Code::INVALID_VALUE);
        }
        if stream == LEGACY {
            return Err(Code::CAPTURE_UNSUPPORTED);
        }
        let (shared, c) = self.context(context)?;
        if c.stream(stream)?.capture.is_some() {
            return Err(Code::ILLEGAL_STATE);
        }
        let id = shared.handle();
        c.stream(stream)?.capture = Some((id, Vec::new()));
        let (graph, thread) = (self.new_graph(None), std::thread::current().id());
        let capture = Capture { context, origin: stream, graph, mode, thread, invalid: false };
        self.captures.insert(id, capture);
        Ok(())
    }

    /// Ends a capture and gives its graph.
    pub fn end_capture(&mut self, context: u64, stream: u64) -> Answer<u64> {
        let (_, c) = self.context(context)?;
        let Some((id, last)) = c.stream(stream)?.capture.clone() else {
            return Err(Code::ILLEGAL_STATE);
        };
        let Some(capture) = self.captures.get(&id) else { return Err(Code::ILLEGAL_STATE) };
        if capture.origin != stream {
            return Err(self.invalidate(id, Code::CAPTURE_UNMATCHED));
        }
        if capture.mode != 2 && capture.thread != std::thread::current().id() {
            return Err(self.invalidate(id, Code::CAPTURE_WRONG_THREAD));
        }
        let (graph, invalid) = (capture.graph, capture.invalid);
        let joined = self.is_joined(graph, &last)?;
        self.captures.remove(&id);
        let (_, c) = self.context(context)?;
        for stream in c.streams.values_mut() {
            if stream.capture.as_ref().is_some_and(|(of, _)| *of == id) {
                stream.capture = None;
            }
        }
        let code = match (invalid, joined) {
            (true, _) => Code::CAPTURE_INVALIDATED,
            (false, false) => Code::CAPTURE_UNJOINED,
            (false, true) => return Ok(graph),
        };
        self.destroy_graph(graph)?;
        Err(code)
    }

    /// Whether each node comes before one of the last ones, or is one.
    fn is_joined(&mut self, graph: u64, last: &[usize]) -> Answer<bool> {
        let nodes = &self.graph(graph)?.nodes;
        let mut reached = vec![false; nodes.len()];
        let mut open = last.to_vec();
        while let Some(n) = open.pop() {
            if !std::mem::replace(&mut reached[n], true) {
                open.extend_from_slice(&nodes[n].after);
            }
        }
        Ok(reached.into_iter().all(|r| r))
    }

    /// Records an event: in the queue or, while the stream records, in its graph.
    pub fn record_event(&mut self, context: u64, stream: u64, event: u64) -> Answer {
        self.refuse_implicit(context, stream)?;
        let (shared, c) = self.context(context)?;
        c.check()?;
        if let Some(captured) = c.stream(stream)?.capture.clone() {
            c.event(event)?.captured = Some(captured);
            return Ok(());
        }
        c.event(event)?;
        let tick = c.enqueue(stream, Work::Record(event))?;
        let clock = c.stream(stream)?.clock.clone();
        let event = c.event(event)?;
        (event.recorded, event.clock, event.time) = (Some((stream, tick)), clock, None);
        event.captured = None;
        c.run_early(shared);
        Ok(())
    }

    /// Orders a stream behind the last record of an event of the same context.
    pub fn wait_event(&mut self, context: u64, stream: u64, event: u64) -> Answer {
        self.refuse_implicit(context, stream)?;
        let (shared, c) = self.context(context)?;
        c.check()?;
        let (captured, clock) = (c.event(event)?.captured.clone(), c.event(event)?.clock.clone());
        let recorded = c.event(event)?.recorded.is_some();
        let queue = c.stream(stream)?;
        match (captured, &mut queue.capture) {
            (Some((id, after)), Some((own, last))) if id == *own => {
                let new = after.into_iter().filter(|n| !last.contains(n)).collect::<Vec<_>>();
                last.extend(new);
                Ok(())
            }
            (Some((id, _)), Some(_)) => Err(self.invalidate(id, Code::CAPTURE_MERGE)),
            (Some((id, after)), None) => {
                if stream == LEGACY {
                    return Err(self.invalidate(id, Code::CAPTURE_IMPLICIT));
                }
                if !self.captures.contains_key(&id) {
                    return Err(Code::CAPTURED_EVENT);
                }
                let (_, c) = self.context(context)?;
                c.stream(stream)?.capture = Some((id, after));
                Ok(())
            }
            (None, Some((own, _))) => {
                let own = *own;
                match recorded {
                    true => Err(self.invalidate(own, Code::CAPTURE_ISOLATION)),
                    false => Ok(()),
                }
            }
            (None, None) => {
                queue.clock.join(&clock);
                c.enqueue(stream, Work::Wait)?;
                c.run_early(shared);
                Ok(())
            }
        }
    }
}
