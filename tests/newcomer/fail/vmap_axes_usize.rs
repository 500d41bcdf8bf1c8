//! cure: as isize
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let axis = array![1.0].ndim();
    let f = vmap_axes(|x: Array| x * 2.0, axis);
}
