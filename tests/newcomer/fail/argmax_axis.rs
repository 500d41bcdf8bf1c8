//! cure: argmax_axis
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let y = ones([2, 3]).argmax(-1);
}
