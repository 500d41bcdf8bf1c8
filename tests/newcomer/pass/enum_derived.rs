//! A derived enum as an argument.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    #[derive(Pytree, Clone)]
    enum Model {
        Linear(Array),
        Constant { c: Array },
    }
    let f = jit(|m: Model| match m {
        Model::Linear(w) => w * 2.0,
        Model::Constant { c } => c,
    });
    assert_eq!(f(Model::Linear(array![1.0])).to_vec::<f32>(), [2.0]);
    assert_eq!(f(Model::Constant { c: array![1.0] }).to_vec::<f32>(), [1.0]);
}
