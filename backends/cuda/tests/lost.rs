//! A failure that ends the device's context: every later call says what happened. The context is
//! that of the process, so this is a process of its own.

#[path = "support/session.rs"]
mod session;

use cotangent_cuda::backend;
use cotangent_jit::backend::Backend;
use session::{Given, floats, session, softmax};

#[test]
fn a_lost_context_says_so_at_every_use() {
    let s = session();
    let p = softmax(300, 10);
    let e = s.compile(&p);
    let x = || [Given::Bytes(floats((0..3000).map(|i| i as f32)))];
    assert!(s.run(&p, &*e, &x()).is_ok());
    // An illegal address.
    s.stub.fail_launch(0, 700);
    let first = s.run(&p, &*e, &x()).unwrap_err();
    assert!(first.message().contains("CUDA_ERROR_ILLEGAL_ADDRESS"), "{first}");
    let lost = "cuda:0: the device's context is lost: work that was enqueued before ";
    assert!(first.message().starts_with(lost), "{first}");
    let later = backend().synchronize(0).unwrap_err();
    assert_eq!(later, first);
    drop(e);
}
