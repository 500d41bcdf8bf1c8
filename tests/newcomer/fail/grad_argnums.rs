//! cure: grad_wrt
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let g = grad(|x: Array, y: Array| (x * y).sum(), 1);
}
