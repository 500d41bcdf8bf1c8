//! Functions of the host that streams and graphs call: other threads work on meanwhile.

mod graph_nodes;
mod session;

use cotangent_cuda_stub::control::Counter;
use cudarc::driver::result;
use cudarc::driver::sys::{self, CUresult};
use graph_nodes::{graph, instantiate, run};
use session::{add, session};
use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Both ends of a meeting of two threads.
struct Meeting {
    begun: Mutex<Sender<()>>,
    go: Mutex<Receiver<()>>,
}

unsafe extern "C" fn meet(data: *mut c_void) {
    // SAFETY: the test keeps the meeting until the stream is done.
    let meeting = unsafe { &*data.cast::<Meeting>() };
    meeting.begun.lock().unwrap().send(()).unwrap();
    meeting.go.lock().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
}

#[test]
fn the_driver_is_free_while_the_host_is_called() {
    for seed in 0..4 {
        let s = session(seed, 25);
        let (function, called, beside) = (s.function(&add(), "add"), s.stream(), s.stream());
        let (x, y, z) = (s.upload(&[1u32]), s.upload(&[1u32]), s.upload(&[1u32]));
        let ((begun, has_begun), (go, may_go)) = (channel(), channel());
        let meeting = Meeting { begun: Mutex::new(begun), go: Mutex::new(may_go) };
        s.launch(function, 1, called, &[x, 5]).unwrap();
        s.launch(function, 1, called, &[z, 5]).unwrap();
        let data = std::ptr::from_ref(&meeting).cast_mut().cast();
        // SAFETY: the meeting lives until the stream is done.
        unsafe { result::stream::launch_host_function(called, meet, data) }.unwrap();
        s.launch(function, 1, called, &[x, 5]).unwrap();
        let (context, handle) = (s.context as usize, called as usize);
        std::thread::scope(|scope| {
            let wait = move || {
                // SAFETY: the context and the stream live until the scope ends.
                unsafe {
                    result::ctx::set_current(context as sys::CUcontext).unwrap();
                    result::stream::synchronize(handle as sys::CUstream).unwrap();
                }
            };
            scope.spawn(wait);
            has_begun.recv_timeout(Duration::from_secs(20)).unwrap();
            // Work of other streams is enqueued and waited for.
            s.launch(function, 1, beside, &[y, 7]).unwrap();
            // The call says that what comes before it is done.
            s.launch(function, 1, beside, &[z, 7]).unwrap();
            // SAFETY: the streams exist.
            unsafe {
                result::stream::synchronize(beside).unwrap();
                assert_eq!(sys::cuStreamQuery(called), CUresult::CUDA_ERROR_NOT_READY);
            }
            // A second thread waits for the same stream.
            let second = scope.spawn(wait);
            std::thread::sleep(Duration::from_millis(20));
            assert!(!second.is_finished());
            go.send(()).unwrap();
        });
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [11]);
        assert_eq!(s.download::<u32>(y, 1).unwrap(), [8]);
        assert_eq!(s.download::<u32>(z, 1).unwrap(), [13]);
    }
}

unsafe extern "C" fn read(data: *mut c_void) {
    // SAFETY: the test passes two numbers that it leaves alone until the stream is done.
    let numbers = unsafe { &mut *data.cast::<[u32; 2]>() };
    numbers[1] = 2 * numbers[0];
}

#[test]
fn a_graph_calls_the_host_between_its_nodes() {
    for seed in 0..4 {
        let s = session(seed, 25);
        let function = s.function(&add(), "add");
        let (x, numbers) = (s.upload(&[4u32]), s.pinned(2));
        let stream = s.stream();
        // Recorded: download, call, upload; then a kernel behind it.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the pinned memory lives until the process ends.
        let recorded = unsafe {
            result::stream::begin_capture(stream, mode).unwrap();
            result::memcpy_dtoh_async(&mut numbers[..1], x, stream).unwrap();
            let data = numbers.as_mut_ptr().cast();
            result::stream::launch_host_function(stream, read, data).unwrap();
            result::memcpy_htod_async(x, &numbers[1..], stream).unwrap();
            result::stream::end_capture(stream).unwrap()
        };
        let g = graph();
        let mut child = std::ptr::null_mut();
        let none = std::ptr::null();
        // SAFETY: the graphs exist.
        unsafe { sys::cuGraphAddChildGraphNode(&mut child, g, none, 0, recorded) }
            .result()
            .unwrap();
        graph_nodes::add(g, &[child], function, 1, &[x, 1]);
        let exec = instantiate(g).unwrap();
        run(&s, exec).unwrap();
        run(&s, exec).unwrap();
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [19]);
        assert_eq!(s.stub.count(Counter::HostCalls), 2);
        // Three nodes within the child, the child, and the kernel.
        assert_eq!(s.stub.count(Counter::GraphNodes), 10);
        // The same by a node of its own.
        let (g, mut call) = (graph(), std::ptr::null_mut());
        let (fn_, userdata) = (Some(read as unsafe extern "C" fn(_)), numbers.as_mut_ptr().cast());
        let params = sys::CUDA_HOST_NODE_PARAMS { fn_, userData: userdata };
        // SAFETY: the graph exists; the pinned memory lives until the process ends.
        unsafe { sys::cuGraphAddHostNode(&mut call, g, none, 0, &params) }.result().unwrap();
        numbers[0] = 50;
        run(&s, instantiate(g).unwrap()).unwrap();
        assert_eq!(numbers[1], 100);
    }
}
