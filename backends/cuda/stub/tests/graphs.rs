//! Graphs: edges and their absence, changes of parameters, conditions, children, copies.

mod graph_nodes;
mod session;

use cotangent_cuda_stub::control::Counter;
use cudarc::driver::result;
use cudarc::driver::sys::{
    self, CUgraphConditionalNodeType as Kind, CUgraphNode, CUmemorytype, CUresult,
};
use graph_nodes::{
    condition, conditional, graph, instantiate, kernel, run, set_params, setters, try_add,
};
use session::{HEAD, Session, code, lazy, places, session};

const SAFE: &str = "the graph and its nodes exist";

/// `mul(x, n)`: multiplies the u32 at x. `add(x, n)`: adds to it.
fn both() -> String {
    let mul = session::add().replace(HEAD, "").replace("entry add", "entry mul");
    session::add() + &mul.replace("add.u32 %r3", "mul.lo.u32 %r3")
}

fn pair(s: &Session) -> (sys::CUfunction, sys::CUfunction) {
    let module = s.module(&both());
    // SAFETY: the module is loaded.
    let function = |name: &std::ffi::CStr| {
        unsafe { result::module::get_function(module, name.into()) }.expect(SAFE)
    };
    (function(c"add"), function(c"mul"))
}

#[test]
fn nodes_run_in_the_order_of_their_edges() {
    for seed in 0..20 {
        let s = session(seed, 25);
        let (add, mul) = pair(&s);
        let x = s.upload(&[1u32, 1]);
        let g = graph();
        let first = graph_nodes::add(g, &[], add, 1, &[x, 1]);
        let beside = graph_nodes::add(g, &[], add, 1, &[x + 4, 5]);
        let second = graph_nodes::add(g, &[first], mul, 1, &[x, 10]);
        let third = graph_nodes::add(g, &[second, beside], add, 2, &[x, 3]);
        let exec = instantiate(g).unwrap();
        run(&s, exec).unwrap();
        assert_eq!(s.download::<u32>(x, 2).unwrap(), [23, 9]);
        // The instance is changed, the graph is not; a launch that is enqueued keeps its values.
        let stream = s.stream();
        // SAFETY: the instance and the stream exist.
        unsafe { result::graph::launch(exec, stream) }.unwrap();
        assert_eq!(set_params(exec, second, mul, &[x, 0]), CUresult::CUDA_SUCCESS);
        // SAFETY: the stream exists.
        unsafe { result::stream::synchronize(stream) }.unwrap();
        assert_eq!(s.download::<u32>(x, 2).unwrap(), [243, 17]);
        run(&s, exec).unwrap();
        assert_eq!(s.download::<u32>(x, 2).unwrap(), [3, 25]);
        assert_eq!(s.stub.count(Counter::GraphLaunches), 3);
        assert_eq!(s.stub.count(Counter::GraphNodes), 12);
        assert_eq!((s.stub.runs("add"), s.stub.runs("mul")), (9, 3));
        assert_eq!(s.stub.count(Counter::LaunchCalls), 0);
        let _ = third;
    }
}

#[test]
fn an_edge_that_is_missing_is_a_fault_in_every_order() {
    for seed in 0..20 {
        let s = session(seed, 25);
        let (add, mul) = pair(&s);
        let x = s.upload(&[1u32]);
        let g = graph();
        let first = graph_nodes::add(g, &[], add, 1, &[x, 1]);
        // Both come behind the first, and neither behind the other.
        graph_nodes::add(g, &[first], mul, 1, &[x, 10]);
        graph_nodes::add(g, &[first], add, 1, &[x, 3]);
        let result = run(&s, instantiate(g).unwrap());
        assert_eq!(code(result), CUresult::CUDA_ERROR_LAUNCH_FAILED);
        assert!(s.stub.fault().contains("no edge orders them"), "{}", s.stub.fault());
    }
}

