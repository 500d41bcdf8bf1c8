//! cure: Send + Sync
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    fn slope(f: impl Fn(Array) -> Array, x: Array) -> Array {
        grad(f)(x)
    }
    slope(|x: Array| x.sum(), array![1.0]);
}
