//! cure: write `x.lt(y)`, `x.le(y)`, `x.gt(y)` or `x.ge(y)`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0];
    if x > 0.0 { }
}
