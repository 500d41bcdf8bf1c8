//! cure: x.clone()
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = |x: Array| x.sin() * x + x;
    f(array![1.0]);
}
