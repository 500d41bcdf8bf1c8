//! A branch by a `bool` of Rust, and by an owned array.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let f = |deep: bool| cond(deep, |x: Array| x.sin(), |x: Array| x * 2.0, array![1.0]);
    assert_eq!(f(false).to_vec::<f32>(), [2.0]);
    let x = array![-1.0].sum();
    assert_eq!(cond(x.gt(0.0), |x| x, |x| -x, x.clone()).item::<f32>(), 1.0);
}
