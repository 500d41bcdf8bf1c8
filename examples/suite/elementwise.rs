//! Dispatch, fused elementwise work, and reductions.

use crate::calls;
use crate::harness::{Row, normal};
use crate::row;
use cotangent::nn;
use cotangent::prelude::*;

type Binary = fn(Array, Array) -> Array;

const FUNCTIONS: [(&str, Binary); 11] = [
    ("axpy", |a, b| a * 2.5 + b),
    ("gelu", gelu),
    ("exp", |a, _| a.exp()),
    ("sin", |a, _| a.sin()),
    ("log1p_exp", |a, _| a.exp().log1p()),
    ("pow", |a, b| a.abs().pow(&b)),
    ("dot", |a, b| (a * b).sum()),
    ("softmax", |a, _| nn::softmax(a.reshape([-1, 100]), -1)),
    ("layernorm", layernorm),
    ("colsum", |a, _| a.reshape([-1, 100]).sum_axis(0)),
    ("transpose_add", |a, b| a.reshape([100, -1]).t() + b.reshape([-1, 100])),
];

fn gelu(a: Array, b: Array) -> Array {
    let cube = &a * &a * &a;
    0.5 * &a * (1.0 + (0.7978845608 * (&a + 0.044715 * cube)).tanh()) * b
}

fn layernorm(a: Array, _: Array) -> Array {
    let x = a.reshape([-1, 100]);
    (&x - x.mean_keepdims(-1)) * (x.var_keepdims(-1) + 1e-5).rsqrt()
}

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        row!("dispatch_1arg", |x| x * 2.0 + 1.0, (ones([8]),)),
        Row::new("dispatch_100args", || {
            let f = jit(|xs: Vec<Array>| xs.into_iter().map(|x| x + 1.0).collect::<Vec<_>>());
            let xs: Vec<Array> = (0..100).map(|i| Array::scalar(i as f32)).collect();
            calls!(f, xs)
        }),
    ];
    for (name, f) in FUNCTIONS {
        for (size, n) in [("1e3", 1_000), ("1e5", 100_000), ("1e7", 10_000_000)] {
            let arguments = move || (normal([n]), normal([n]) * 0.5);
            rows.push(row!(format!("{name}_{size}"), |a, b| f(a, b), arguments()));
        }
    }
    rows.push(row!("compile_add", |x| x + 1.0, (ones([8]),)));
    rows.push(Row::new("compile_unrolled_grad", || {
        let f = jit(grad(|x: Array| (0..1000).fold(x, |x, _| x.sin())));
        let x = Array::scalar(0.5f32);
        calls!(f, x)
    }));
    rows
}
