//! cure: sum_axis(0)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = vmap(|x: Array| psum(x, 0));
}
