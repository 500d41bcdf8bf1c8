//! cure: maximum
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let y = array![1.0].max(0.0);
}
