//! What arithmetic bounds: products of matrices, convolutions, a transformer block, in TFLOP/s.

use crate::measure::{Line, Session};
use cotangent::lax::{Borders, ConvOptions};
use cotangent::nn;
use cotangent::prelude::*;

pub fn measure(session: &Session) {
    for dtype in [DType::F32, DType::BF16, DType::F16, DType::F64] {
        for n in [8192, 4096, 1024, 256] {
            let n = session.size(n, n / 128 + 1);
            session.attempt("matmul", || matmul(session, dtype, n));
        }
    }
    session.attempt("conv3x3", || convolution(session));
    session.attempt("attention", || attention(session));
}

fn report(name: &str, dtype: DType, n: usize, flops: f64, seconds: f64) {
    Line::new(name)
        .text("dtype", &dtype.to_string())
        .count("n", n)
        .number("us", seconds * 1e6)
        .number("tflops", flops / seconds / 1e12)
        .print();
}

fn matmul(session: &Session, dtype: DType, n: usize) -> Result<(), Error> {
    let (a, b) = (session.normal([n, n], dtype), session.normal([n, n], dtype));
    let f = jit(|a: Array, b: Array| a.matmul(&b));
    f.try_call((a.clone(), b.clone()))?;
    let seconds = session.time(|| f(a.clone(), b.clone()));
    report("matmul", dtype, n, 2.0 * (n as f64).powi(3), seconds);
    let wide = |x: &Array| x.astype(DType::F64);
    let exact = jit(move |a: Array, b: Array| wide(&a).matmul(wide(&b)));
    if n <= 4096 {
        let (got, want) = (f(a.clone(), b.clone()).astype(DType::F64), exact(a, b));
        let error = (&got - &want).square().sum().sqrt() / want.square().sum().sqrt();
        let line = Line::new("matmul error").text("dtype", &dtype.to_string()).count("n", n);
        line.number("relative", error.to(&Device::cpu()).to_f64()).print();
    }
    Ok(())
}

fn convolution(session: &Session) -> Result<(), Error> {
    let (n, side, c) = (session.size(32, 1), session.size(56, 6), session.size(128, 4));
    let (x, w) =
        (session.normal([n, side, side, c], DType::F32), session.normal([c, c, 3, 3], DType::F32));
    let f = jit(|x: Array, w: Array| nn::conv(&x, &w, &ConvOptions::new().borders(Borders::Same)));
    f.try_call((x.clone(), w.clone()))?;
    let seconds = session.time(|| f(x.clone(), w.clone()));
    report("conv3x3", DType::F32, side, 18.0 * (n * c * c * side * side) as f64, seconds);
    Ok(())
}

/// Attention of heads of 64, forward, and with its gradient.
fn attention(session: &Session) -> Result<(), Error> {
    let (heads, t, d) = (session.size(64, 2), session.size(1024, 8), session.size(64, 4));
    fn attend(q: Array, k: Array, v: Array) -> Array {
        let d = q.shape()[2] as f64;
        let scores = einsum("htd,hsd->hts", [&q, &k]) / d.sqrt();
        einsum("hts,hsd->htd", [&nn::softmax(scores, -1), &v])
    }
    let flops = 4.0 * (heads * t * t * d) as f64;
    for dtype in [DType::F32, DType::BF16] {
        let q = session.normal([heads, t, d], dtype);
        let f = jit(attend);
        f.try_call((q.clone(), q.clone(), q.clone()))?;
        report("attention", dtype, t, flops, session.time(|| f(q.clone(), q.clone(), q.clone())));
        let g = jit(grad(|q: Array, k: Array, v: Array| attend(q, k, v).astype(DType::F32).sum()));
        let seconds = session.time(|| g(q.clone(), q.clone(), q.clone()));
        report("attention_grad", dtype, t, 3.5 * flops, seconds);
    }
    Ok(())
}
