//! Values with which the tables call: one per shape and dtype that the calls need.

use cotangent::prelude::*;
use std::sync::Mutex;

/// f32[2,3].
pub fn m() -> Array {
    array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
}

/// f32[2].
pub fn v() -> Array {
    array![1.0, 2.0]
}

/// f32[3].
pub fn u() -> Array {
    array![1.0, 2.0, 3.0]
}

/// i32[2].
pub fn i() -> Array {
    array![1, 0]
}

/// bool[2].
pub fn b() -> Array {
    array![true, false]
}

/// c64[2].
pub fn z() -> Array {
    array![Complex::new(1.0f32, 2.0), Complex::new(0.0, 1.0)]
}

/// f32[].
pub fn s() -> Array {
    Array::scalar(1f32)
}

/// i32[].
pub fn n() -> Array {
    Array::scalar(1i32)
}

/// f32[0].
pub fn none() -> Array {
    zeros_dtype([0], DType::F32)
}

/// A tracer, f32[2], whose trace has ended.
pub fn ended() -> Array {
    let kept = Mutex::new(None);
    make_jaxpr(|x: Array| {
        *kept.lock().unwrap() = Some(x.clone());
        x
    })(v());
    kept.into_inner().unwrap().expect("a tracer")
}

/// Calls `f` with a tracer, f32[2], while it is traced.
pub fn traced<R>(f: impl Fn(Array) -> R + Send + Sync) {
    make_jaxpr(|x: Array| {
        f(x.clone());
        x
    })(v());
}
