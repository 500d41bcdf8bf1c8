//! cure: all arguments are owned (`|x: Array, y: Array|`) or all are borrowed
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|x: &Array, y: Array| x * y);
    f(&array![1.0], array![1.0]);
}
