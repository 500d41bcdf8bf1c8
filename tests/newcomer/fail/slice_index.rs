//! cure: x.index(s![i, j])
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = ones([2, 3]);
    let y = x[(.., 1)];
}
