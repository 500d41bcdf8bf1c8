//! cure: write `x.lt(y)`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = |x: &Array| if x > 0.0 { 1.0 } else { 2.0 };
}
