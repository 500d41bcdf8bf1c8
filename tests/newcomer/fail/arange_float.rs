//! cure: `2..5`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = arange(5.0);
}
