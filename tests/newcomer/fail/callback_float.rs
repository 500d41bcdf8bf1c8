//! cure: Array::from(number)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let y = pure_callback(|x: Array| x.item::<f32>(), Aval::scalar(DType::F32), array![1.0].sum());
}
