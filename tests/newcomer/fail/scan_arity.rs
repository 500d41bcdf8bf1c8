//! cure: takes 2 arguments
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let (c, ys) = scan(|c: Array| c, array![0.0], array![[1.0]]);
}
