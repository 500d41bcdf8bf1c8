//! Several devices, and the settings of the environment. These are read once, so that this program
//! has one test.

use cotangent_cuda_stub::control::{Counter, Stub};
use cudarc::driver::result;
use cudarc::driver::safe::CudaContext;
use cudarc::driver::sys::CUresult;

#[test]
fn devices_of_the_environment() {
    for (name, value) in [("DEVICES", "2"), ("CAPACITY", "0x100000"), ("DRIVER", "12090")] {
        // SAFETY: no other thread of this program reads the environment.
        unsafe { std::env::set_var(format!("COTANGENT_STUB_{name}"), value) };
    }
    let stub = Stub::load().unwrap();
    result::init().unwrap();
    assert_eq!(result::device::get_count().unwrap(), 2);
    // The safe layer works too.
    let first = CudaContext::new(0).unwrap();
    let second = CudaContext::new(1).unwrap();
    assert_eq!(first.compute_capability().unwrap(), (9, 0));
    assert_eq!(first.mem_get_info().unwrap(), (1 << 20, 1 << 20));
    assert_ne!(first.uuid().unwrap(), second.uuid().unwrap());
    let (a, b) = (first.new_stream().unwrap(), second.new_stream().unwrap());
    let x = a.clone_htod(&[1f32, 2.0, 3.0]).unwrap();
    let y = b.clone_htod(&[4f32]).unwrap();
    assert_eq!(a.clone_dtoh(&x).unwrap(), [1.0, 2.0, 3.0]);
    assert_eq!(b.clone_dtoh(&y).unwrap(), [4.0]);
    assert_eq!(stub.count(Counter::AllocatedBytes), 16);
    // An event of one device orders the stream of another.
    let event = first.new_event(None).unwrap();
    event.record(&a).unwrap();
    b.wait(&event).unwrap();
    b.synchronize().unwrap();
    // The address of one device is none of the other.
    let address = {
        use cudarc::driver::DevicePtr;
        x.device_ptr(&a).0
    };
    second.bind_to_thread().unwrap();
    // SAFETY: the driver finds the stranger.
    let refused = unsafe { result::memset_d8_sync(address, 0, 4) };
    assert_eq!(refused.unwrap_err().0, CUresult::CUDA_ERROR_INVALID_VALUE);
    drop((x, y));
    a.synchronize().unwrap();
    b.synchronize().unwrap();
    assert_eq!(stub.count(Counter::LiveBlocks), 0);
}
