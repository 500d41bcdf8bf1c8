//! cure: `&key(0)`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = cotangent::random::normal(0, [2]);
}
