//! cure: 1 to 8 arguments
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|| array![1.0]);
}
