//! Products, each prepared once for a device and then enqueued.

use super::descriptors::{Description, Layout, Status, checked, description, layout, preference};
use super::functions::{Functions, functions, status};
use crate::plan::Gemm;
use crate::run::device::{Device, MOST};
use crate::run::memory::memory;
use cotangent_jit::{DType, Error, err};
use cudarc::cublaslt::sys::{
    cublasLtHandle_t, cublasLtMatmulAlgo_t, cublasLtMatmulHeuristicResult_t,
};
use rustc_hash::FxHashMap;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{addr_of, null_mut, without_provenance, without_provenance_mut};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The memory that an algorithm may use, of which each device has one block: its work is on one
/// stream, one product after the other.
const WORKSPACE: usize = 32 << 20;

/// The library for one device.
struct Blas {
    device: &'static Device,
    functions: &'static Functions,
    handle: cublasLtHandle_t,
    /// Prepared products; `None` is one that the library refuses.
    products: Mutex<FxHashMap<Gemm, Option<Arc<Product>>>>,
    /// The block, once a product needs it.
    workspace: Mutex<Option<u64>>,
}

// SAFETY: the library's manual allows one handle on several threads.
unsafe impl Send for Blas {}
// SAFETY: as above.
unsafe impl Sync for Blas {}

/// A product with its descriptions and the algorithm that was chosen for it.
pub struct Product {
    blas: &'static Blas,
    double: bool,
    description: Description,
    left: Layout,
    right: Layout,
    out: Layout,
    algorithm: cublasLtMatmulAlgo_t,
    /// Bytes of the workspace that it uses.
    workspace: usize,
}

// SAFETY: nobody changes the descriptions; the library's functions only read them.
unsafe impl Send for Product {}
// SAFETY: as above.
unsafe impl Sync for Product {}

/// The product on this device, if the library is there and computes it.
pub fn product(device: &'static Device, gemm: &Gemm) -> Result<Option<Arc<Product>>, Error> {
    let Some(blas) = blas(device)? else { return Ok(None) };
    let mut known = blas.products.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(gemm) {
        return Ok(found.clone());
    }
    device.bind()?;
    let made = Product::prepare(blas, gemm).ok().map(Arc::new);
    known.insert(*gemm, made.clone());
    Ok(made)
}

fn blas(device: &'static Device) -> Result<Option<&'static Blas>, Error> {
    static ALL: [OnceLock<Option<Blas>>; MOST] = [const { OnceLock::new() }; MOST];
    let Some(functions) = functions()? else { return Ok(None) };
    device.bind()?;
    let slot = ALL.get(device.ordinal as usize);
    Ok(slot.and_then(|slot| slot.get_or_init(|| Blas::new(device, functions)).as_ref()))
}

impl Blas {
    /// None if the library does not work on this device.
    fn new(device: &'static Device, functions: &'static Functions) -> Option<Blas> {
        let mut handle = null_mut();
        // SAFETY: the device's context is current, and the place is valid for the call.
        checked(unsafe { (functions.create)(&mut handle) }).ok()?;
        let (products, workspace) = Default::default();
        Some(Blas { device, functions, handle, products, workspace })
    }

    fn workspace(&self) -> Result<u64, Error> {
        let mut block = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = *block {
            return Ok(block);
        }
        let taken = memory(self.device.ordinal)?.take(WORKSPACE);
        Ok(*block.insert(taken.map_err(|e| e.context("memory for products of matrices"))?))
    }
}

impl Product {
    fn prepare(blas: &'static Blas, gemm: &Gemm) -> Status<Product> {
        let f = blas.functions;
        let description = description(f, gemm)?;
        let left = layout(f, gemm, &gemm.left.0)?;
        let right = layout(f, gemm, &gemm.right.0)?;
        let out = layout(f, gemm, &gemm.out)?;
        let wishes = preference(f, gemm, WORKSPACE)?;
        let mut found = MaybeUninit::<cublasLtMatmulHeuristicResult_t>::zeroed();
        let mut count = 0;
        // SAFETY: all objects live, there is room for the one result that is asked for, and the
        // places are valid for the call.
        checked(unsafe {
            (f.choose)(
                blas.handle,
                description.handle,
                left.handle,
                right.handle,
                out.handle,
                out.handle,
                wishes.handle,
                1,
                found.as_mut_ptr(),
                &mut count,
            )
        })?;
        let found = found.as_ptr();
        // SAFETY: all bytes are initialised, as zeros at first. The status is read as a number.
        let (algorithm, workspace, state) = unsafe {
            let state = addr_of!((*found).state).cast::<u32>().read();
            (addr_of!((*found).algo).read(), addr_of!((*found).workspaceSize).read(), state)
        };
        checked(state)?;
        if count < 1 || workspace > WORKSPACE {
            return Err(NOT_SUPPORTED);
        }
        let double = gemm.dtype == DType::F64;
        Ok(Product { blas, double, description, left, right, out, algorithm, workspace })
    }

    /// Enqueues the product of what lies at these addresses: left, right, result.
    ///
    /// # Safety
    /// Behind the addresses are the elements that the product names, and the result is the
    /// caller's to write.
    pub unsafe fn enqueue(&self, addresses: [u64; 3]) -> Result<(), Error> {
        let Blas { device, functions, handle, .. } = self.blas;
        let workspace = if self.workspace > 0 { self.blas.workspace()? } else { 0 };
        let stream = device.stream()?;
        let (single, double) = ([1f32, 0.0], [1f64, 0.0]);
        let [alpha, beta]: [*const c_void; 2] = match self.double {
            true => double.each_ref().map(|x| std::ptr::from_ref(x).cast()),
            false => single.each_ref().map(|x| std::ptr::from_ref(x).cast()),
        };
        let [left, right, out] = addresses.map(|at| at as usize);
        // SAFETY: all objects live; the factors are of the type that the description names and are
        // read before the call returns; the workspace has at least as many bytes; the rest is the
        // caller's promise.
        let done = unsafe {
            (functions.matmul)(
                *handle,
                self.description.handle,
                alpha,
                without_provenance(left),
                self.left.handle,
                without_provenance(right),
                self.right.handle,
                beta,
                without_provenance(out),
                self.out.handle,
                without_provenance_mut(out),
                self.out.handle,
                &self.algorithm,
                without_provenance_mut(workspace as usize),
                self.workspace,
                stream,
            )
        };
        checked(done).map_err(|number| {
            err!(Device, "cuda:{}: cublasLtMatmul failed with {}", device.ordinal, status(number))
        })
    }
}

/// The status of a product for which there is no algorithm.
const NOT_SUPPORTED: u32 = 15;
