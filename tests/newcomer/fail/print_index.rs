//! cure: write `x.index(..)`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0, 2.0];
    println!("{}", x[0]);
}
