//! Literals without a suffix on the left of an operator.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let x = array![1.0, 2.0];
    assert_eq!((2.0 * x.clone()).sum().item::<f32>(), 6.0);
    assert_eq!((2.0 * &x).to_vec::<f32>(), [2.0, 4.0]);
    assert_eq!((1.0 - x.square()).to_vec::<f32>(), [0.0, -3.0]);
    assert_eq!((-2.0 * x.clone() + 1.0).to_vec::<f32>(), [-1.0, -3.0]);
    assert_eq!((1 + 2 * &x).to_vec::<f32>(), [3.0, 5.0]);
    assert_eq!((1 / &x).sum().item::<f32>(), 1.5);
    let step = tree_map2(|p, g| p - 0.5 * g, x.clone(), x.clone());
    assert_eq!(step.to_vec::<f32>(), [0.5, 1.0]);
    // Numbers of Rust beside each other, with the library in scope.
    let (a, b): (f32, usize) = (2.0, 3);
    assert_eq!(0.5 * a + 1.0, 2.0);
    assert_eq!([1.0, 2.0].iter().map(|v| 2.0 * v).sum::<f32>(), 6.0);
    assert!(2 * b > 5 && 1.0 < a && a == 2.0);
}
