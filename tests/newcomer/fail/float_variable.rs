//! cure: c.into()
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let c = 2.0f32;
    let f = jit(|x: Array| x * 2.0);
    f(c);
}
