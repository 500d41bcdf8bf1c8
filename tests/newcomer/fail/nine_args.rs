//! cure: more than 8 go into a tuple or a struct
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|a: Array, b: Array, c: Array, d: Array, e: Array, f: Array, g: Array, h: Array,
             i: Array| a);
}
