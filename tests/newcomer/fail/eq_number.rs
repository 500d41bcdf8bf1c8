//! cure: write `x.eq(..)`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0].sum();
    if x == 1.0 {}
}
