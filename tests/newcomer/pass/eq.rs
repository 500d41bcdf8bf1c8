//! `assert_eq!` on arrays.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let x = array![1.0];
    assert_eq!(x, array![1.0]);
}
