//! cure: x.lt(3.0)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = while_loop(|x: Array| x.item::<f32>() < 3.0, |x: Array| x + 1.0, array![0.0]);
}
