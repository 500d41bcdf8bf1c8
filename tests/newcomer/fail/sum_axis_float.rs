//! cure: x.shape()
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = ones([2, 3]).sum_axis(0.0);
}
