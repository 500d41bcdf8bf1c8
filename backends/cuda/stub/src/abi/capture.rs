//! Streams that record a graph.

use super::call::{functions, with_stream};
use crate::code::{Answer, Code};
use crate::pointer::Out;

/// The status of a stream, the number of its capture, and the graph.
fn status(stream: u64) -> Answer<(u32, u64, u64)> {
    with_stream(stream, |driver, context, stream| {
        let recording = driver.context(context)?.1.stream(stream)?.capture.clone();
        let Some((id, _)) = recording else { return Ok((0, 0, 0)) };
        let capture = driver.captures.get(&id).ok_or(Code::ILLEGAL_STATE)?;
        Ok((1 + u32::from(capture.invalid), id, capture.graph))
    })
}

functions! {
    fn cuStreamBeginCapture_v2(stream: u64, mode: u32) {
        with_stream(stream, |driver, context, stream| driver.begin_capture(context, stream, mode))
    }

    fn cuStreamEndCapture(stream: u64, graph: Out<u64>) {
        if graph.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        graph.put(0)?;
        let ended = with_stream(stream, |driver, context, stream| {
            driver.end_capture(context, stream)
        })?;
        graph.put(ended)
    }

    fn cuStreamIsCapturing(stream: u64, out: Out<u32>) {
        out.put(status(stream)?.0)
    }

    fn cuStreamGetCaptureInfo_v3(
        stream: u64,
        out: Out<u32>,
        id: Out<u64>,
        graph: Out<u64>,
        dependencies: Out<u64>,
        edges: Out<u64>,
        count: Out<usize>,
    ) {
        // The list of nodes would have to outlive the call: it is not built.
        if !dependencies.is_null() || !edges.is_null() || !count.is_null() {
            return Err(Code::NOT_SUPPORTED);
        }
        let (status, number, recorded) = status(stream)?;
        out.put(status)?;
        if status == 1 {
            id.offer(number);
            graph.offer(recorded);
        }
        Ok(())
    }
}
