//! NumPy's `where`, at `numpy::where_`.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let x = array![1.0];
    let y = numpy::where_(x.gt(0.0), &x, 0.0);
}
