//! cure: takes 1 argument
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = while_loop(|i: Array, x: Array| x.lt(3.0), |x: Array| x + 1.0, array![0.0]);
}
