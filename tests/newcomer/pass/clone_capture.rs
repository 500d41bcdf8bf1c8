//! Captures by reference, or cloned.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let s = array![2.0];
    let f = jit(|x: Array| x * s.clone());
    let g = jit(|x: Array| x * &s);
    assert_eq!(f(array![3.0]).to_vec::<f32>(), g(array![3.0]).to_vec::<f32>());
}
