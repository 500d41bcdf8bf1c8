//! cure: expected `&Array`, found `Array`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|x: &Array| x * 2.0);
    f(array![1.0]);
}
