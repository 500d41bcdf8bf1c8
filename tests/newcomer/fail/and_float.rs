//! cure: x.gt(0.0) & y.lt(1.0)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let y = array![1, 2] & 1.5;
}
