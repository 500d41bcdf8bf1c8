//! cure: x.shape()
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = zeros([2.0]);
}
