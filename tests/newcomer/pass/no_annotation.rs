//! A closure whose argument has no type, used by operators alone.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let f = jit(|x| x * 2.0);
    f(array![1.0]);
}
