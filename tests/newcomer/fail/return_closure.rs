//! cure: use the `move` keyword
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    fn make(s: Array) -> Func<'static, (Own<Array>,), Array> {
        jit(|x: Array| x * &s)
    }
    make(array![1.0]);
}
