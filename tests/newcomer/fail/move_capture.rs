//! cure: ReadsCapturesByReference
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let s = array![1.0];
    let f = jit(|x: Array| x * s);
    f(array![1.0]);
}
