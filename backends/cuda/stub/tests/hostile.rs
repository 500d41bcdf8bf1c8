//! Calls that are wrong: each gives a status, and none a crash.

mod session;

use cotangent_cuda_stub::control::Stub;
use cudarc::driver::result;
use cudarc::driver::sys::{self, CUresult};
use session::{add, code, lazy};
use std::ptr::{null, null_mut};

const INVALID: CUresult = CUresult::CUDA_ERROR_INVALID_VALUE;
const HANDLE: CUresult = CUresult::CUDA_ERROR_INVALID_HANDLE;

#[test]
fn results_without_a_place_are_refused() {
    let s = lazy();
    let function = s.function(&add(), "add");
    let stream = s.stream();
    // SAFETY: the driver checks each of these pointers for null.
    unsafe {
        let refused = [
            sys::cuDeviceGet(null_mut(), 0),
            sys::cuDeviceGetCount(null_mut()),
            sys::cuDeviceGetName(null_mut(), 10, 0),
            sys::cuDevicePrimaryCtxRetain(null_mut(), 0),
            sys::cuCtxGetCurrent(null_mut()),
            sys::cuModuleLoadData(null_mut(), c"".as_ptr().cast()),
            sys::cuModuleLoadData(&mut null_mut(), null()),
            sys::cuModuleLoadDataEx(
                &mut null_mut(),
                c"".as_ptr().cast(),
                1,
                null_mut(),
                null_mut(),
            ),
            sys::cuModuleGetFunction(null_mut(), null_mut(), c"add".as_ptr()),
            sys::cuModuleGetFunction(&mut null_mut(), null_mut(), null()),
            sys::cuMemAlloc_v2(null_mut(), 4),
            sys::cuMemAlloc_v2(&mut 0, 0),
            sys::cuMemAllocAsync(null_mut(), 4, stream),
            sys::cuMemHostAlloc(null_mut(), 4, 0),
            sys::cuMemHostAlloc(&mut null_mut(), 0, 0),
            sys::cuMemGetInfo_v2(null_mut(), null_mut()),
            sys::cuStreamCreate(null_mut(), 0),
            sys::cuStreamCreate(&mut null_mut(), 99),
            sys::cuStreamIsCapturing(stream, null_mut()),
            sys::cuStreamEndCapture(stream, null_mut()),
            sys::cuEventCreate(null_mut(), 0),
            sys::cuGraphCreate(null_mut(), 0),
            sys::cuGraphInstantiateWithFlags(null_mut(), null_mut(), 0),
            sys::cuGraphAddKernelNode_v2(&mut null_mut(), null_mut(), null(), 0, null()),
            sys::cuLaunchKernelEx(null(), function, null_mut(), null_mut()),
            sys::cuLaunchHostFunc(stream, None, null_mut()),
            sys::cuMemcpyHtoD_v2(0, null(), 4),
            sys::cuMemcpyDtoH_v2(null_mut(), 0, 4),
            sys::cuMemsetD8_v2(0, 0, 4),
            sys::cuMemFreeHost(null_mut()),
            sys::cuMemHostRegister_v2(null_mut(), 4, 0),
        ];
        for (n, refused) in refused.into_iter().enumerate() {
            assert_eq!(refused, INVALID, "call {n}");
        }
    }
    assert!(s.upload(&[1u32]) != 0);
}

#[test]
fn handles_that_name_nothing_are_refused() {
    let s = lazy();
    let function = s.function(&add(), "add");
    let x = s.upload(&[1u32]);
    // Never given, and given to something else.
    for handle in [0x10usize, usize::MAX, function as usize] {
        let one = 1;
        // SAFETY: the driver looks handles up and follows none.
        unsafe {
            let refused = [
                sys::cuStreamSynchronize(handle as sys::CUstream),
                sys::cuStreamQuery(handle as sys::CUstream),
                sys::cuStreamDestroy_v2(handle as sys::CUstream),
                sys::cuEventRecord(handle as sys::CUevent, null_mut()),
                sys::cuEventSynchronize(handle as sys::CUevent),
                sys::cuEventDestroy_v2(handle as sys::CUevent),
                sys::cuModuleUnload(handle as sys::CUmodule),
                sys::cuGraphDestroy(handle as sys::CUgraph),
                sys::cuGraphLaunch(handle as sys::CUgraphExec, null_mut()),
                sys::cuGraphExecDestroy(handle as sys::CUgraphExec),
                sys::cuMemPoolTrimTo(handle as sys::CUmemoryPool, 0),
            ];
            assert_eq!(refused, [HANDLE; 11]);
            let context = sys::cuCtxSetCurrent(handle as sys::CUcontext);
            assert_eq!(context, CUresult::CUDA_ERROR_INVALID_CONTEXT);
            if handle != function as usize {
                let launch = s.launch(handle as sys::CUfunction, one, null_mut(), &[x, 5]);
                assert_eq!(code(launch), HANDLE);
            }
        }
    }
    // The legacy stream cannot be destroyed; one per thread is not built.
    // SAFETY: the driver looks handles up.
    unsafe {
        assert_eq!(sys::cuStreamDestroy_v2(null_mut()), HANDLE);
        let per_thread = sys::cuStreamSynchronize(2usize as sys::CUstream);
        assert_eq!(per_thread, CUresult::CUDA_ERROR_NOT_SUPPORTED);
    }
}

