//! A number of rounds in place of a range.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let x = fori_loop(5, |i: Array, x: Array| x * 2, Array::from(1));
    assert_eq!(x.item::<i32>(), 32);
}
