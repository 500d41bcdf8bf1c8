//! cure: (2, -1)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = arange(6).reshape(2, 3);
}
