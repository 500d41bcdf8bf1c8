//! cure: type annotations needed
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let g = grad(|(w, b)| (w * b).sum());
    g((array![1.0], array![1.0]));
}
