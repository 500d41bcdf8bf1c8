//! A method as the function of a transform.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let f = vmap(Array::sum);
    assert_eq!(f(&array![[1.0, 2.0], [3.0, 4.0]]).to_vec::<f32>(), [3.0, 7.0]);
}
