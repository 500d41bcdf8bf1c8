//! Nodes of graphs, as the tests make them.

#![allow(dead_code)]

use super::session::{HEAD, Session, places};
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUresult};

pub fn graph() -> sys::CUgraph {
    let mut graph = std::ptr::null_mut();
    // SAFETY: the place is large enough.
    unsafe { sys::cuGraphCreate(&mut graph, 0) }.result().unwrap();
    graph
}

/// The parameters of a node that runs a kernel with one block.
pub fn kernel(
    function: sys::CUfunction,
    threads: u32,
    params: &mut [*mut std::ffi::c_void],
) -> sys::CUDA_KERNEL_NODE_PARAMS {
    sys::CUDA_KERNEL_NODE_PARAMS {
        func: function,
        gridDimX: 1,
        gridDimY: 1,
        gridDimZ: 1,
        blockDimX: threads,
        blockDimY: 1,
        blockDimZ: 1,
        sharedMemBytes: 0,
        kernelParams: params.as_mut_ptr(),
        extra: std::ptr::null_mut(),
        kern: std::ptr::null_mut(),
        ctx: std::ptr::null_mut(),
    }
}

pub fn try_add(
    graph: sys::CUgraph,
    after: &[sys::CUgraphNode],
    function: sys::CUfunction,
    threads: u32,
    params: &[u64],
) -> Result<sys::CUgraphNode, DriverError> {
    let (mut node, mut places) = (std::ptr::null_mut(), places(params));
    let params = kernel(function, threads, &mut places);
    // SAFETY: the parameters are those of the entry, and are read before the call returns.
    unsafe { sys::cuGraphAddKernelNode_v2(&mut node, graph, after.as_ptr(), after.len(), &params) }
        .result()?;
    Ok(node)
}

/// Adds a kernel behind other nodes.
pub fn add(
    graph: sys::CUgraph,
    after: &[sys::CUgraphNode],
    function: sys::CUfunction,
    threads: u32,
    params: &[u64],
) -> sys::CUgraphNode {
    try_add(graph, after, function, threads, params).unwrap()
}

/// Changes the parameters of a node of an instance.
pub fn set_params(
    exec: sys::CUgraphExec,
    node: sys::CUgraphNode,
    function: sys::CUfunction,
    params: &[u64],
) -> CUresult {
    let mut places = places(params);
    let params = kernel(function, 1, &mut places);
    // SAFETY: the parameters are those of the entry.
    unsafe { sys::cuGraphExecKernelNodeSetParams_v2(exec, node, &params) }
}

pub fn instantiate(graph: sys::CUgraph) -> Result<sys::CUgraphExec, DriverError> {
    let mut exec = std::ptr::null_mut();
    // SAFETY: the graph exists.
    unsafe { sys::cuGraphInstantiateWithFlags(&mut exec, graph, 0) }.result()?;
    Ok(exec)
}

/// Launches an instance and waits for it.
pub fn run(s: &Session, exec: sys::CUgraphExec) -> Result<(), DriverError> {
    let stream = s.stream();
    // SAFETY: the instance and the stream exist.
    unsafe {
        result::graph::launch(exec, stream)?;
        result::stream::synchronize(stream)
    }
}

/// A condition of a graph, with a value at each launch if there is one.
pub fn condition(
    s: &Session,
    graph: sys::CUgraph,
    default: Option<u32>,
) -> Result<u64, DriverError> {
    let (mut handle, flags) = (0, u32::from(default.is_some()));
    // SAFETY: the graph and the context exist.
    unsafe {
        sys::cuGraphConditionalHandleCreate(
            &mut handle,
            graph,
            s.context,
            default.unwrap_or_default(),
            flags,
        )
    }
    .result()?;
    Ok(handle)
}

/// A node with bodies; gives these too.
pub fn conditional(
    s: &Session,
    graph: sys::CUgraph,
    after: &[sys::CUgraphNode],
    kind: sys::CUgraphConditionalNodeType,
    condition: u64,
    bodies: u32,
) -> Result<(sys::CUgraphNode, Vec<sys::CUgraph>), DriverError> {
    // SAFETY: all zero is a value of the structure.
    let mut params: sys::CUgraphNodeParams = unsafe { std::mem::zeroed() };
    params.type_ = sys::CUgraphNodeType::CU_GRAPH_NODE_TYPE_CONDITIONAL;
    params.__bindgen_anon_1.conditional = sys::CUDA_CONDITIONAL_NODE_PARAMS {
        handle: condition,
        type_: kind,
        size: bodies,
        phGraph_out: std::ptr::null_mut(),
        ctx: s.context,
    };
    let mut node = std::ptr::null_mut();
    let (list, count) = (after.as_ptr(), after.len());
    // SAFETY: the graph and the nodes exist; the driver gives as many bodies as were asked for.
    unsafe {
        sys::cuGraphAddNode_v2(&mut node, graph, list, std::ptr::null(), count, &mut params)
            .result()?;
        let found = params.__bindgen_anon_1.conditional.phGraph_out;
        Ok((node, std::slice::from_raw_parts(found, bodies as usize).to_vec()))
    }
}

/// `set(handle, x, limit)`: sets a condition to whether the u32 at x is below the limit.
/// `choose(handle, x)`: sets it to the u32 at x.
pub fn setters() -> String {
    let entry = |name: &str, parameter: &str, value: &str| {
        format!(
            ".visible .entry {name}(.param .u64 handle, .param .u64 x{parameter}) {{
    .reg .b64 %a<3>; .reg .b32 %r<4>; .reg .pred %p;
    ld.param.u64 %a0, [handle];
    ld.param.u64 %a1, [x];
    ld.global.u32 %r0, [%a1];
    {value}
    {{
        .param .b64 p0;
        .param .b32 p1;
        st.param.b64 [p0+0], %a0;
        st.param.b32 [p1+0], %r2;
        call.uni cudaGraphSetConditional, (p0, p1);
    }}
    ret;
}}
"
        )
    };
    let below = "ld.param.u32 %r1, [limit];
    setp.lt.u32 %p, %r0, %r1;
    selp.u32 %r2, 1, 0, %p;";
    format!(
        "{HEAD}.extern .func cudaGraphSetConditional(.param .b64 a, .param .b32 b);\n{}{}",
        entry("set", ", .param .u64 limit", below),
        entry("choose", "", "mov.u32 %r2, %r0;")
    )
}
