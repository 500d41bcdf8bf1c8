//! cure: use `std::sync::RwLock` instead
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let c = std::cell::RefCell::new(0);
    let f = jit(|x: Array| { *c.borrow_mut() += 1;
    x });
    f(array![1.0]);
}
