//! What runs when: work that waits, streams beside each other, events, frees in the order of a
//! stream, and the faults of those who do not wait.

mod session;

use cotangent_cuda_stub::control::Counter;
use cudarc::driver::result;
use cudarc::driver::sys::{self, CUresult};
use session::{Session, add, code, lazy, session};
use std::ffi::c_void;

const NULL: sys::CUstream = std::ptr::null_mut();

fn event(timing: bool) -> sys::CUevent {
    let flags = match timing {
        true => sys::CUevent_flags::CU_EVENT_DEFAULT,
        false => sys::CUevent_flags::CU_EVENT_DISABLE_TIMING,
    };
    result::event::create(flags).unwrap()
}

#[test]
fn a_download_that_nobody_waits_for_has_not_happened() {
    let s = lazy();
    let (stream, host) = (s.stream(), s.pinned(4));
    let x = s.upload(&[1u32, 2, 3, 4]);
    // SAFETY: the pinned memory lives until the process ends.
    unsafe { result::memcpy_dtoh_async(host, x, stream) }.unwrap();
    assert_eq!(*host, [0; 4]);
    // SAFETY: the stream exists.
    unsafe { result::stream::synchronize(stream) }.unwrap();
    assert_eq!(*host, [1, 2, 3, 4]);
}

#[test]
fn an_eager_driver_may_be_done_early() {
    let s = session(0, 100);
    let (stream, host) = (s.stream(), s.pinned(4));
    let x = s.upload(&[1u32, 2, 3, 4]);
    // SAFETY: the pinned memory lives until the process ends.
    unsafe { result::memcpy_dtoh_async(host, x, stream) }.unwrap();
    assert_eq!(*host, [1, 2, 3, 4]);
}

#[test]
fn a_download_to_pageable_memory_is_waited_for() {
    let s = lazy();
    let (stream, mut host) = (s.stream(), [0u32; 4]);
    let x = s.upload(&[1u32, 2, 3, 4]);
    // SAFETY: the driver waits for the copy.
    unsafe { result::memcpy_dtoh_async(&mut host, x, stream) }.unwrap();
    assert_eq!(host, [1, 2, 3, 4]);
}

#[test]
fn pinned_memory_is_read_when_the_copy_runs_and_pageable_memory_at_once() {
    let s = lazy();
    let (stream, pinned) = (s.stream(), s.pinned(1));
    let mut pageable = vec![5u32];
    let (x, y) = (s.upload(&[0u32]), s.upload(&[0u32]));
    pinned[0] = 5;
    // SAFETY: both sources live until the copies are done.
    unsafe {
        result::memcpy_htod_async(x, &*pinned, stream).unwrap();
        result::memcpy_htod_async(y, &pageable, stream).unwrap();
    }
    (pinned[0], pageable[0]) = (6, 6);
    // SAFETY: the stream exists.
    unsafe { result::stream::synchronize(stream) }.unwrap();
    assert_eq!(s.download::<u32>(x, 1).unwrap(), [6]);
    assert_eq!(s.download::<u32>(y, 1).unwrap(), [5]);
}

#[test]
fn parameters_are_taken_when_the_launch_is_enqueued() {
    let s = lazy();
    let (function, stream, x) = (s.function(&add(), "add"), s.stream(), s.upload(&[1u32]));
    let mut params = vec![x, 5];
    s.launch(function, 1, stream, &params).unwrap();
    params.fill(0);
    // SAFETY: the stream exists.
    unsafe { result::stream::synchronize(stream) }.unwrap();
    assert_eq!(s.download::<u32>(x, 1).unwrap(), [6]);
}

/// Adds on one stream, then on another; an event may order the two. Gives the result.
fn two_streams(s: &Session, ordered: bool) -> Result<u32, CUresult> {
    let function = s.function(&add(), "add");
    let (a, b, x, ready) = (s.stream(), s.stream(), s.upload(&[1u32]), event(false));
    s.launch(function, 1, a, &[x, 10]).unwrap();
    // SAFETY: the event and the streams exist.
    unsafe {
        result::event::record(ready, a).unwrap();
        if ordered {
            result::stream::wait_event(b, ready, sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT)
                .unwrap();
        }
        s.launch(function, 1, b, &[x, 5]).unwrap();
        result::stream::synchronize(b).map_err(|e| e.0)?;
        result::stream::synchronize(a).map_err(|e| e.0)?;
    }
    Ok(s.download::<u32>(x, 1).unwrap()[0])
}

