//! cure: provide the argument
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0].sum();
    let y = cond(x.gt(0.0), |x: Array| x.sin(), x.clone());
}
