//! The printer of twins (`examples/twins`): its text compiles, and gives the bits of our code at
//! 256 and at 512 bits, also for odd numbers. Nothing is timed here.

#![cfg(all(target_arch = "x86_64", unix))]

#[allow(dead_code)]
#[path = "../examples/twins/kernels.rs"]
mod kernels;
#[allow(dead_code)]
#[path = "../examples/twins/library.rs"]
mod library;
#[path = "../examples/twins/printer.rs"]
mod printer;
#[allow(dead_code)]
#[path = "../examples/twins/sides.rs"]
mod sides;

use cotangent_jit::DType;
use cotangent_jit::kernel::Kernel;
use kernels::{FUNCTIONS, GELU, MORE, threefry};
use library::{Library, has_rustc};
use sides::Sides;

const ODD: [f64; 21] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    3.0,
    1e-8,
    -1e-3,
    88.0,
    -104.5,
    710.0,
    -745.5,
    1e6,
    -3e15,
    1e-40,
    5e-324,
    3e38,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

#[test]
fn twins_give_the_same_bits() {
    if !has_rustc() {
        return;
    }
    let mut cases: Vec<(String, Kernel, Vec<Vec<u8>>)> = Vec::new();
    let n = 2 * ODD.len().next_multiple_of(16);
    for f in FUNCTIONS.iter().chain([&GELU]).chain(MORE) {
        for d in [DType::F32, DType::F64] {
            for odd in [&ODD[..], &[]] {
                let inputs = (0..f.inputs).map(|which| f.argument(which, d, n, odd)).collect();
                cases.push((format!("{} {d}", f.name), f.kernel(d, n), inputs));
            }
        }
    }
    let key = [7u32, u32::MAX].into_iter().flat_map(u32::to_le_bytes).collect();
    cases.push(("threefry".into(), threefry(n), vec![key]));
    let mut widths = Vec::new();
    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
        widths.push(256);
    }
    let wide = std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512cd");
    if wide {
        widths.push(512);
    }
    for bits in widths {
        let name = |n: usize| format!("twin_{n}");
        let functions = cases.iter().enumerate();
        let functions = functions.map(|(n, (_, k, _))| printer::function(&name(n), k, bits));
        let text = printer::HEAD.to_owned() + &functions.collect::<String>();
        let library = Library::compile(&text, &format!("test-{bits}"), false);
        for (n, (title, kernel, inputs)) in cases.iter().enumerate() {
            let mut sides = Sides::new(kernel, inputs, library.function(&name(n)));
            sides.check(&format!("{title}, {bits} bits"));
        }
    }
}
