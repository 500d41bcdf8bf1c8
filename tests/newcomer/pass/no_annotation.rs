#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let f = jit(|x| x * 2.0);
    f(array![1.0]);
}
