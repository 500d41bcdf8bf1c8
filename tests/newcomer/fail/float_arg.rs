//! cure: f(Array::from(1.0))
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|x: Array| x * 2.0);
    f(1.0);
}