#[test]
fn two_streams_need_an_event_to_share_bytes() {
    for seed in 0..20 {
        assert_eq!(two_streams(&session(seed, 25), true), Ok(16));
        let s = session(seed, 25);
        assert_eq!(two_streams(&s, false), Err(CUresult::CUDA_ERROR_LAUNCH_FAILED), "{seed}");
        assert!(s.stub.fault().contains("in two streams"), "{}", s.stub.fault());
    }
}

#[test]
fn waiting_on_the_host_orders_streams_too() {
    for seed in 0..20 {
        let s = session(seed, 25);
        let function = s.function(&add(), "add");
        let (a, b, x) = (s.stream(), s.stream(), s.upload(&[1u32]));
        s.launch(function, 1, a, &[x, 10]).unwrap();
        // SAFETY: the streams exist.
        unsafe { result::stream::synchronize(a) }.unwrap();
        s.launch(function, 1, b, &[x, 5]).unwrap();
        // SAFETY: the streams exist.
        unsafe { result::stream::synchronize(b) }.unwrap();
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [16]);
    }
}

#[test]
fn streams_take_turns_by_the_seed() {
    let first = |seed| {
        let s = session(seed, 0);
        let (a, b) = (s.stream(), s.stream());
        let (p, q, x) = (s.pinned(1), s.pinned(1), s.upload(&[1u32]));
        // SAFETY: the pinned memory lives until the process ends; the streams exist.
        unsafe {
            result::memcpy_dtoh_async(p, x, a).unwrap();
            result::memcpy_dtoh_async(q, x, b).unwrap();
            result::stream::synchronize(a).unwrap();
        }
        assert_eq!(p[0], 1);
        q[0]
    };
    let seen: Vec<u32> = (0..20).map(first).collect();
    assert!(seen.contains(&0) && seen.contains(&1), "{seen:?}");
}

#[test]
fn the_legacy_stream_is_ordered_with_blocking_streams_alone() {
    let run = |kind: result::stream::StreamKind| {
        let s = session(3, 25);
        let (function, x) = (s.function(&add(), "add"), s.upload(&[1u32]));
        let stream = result::stream::create(kind).unwrap();
        s.launch(function, 1, stream, &[x, 10]).unwrap();
        s.launch(function, 1, NULL, &[x, 5]).unwrap();
        s.launch(function, 1, stream, &[x, 1]).unwrap();
        // SAFETY: the stream exists.
        unsafe { result::stream::synchronize(stream) }.map_err(|e| e.0)?;
        Ok(s.download::<u32>(x, 1).unwrap()[0])
    };
    assert_eq!(run(result::stream::StreamKind::Default), Ok(17));
    let apart = run(result::stream::StreamKind::NonBlocking);
    assert_eq!(apart, Err(CUresult::CUDA_ERROR_LAUNCH_FAILED));
}

#[test]
fn memory_is_freed_in_the_order_of_its_stream() {
    let s = lazy();
    let (function, stream) = (s.function(&add(), "add"), s.stream());
    // SAFETY: the block is used before it is freed, in one stream.
    unsafe {
        let x = result::malloc_async(stream, 4).unwrap();
        result::memset_d8_async(x, 0, 4, stream).unwrap();
        s.launch(function, 1, stream, &[x, 5]).unwrap();
        result::free_async(x, stream).unwrap();
        assert_eq!(code(result::free_async(x, stream)), CUresult::CUDA_ERROR_INVALID_VALUE);
        assert_eq!(s.stub.count(Counter::LiveBlocks), 1);
        result::stream::synchronize(stream).unwrap();
        assert_eq!(s.stub.count(Counter::LiveBlocks), 0);
    }
}

