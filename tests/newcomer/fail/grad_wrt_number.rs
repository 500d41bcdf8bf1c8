//! cure: Arg::<1>
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let g = grad_wrt(|x: Array, y: Array| (x * y).sum(), 1);
}
