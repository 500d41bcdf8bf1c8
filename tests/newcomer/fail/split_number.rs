//! cure: split_n
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let keys = cotangent::random::split(&cotangent::random::key(0), 3);
}
