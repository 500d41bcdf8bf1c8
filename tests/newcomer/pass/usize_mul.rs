//! A `usize` on the right of an operator.

#![allow(unused)]
use cotangent::prelude::*;
use cotangent::numpy;
pub fn main() {
    let n = 3usize; let y = array![1.0] / n;
}
