//! cure: provide the argument
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = grad(|x: Array, y: Array| (x * y).sum());
    f(array![1.0]);
}
