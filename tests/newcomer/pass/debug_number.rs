#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    debug_print!("{}", 3.0);
}
