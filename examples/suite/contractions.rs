//! Matrix products, convolutions, factors.

use crate::harness::{Row, normal};
use crate::row;
use cotangent::lax::{self, Borders, ConvAxes, ConvOptions};
use cotangent::prelude::*;

fn conv(x: &Array, w: &Array) -> Array {
    let axes = ConvAxes::of("NHWC", "HWIO", "NHWC").expect("an order of axes");
    lax::conv_general_dilated(x, w, &ConvOptions::new().borders(Borders::Same).axes(axes))
}

#[cfg(feature = "linalg")]
fn cholesky() -> Row {
    let definite = || {
        let m = normal([512, 512]);
        m.matmul(m.t()) + eye(512) * 512.0
    };
    row!("cholesky_512", |a| cotangent::linalg::cholesky(&a), (definite(),))
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for n in [64, 256, 1024, 2048] {
        let a = move || normal([n, n]);
        rows.push(row!(format!("matmul_{n}"), |a, b| a.matmul(&b), (a(), a())));
    }
    let batch = || normal([256, 64, 64]);
    rows.push(row!("matmul_batched", |a, b| a.matmul(&b), (batch(), batch())));
    let (m, v) = (|| normal([4096, 4096]), || normal([4096]));
    rows.push(row!("matvec_4096", |a, b| a.matmul(&b), (m(), v())));
    let long = || normal([10_000_000]);
    rows.push(row!("inner_1e7", |a, b| a.dot(&b), (long(), long())));
    let images = || (normal([8, 32, 32, 64]), normal([3, 3, 64, 64]));
    rows.push(row!("conv3x3", |x, w| conv(&x, &w), images()));
    let loss = |x: Array, w: Array| conv(&x, &w).square().sum();
    let both = (Arg::<0>, Arg::<1>);
    rows.push(row!("conv3x3_grads", |x, w| grad_wrt(loss, both)(x, w), images()));
    #[cfg(feature = "linalg")]
    rows.push(cholesky());
    rows
}
