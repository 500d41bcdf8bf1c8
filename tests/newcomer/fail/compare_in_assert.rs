//! cure: to_bool
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    assert!(array![1.0].max() > array![0.5].mean());
}
