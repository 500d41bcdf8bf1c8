//! cure: ThreadSafeCapturesSuchAsArc
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let n = std::rc::Rc::new(2.0);
    let f = jit(|x: Array| x * *n);
}
