//! An axis that was computed, as `ndim` gives it.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    let axis = x.ndim() - 1;
    let columns = vmap_axes(|x: Array| x.sum(), axis);
    assert_eq!(columns(x).to_vec::<f32>(), [4.0, 6.0]);
}
