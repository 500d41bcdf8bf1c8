//! cure: [2, 3]
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = zeros(2, 3);
}
