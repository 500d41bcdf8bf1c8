//! cure: expected an axis per argument
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = vmap_axes(|x: Array| x * 2.0, "i");
}
