//! `array![v]` of a `Vec` is an array of one row.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let v = vec![1.0f32, 2.0];
    let a = array![v];
    assert_eq!((a.shape(), a.to_vec::<f32>()), (&[1, 2][..], vec![1.0, 2.0]));
}
