//! Launches as one graph of the driver's: made at the first run, launched as a whole, with the
//! parameters that have changed since the last run set anew. Loops and branches in it are
//! conditional nodes.

use super::conditions::Conditions;
use super::device::Device;
use super::module::{Module, Parameters};
use super::table::{Rows, Table};
use crate::plan::{self, Argument, Launch, Node};
use cotangent_jit::{Error, err};
use cudarc::driver::sys::{self, CUDA_KERNEL_NODE_PARAMS, CUgraph, CUgraphNode, CUresult};
use smallvec::SmallVec;
use std::ffi::c_void;
use std::ptr::{null, null_mut};

/// An entry, its blocks and its parameters.
struct Call {
    entry: usize,
    blocks: u64,
    parameters: Parameters,
}

pub struct Graph {
    graph: CUgraph,
    instance: sys::CUgraphExec,
    /// The launches whose parameters the host sets.
    calls: Vec<(CUgraphNode, Call)>,
    /// The parameters of all others.
    table: Option<Table>,
}

// SAFETY: the handles are names for the driver; a graph is used by one thread at a time, because
// all its functions take it by unique reference.
unsafe impl Send for Graph {}

impl Graph {
    /// Makes a graph of these nodes, one after the other, with these values of arguments.
    pub fn new(
        device: &Device,
        module: &Module,
        plan: &plan::Graph,
        value: &dyn Fn(&Argument) -> u64,
    ) -> Result<Graph, Error> {
        device.bind()?;
        let mut graph = null_mut();
        // SAFETY: the pointer is valid for the call.
        checked(device, "cuGraphCreate", unsafe { sys::cuGraphCreate(&mut graph, 0) })?;
        let mut made = Graph { graph, instance: null_mut(), calls: Vec::new(), table: None };
        made.table = Table::new(device, plan)?;
        let mut handles = vec![0; plan.conditions];
        let rows = Rows::new(made.table.as_ref(), &mut handles);
        let conditions = device.conditions;
        let mut maker = Maker { device, module, conditions, value, rows, calls: Vec::new() };
        // SAFETY: the graph is alive and new.
        unsafe { maker.nodes(graph, &plan.nodes)? };
        made.calls = maker.calls;
        // SAFETY: the graph is alive.
        let status = unsafe { sys::cuGraphInstantiateWithFlags(&mut made.instance, graph, 0) };
        checked(device, "cuGraphInstantiate", status)?;
        Ok(made)
    }

