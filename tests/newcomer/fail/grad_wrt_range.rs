//! cure: arguments that exist
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let g = grad_wrt(|x: Array| x.sum(), Arg::<1>);
}
