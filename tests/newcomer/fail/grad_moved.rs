//! cure: ReadsCapturesByReference
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let w = array![2.0];
    let g = grad(|x: Array| (x * w).sum());
    g(array![1.0]);
}
