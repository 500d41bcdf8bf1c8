//! Random walks over the driver: streams, events, copies, launches, graphs and captures in any
//! order, with handles that live, have died or never lived. Every call gives a status, the driver
//! is never stuck, and correct work keeps its results.

mod session;

use cotangent_cuda_stub::control::Counter;
use cudarc::driver::sys::{self, CUresult};
use session::{Session, add, places, session};
use std::ptr::{null, null_mut};

/// Numbers from a seed (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    /// One of the handles, or now and then null or a number of no meaning.
    fn pick<T: Copy>(&mut self, from: &[*mut T]) -> *mut T {
        match self.below(40) {
            0 => null_mut(),
            1 => (16 * self.below(1 << 14)) as *mut T,
            _ if from.is_empty() => null_mut(),
            _ => from[self.below(from.len())],
        }
    }
}

struct Walk<'s> {
    s: &'s Session,
    numbers: Numbers,
    function: sys::CUfunction,
    host: &'static mut [u32],
    streams: Vec<sys::CUstream>,
    events: Vec<sys::CUevent>,
    graphs: Vec<sys::CUgraph>,
    nodes: Vec<sys::CUgraphNode>,
    execs: Vec<sys::CUgraphExec>,
    blocks: Vec<u64>,
}

impl Walk<'_> {
    fn block(&mut self) -> u64 {
        let known = match self.blocks.len() {
            0 => 0,
            n => self.blocks[self.numbers.below(n)],
        };
        known + [0, 0, 0, 0, 4, 64, 1 << 30][self.numbers.below(7)]
    }

    /// A call that makes something.
    fn make(&mut self) -> CUresult {
        let (mut stream, mut event, mut graph) = (null_mut(), null_mut(), null_mut());
        let (mut exec, mut block) = (null_mut(), 0);
        let of = self.numbers.pick(&self.graphs.clone());
        let on = self.numbers.pick(&self.streams.clone());
        let kind = self.numbers.below(6);
        // SAFETY: the places are large enough.
        let code = unsafe {
            match kind {
                0 => sys::cuStreamCreate(&mut stream, self.numbers.below(2) as u32),
                1 => sys::cuEventCreate(&mut event, 2 * self.numbers.below(2) as u32),
                2 => sys::cuGraphCreate(&mut graph, 0),
                3 => sys::cuGraphInstantiateWithFlags(&mut exec, of, 0),
                4 => sys::cuMemAllocAsync(&mut block, 256, on),
                _ => sys::cuMemAlloc_v2(&mut block, 256),
            }
        };
        if code == CUresult::CUDA_SUCCESS {
            match kind {
                0 => self.streams.push(stream),
                1 => self.events.push(event),
                2 => self.graphs.push(graph),
                3 => self.execs.push(exec),
                _ => self.blocks.push(block),
            }
        }
        code
    }

    /// A call that enqueues something.
    fn enqueue(&mut self) -> CUresult {
        let stream = self.numbers.pick(&self.streams.clone());
        let event = self.numbers.pick(&self.events.clone());
        let exec = self.numbers.pick(&self.execs.clone());
        let (a, b) = (self.block(), self.block());
        let params = [a, self.numbers.next()];
        let mut places = places(&params);
        let bytes = 4 * self.numbers.below(9);
        let host = self.host.as_mut_ptr().cast();
        // SAFETY: the host's side has room; the driver checks the rest.
        unsafe {
            match self.numbers.below(9) {
                0 => {
                    let (f, p) = (self.function, places.as_mut_ptr());
                    let threads = self.numbers.below(9) as u32;
                    sys::cuLaunchKernel(f, 1, 1, 1, threads, 1, 1, 0, stream, p, null_mut())
                }
                1 => sys::cuMemcpyHtoDAsync_v2(a, host, bytes, stream),
                2 => sys::cuMemcpyDtoHAsync_v2(host, a, bytes, stream),
                3 => sys::cuMemcpyDtoDAsync_v2(a, b, bytes, stream),
                4 => sys::cuMemsetD32Async(a, 7, 64, stream),
                5 => sys::cuEventRecord(event, stream),
                6 => sys::cuStreamWaitEvent(stream, event, 0),
                7 => sys::cuGraphLaunch(exec, stream),
                _ => sys::cuMemFreeAsync(a, stream),
            }
        }
    }

    /// A call about graphs.
    fn build(&mut self) -> CUresult {
        let graph = self.numbers.pick(&self.graphs.clone());
        let child = self.numbers.pick(&self.graphs.clone());
        let stream = self.numbers.pick(&self.streams.clone());
        let (a, b) =
            (self.numbers.pick(&self.nodes.clone()), self.numbers.pick(&self.nodes.clone()));
        let after = [a, b];
        let count = self.numbers.below(3);
        let params = [self.block(), 1];
        let mut places = places(&params);
        let kernel = sys::CUDA_KERNEL_NODE_PARAMS {
            func: self.function,
            gridDimX: 1,
            gridDimY: 1,
            gridDimZ: 1,
            blockDimX: 1,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: 0,
            kernelParams: places.as_mut_ptr(),
            extra: null_mut(),
            kern: null_mut(),
            ctx: null_mut(),
        };
        let (mut node, mut recorded) = (null_mut(), null_mut());
        let exec = self.numbers.pick(&self.execs.clone());
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the places are large enough; the driver checks the rest.
        let code = unsafe {
            match self.numbers.below(9) {
                0 | 1 => {
                    let list = after.as_ptr();
                    sys::cuGraphAddKernelNode_v2(&mut node, graph, list, count, &kernel)
                }
                2 => sys::cuGraphAddEmptyNode(&mut node, graph, after.as_ptr(), count),
                3 if graph != child => {
                    sys::cuGraphAddChildGraphNode(&mut node, graph, null(), 0, child)
                }
                4 => sys::cuGraphAddDependencies_v2(graph, &a, &b, null(), 1),
                5 => sys::cuGraphExecKernelNodeSetParams_v2(exec, a, &kernel),
                6 => sys::cuStreamBeginCapture_v2(stream, mode),
                7 => sys::cuStreamEndCapture(stream, &mut recorded),
                _ => sys::cuGraphKernelNodeSetParams_v2(a, &kernel),
            }
        };
        if !node.is_null() {
            self.nodes.push(node);
        }
        if !recorded.is_null() {
            self.graphs.push(recorded);
        }
        code
    }

    /// A call that waits, asks or destroys.
    fn end(&mut self) -> CUresult {
        let stream = self.numbers.pick(&self.streams.clone());
        let event = self.numbers.pick(&self.events.clone());
        let (graph, exec) =
            (self.numbers.pick(&self.graphs.clone()), self.numbers.pick(&self.execs.clone()));
        let block = self.block();
        // SAFETY: the driver checks the handles.
        unsafe {
            match self.numbers.below(12) {
                0..=2 => sys::cuStreamSynchronize(stream),
                3 => sys::cuStreamQuery(stream),
                4 => sys::cuEventSynchronize(event),
                5 => sys::cuEventQuery(event),
                6 => sys::cuStreamDestroy_v2(stream),
                7 => sys::cuEventDestroy_v2(event),
                8 => sys::cuGraphDestroy(graph),
                9 => sys::cuGraphExecDestroy(exec),
                10 => sys::cuMemFree_v2(block),
                _ => sys::cuCtxSynchronize(),
            }
        }
    }

    fn step(&mut self) {
        let code = match self.numbers.below(10) {
            0 | 1 => self.make(),
            2..=5 => self.enqueue(),
            6 | 7 => self.build(),
            _ => self.end(),
        };
        assert_ne!(code, CUresult::CUDA_ERROR_UNKNOWN, "{}", self.s.stub.fault());
    }
}

