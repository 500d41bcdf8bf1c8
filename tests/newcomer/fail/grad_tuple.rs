//! cure: grad_aux
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let g = grad(|x: Array| (x.sum(), x));
    g(array![1.0]);
}
