//! What memory bounds. Each time stands beside that of a copy of the same run: `copy` is the share
//! of its bandwidth that the bytes of the definition, each read or written once, would need.

use crate::measure::{Line, Session};
use cotangent::prelude::*;
use cotangent::{lax, nn, random};
use std::cell::Cell;

type One = fn(Array) -> Array;

pub fn measure(session: &Session) {
    let n = session.size(1 << 28, 1 << 12);
    let copied = Cell::new(f64::NAN);
    let report = |name: &str, bytes: usize, seconds: f64| {
        let rate = bytes as f64 / seconds / 1e9;
        if name == "copy" {
            copied.set(rate);
        }
        Line::new(name)
            .number("us", seconds * 1e6)
            .number("gb_per_s", rate)
            .number("copy", rate / copied.get())
            .print();
    };
    let row = |name: &str, x: &Array, bytes: usize, f: One| {
        session.attempt(name, || {
            let f = jit(f);
            f.try_call((x.clone(),))?;
            report(name, bytes, session.time(|| f(x.clone())));
            Ok(())
        });
    };
    let x = session.normal([n], DType::F32);
    row("copy", &x, 8 * n, |x| -x);
    row("gelu", &x, 8 * n, |x| nn::gelu_tanh(&x));
    row("exp", &x, 8 * n, |x| x.exp());
    row("sin", &x, 8 * n, |x| x.sin());
    row("pow", &x, 8 * n, |x| x.abs().pow(1.7));
    row("sum", &x, 4 * n, |x| x.sum());
    row("max", &x, 4 * n, |x| x.max());
    row("argmax", &x, 4 * n, |x| x.argmax());
    row("cumsum", &x, 8 * n, |x| lax::cumsum(&x, 0, false));
    let wide = x.reshape([-1, 1024]);
    row("softmax_1024", &wide, 8 * n, |x| nn::softmax(x, -1));
    row("layernorm_1024", &wide, 8 * n, |x| {
        (&x - x.mean_keepdims(-1)) * (x.var_keepdims(-1) + 1e-5).rsqrt()
    });
    row("colsum_1024", &wide, 4 * n, |x| x.sum_axis(0));
    row("rowsum_1024", &wide, 4 * n, |x| x.sum_axis(1));
    row("transpose", &wide, 8 * n, |x| x.t() * 2.0);
    let half = x.astype(DType::BF16);
    row("bf16_exp", &half, 4 * n, |x| x.exp());
    row("bf16_sum", &half, 2 * n, |x| x.sum());
    session.attempt("axpy", || {
        let (f, y) = (jit(|x: Array, y: Array| x * 2.5 + y), session.normal([n], DType::F32));
        f.try_call((x.clone(), y.clone()))?;
        report("axpy", 12 * n, session.time(|| f(x.clone(), y.clone())));
        Ok(())
    });
    session.attempt("random", || {
        let bits = jit(move |key: random::Key| random::bits(&key, [n], DType::U32));
        let normal = jit(move |key: random::Key| random::normal(&key, [n], DType::F32));
        let key = random::key(1);
        bits.try_call((key.clone(),))?;
        report("random_bits", 4 * n, session.time(|| bits(key.clone())));
        report("random_normal", 4 * n, session.time(|| normal(key.clone())));
        Ok(())
    });
    let m = session.size(1 << 26, 1 << 10);
    let few = session.normal([m], DType::F32);
    row("sort_64m", &few, 8 * m, |x| x.sort(-1));
    row("top_k_64m", &few, 4 * m, |x| lax::top_k(&x, 100, 0).0);
    session.attempt("gather, segment_sum", || {
        let at = random::randint(&random::key(2), [m], DType::I32, 0, m as i64).to(&session.device);
        let take = jit(|x: Array, at: Array| x.take(&at, 0));
        report("gather_64m", 12 * m, session.time(|| take(few.clone(), at.clone())));
        let sum = jit(|x: Array, at: Array| zeros([1000]).at(at % 1000).add(x));
        report("segment_sum_64m", 8 * m, session.time(|| sum(few.clone(), at.clone())));
        Ok(())
    });
}
