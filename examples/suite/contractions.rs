//! Matrix products.

use crate::harness::{Row, normal};
use crate::row;

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
    rows
}