#[test]
fn an_instance_runs_once_at_a_time() {
    for seed in 0..10 {
        let s = session(seed, 25);
        let (add, _) = pair(&s);
        let (x, a, b) = (s.upload(&[1u32]), s.stream(), s.stream());
        let g = graph();
        graph_nodes::add(g, &[], add, 1, &[x, 1]);
        let exec = instantiate(g).unwrap();
        // SAFETY: the instance and the streams exist.
        unsafe {
            result::graph::launch(exec, a).unwrap();
            result::graph::launch(exec, b).unwrap();
            result::stream::synchronize(b).unwrap();
        }
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [3]);
    }
}

/// A loop that adds one to the value at `x` until it is ten, behind a node that tests it once.
fn counting(s: &Session, x: u64) -> (sys::CUgraphExec, CUgraphNode, sys::CUfunction) {
    let (add, _) = pair(s);
    let set = s.function(&setters(), "set");
    let g = graph();
    let handle = condition(s, g, None).unwrap();
    let test = graph_nodes::add(g, &[], set, 1, &[handle, x, 10]);
    let (_, bodies) =
        conditional(s, g, &[test], Kind::CU_GRAPH_COND_TYPE_WHILE, handle, 1).unwrap();
    let step = graph_nodes::add(bodies[0], &[], add, 1, &[x, 1]);
    graph_nodes::add(bodies[0], &[step], set, 1, &[handle, x, 10]);
    (instantiate(g).unwrap(), step, add)
}

#[test]
fn a_loop_counts_to_ten_without_the_host() {
    for seed in 0..10 {
        let s = session(seed, 25);
        let x = s.upload(&[0u32]);
        let (exec, step, add) = counting(&s, x);
        run(&s, exec).unwrap();
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [10]);
        assert_eq!((s.stub.runs("add"), s.stub.runs("set")), (10, 11));
        assert_eq!(s.stub.count(Counter::GraphNodes), 22);
        // The condition is false at once.
        run(&s, exec).unwrap();
        assert_eq!(s.stub.runs("add"), 10);
        // A node of the body takes other parameters.
        assert_eq!(set_params(exec, step, add, &[x, 4]), CUresult::CUDA_SUCCESS);
        // SAFETY: the block has four bytes.
        unsafe { result::memset_d8_sync(x, 0, 4) }.unwrap();
        // A fill is not waited for, and the stream of the graph is not ordered with it.
        result::ctx::synchronize().unwrap();
        run(&s, exec).unwrap();
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [12]);
        assert_eq!(s.stub.runs("add"), 13);
    }
}

#[test]
fn a_loop_that_tests_beside_its_step_is_a_fault() {
    let s = session(5, 0);
    let x = s.upload(&[0u32]);
    let (add, set) = (pair(&s).0, s.function(&setters(), "set"));
    let g = graph();
    let handle = condition(&s, g, Some(1)).unwrap();
    let kind = Kind::CU_GRAPH_COND_TYPE_WHILE;
    let (_, bodies) = conditional(&s, g, &[], kind, handle, 1).unwrap();
    graph_nodes::add(bodies[0], &[], add, 1, &[x, 1]);
    graph_nodes::add(bodies[0], &[], set, 1, &[handle, x, 10]);
    let result = run(&s, instantiate(g).unwrap());
    assert_eq!(code(result), CUresult::CUDA_ERROR_LAUNCH_FAILED);
    assert!(s.stub.fault().contains("no edge orders them"), "{}", s.stub.fault());
}

#[test]
fn if_chooses_between_two_bodies() {
    for (value, expected) in [(1u32, 11u32), (7, 17), (0, 100)] {
        let s = lazy();
        let (x, y) = (s.upload(&[value]), s.upload(&[value]));
        let (add, choose) = (pair(&s).0, s.function(&setters(), "choose"));
        let g = graph();
        let handle = condition(&s, g, None).unwrap();
        let test = graph_nodes::add(g, &[], choose, 1, &[handle, y]);
        let kind = Kind::CU_GRAPH_COND_TYPE_IF;
        let (node, bodies) = conditional(&s, g, &[test], kind, handle, 2).unwrap();
        graph_nodes::add(bodies[0], &[], add, 1, &[x, 10]);
        graph_nodes::add(bodies[1], &[], add, 1, &[x, 99]);
        let _ = graph_nodes::add(g, &[node], add, 1, &[x, u64::from(value == 0)]);
        run(&s, instantiate(g).unwrap()).unwrap();
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [expected]);
    }
}

