//! What launches, loops and compilation bound, in microseconds.

use crate::measure::{Line, Session};
use cotangent::prelude::*;

fn report(name: &str, seconds: f64) {
    Line::new(name).number("us", seconds * 1e6).print();
}

pub fn measure(session: &Session) {
    let x = ones([8]).to(&session.device);
    session.attempt("small", || {
        let f = jit(|x: Array| x * 2.0 + 1.0);
        f.try_call((x.clone(),))?;
        report("small program, enqueued", session.time(|| f(x.clone())));
        report("small program, waited for", session.time_alone(|| f(x.clone())));
        report("its elements read", session.time_alone(|| f(x.clone()).to_vec::<f32>()));
        report("eager addition", session.time(|| &x + &x));
        Ok(())
    });
    for nodes in [10, 100] {
        session.attempt("graph", || graph(session, nodes));
    }
    let rounds = session.size(10_000, 20);
    session.attempt("loops", || {
        let inside =
            jit(move |x: Array| fori_loop(0..rounds as i64, |_, x: Array| x.sin() * 1.01, x));
        inside.try_call((x.clone(),))?;
        let per_round = |seconds: f64| seconds / rounds as f64;
        report("round of a loop in one block", per_round(session.time(|| inside(x.clone()))));
        let large = session.normal([session.size(1 << 20, 1 << 14)], DType::F32);
        let far = move |s: (Array, Array)| (s.0.lt(rounds as f64)).logical_and(s.1.max().lt(1e9));
        let step = |s: (Array, Array)| (s.0 + 1.0, s.1 * 1.0001);
        let f = jit(move |x: Array| while_loop(far, step, (zeros(()), x)).1);
        f.try_call((large.clone(),))?;
        let seconds = session.time_alone(|| f(large.clone()));
        report("round of a while over 1m elements", per_round(seconds));
        Ok(())
    });
    session.attempt("compile", || compile(session));
}

/// A chain of products, each of which is a launch.
fn graph(session: &Session, nodes: usize) -> Result<(), Error> {
    let w = session.normal([64, 64], DType::F32) * 0.05;
    let f = jit(move |x: Array, w: Array| (0..nodes).fold(x, |x, _| x.matmul(&w)));
    f.try_call((w.clone(), w.clone()))?;
    report(&format!("graph of {nodes} products"), session.time(|| f(w.clone(), w.clone())));
    Ok(())
}

/// A fresh function each time: lowering, PTX, the driver's assembler.
fn compile(session: &Session) -> Result<(), Error> {
    let n = session.size(64, 3);
    let mut all = Vec::new();
    for k in 1..=n {
        let f = move |x: Array| (0..k).fold(x, |x, n| (x * (n as f64 + k as f64)).sin());
        let compiled = jit(f).lower((shape_dtype([1000 + k], DType::F32),))?.compile()?;
        all.push(compiled.compile_time().as_secs_f64());
    }
    let mean = all.iter().sum::<f64>() / n as f64;
    report("compilation of 1 to 64 sines, mean", mean);
    report("compilation of one sine", all[0]);
    Ok(())
}
