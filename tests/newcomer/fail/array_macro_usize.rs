//! cure: as i64
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let n = 3usize;
    let z = array![n, n];
}
