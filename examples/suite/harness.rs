//! Rows, and how they are timed.

use cotangent::prelude::*;
use cotangent::{random, stage};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A workload that is made when it is its turn.
pub struct Row {
    pub name: String,
    make: Box<dyn FnOnce() -> Calls>,
}

/// A jitted function on ready arguments.
pub struct Calls {
    pub call: Box<dyn Fn()>,
    /// What a call does on the default device, from the types of the arguments alone.
    pub explain: Box<dyn Fn() -> Result<String, Error>>,
}

impl Row {
    /// `make` gives a call of a fresh jitted function on ready arguments.
    pub fn new(name: impl Into<String>, make: impl FnOnce() -> Calls + 'static) -> Row {
        Row { name: name.into(), make: Box::new(make) }
    }

    /// What a call does on a device, in words. Nothing runs there.
    pub fn explain(self, device: &Device) -> Result<String, Error> {
        let calls = (self.make)();
        with_default_device(device, || (calls.explain)())
    }

    pub fn run(self, json: bool) {
        stage::cache::clear_caches();
        let call = (self.make)().call;
        let first = time(&call, 1);
        let (ns, compile) = (best(&call), first);
        let compile_ms = (compile.as_secs_f64() * 1e9 - ns).max(0.0) / 1e6;
        let peer = concat!("cotangent ", env!("CARGO_PKG_VERSION"));
        if json {
            println!(
                r#"{{"peer": "{peer}", "row": "{}", "ns": {ns:.0}, "compile_ms": {compile_ms:.2}}}"#,
                self.name
            );
        } else {
            println!("{:24} {:>14.2} us   compile {compile_ms:>8.2} ms", self.name, ns / 1e3);
        }
    }
}

fn time(call: &dyn Fn(), times: usize) -> Duration {
    let before = Instant::now();
    for _ in 0..times {
        call();
    }
    // A device may be behind.
    if let Ok(device) = default_device() {
        device.synchronize();
    }
    before.elapsed()
}

/// The best mean of five repetitions of about a quarter of a second, in ns.
fn best(call: &dyn Fn()) -> f64 {
    let once = time(call, 1).as_secs_f64();
    let times = ((0.25 / once.max(1e-7)) as usize).clamp(1, 200_000);
    let mean = |_| time(call, times).as_secs_f64() * 1e9 / times as f64;
    (0..5).map(mean).fold(f64::INFINITY, f64::min)
}

/// `calls!(function, arguments ..)`: a jitted function on clones of these arguments.
#[macro_export]
macro_rules! calls {
    ($f:expr, $($a:ident),+) => {{
        let f = std::rc::Rc::new($f);
        let (g, types) = (f.clone(), ($($crate::harness::types(&$a),)+));
        $crate::harness::Calls {
            call: Box::new(move || $crate::harness::consume(f($($a.clone()),+))),
            explain: Box::new(move || g.lower(types.clone())?.compile()?.explain()),
        }
    }};
}

/// `row!("name", |x, y| body, arguments)`: jits the closure of owned arrays and calls it on clones
/// of the arguments.
#[macro_export]
macro_rules! row {
    ($name:expr, |$($a:ident),+| $body:expr, $args:expr) => {
        $crate::harness::Row::new($name, move || {
            let f = cotangent::prelude::jit(move |$($a: cotangent::prelude::Array),+| $body);
            let ($($a,)+) = $args;
            $crate::calls!(f, $($a),+)
        })
    };
}

/// Arrays of the same types without elements.
pub fn types<T: Pytree + Clone>(tree: &T) -> T {
    tree_map(|x| shape_dtype(x.shape().to_vec(), x.dtype()), tree.clone())
}

/// Keeps a result from being optimised away.
pub fn consume<T>(result: T) {
    black_box(result);
}

/// Normal numbers, the same for the same shape.
pub fn normal<const N: usize>(shape: [usize; N]) -> Array {
    let key = random::fold_in(&random::key(0), N as u32);
    random::normal(&key, &shape[..], DType::F32)
}
