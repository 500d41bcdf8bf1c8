//! cure: stack(&[x, y], 0)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let (x, y) = (array![1.0], array![2.0]);
    let z = array![x, y];
}
