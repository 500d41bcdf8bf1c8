//! A loop over the rows of an array.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    let mut sums = Vec::new();
    for row in &x {
        sums.push(row.sum().item::<f32>());
    }
    assert_eq!(sums, [3.0, 7.0]);
    assert_eq!((x.len(), x.iter().rev().count()), (2, 2));
    for row in x {
        assert_eq!(row.shape(), [2]);
    }
}