#[test]
fn switch_chooses_a_body_or_none() {
    for (value, expected) in [(0u32, 10u32), (1, 20), (2, 30), (3, 0), (1 << 31, 0)] {
        let s = lazy();
        let (x, y) = (s.upload(&[0u32]), s.upload(&[value]));
        let (add, choose) = (pair(&s).0, s.function(&setters(), "choose"));
        let g = graph();
        let handle = condition(&s, g, Some(0)).unwrap();
        let test = graph_nodes::add(g, &[], choose, 1, &[handle, y]);
        let kind = Kind::CU_GRAPH_COND_TYPE_SWITCH;
        let (_, bodies) = conditional(&s, g, &[test], kind, handle, 3).unwrap();
        for (n, body) in bodies.iter().enumerate() {
            graph_nodes::add(*body, &[], add, 1, &[x, 10 * (n as u64 + 1)]);
        }
        run(&s, instantiate(g).unwrap()).unwrap();
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [expected]);
    }
}

#[test]
fn conditions_that_are_misused() {
    let s = lazy();
    let (g, other) = (graph(), graph());
    let handle = condition(&s, g, None).unwrap();
    let kind = Kind::CU_GRAPH_COND_TYPE_IF;
    // Of another graph; with too many bodies; for a second node.
    for result in [
        conditional(&s, other, &[], kind, handle, 1),
        conditional(&s, g, &[], kind, handle, 3),
        conditional(&s, g, &[], Kind::CU_GRAPH_COND_TYPE_WHILE, handle, 2),
    ] {
        assert_eq!(code(result), CUresult::CUDA_ERROR_INVALID_VALUE);
    }
    conditional(&s, g, &[], kind, handle, 1).unwrap();
    let second = conditional(&s, g, &[], kind, handle, 1);
    assert_eq!(code(second), CUresult::CUDA_ERROR_INVALID_VALUE);
    // Nobody sets it.
    let result = run(&s, instantiate(g).unwrap());
    assert_eq!(code(result), CUresult::CUDA_ERROR_LAUNCH_FAILED);
    assert!(s.stub.fault().contains("nobody has set"), "{}", s.stub.fault());
    drop(s);
    // Outside of a graph there are no conditions.
    let s = lazy();
    let (x, choose) = (s.upload(&[1u32]), s.function(&setters(), "choose"));
    s.launch(choose, 1, std::ptr::null_mut(), &[handle, x]).unwrap();
    assert_eq!(code(result::ctx::synchronize()), CUresult::CUDA_ERROR_LAUNCH_FAILED);
    assert!(s.stub.fault().contains("no condition"), "{}", s.stub.fault());
}

extern "C" fn nothing(_: *mut std::ffi::c_void) {}

#[test]
fn a_body_does_not_call_the_host() {
    let s = lazy();
    let g = graph();
    let handle = condition(&s, g, Some(1)).unwrap();
    let (_, bodies) = conditional(&s, g, &[], Kind::CU_GRAPH_COND_TYPE_IF, handle, 1).unwrap();
    let (mut node, data) = (std::ptr::null_mut(), std::ptr::null_mut());
    let params = sys::CUDA_HOST_NODE_PARAMS { fn_: Some(nothing), userData: data };
    // SAFETY: the body exists, and the function takes anything.
    unsafe { sys::cuGraphAddHostNode(&mut node, bodies[0], std::ptr::null(), 0, &params) }
        .result()
        .unwrap();
    assert_eq!(code(instantiate(g)), CUresult::CUDA_ERROR_NOT_SUPPORTED);
}

