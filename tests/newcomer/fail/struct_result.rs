//! cure: #[derive(Pytree)]
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    struct Params {
        w: Array,
    }
    let f = jit(|x: Array| Params { w: x });
}
