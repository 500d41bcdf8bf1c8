//! cure: goes to `grad` or `value_and_grad`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let g = grad_aux(|x: Array| x.sum());
    g(array![1.0]);
}