/// `meet(x)`: the blocks of a grid of 40 wait for each other.
const MEET: &str = ".visible .entry meet(.param .u64 x) {
    .reg .b64 %a; .reg .b32 %r<3>; .reg .pred %p;
    ld.param.u64 %a, [x];
    atom.global.add.u32 %r0, [%a], 1;
wait:
    ld.relaxed.gpu.global.u32 %r1, [%a];
    setp.lt.u32 %p, %r1, 40;
    @%p bra wait;
    ret;
}
";

#[test]
fn a_cooperative_node_has_all_of_its_blocks_at_once() {
    for cooperative in [1u32, 0] {
        let s = lazy();
        s.stub.budget(100_000);
        let function = s.function(&format!("{HEAD}{MEET}"), "meet");
        let x = s.upload(&[0u32]);
        let g = graph();
        let params = [x];
        let mut places = places(&params);
        let params = kernel(function, 1, &mut places);
        let params = sys::CUDA_KERNEL_NODE_PARAMS { gridDimX: 40, ..params };
        let (mut node, none) = (std::ptr::null_mut(), std::ptr::null());
        // SAFETY: all zero is a value of the union.
        let mut value: sys::CUkernelNodeAttrValue = unsafe { std::mem::zeroed() };
        value.cooperative = cooperative as i32;
        let attribute = sys::CUkernelNodeAttrID::CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
        // SAFETY: the parameters are those of the entry.
        unsafe {
            sys::cuGraphAddKernelNode_v2(&mut node, g, none, 0, &params).result().unwrap();
            sys::cuGraphKernelNodeSetAttribute(node, attribute, &value).result().unwrap();
        }
        let exec = instantiate(g).unwrap();
        // A change of the parameters keeps it.
        // SAFETY: the parameters are those of the entry.
        unsafe { sys::cuGraphExecKernelNodeSetParams_v2(exec, node, &params) }.result().unwrap();
        match (run(&s, exec), cooperative) {
            (Ok(()), 1) => assert_eq!(s.download::<u32>(x, 1).unwrap(), [40]),
            (Err(error), 0) => assert_eq!(error.0, CUresult::CUDA_ERROR_LAUNCH_TIMEOUT),
            (result, _) => panic!("{result:?}: {}", s.stub.fault()),
        }
    }
}

#[test]
fn an_old_driver_has_no_conditions() {
    let s = lazy();
    let g = graph();
    s.stub.driver(12_000);
    let mut version = 0;
    // SAFETY: the place is large enough.
    unsafe { sys::cuDriverGetVersion(&mut version) }.result().unwrap();
    assert_eq!(version, 12_000);
    let refused = condition(&s, g, None);
    assert_eq!(code(refused), CUresult::CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER);
    s.stub.driver(12_040);
    let handle = condition(&s, g, None).unwrap();
    let kind = Kind::CU_GRAPH_COND_TYPE_SWITCH;
    let refused = conditional(&s, g, &[], kind, handle, 2);
    assert_eq!(code(refused), CUresult::CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER);
    conditional(&s, g, &[], Kind::CU_GRAPH_COND_TYPE_IF, handle, 1).unwrap();
}

#[test]
fn a_loop_without_an_end_is_found() {
    let s = lazy();
    let g = graph();
    let handle = condition(&s, g, Some(1)).unwrap();
    conditional(&s, g, &[], Kind::CU_GRAPH_COND_TYPE_WHILE, handle, 1).unwrap();
    let result = run(&s, instantiate(g).unwrap());
    assert_eq!(code(result), CUresult::CUDA_ERROR_LAUNCH_TIMEOUT);
}

