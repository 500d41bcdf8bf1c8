//! cure: expected an owned `Array`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|x: &Array| x);
}
