//! cure: sum_axis
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = ones([2, 3]);
    let y = x.sum(0);
}