/// A copy of `bytes` bytes.
fn copy(
    from: Result<u64, *const u32>,
    to: Result<u64, *mut u32>,
    bytes: usize,
) -> sys::CUDA_MEMCPY3D {
    // SAFETY: all zero is a value of the structure, but for the kinds, which are set.
    let mut params: std::mem::MaybeUninit<sys::CUDA_MEMCPY3D> = std::mem::MaybeUninit::zeroed();
    let p = params.as_mut_ptr();
    // SAFETY: the fields lie in the structure.
    unsafe {
        (*p).srcMemoryType = match from {
            Ok(device) => {
                (*p).srcDevice = device;
                CUmemorytype::CU_MEMORYTYPE_DEVICE
            }
            Err(host) => {
                (*p).srcHost = host.cast();
                CUmemorytype::CU_MEMORYTYPE_HOST
            }
        };
        (*p).dstMemoryType = match to {
            Ok(device) => {
                (*p).dstDevice = device;
                CUmemorytype::CU_MEMORYTYPE_DEVICE
            }
            Err(host) => {
                (*p).dstHost = host.cast();
                CUmemorytype::CU_MEMORYTYPE_HOST
            }
        };
        ((*p).WidthInBytes, (*p).Height, (*p).Depth) = (bytes, 1, 1);
        params.assume_init()
    }
}

#[test]
fn copies_and_fills_are_nodes() {
    let s = lazy();
    let (add, _) = pair(&s);
    let (x, y, host, other) = (s.upload(&[9u32]), s.upload(&[9u32]), s.pinned(2), s.pinned(1));
    let g = graph();
    let mut nodes = [std::ptr::null_mut(); 4];
    let fill = sys::CUDA_MEMSET_NODE_PARAMS {
        dst: x,
        pitch: 0,
        value: 7,
        elementSize: 4,
        width: 1,
        height: 1,
    };
    let copies = [copy(Ok(x), Ok(y), 4), copy(Ok(y), Err(&mut host[1]), 4)];
    // SAFETY: the graph and its nodes exist; the pinned memory lives until the process ends.
    unsafe {
        let none = std::ptr::null();
        sys::cuGraphAddMemsetNode(&mut nodes[0], g, none, 0, &fill, s.context).result().unwrap();
        let after = &raw const nodes[0];
        sys::cuGraphAddMemcpyNode(&mut nodes[1], g, after, 1, &copies[0], s.context)
            .result()
            .unwrap();
        let last = graph_nodes::add(g, &[nodes[1]], add, 1, &[y, 1]);
        sys::cuGraphAddEmptyNode(&mut nodes[2], g, &last, 1).result().unwrap();
        sys::cuGraphAddMemcpyNode(&mut nodes[3], g, &nodes[2], 1, &copies[1], s.context)
            .result()
            .unwrap();
        let mut count = 0;
        sys::cuGraphGetNodes(g, std::ptr::null_mut(), &mut count).result().unwrap();
        assert_eq!(count, 5);
        let exec = instantiate(g).unwrap();
        run(&s, exec).unwrap();
        assert_eq!(*host, [0, 8]);
        let changed = copy(Ok(y), Err(&mut other[0]), 4);
        sys::cuGraphExecMemcpyNodeSetParams(exec, nodes[3], &changed, s.context).result().unwrap();
        run(&s, exec).unwrap();
        assert_eq!((host[0], other[0]), (0, 8));
        // The other way round is another kind of node.
        let turned = copy(Err(&host[0]), Ok(y), 4);
        let refused = sys::cuGraphExecMemcpyNodeSetParams(exec, nodes[3], &turned, s.context);
        assert_eq!(refused, CUresult::CUDA_ERROR_INVALID_VALUE);
    }
    assert_eq!(s.stub.count(Counter::DeviceCopyBytes), 8);
    assert_eq!(s.stub.count(Counter::FillBytes), 8);
}

