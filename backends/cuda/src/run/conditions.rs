//! Conditional nodes: the functions of drivers that have them.
//!
//! They are looked up when the device is opened, because older drivers have none, and declared
//! here, because bindings for older toolkits do not have them either.

use cudarc::driver::DriverError;
use cudarc::driver::sys::{self, CUcontext, CUgraph, CUgraphNode, CUresult};
use std::ffi::{c_int, c_uint, c_void};
use std::ptr::{null, null_mut};

/// The first driver whose conditional nodes may be loops.
const LEAST_VERSION: c_int = 12_040;

type CreateHandle = unsafe extern "C" fn(*mut u64, CUgraph, CUcontext, c_uint, c_uint) -> CUresult;
type AddNode = unsafe extern "C" fn(
    *mut CUgraphNode,
    CUgraph,
    *const CUgraphNode,
    *const c_void,
    usize,
    *mut Parameters,
) -> CUresult;

/// The kind of conditional nodes among all, and those of conditions.
const CONDITIONAL: c_int = 13;
const IF: c_uint = 0;
const WHILE: c_uint = 1;

/// `CUgraphNodeParams` of a conditional node.
#[repr(C)]
struct Parameters {
    kind: c_int,
    reserved: [c_int; 3],
    handle: u64,
    condition: c_uint,
    bodies: c_uint,
    /// Where the driver lists the bodies.
    graphs: *mut CUgraph,
    context: CUcontext,
    /// The rest of the union of all kinds, and what is reserved behind it.
    rest: [u64; 26],
}

const _: () = assert!(size_of::<Parameters>() == 256);

/// The functions of a driver that has conditional nodes.
#[derive(Clone, Copy)]
pub struct Conditions {
    create_handle: CreateHandle,
    add_node: AddNode,
}

impl Conditions {
    /// `None` if the driver is too old.
    pub fn of_driver() -> Option<Conditions> {
        let mut version = 0;
        // SAFETY: the pointer is valid for the call.
        let status = unsafe { sys::cuDriverGetVersion(&mut version) };
        if status != CUresult::CUDA_SUCCESS || version < LEAST_VERSION {
            return None;
        }
        // SAFETY: the driver's library is loaded; the functions of these names have these types.
        unsafe {
            let library = sys::culib();
            let create_handle =
                *library.get::<CreateHandle>(b"cuGraphConditionalHandleCreate\0").ok()?;
            let add_node = *library.get::<AddNode>(b"cuGraphAddNode_v2\0").ok()?;
            Some(Conditions { create_handle, add_node })
        }
    }

    /// The handle of a condition of a node that will be in this graph. It has no value until a
    /// launch sets it.
    ///
    /// # Safety
    /// The graph and the context are alive.
    pub unsafe fn handle(&self, context: CUcontext, graph: CUgraph) -> Result<u64, DriverError> {
        let mut handle = 0;
        // SAFETY: the pointer is valid for the call; the rest is the caller's promise.
        unsafe { (self.create_handle)(&mut handle, graph, context, 0, 0).result()? };
        Ok(handle)
    }

    /// Adds a node that runs its body if the condition holds, or as long as it holds. Gives the
    /// node and the body, which has no nodes yet.
    ///
    /// # Safety
    /// The graph, the context and the node before are alive, and the handle is one of the graph's.
    pub unsafe fn node(
        &self,
        context: CUcontext,
        graph: CUgraph,
        before: Option<CUgraphNode>,
        handle: u64,
        repeats: bool,
    ) -> Result<(CUgraphNode, CUgraph), DriverError> {
        let mut parameters = Parameters {
            kind: CONDITIONAL,
            reserved: [0; 3],
            handle,
            condition: if repeats { WHILE } else { IF },
            bodies: 1,
            graphs: null_mut(),
            context,
            rest: [0; 26],
        };
        let mut node = null_mut();
        let dependencies = before.as_ref().map_or(null(), std::ptr::from_ref);
        let count = usize::from(before.is_some());
        // SAFETY: the pointers are valid for the call; the rest is the caller's promise.
        unsafe {
            (self.add_node)(&mut node, graph, dependencies, null(), count, &mut parameters)
                .result()?;
        }
        // SAFETY: the driver has made a list of as many bodies as were asked for, which lives as
        // long as the node.
        Ok((node, unsafe { *parameters.graphs }))
    }
}
