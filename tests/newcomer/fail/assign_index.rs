//! cure: x.at(i).set(y)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let mut x = array![1.0, 2.0];
    x[0] = 3.0;
}