#[test]
fn a_child_is_a_copy_and_an_update_takes_a_graph_of_the_same_shape() {
    let s = lazy();
    let (add, mul) = pair(&s);
    let x = s.upload(&[1u32]);
    let build = |n: u64, edges: bool| {
        let (g, part) = (graph(), graph());
        let inner = graph_nodes::add(part, &[], add, 1, &[x, n]);
        if edges {
            graph_nodes::add(part, &[inner], mul, 1, &[x, 2]);
        }
        let first = graph_nodes::add(g, &[], mul, 1, &[x, 3]);
        let mut child = std::ptr::null_mut();
        // SAFETY: the graphs and the node exist.
        unsafe {
            sys::cuGraphAddChildGraphNode(&mut child, g, &first, 1, part).result().unwrap();
            result::graph::destroy(part).unwrap();
        }
        g
    };
    let exec = instantiate(build(4, true)).unwrap();
    run(&s, exec).unwrap();
    assert_eq!(s.download::<u32>(x, 1).unwrap(), [14]);
    let mut info = std::mem::MaybeUninit::<sys::CUgraphExecUpdateResultInfo>::zeroed();
    // SAFETY: the instance and the graphs exist.
    unsafe {
        sys::cuGraphExecUpdate_v2(exec, build(5, true), info.as_mut_ptr()).result().unwrap();
        run(&s, exec).unwrap();
        assert_eq!(s.download::<u32>(x, 1).unwrap(), [94]);
        let refused = sys::cuGraphExecUpdate_v2(exec, build(5, false), info.as_mut_ptr());
        assert_eq!(refused, CUresult::CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
        let topology = sys::CUgraphExecUpdateResult::CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
        assert_eq!(info.assume_init().result, topology);
        result::graph::exec_destroy(exec).unwrap();
        let gone = result::graph::launch(exec, s.stream());
        assert_eq!(code(gone), CUresult::CUDA_ERROR_INVALID_HANDLE);
    }
}

#[test]
fn circles_and_strangers_are_refused() {
    let s = lazy();
    let (add, _) = pair(&s);
    let x = s.upload(&[1u32]);
    let (g, other) = (graph(), graph());
    let a = graph_nodes::add(g, &[], add, 1, &[x, 1]);
    let b = graph_nodes::add(g, &[a], add, 1, &[x, 1]);
    let stranger = graph_nodes::add(other, &[], add, 1, &[x, 1]);
    assert_eq!(code(try_add(g, &[stranger], add, 1, &[x, 1])), CUresult::CUDA_ERROR_INVALID_VALUE);
    assert_eq!(code(try_add(g, &[a, a], add, 1, &[x, 1])), CUresult::CUDA_ERROR_INVALID_VALUE);
    assert_eq!(code(try_add(g, &[], add, 2048, &[x, 1])), CUresult::CUDA_ERROR_INVALID_VALUE);
    let connect = |from: CUgraphNode, to: CUgraphNode| {
        // SAFETY: the graph exists; strangers are refused.
        unsafe { sys::cuGraphAddDependencies_v2(g, &from, &to, std::ptr::null(), 1) }
    };
    assert_eq!(connect(a, b), CUresult::CUDA_ERROR_INVALID_VALUE);
    assert_eq!(connect(a, a), CUresult::CUDA_ERROR_INVALID_VALUE);
    assert_eq!(connect(b, stranger), CUresult::CUDA_ERROR_INVALID_VALUE);
    assert_eq!(connect(b, a), CUresult::CUDA_SUCCESS);
    assert_eq!(code(instantiate(g)), CUresult::CUDA_ERROR_INVALID_VALUE);
    // A node of the graph takes other parameters before it is instantiated.
    let params = [x, 20];
    let mut places = places(&params);
    let params = kernel(add, 1, &mut places);
    // SAFETY: the parameters are those of the entry.
    unsafe { sys::cuGraphKernelNodeSetParams_v2(stranger, &params) }.result().unwrap();
    run(&s, instantiate(other).unwrap()).unwrap();
    assert_eq!(s.download::<u32>(x, 1).unwrap(), [21]);
    // SAFETY: destroyed once; the second call is refused.
    unsafe {
        result::graph::destroy(g).unwrap();
        assert_eq!(code(result::graph::destroy(g)), CUresult::CUDA_ERROR_INVALID_HANDLE);
    }
    assert_eq!(code(instantiate(g)), CUresult::CUDA_ERROR_INVALID_HANDLE);
}
