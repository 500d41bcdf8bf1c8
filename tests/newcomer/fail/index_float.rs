//! cure: expected an int, a range
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0, 2.0].index(1.5);
}
