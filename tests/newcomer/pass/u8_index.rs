//! An index of type `u8`.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let i = 1u8;
    let y = array![1.0, 2.0].index(i);
}