#[test]
fn sizes_beyond_the_device_are_refused() {
    let s = lazy();
    let (function, stream) = (s.function(&add(), "add"), s.stream());
    let x = s.upload(&[1u32; 4]);
    let params = [x, 5];
    let launch = |grid, block, shared| {
        let mut places = session::places(&params);
        // SAFETY: the parameters are those of the entry.
        unsafe { result::launch_kernel(function, grid, block, shared, stream, &mut places) }
    };
    let one = (1, 1, 1);
    for (grid, block, shared) in [
        ((0, 1, 1), one, 0),
        (one, (0, 1, 1), 0),
        (one, (1025, 1, 1), 0),
        (one, (32, 33, 1), 0),
        (one, (1, 1, 65), 0),
        ((1, 65_536, 1), one, 0),
        (one, one, (48 << 10) + 1),
    ] {
        assert_eq!(code(launch(grid, block, shared)), INVALID);
    }
    // More shared memory has to be asked for, up to a limit.
    let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    // SAFETY: the function exists.
    unsafe {
        let refused =
            result::function::set_function_attribute(function, attribute, (227 << 10) + 1);
        assert_eq!(code(refused), INVALID);
        result::function::set_function_attribute(function, attribute, 227 << 10).unwrap();
    }
    launch(one, one, 227 << 10).unwrap();
    result::ctx::synchronize().unwrap();
    // Copies must lie in one block.
    let bytes = [0u8; 32];
    // SAFETY: the driver checks the device's side; the host's side is large enough.
    unsafe {
        assert_eq!(sys::cuMemcpyHtoD_v2(x, bytes.as_ptr().cast(), 17), INVALID);
        assert_eq!(sys::cuMemcpyHtoD_v2(x + 8, bytes.as_ptr().cast(), 9), INVALID);
        assert_eq!(sys::cuMemcpyHtoD_v2(x + 17, bytes.as_ptr().cast(), 1), INVALID);
        assert_eq!(sys::cuMemcpyHtoD_v2(x, bytes.as_ptr().cast(), usize::MAX), INVALID);
        assert_eq!(sys::cuMemcpyHtoD_v2(x, bytes.as_ptr().cast(), 16), CUresult::CUDA_SUCCESS);
        assert_eq!(sys::cuMemsetD32_v2(x, 1, 5), INVALID);
        assert_eq!(sys::cuMemsetD32_v2(x + 2, 1, 1), INVALID);
        assert_eq!(sys::cuMemsetD32_v2(x, 1, usize::MAX / 2), INVALID);
        assert_eq!(code(result::free_sync(x + 4)), INVALID);
        result::free_sync(x).unwrap();
        result::free_sync(0).unwrap();
    }
}

#[test]
fn cooperative_launches_fit_the_device() {
    let s = lazy();
    let function = s.function(&add(), "add");
    let x = s.upload(&[1u32; 1024]);
    // SAFETY: the function exists.
    let blocks =
        unsafe { result::occupancy::max_active_block_per_multiprocessor(function, 1024, 0) };
    let blocks = blocks.unwrap() as u32;
    assert_eq!(blocks, 2);
    let params = [x, 0];
    let mut places = session::places(&params);
    let mut launch = |grid| {
        let (block, stream) = ((1024, 1, 1), null_mut());
        // SAFETY: the parameters are those of the entry.
        unsafe {
            result::launch_cooperative_kernel(function, (grid, 1, 1), block, 0, stream, &mut places)
        }
    };
    let expected = CUresult::CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
    assert_eq!(code(launch(132 * blocks + 1)), expected);
    launch(1).unwrap();
    result::ctx::synchronize().unwrap();
}