    /// Sets the parameters of each node and enqueues the graph.
    ///
    /// # Safety
    /// The plan is that of the graph. The values of its arguments are addresses of the device with
    /// the bytes behind them that the entries read and write.
    pub unsafe fn launch(
        &mut self,
        device: &Device,
        module: &Module,
        plan: &plan::Graph,
        value: &dyn Fn(&Argument) -> u64,
    ) -> Result<(), Error> {
        let stream = device.stream()?;
        let launches = plan.nodes.iter().filter_map(|node| match node {
            Node::Launch(launch) => Some(launch),
            _ => None,
        });
        for ((handle, call), launch) in self.calls.iter_mut().zip(launches) {
            let changed = filled(launch, value);
            if call.parameters == changed.parameters {
                continue;
            }
            let (instance, handle) = (self.instance, *handle);
            let status = with_parameters(module, &changed, |parameters| {
                // SAFETY: the instance is alive, the node is one of its graph, and the function is
                // the one that it had.
                unsafe { sys::cuGraphExecKernelNodeSetParams_v2(instance, handle, parameters) }
            })?;
            checked(device, "cuGraphExecKernelNodeSetParams", status)?;
            // Only now: after a failure the next run must set them again.
            *call = changed;
        }
        if let Some(table) = &mut self.table {
            // SAFETY: whatever is launched is in the queue, here and nowhere else.
            unsafe { table.write(device, plan, value)? };
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

fn filled(launch: &Launch, value: &dyn Fn(&Argument) -> u64) -> Call {
    let Launch { entry, blocks, args } = launch;
    let parameters = args.iter().map(value).collect();
    Call { entry: *entry, blocks: *blocks, parameters }
}

/// Adds the nodes of a plan to a graph of the driver's.
struct Maker<'a> {
    device: &'a Device,
    module: &'a Module,
    conditions: Option<Conditions>,
    value: &'a dyn Fn(&Argument) -> u64,
    rows: Rows<'a>,
    calls: Vec<(CUgraphNode, Call)>,
}

impl Maker<'_> {
    /// Adds nodes, one after the other.
    ///
    /// # Safety
    /// The graph is alive and has no nodes.
    unsafe fn nodes(&mut self, graph: CUgraph, nodes: &[Node]) -> Result<(), Error> {
        for node in nodes {
            if let Node::Condition { condition, .. } = node {
                // A handle belongs to the graph of its node, and launches before that set it.
                let conditions = self.conditions()?;
                // SAFETY: the caller's promise.
                let handle = unsafe { conditions.handle(self.device.context(), graph) };
                let handle = self.device.checked("cuGraphConditionalHandleCreate", handle)?;
                self.rows.handles[*condition] = handle;
            }
        }
        let mut before = None;
        for node in nodes {
            before = Some(match node {
                Node::Launch(launch) => {
                    let call = filled(launch, self.value);
                    // SAFETY: the caller's promise; the node before is one of the graph.
                    let handle = unsafe { self.call(graph, before, &call)? };
                    self.calls.push((handle, call));
                    handle
                }
                Node::Guarded(launch) => {
                    let (entry, blocks) = (launch.entry, launch.blocks);
                    let call = Call { entry, blocks, parameters: self.rows.parameters(launch) };
                    // SAFETY: as above.
                    unsafe { self.call(graph, before, &call)? }
                }
                Node::Condition { condition, repeats, body } => {
                    let conditions = self.conditions()?;
                    let handle = self.rows.handles[*condition];
                    let context = self.device.context();
                    // SAFETY: as above; the handle was made for this graph.
                    let made = unsafe { conditions.node(context, graph, before, handle, *repeats) };
                    let (node, inner) = self.device.checked("cuGraphAddNode", made)?;
                    // SAFETY: the body lives as long as its node, and is new.
                    unsafe { self.nodes(inner, body)? };
                    node
                }
            });
        }
        Ok(())
    }

    fn conditions(&self) -> Result<Conditions, Error> {
        self.conditions.ok_or_else(|| err!(Device, "cuda: the driver has no conditional nodes"))
    }

    /// Adds a launch behind a node.
    ///
    /// # Safety
    /// The graph is alive, and the node is one of it.
    unsafe fn call(
        &self,
        graph: CUgraph,
        before: Option<CUgraphNode>,
        call: &Call,
    ) -> Result<CUgraphNode, Error> {
        let mut node = null_mut();
        let dependencies = before.as_ref().map_or(null(), std::ptr::from_ref);
        let count = usize::from(before.is_some());
        let status = with_parameters(self.module, call, |parameters| {
            // SAFETY: the caller's promise; the parameters are those of a loaded function, which
            // the driver copies.
            unsafe {
                sys::cuGraphAddKernelNode_v2(&mut node, graph, dependencies, count, parameters)
            }
        })?;
        checked(self.device, "cuGraphAddKernelNode", status)?;
        Ok(node)
    }
}

fn checked(device: &Device, call: &str, status: CUresult) -> Result<(), Error> {
    device.checked(call, status.result())
}

/// Calls the driver with the description of a node.
fn with_parameters(
    module: &Module,
    call: &Call,
    add: impl FnOnce(&CUDA_KERNEL_NODE_PARAMS) -> CUresult,
) -> Result<CUresult, Error> {
    let (function, threads) = module.function(call.entry, call.blocks, call.parameters.len())?;
    let mut values = call.parameters.clone();
    let mut pointers: SmallVec<[*mut c_void; 12]> =
        values.iter_mut().map(|v| std::ptr::from_mut(v).cast()).collect();
    let blocks = u32::try_from(call.blocks).map_err(|e| err!(Device, "cuda: {e}"))?;
    // SAFETY: all fields may be zero: they are numbers and pointers.
    let mut description: CUDA_KERNEL_NODE_PARAMS = unsafe { std::mem::zeroed() };
    description.func = function;
    (description.gridDimX, description.gridDimY, description.gridDimZ) = (blocks, 1, 1);
    (description.blockDimX, description.blockDimY, description.blockDimZ) = (threads, 1, 1);
    description.kernelParams = pointers.as_mut_ptr();
    Ok(add(&description))
}
