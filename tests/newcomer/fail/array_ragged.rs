//! cure: found `Vec<{float}>`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let z = array![[1.0], vec![2.0]];
}
