//! Launches as one graph of the driver's: made at the first run, launched as a whole, with the
//! parameters that have changed since the last run set anew.

use super::device::Device;
use super::module::Module;
use cotangent_jit::{Error, err};
use cudarc::driver::DriverError;
use cudarc::driver::sys::{self, CUDA_KERNEL_NODE_PARAMS, CUresult};
use smallvec::SmallVec;
use std::ffi::c_void;
use std::ptr::{null, null_mut};

/// The parameters of a launch.
pub type Parameters = SmallVec<[u64; 12]>;

/// An entry, its blocks and its parameters.
pub struct Node {
    pub entry: usize,
    pub blocks: u64,
    pub parameters: Parameters,
}

pub struct Graph {
    graph: sys::CUgraph,
    instance: sys::CUgraphExec,
    nodes: Vec<(sys::CUgraphNode, Node)>,
}

// SAFETY: the handles are names for the driver; a graph is used by one thread at a time, because
// all its functions take it by unique reference.
unsafe impl Send for Graph {}

impl Graph {
    /// Makes a graph of these nodes, one after the other.
    pub fn new(device: &Device, module: &Module, nodes: Vec<Node>) -> Result<Graph, Error> {
        device.bind()?;
        let mut graph = null_mut();
        // SAFETY: the pointer is valid for the call.
        checked(device, "cuGraphCreate", unsafe { sys::cuGraphCreate(&mut graph, 0) })?;
        let mut made =
            Graph { graph, instance: null_mut(), nodes: Vec::with_capacity(nodes.len()) };
        for node in nodes {
            let before = made.nodes.last().map(|(handle, _)| *handle);
            let mut handle = null_mut();
            let status = with_parameters(module, &node, |parameters| {
                let dependencies = before.as_ref().map_or(null(), std::ptr::from_ref);
                let count = usize::from(before.is_some());
                // SAFETY: the graph and the node before are alive, and the parameters are those of
                // a loaded function, which the driver copies.
                unsafe {
                    sys::cuGraphAddKernelNode_v2(
                        &mut handle,
                        graph,
                        dependencies,
                        count,
                        parameters,
                    )
                }
            })?;
            checked(device, "cuGraphAddKernelNode", status)?;
            made.nodes.push((handle, node));
        }
        // SAFETY: the graph is alive.
        let status = unsafe { sys::cuGraphInstantiateWithFlags(&mut made.instance, graph, 0) };
        checked(device, "cuGraphInstantiate", status)?;
        Ok(made)
    }

    /// Sets the parameters of each node, in order, and enqueues the graph.
    ///
    /// # Safety
    /// The parameters are addresses of the device with the bytes behind them that the entries read
    /// and write.
    pub unsafe fn launch(
        &mut self,
        device: &Device,
        module: &Module,
        parameters: impl Iterator<Item = Parameters>,
    ) -> Result<(), Error> {
        let stream = device.stream()?;
        for ((handle, node), parameters) in self.nodes.iter_mut().zip(parameters) {
            if node.parameters == parameters {
                continue;
            }
            let (instance, handle) = (self.instance, *handle);
            let changed = Node { parameters, ..*node };
            let status = with_parameters(module, &changed, |parameters| {
                // SAFETY: the instance is alive, the node is one of its graph, and the function is
                // the one that it had.
                unsafe { sys::cuGraphExecKernelNodeSetParams_v2(instance, handle, parameters) }
            })?;
            checked(device, "cuGraphExecKernelNodeSetParams", status)?;
            // Only now: after a failure the next run must set them again.
            *node = changed;
        }
        // SAFETY: the instance is alive; the rest is the caller's promise.
        let status = unsafe { sys::cuGraphLaunch(self.instance, stream) };
        checked(device, "cuGraphLaunch", status)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: both are alive or null, and nobody else has them; whoever drops a graph has
        // waited for its launches.
        unsafe {
            if !self.instance.is_null() {
                let _ = sys::cuGraphExecDestroy(self.instance);
            }
            let _ = sys::cuGraphDestroy(self.graph);
        }
    }
}

fn checked(device: &Device, call: &str, status: CUresult) -> Result<(), Error> {
    let result = if status == CUresult::CUDA_SUCCESS { Ok(()) } else { Err(DriverError(status)) };
    device.checked(call, result)
}

/// Calls the driver with the description of a node.
fn with_parameters(
    module: &Module,
    node: &Node,
    call: impl FnOnce(&CUDA_KERNEL_NODE_PARAMS) -> CUresult,
) -> Result<CUresult, Error> {
    let (function, threads) = module.function(node.entry, node.blocks, node.parameters.len())?;
    let mut values = node.parameters.clone();
    let mut pointers: SmallVec<[*mut c_void; 12]> =
        values.iter_mut().map(|v| std::ptr::from_mut(v).cast()).collect();
    let blocks = u32::try_from(node.blocks).map_err(|e| err!(Device, "cuda: {e}"))?;
    // SAFETY: all fields may be zero: they are numbers and pointers.
    let mut description: CUDA_KERNEL_NODE_PARAMS = unsafe { std::mem::zeroed() };
    description.func = function;
    (description.gridDimX, description.gridDimY, description.gridDimZ) = (blocks, 1, 1);
    (description.blockDimX, description.blockDimY, description.blockDimZ) = (threads, 1, 1);
    description.kernelParams = pointers.as_mut_ptr();
    Ok(call(&description))
}