fn walk(seed: u64, steps: usize) -> bool {
    let s = session(seed, 25);
    let (function, host) = (s.function(&add(), "add"), s.pinned(64));
    let mut walk = Walk {
        s: &s,
        numbers: Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        function,
        host,
        streams: Vec::new(),
        events: Vec::new(),
        graphs: Vec::new(),
        nodes: Vec::new(),
        execs: Vec::new(),
        blocks: Vec::new(),
    };
    (0..steps).for_each(|_| walk.step());
    // SAFETY: the context is current.
    let ended = unsafe { sys::cuCtxSynchronize() };
    assert_ne!(ended, CUresult::CUDA_ERROR_UNKNOWN, "{}", s.stub.fault());
    assert!(s.stub.count(Counter::Modules) == 1);
    ended == CUresult::CUDA_SUCCESS
}

#[test]
fn random_walks_give_a_status_at_every_step() {
    let lengths = [20, 60, 200, 400];
    let whole = (1..=400).filter(|seed| walk(*seed, lengths[*seed as usize % 4])).count();
    // Short walks mostly end well, long ones find a fault: both paths are tried.
    assert!((20..380).contains(&whole), "{whole} of 400 walks end without a fault");
}

/// Correct programs: each stream works on its own block, and events hand blocks on.
#[test]
fn ordered_work_has_one_result_in_every_order() {
    for seed in 1..100 {
        let s = session(seed, (seed % 4 * 30) as u32);
        let mut numbers = Numbers(seed * 77);
        let function = s.function(&add(), "add");
        let streams: Vec<sys::CUstream> = (0..3).map(|_| s.stream()).collect();
        let blocks: Vec<u64> = (0..3).map(|n| s.upload(&[n as u32])).collect();
        // The stream that a block belongs to, and its value.
        let mut owners = [0, 1, 2];
        let mut values = [0u32, 1, 2];
        for _ in 0..60 {
            let (block, to) = (numbers.below(3), numbers.below(3));
            let from = owners[block];
            if from != to {
                let mut event = null_mut();
                // SAFETY: the event and the streams exist.
                unsafe {
                    sys::cuEventCreate(&mut event, 2).result().unwrap();
                    sys::cuEventRecord(event, streams[from]).result().unwrap();
                    sys::cuStreamWaitEvent(streams[to], event, 0).result().unwrap();
                    sys::cuEventDestroy_v2(event).result().unwrap();
                }
                owners[block] = to;
            }
            let n = numbers.below(1000) as u32;
            s.launch(function, 1, streams[to], &[blocks[block], n.into()]).unwrap();
            values[block] += n;
        }
        for stream in streams {
            // SAFETY: the stream exists.
            unsafe { sys::cuStreamSynchronize(stream) }.result().unwrap();
        }
        for (block, value) in blocks.iter().zip(values) {
            assert_eq!(s.download::<u32>(*block, 1).unwrap(), [value], "{seed}");
        }
    }
}
