//! cure: cond(x.gt(0.0), ..)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0];
    if x.gt(0.0) { }
}
