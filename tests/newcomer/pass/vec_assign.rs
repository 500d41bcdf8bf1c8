//! `+=` on an array in a `Vec`.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let mut p = [array![1.0], array![2.0]];
    p[0] += 1.0;
    let first = p[0].clone();
    p[1] -= first;
    assert_eq!(p[0].to_vec::<f32>(), [2.0]);
}
