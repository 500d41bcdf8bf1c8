//! Streams that record a graph, alone and with others that join; what a capture must not meet.

mod graph_nodes;
mod session;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUresult, CUstreamCaptureMode, CUstreamCaptureStatus};
use graph_nodes::{instantiate, run};
use session::{Session, add, code, lazy, session};

fn begin(stream: sys::CUstream) {
    let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    // SAFETY: the stream exists.
    unsafe { result::stream::begin_capture(stream, mode) }.unwrap();
}

fn end(stream: sys::CUstream) -> Result<sys::CUgraph, DriverError> {
    // SAFETY: the stream exists.
    unsafe { result::stream::end_capture(stream) }
}

fn event() -> sys::CUevent {
    result::event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING).unwrap()
}

/// Records an event in one stream and waits for it in another.
fn pass(from: sys::CUstream, to: sys::CUstream) -> Result<(), DriverError> {
    let event = event();
    // SAFETY: the event and the streams exist.
    unsafe {
        result::event::record(event, from)?;
        let flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        result::stream::wait_event(to, event, flags)
    }
}

fn status(stream: sys::CUstream) -> CUstreamCaptureStatus {
    // SAFETY: the stream exists.
    unsafe { result::stream::is_capturing(stream) }.unwrap()
}

#[test]
fn a_stream_records_what_it_would_run() {
    for seed in 0..5 {
        let s = session(seed, 100);
        let (function, stream) = (s.function(&add(), "add"), s.stream());
        let (x, host) = (s.upload(&[1u32]), s.pinned(1));
        begin(stream);
        assert_eq!(status(stream), CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_ACTIVE);
        s.launch(function, 1, stream, &[x, 5]).unwrap();
        s.launch(function, 1, stream, &[x, 6]).unwrap();
        // SAFETY: the pinned memory lives until the process ends.
        unsafe { result::memcpy_dtoh_async(host, x, stream) }.unwrap();
        let graph = end(stream).unwrap();
        assert_eq!(status(stream), CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE);
        // Nothing has run.
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [1]);
        let exec = instantiate(graph).unwrap();
        run(&s, exec).unwrap();
        run(&s, exec).unwrap();
        assert_eq!(host[0], 23);
    }
}

/// Two streams record together: the second adds behind the first, and joins again if told to.
fn fork(s: &Session, joins: bool) -> Result<sys::CUgraph, DriverError> {
    let (function, a, b) = (s.function(&add(), "add"), s.stream(), s.stream());
    let (x, y) = (s.upload(&[1u32]), s.upload(&[1u32]));
    begin(a);
    s.launch(function, 1, a, &[x, 5])?;
    pass(a, b)?;
    s.launch(function, 1, b, &[x, 6])?;
    s.launch(function, 1, a, &[y, 7])?;
    if joins {
        pass(b, a)?;
    }
    s.launch(function, 1, a, &[if joins { x } else { y }, 8])?;
    let graph = end(a)?;
    run(s, instantiate(graph)?)?;
    assert_eq!(s.download::<u32>(x, 1)?, [20]);
    assert_eq!(s.download::<u32>(y, 1)?, [8]);
    Ok(graph)
}

#[test]
fn streams_join_a_capture_by_events() {
    for seed in 0..10 {
        fork(&session(seed, 25), true).unwrap();
        let unjoined = fork(&session(seed, 25), false);
        assert_eq!(code(unjoined), CUresult::CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    }
}

#[test]
fn a_capture_ends_where_it_began() {
    let s = lazy();
    let (a, b) = (s.stream(), s.stream());
    begin(a);
    pass(a, b).unwrap();
    assert_eq!(code(end(b)), CUresult::CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
    assert_eq!(code(end(a)), CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    begin(a);
    let stream = a as usize;
    let elsewhere = std::thread::spawn(move || end(stream as sys::CUstream).map(|g| g as usize));
    let refused = elsewhere.join().unwrap();
    assert_eq!(code(refused), CUresult::CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
    assert_eq!(code(end(a)), CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

#[test]
fn what_waits_ends_a_capture() {
    let s = lazy();
    let stream = s.stream();
    // SAFETY: the stream exists.
    let wait = || unsafe { result::stream::synchronize(stream) };
    // SAFETY: the call is refused.
    let allocate = || unsafe { result::malloc_sync(4) }.map(drop);
    let calls: [&dyn Fn() -> Result<(), DriverError>; 3] =
        [&wait, &allocate, &result::ctx::synchronize];
    for call in calls {
        begin(stream);
        assert_eq!(code(call()), CUresult::CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        let invalid = CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_INVALIDATED;
        assert_eq!(status(stream), invalid);
        assert_eq!(code(end(stream)), CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    }
    // The stream is whole again.
    wait().unwrap();
    assert_eq!(code(end(stream)), CUresult::CUDA_ERROR_ILLEGAL_STATE);
}

#[test]
fn the_legacy_stream_must_not_meet_a_blocking_stream_that_records() {
    let s = lazy();
    let function = s.function(&add(), "add");
    let x = s.upload(&[1u32]);
    let stream = result::stream::create(result::stream::StreamKind::Default).unwrap();
    begin(stream);
    let implicit = s.launch(function, 1, std::ptr::null_mut(), &[x, 1]);
    assert_eq!(code(implicit), CUresult::CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    assert_eq!(code(end(stream)), CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    // A stream beside it may go on.
    let beside = s.stream();
    begin(beside);
    s.launch(function, 1, std::ptr::null_mut(), &[x, 1]).unwrap();
    end(beside).unwrap();
}

#[test]
fn work_that_is_not_recorded_cannot_order_a_capture() {
    let s = lazy();
    let (a, b) = (s.stream(), s.stream());
    begin(a);
    assert_eq!(code(pass(b, a)), CUresult::CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    assert_eq!(code(end(a)), CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    // Two captures do not merge.
    begin(a);
    begin(b);
    assert_eq!(code(pass(a, b)), CUresult::CUDA_ERROR_STREAM_CAPTURE_MERGE);
    end(b).unwrap();
    assert_eq!(code(end(a)), CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}
