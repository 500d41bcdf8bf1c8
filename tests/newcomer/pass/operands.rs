//! Numbers of any type on the right of operators and in methods.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let (c, n, lr) = (2.0f32, 3usize, 0.5f32);
    let x = array![1.0, 3.0];
    assert_eq!((&x * c).to_vec::<f32>(), [2.0, 6.0]);
    assert_eq!((&x / n).sum().item::<f32>(), 4.0 / 3.0);
    assert_eq!((&x - lr).to_vec::<f32>(), [0.5, 2.5]);
    assert_eq!(x.lt(lr).to_vec::<bool>(), [false, false]);
    assert_eq!(x.gt(2u8).to_vec::<bool>(), [false, true]);
    assert_eq!(x.le(1i64).to_vec::<bool>(), [true, false]);
}