#[test]
fn no_context_is_current_on_a_new_thread() {
    let s = lazy();
    let x = s.upload(&[1u32]);
    std::thread::spawn(move || {
        let expected = CUresult::CUDA_ERROR_INVALID_CONTEXT;
        // SAFETY: the calls are refused.
        unsafe {
            assert_eq!(code(result::malloc_sync(4)), expected);
            assert_eq!(code(result::ctx::synchronize()), expected);
            assert_eq!(code(result::memset_d8_sync(x, 0, 4)), expected);
            assert_eq!(sys::cuCtxPopCurrent_v2(null_mut()), expected);
        }
    })
    .join()
    .unwrap();
}

#[test]
fn pinned_memory_is_freed_once_and_registered_once() {
    let s = lazy();
    let mut own = vec![0u32; 65];
    let start = own.as_mut_ptr().cast();
    // SAFETY: the memory is registered while it lives, and freed once.
    unsafe {
        let pinned = result::malloc_host(64, 0).unwrap();
        result::free_host(pinned).unwrap();
        assert_eq!(sys::cuMemFreeHost(pinned), INVALID);
        sys::cuMemHostRegister_v2(start, 256, 0).result().unwrap();
        let twice = sys::cuMemHostRegister_v2(start.wrapping_byte_add(8), 4, 0);
        assert_eq!(twice, CUresult::CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
        // Registered memory is pinned: a download waits. Memory that is pinned in part is not.
        let (stream, x) = (s.stream(), s.upload(&[7u32]));
        let y = s.upload(&[8u32, 9]);
        result::memcpy_dtoh_async(&mut own[..1], x, stream).unwrap();
        assert_eq!(own[0], 0);
        let beyond = &mut own[63..65];
        result::memcpy_dtoh_async(beyond, y, stream).unwrap();
        assert_eq!(own[63..65], [8, 9]);
        own[0] = 0;
        result::memcpy_dtoh_async(&mut own[..1], x, stream).unwrap();
        assert_eq!(own[0], 0);
        // Taking the pin away waits for it.
        sys::cuMemHostUnregister(start).result().unwrap();
        assert_eq!(own[0], 7);
        let gone = sys::cuMemHostUnregister(start);
        assert_eq!(gone, CUresult::CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    }
}

#[test]
fn an_error_has_a_name_and_a_sentence() {
    let _s = lazy();
    let text = format!("{:?}", result::DriverError(CUresult::CUDA_ERROR_MISALIGNED_ADDRESS));
    assert!(text.contains("misaligned address"), "{text}");
    let mut name = null();
    // SAFETY: the place is large enough; the text lives as long as the library.
    let name = unsafe {
        sys::cuGetErrorName(CUresult::CUDA_ERROR_NOT_READY, &mut name).result().unwrap();
        std::ffi::CStr::from_ptr(name)
    };
    assert_eq!(name, c"CUDA_ERROR_NOT_READY");
}

#[test]
fn the_pool_counts_what_streams_allocate() {
    let s = lazy();
    let stream = s.stream();
    // SAFETY: the device and its pool exist; the values have eight bytes; freed once.
    unsafe {
        let pool = result::device::get_default_mem_pool(s.device).unwrap();
        let get = |attribute| {
            let mut value = 0u64;
            let place = std::ptr::from_mut(&mut value).cast();
            result::mem_pool::get_attribute(pool, attribute, place).unwrap();
            value
        };
        let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        let used = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_CURRENT;
        let high = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
        let mut most = u64::MAX;
        result::mem_pool::set_attribute(pool, threshold, std::ptr::from_mut(&mut most).cast())
            .unwrap();
        assert_eq!(get(threshold), u64::MAX);
        let x = result::malloc_async(stream, 100).unwrap();
        assert_eq!((get(used), get(high)), (100, 100));
        result::free_async(x, stream).unwrap();
        result::stream::synchronize(stream).unwrap();
        assert_eq!((get(used), get(high)), (0, 100));
        result::mem_pool::trim_to(pool, 0).unwrap();
    }
}

#[test]
fn the_library_is_one_however_often_it_is_opened() {
    let s = lazy();
    s.stub.seed(9);
    let again = Stub::load().unwrap();
    s.function(&add(), "add");
    let modules = cotangent_cuda_stub::control::Counter::Modules;
    assert_eq!((again.count(modules), s.stub.count(modules)), (1, 1));
    assert!(Stub::open(std::path::Path::new("/no/such/library.so")).is_none());
}
