//! A number of Rust among what is printed while tracing.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    debug_print!("{}", 3.0);
}
