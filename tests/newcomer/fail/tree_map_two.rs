//! cure: tree_map2
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let (p, g) = (vec![array![1.0]], vec![array![1.0]]);
    let p = tree_map(|p: Array, g: Array| p - g, p, g);
}
