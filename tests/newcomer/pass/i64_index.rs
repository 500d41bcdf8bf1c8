//! An index of type `i64`.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let i = 1i64;
    let y = array![1.0, 2.0].index(i);
}