#[test]
fn a_use_behind_a_free_is_a_fault() {
    let s = lazy();
    let (function, stream) = (s.function(&add(), "add"), s.stream());
    let x = s.upload(&[1u32]);
    // SAFETY: the driver finds the stale address.
    unsafe { result::free_async(x, stream) }.unwrap();
    s.launch(function, 1, stream, &[x, 5]).unwrap();
    // SAFETY: the stream exists.
    let found = unsafe { result::stream::synchronize(stream) };
    assert_eq!(code(found), CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    assert!(s.stub.fault().contains("which was freed"), "{}", s.stub.fault());
}

#[test]
fn freeing_at_once_waits_for_everything() {
    let s = lazy();
    let (function, stream) = (s.function(&add(), "add"), s.stream());
    let (x, host) = (s.upload(&[1u32]), s.pinned(1));
    s.launch(function, 1, stream, &[x, 5]).unwrap();
    // SAFETY: the pinned memory lives until the process ends; the block is freed once.
    unsafe {
        result::memcpy_dtoh_async(host, x, stream).unwrap();
        result::free_sync(x).unwrap();
        assert_eq!(host[0], 6);
        assert_eq!(code(result::free_sync(x)), CUresult::CUDA_ERROR_INVALID_VALUE);
    }
}

#[test]
fn a_fault_ends_the_context_once_somebody_waits() {
    let cases = [
        (1 << 19, CUresult::CUDA_ERROR_ILLEGAL_ADDRESS),
        (2, CUresult::CUDA_ERROR_MISALIGNED_ADDRESS),
    ];
    for (distance, expected) in cases {
        let s = lazy();
        let x = s.upload(&[1u32]);
        let (function, stream) = (s.function(&add(), "add"), s.stream());
        s.launch(function, 1, stream, &[x + distance, 5]).unwrap();
        // Nobody has waited: the host does not know yet.
        s.launch(function, 1, stream, &[x, 5]).unwrap();
        // SAFETY: the stream exists.
        assert_eq!(code(unsafe { result::stream::synchronize(stream) }), expected);
        assert!(s.stub.fault().contains("entry `add`"), "{}", s.stub.fault());
        assert!(s.stub.fault().contains("line 10"), "{}", s.stub.fault());
        // From now on every call fails.
        // SAFETY: the calls fail.
        unsafe {
            assert_eq!(code(result::malloc_sync(4)), expected);
            assert_eq!(code(s.download::<u32>(x, 1)), expected);
            assert_eq!(code(result::ctx::synchronize()), expected);
            assert_eq!(code(s.launch(function, 1, stream, &[x, 5])), expected);
        }
        assert_eq!(s.stub.runs("add"), 1);
    }
}

#[test]
fn a_fault_that_nobody_waited_for_is_not_known() {
    // All work runs when it is enqueued, and still only waiting tells.
    let s = session(0, 100);
    let (function, stream) = (s.function(&add(), "add"), s.stream());
    let x = s.upload(&[1u32]);
    s.launch(function, 1, stream, &[0, 5]).unwrap();
    assert!(s.stub.fault().contains("line 10"), "{}", s.stub.fault());
    s.launch(function, 1, stream, &[x, 5]).unwrap();
    // SAFETY: the block is new; the stream exists.
    unsafe {
        result::free_async(result::malloc_async(stream, 4).unwrap(), stream).unwrap();
        let found = result::stream::synchronize(stream);
        assert_eq!(code(found), CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    }
    let late = s.launch(function, 1, stream, &[x, 5]);
    assert_eq!(code(late), CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_eq!(s.stub.runs("add"), 1);
}

#[test]
fn pinned_memory_is_freed_when_nothing_uses_it() {
    let s = lazy();
    let (stream, x) = (s.stream(), s.upload(&[0u32]));
    // SAFETY: freeing waits for the copy.
    unsafe {
        let host = result::malloc_host(4, 0).unwrap().cast::<u32>();
        *host = 77;
        result::memcpy_htod_async(x, std::slice::from_raw_parts(host, 1), stream).unwrap();
        assert_eq!(s.stub.count(Counter::UploadCalls), 1);
        result::free_host(host.cast()).unwrap();
    }
    assert_eq!(s.stub.count(Counter::UploadCalls), 2);
    assert_eq!(s.download::<u32>(x, 1).unwrap(), [77]);
}

#[test]
fn a_released_context_begins_anew() {
    let s = lazy();
    let function = s.function(&add(), "add");
    let stream = s.stream();
    s.launch(function, 1, stream, &[0, 5]).unwrap();
    // SAFETY: the stream exists.
    let found = unsafe { result::stream::synchronize(stream) };
    assert_eq!(code(found), CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    drop(s);
    let s = lazy();
    let x = s.upload(&[1u32]);
    assert_eq!(s.download::<u32>(x, 1).unwrap(), [1]);
    // SAFETY: the handle is stale, which the driver finds.
    let gone = unsafe { result::stream::synchronize(stream) };
    assert_eq!(code(gone), CUresult::CUDA_ERROR_INVALID_HANDLE);
}

#[test]
fn a_launch_can_be_made_to_fail() {
    let s = lazy();
    let (function, stream) = (s.function(&add(), "add"), s.stream());
    let x = s.upload(&[1u32]);
    s.stub.fail_launch(1, CUresult::CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES as u32);
    s.launch(function, 1, stream, &[x, 5]).unwrap();
    let second = s.launch(function, 1, stream, &[x, 5]);
    assert_eq!(code(second), CUresult::CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
    assert_eq!(s.download::<u32>(x, 1).unwrap().len(), 1);
    s.stub.fail_launch(0, CUresult::CUDA_ERROR_LAUNCH_FAILED as u32);
    s.launch(function, 1, stream, &[x, 5]).unwrap();
    // SAFETY: the stream exists.
    let found = unsafe { result::stream::synchronize(stream) };
    assert_eq!(code(found), CUresult::CUDA_ERROR_LAUNCH_FAILED);
}

#[test]
fn events_tell_time_and_whether_they_are_done() {
    let s = lazy();
    let (function, stream) = (s.function(&add(), "add"), s.stream());
    let (x, start, end) = (s.upload(&[1u32]), event(true), event(true));
    // SAFETY: the events and the stream exist.
    unsafe {
        result::event::record(start, stream).unwrap();
        s.launch(function, 1, stream, &[x, 5]).unwrap();
        result::event::record(end, stream).unwrap();
        let early = result::event::elapsed(start, end);
        assert_eq!(code(early), CUresult::CUDA_ERROR_NOT_READY);
        let mut asked = 0;
        while let Err(error) = result::event::query(end) {
            assert_eq!(error.0, CUresult::CUDA_ERROR_NOT_READY);
            asked += 1;
            assert!(asked < 1000, "questions never end");
        }
        assert!(asked > 0);
        assert!(result::event::elapsed(start, end).unwrap() > 0.0);
        result::event::destroy(start).unwrap();
        assert_eq!(code(result::event::query(start)), CUresult::CUDA_ERROR_INVALID_HANDLE);
    }
    assert_eq!(s.download::<u32>(x, 1).unwrap(), [6]);
}

unsafe extern "C" fn push(data: *mut c_void) {
    // SAFETY: the test passes a list that it reads only after it has waited.
    let list = unsafe { &mut *data.cast::<Vec<u32>>() };
    // SAFETY: a call from here is refused.
    let refused = unsafe { sys::cuCtxSynchronize() };
    list.push(refused as u32);
}

#[test]
fn a_function_of_the_host_runs_in_the_order_of_its_stream() {
    for seed in 0..10 {
        let s = session(seed, 50);
        let (function, stream) = (s.function(&add(), "add"), s.stream());
        let (x, mut list) = (s.upload(&[1u32]), Vec::<u32>::new());
        s.launch(function, 1, stream, &[x, 5]).unwrap();
        let data = std::ptr::from_mut(&mut list).cast();
        // SAFETY: the list lives until the stream is done.
        unsafe { result::stream::launch_host_function(stream, push, data) }.unwrap();
        s.launch(function, 1, stream, &[x, 5]).unwrap();
        // SAFETY: the stream exists.
        unsafe { result::stream::synchronize(stream) }.unwrap();
        assert_eq!(list, [CUresult::CUDA_ERROR_NOT_PERMITTED as u32]);
        assert_eq!(s.stub.count(Counter::HostCalls), 1);
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [11]);
    }
}

#[test]
fn a_destroyed_stream_still_does_its_work() {
    let s = lazy();
    let (function, stream) = (s.function(&add(), "add"), s.stream());
    let x = s.upload(&[1u32]);
    s.launch(function, 1, stream, &[x, 5]).unwrap();
    // SAFETY: destroyed once; the second call is refused.
    unsafe {
        result::stream::destroy(stream).unwrap();
        assert_eq!(code(result::stream::destroy(stream)), CUresult::CUDA_ERROR_INVALID_HANDLE);
    }
    let late = s.launch(function, 1, stream, &[x, 5]);
    assert_eq!(code(late), CUresult::CUDA_ERROR_INVALID_HANDLE);
    result::ctx::synchronize().unwrap();
    assert_eq!(s.download::<u32>(x, 1).unwrap(), [6]);
}

#[test]
fn threads_share_a_context() {
    let s = session(1, 25);
    let function = s.function(&add(), "add") as usize;
    let context = s.context as usize;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                // SAFETY: the context is retained by the session; the block is this thread's.
                unsafe {
                    result::ctx::set_current(context as sys::CUcontext).unwrap();
                    let kind = result::stream::StreamKind::NonBlocking;
                    let stream = result::stream::create(kind).unwrap();
                    let x = result::malloc_async(stream, 4).unwrap();
                    result::memset_d8_async(x, 0, 4, stream).unwrap();
                    for _ in 0..20 {
                        let params = [x, 1];
                        let mut places = session::places(&params);
                        let function = function as sys::CUfunction;
                        let one = (1, 1, 1);
                        result::launch_kernel(function, one, one, 0, stream, &mut places).unwrap();
                    }
                    let mut found = [0u32];
                    result::memcpy_dtoh_async(&mut found, x, stream).unwrap();
                    result::stream::synchronize(stream).unwrap();
                    assert_eq!(found, [20]);
                }
            });
        }
    });
}
