//! The driver from its first call: devices, memory, copies, a kernel, texts that are refused.

mod session;

use cotangent_cuda_stub::control::Counter;
use cudarc::driver::result;
use cudarc::driver::sys::{self, CUdevice_attribute as Attribute, CUresult};
use session::{HEAD, add, code, lazy, session};
use std::ffi::{CString, c_void};

#[test]
fn a_device_has_the_attributes_of_its_architecture() {
    let s = lazy();
    assert_eq!(result::device::get_count().unwrap(), 1);
    assert_eq!(result::device::get_name(s.device).unwrap(), "cotangent stub");
    // SAFETY: the device exists.
    let attribute = |a| unsafe { result::device::get_attribute(s.device, a) }.unwrap();
    assert_eq!(attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), 9);
    assert_eq!(attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT), 132);
    let shared = Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
    assert_eq!(attribute(shared), 227 << 10);
    // SAFETY: the device exists.
    assert_eq!(unsafe { result::device::total_mem(s.device) }.unwrap(), 1 << 30);
    assert_eq!(code(result::device::get(1)), CUresult::CUDA_ERROR_INVALID_DEVICE);
}

#[test]
fn axpy_runs_and_is_read_back() {
    let text = format!(
        "{HEAD}.visible .entry axpy(.param .u64 y, .param .u64 x, .param .f32 a, .param .u32 n) {{
    .reg .b64 %a<5>; .reg .b32 %r<5>; .reg .f32 %f<5>; .reg .pred %p;
    ld.param.u64 %a0, [y];
    ld.param.u64 %a1, [x];
    ld.param.f32 %f0, [a];
    ld.param.u32 %r0, [n];
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.u32 %r4, %r1, %r2, %r3;
    setp.ge.u32 %p, %r4, %r0;
    @%p bra end;
    mad.wide.u32 %a2, %r4, 4, %a0;
    mad.wide.u32 %a3, %r4, 4, %a1;
    ld.global.f32 %f1, [%a2];
    ld.global.f32 %f2, [%a3];
    fma.rn.f32 %f3, %f0, %f2, %f1;
    st.global.f32 [%a2], %f3;
end:
    ret;
}}"
    );
    for seed in 0..4 {
        let s = session(seed, 25);
        let function = s.function(&text, "axpy");
        let (n, stream) = (1000u32, s.stream());
        let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let (y, x, a) = (s.upload(&values), s.upload(&values), 3f32);
        let mut params = [
            std::ptr::from_ref(&y).cast_mut().cast::<c_void>(),
            std::ptr::from_ref(&x).cast_mut().cast(),
            std::ptr::from_ref(&a).cast_mut().cast(),
            std::ptr::from_ref(&n).cast_mut().cast(),
        ];
        // SAFETY: the parameters are those of the entry; the stream is waited for.
        unsafe {
            result::launch_kernel(function, (8, 1, 1), (128, 1, 1), 0, stream, &mut params)
                .unwrap();
            result::stream::synchronize(stream).unwrap();
        }
        let found: Vec<f32> = s.download(y, 1000).unwrap();
        assert!(found.iter().zip(&values).all(|(f, v)| *f == 4.0 * v), "{found:?}");
        assert_eq!(s.stub.runs("axpy"), 1);
        assert_eq!(s.stub.count(Counter::LaunchCalls), 1);
        assert_eq!(s.stub.count(Counter::UploadBytes), 8000);
        assert_eq!(s.stub.count(Counter::DownloadBytes), 4000);
        assert_eq!(s.stub.count(Counter::LiveBlocks), 2);
        assert_eq!(s.stub.kernels(), [("axpy".to_owned(), 1)]);
    }
}

#[test]
fn memory_runs_out() {
    let s = lazy();
    s.stub.capacity(1 << 20);
    // SAFETY: allocations alone; what is allocated is freed once.
    unsafe {
        let first = result::malloc_sync(1 << 19).unwrap();
        let (free, total) = result::mem_get_info().unwrap();
        assert_eq!((free, total), (1 << 19, 1 << 20));
        let more = result::malloc_sync((1 << 19) + 1);
        assert_eq!(code(more), CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        let stream = s.stream();
        let more = result::malloc_async(stream, 1 << 20);
        assert_eq!(code(more), CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        // It is no fault: the context lives.
        result::free_sync(first).unwrap();
        s.stub.fail_allocation(1);
        let second = result::malloc_sync(16).unwrap();
        assert_eq!(code(result::malloc_sync(16)), CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        let third = result::malloc_sync(16).unwrap();
        result::free_sync(second).unwrap();
        result::free_sync(third).unwrap();
    }
    assert_eq!(s.stub.count(Counter::LiveBlocks), 0);
}

#[test]
fn bad_text_is_refused_with_a_log() {
    let s = lazy();
    let load = |text: &str, room: usize| {
        let (mut log, text) = (vec![1u8; room], CString::new(text).unwrap());
        let mut options = [
            sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER,
            sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
        ];
        let mut values = [log.as_mut_ptr().cast::<c_void>(), room as *mut c_void];
        let mut module = std::ptr::null_mut();
        // SAFETY: the arrays have two entries each, and the buffer has so much room.
        let result = unsafe {
            sys::cuModuleLoadDataEx(
                &mut module,
                text.as_ptr().cast(),
                2,
                options.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        let written = values[1] as usize;
        assert!(written < room && log[written] == 0);
        (result, String::from_utf8(log[..written].to_vec()).unwrap())
    };
    let wrong = add().replace("add.u32 %r3", "add.f32 %r3");
    let (result, log) = load(&wrong, 400);
    assert_eq!(result, CUresult::CUDA_ERROR_INVALID_PTX);
    assert!(log.contains("line 11") && log.contains("error"), "{log}");
    assert_eq!(load(&wrong, 8).1.len(), 7);
    let (result, log) = load(&add().replace(".version 7.0", ".version 9.1"), 400);
    assert_eq!(result, CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "{log}");
    let (result, log) = load(&add().replace("sm_80", "sm_100"), 400);
    assert_eq!(result, CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU, "{log}");
    assert_eq!(load(&add(), 400), (CUresult::CUDA_SUCCESS, String::new()));
    // SAFETY: the text ends with a zero.
    let missing = unsafe { result::module::get_function(s.module(&add()), c"sub".into()) };
    assert_eq!(code(missing), CUresult::CUDA_ERROR_NOT_FOUND);
}

#[test]
fn variables_of_a_module_live_as_long_as_it_does() {
    let s = lazy();
    let text = format!("{HEAD}.visible .global .align 4 .b32 table[3] = {{7, 8, 9}};\n");
    let module = s.module(&text);
    // SAFETY: the module is loaded.
    let (address, bytes) = unsafe { result::module::get_global(module, c"table".into()) }.unwrap();
    assert_eq!(bytes, 12);
    assert_eq!(s.download::<u32>(address, 3).unwrap(), [7, 8, 9]);
    // SAFETY: the module is loaded.
    unsafe { result::module::unload(module) }.unwrap();
    let gone = s.download::<u32>(address, 3);
    assert_eq!(code(gone), CUresult::CUDA_ERROR_INVALID_VALUE);
}

#[test]
fn a_symbol_that_is_not_built_is_absent() {
    let s = lazy();
    assert!(s.stub.has(c"cuGraphAddNode_v2"));
    assert!(!s.stub.has(c"cuLinkCreate_v2") && !s.stub.has(c"cuMemAllocManaged"));
}
