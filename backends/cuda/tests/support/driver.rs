//! Whole programs through the backend, with the stub as its driver.

use cotangent_cuda_stub::control::Stub;
use cotangent_jit::backend::{Backend, CompileOptions};
use cotangent_jit::buffer::Buffer;
use cotangent_jit::interp;
use cotangent_jit::program::Program;
use cotangent_jit::verify::verify;

/// The backend and the oracle agree to the bit. Gives the backend's words for what a run does.
pub fn agrees_through_the_driver(program: Program, inputs: &[Vec<u8>]) -> String {
    Stub::load().expect("the stub lies beside this test");
    let program = verify(program).unwrap();
    let expected = interp::run(&program, inputs).unwrap();
    let cuda = cotangent_cuda::backend();
    let executable = cuda.compile(&program, &CompileOptions::default()).unwrap();
    let memory = cuda.memory(0).unwrap();
    let buffer = |bytes: &Vec<u8>| memory.allocate(bytes.len()).unwrap();
    let mut given: Vec<Buffer> = inputs.iter().map(buffer).collect();
    let mut made: Vec<Buffer> = expected.iter().map(buffer).collect();
    for (bytes, buffer) in inputs.iter().zip(&mut given) {
        cuda.upload(bytes, buffer).unwrap();
    }
    let mut pointers: Vec<*const u8> = given.iter().map(|b| b.pointer()).collect();
    let targets: Vec<*mut u8> = made.iter_mut().map(|b| b.write_pointer()).collect();
    // SAFETY: the buffers have the bytes of the program's slots.
    unsafe { executable.run(&mut pointers, &[], &targets).unwrap() };
    for (n, (buffer, expected)) in made.iter().zip(&expected).enumerate() {
        let mut got = vec![0; expected.len()];
        cuda.download(buffer, &mut got).unwrap();
        assert!(got == *expected, "output {n} differs");
    }
    executable.launches().to_string()
}
