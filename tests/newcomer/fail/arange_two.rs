//! cure: arange(a..b)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = arange(2, 5);
}
