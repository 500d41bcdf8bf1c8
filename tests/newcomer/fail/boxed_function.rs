//! cure: expected a closure
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f: Box<dyn Fn(Array) -> Array> = Box::new(|x: Array| x);
    let g = jit(f);
}
