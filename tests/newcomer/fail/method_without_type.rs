//! cure: type annotations needed
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|x| x.sin());
}
