//! cure: jacrev
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let g = grad(|x: Array| vec![x.sum(), x.mean()]);
    g(array![1.0]);
}
