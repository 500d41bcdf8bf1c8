//! cure: ReadsCapturesByReference
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let mut n = 0;
    let f = jit(|x: Array| { n += 1;
    x });
    f(array![1.0]);
}
