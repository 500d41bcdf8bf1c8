//! cure: ReadsCapturesByReference
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let mut seen = Vec::new();
    let f = jit(|x: Array| {
        seen.push(x.shape().to_vec());
        x
    });
}
