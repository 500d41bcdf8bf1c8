//! cure: #[pytree(static)]
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    #[derive(Pytree)]
    struct Layer {
        w: Array,
        heads: usize,
    }
}
