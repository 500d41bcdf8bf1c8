//! cure: |x| g(x)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    fn twice(f: impl Fn(Array) -> Array, x: Array) -> Array {
        f(f(x))
    }
    twice(grad(|x: Array| x.sum()), array![1.0]);
}
