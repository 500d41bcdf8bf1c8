//! Elementwise functions and folds at their special points: values and derivatives to the third
//! order, by every mode, against what `scripts/conformance_special.py` computed.
//!
//! Of smooth functions those are limits: JAX gives NaN at many of these points, and what is right
//! is what the formula tends to from inside the domain. Kinks, ties and folds are JAX's; where its
//! derivatives are not finite nothing is asked.

use crate::array;
use cotangent::prelude::*;
use cotangent::{lax, nn};
use std::io::Read;
use std::sync::Arc;

type Function = Arc<dyn Fn(&[Array]) -> Array + Send + Sync>;

fn function(name: &str) -> Function {
    macro_rules! by_name {
        ($($f:ident)*; $($method:ident)*; $($activation:ident)*; $($pair:ident)*;
            $($both:ident)*) => {
            match name {
                $(stringify!($f) => Arc::new(|x: &[Array]| lax::$f(&x[0])),)*
                $(stringify!($method) => Arc::new(|x: &[Array]| x[0].$method()),)*
                $(stringify!($activation) => Arc::new(|x: &[Array]| nn::$activation(&x[0])),)*
                $(stringify!($pair) => Arc::new(|x: &[Array]| lax::$pair(&x[0], &x[1])),)*
                $(stringify!($both) => Arc::new(|x: &[Array]| x[0].$both(&x[1])),)*
                "pow_in_x" => Arc::new(|x: &[Array]| x[0].pow(lax::stop_gradient(&x[1]))),
                _ => power(name),
            }
        };
    }
    by_name! {
        sqrt rsqrt exp exp2 expm1 log log2 log1p sin cos tan asin acos atan sinh cosh tanh asinh
        acosh atanh logistic
        erf erfc erf_inv lgamma digamma cbrt square abs sign floor ceil round_even;
        reciprocal sigmoid log10 sinc trunc;
        silu softplus gelu gelu_tanh relu elu;
        div mul atan2 max min rem;
        pow logaddexp logaddexp2 hypot fmax fmin copysign heaviside remainder fmod
    }
}

/// `powi-2` by products, `power-2` by `pow` with the exponent as an int, a float and an array.
fn power(name: &str) -> Function {
    if let Some(n) = name.strip_prefix("powi") {
        let n: i32 = n.parse().expect("an exponent");
        return Arc::new(move |x: &[Array]| lax::integer_pow(&x[0], n));
    }
    let n = name.strip_prefix("power").unwrap_or_else(|| panic!("no function {name}"));
    let n: i32 = n.parse().expect("an exponent");
    Arc::new(move |x: &[Array]| {
        let x = &x[0];
        let by_int = x.pow(n);
        let by_float = x.pow(f64::from(n));
        let by_ints = x.pow(full_like(x.astype(DType::I32), n));
        let by_floats = x.pow(full_like(x, n));
        // All four are one function: a quarter of each.
        (by_int + by_float + by_ints + by_floats) * 0.25
    })
}

/// The derivative in operand `n`, forward or reverse.
fn derivative(f: Function, n: usize, forward: bool) -> Function {
    Arc::new(move |x: &[Array]| {
        let f = f.clone();
        let (others, at) = (x.to_vec(), x[n].clone());
        let of_one = move |x: Array| {
            let mut all = others.clone();
            all[n] = x;
            f(&all)
        };
        let ones = ones_like(&at);
        if forward { jvp(of_one, (at,), (ones,)).1 } else { vjp(of_one, (at,)).1(ones).0 }
    })
}

/// Operands to differentiate in, in the order of the columns.
fn orders(operands: usize) -> Vec<Vec<usize>> {
    let of = |n: usize, k: usize| [vec![0; n - k], vec![1; k]].concat();
    match operands {
        1 => (0..4).map(|n| vec![0; n]).collect(),
        _ => (0..4).flat_map(|n| (0..=n).map(move |k| of(n, k))).collect(),
    }
}

/// Within roundings; a NaN asks for nothing but where it is a value.
fn compare(what: &str, order: usize, x: &[Vec<f64>], got: &Array, expected: &Array) -> Vec<String> {
    let eps = if expected.dtype() == DType::F64 { f64::EPSILON } else { f32::EPSILON.into() };
    let (g, e) = (super::numbers(got), super::numbers(expected));
    let mut wrong = Vec::new();
    for (i, (g, e)) in g.iter().zip(&e).enumerate() {
        let far = x.iter().any(|x| x[i].abs() > 1e3);
        let floor = if !far {
            1.0
        } else if eps < 1e-10 {
            1e-130
        } else {
            1e-11
        };
        let near = g == e || (g - e).abs() <= 256.0 * eps * (e.abs() + floor);
        let skipped = e.is_nan() && (order > 0 || !g.is_finite());
        if !near && !skipped {
            let at: Vec<f64> = x.iter().map(|x| x[i]).collect();
            wrong.push(format!("{what} at {at:?}: expected {e:?}, got {g:?}"));
        }
    }
    wrong
}

/// A function of a vector.
fn along(name: &str) -> Function {
    macro_rules! by_name {
        ($($name:literal: $f:expr;)*) => {
            match name {
                $($name => { let f: fn(&Array) -> Array = $f;
                    Arc::new(move |x: &[Array]| f(&x[0])) })*
                _ => panic!("no function {name}"),
            }
        };
    }
    by_name! {
        "cumsum": |x| x.cumsum(0); "cumprod": |x| x.cumprod(0);
        "cummax": |x| lax::cummax(x, 0, false); "cummin": |x| lax::cummin(x, 0, false);
        "cumlogsumexp": |x| lax::cumlogsumexp(x, 0, false); "cumsum_back": |x| lax::cumsum(x, 0,
            true);
        "cumprod_back": |x| lax::cumprod(x, 0, true); "cummax_back": |x| lax::cummax(x, 0, true);
        "sum": |x| x.sum(); "prod": |x| x.prod(); "max_all": |x| x.max(); "min_all": |x| x.min();
        "mean": |x| x.mean(); "var": |x| x.var(); "logsumexp": |x| nn::logsumexp(x, 0);
        "softmax": |x| nn::softmax(x, 0); "log_softmax": |x| nn::log_softmax(x, 0);
            "sort": |x| x.sort(0);
        "median": |x| x.median(); "ptp": |x| x.ptp();
    }
}

/// The value, the Jacobian by both modes and the Hessian of a weighted sum by all four mixtures.
fn check_along(name: &str, x: &Array, columns: &[Array]) -> Vec<String> {
    let f = along(name);
    let of = move |x: Array| f(&[x]);
    let weighted = {
        let of = of.clone();
        move |x: Array| {
            let y = of(x).ravel();
            (arange_dtype(1..y.size() as i64 + 1, y.dtype()) * y).sum()
        }
    };
    let at: Vec<Vec<f64>> =
        vec![vec![0.0; columns[1..].iter().map(Array::size).max().unwrap_or(1)]];
    let x = x.clone();
    let results = [
        ("value", 0, of.clone()(x.clone())),
        ("value jit", 0, jit(of.clone())(x.clone())),
        ("forward", 1, jacfwd(of.clone())(x.clone())),
        ("reverse", 1, jacrev(of.clone())(x.clone())),
        ("reverse jit", 1, jit(jacrev(of.clone()))(x.clone())),
        ("forward forward", 2, jacfwd(jacfwd(weighted.clone()))(x.clone())),
        ("forward reverse", 2, jacfwd(grad(weighted.clone()))(x.clone())),
        ("reverse forward", 2, jacrev(jacfwd(weighted.clone()))(x.clone())),
        ("reverse reverse", 2, jit(jacrev(grad(weighted)))(x.clone())),
    ];
    let found = results.iter().flat_map(|(what, order, got)| {
        let what = format!("{name} {} {:?} {what}", x.dtype(), super::numbers(&x));
        compare(&what, *order, &at, &got.ravel(), &columns[*order])
    });
    found.collect()
}

fn check(line: &str) -> Vec<String> {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    let &[kind, name, inputs, outputs] = &fields[..] else { panic!("four fields: {line}") };
    let name = name.trim_start_matches("f=");
    let inputs: Vec<Array> = inputs.split_whitespace().map(array).collect();
    let columns: Vec<Array> = outputs.split_whitespace().map(array).collect();
    if kind == "along" {
        return check_along(name, &inputs[0], &columns);
    }
    let x: Vec<Vec<f64>> = inputs.iter().map(super::numbers).collect();
    let mut wrong = Vec::new();
    for (order, expected) in orders(inputs.len()).iter().zip(&columns) {
        // Every mixture of modes, of which the first is the innermost.
        for modes in 0..1 << order.len() {
            let mut f = function(name);
            let mut what = format!("{name} {}", inputs[0].dtype());
            for (i, n) in order.iter().enumerate() {
                let forward = modes >> i & 1 == 0;
                what += &format!(" {}{n}", if forward { "forward" } else { "reverse" });
                f = derivative(f, *n, forward);
            }
            let count = order.len();
            let mut see = |what: &str, got| wrong.extend(compare(what, count, &x, &got, expected));
            see(&what, f(&inputs));
            if modes == 0 || modes + 1 == 1 << order.len() {
                let by_vector = f.clone();
                see(
                    &format!("{what} jit"),
                    jit(move |x: Vec<Array>| by_vector(&x))(inputs.clone()),
                );
                see(&format!("{what} vmap"), vmap(move |x: Vec<Array>| f(&x))(inputs.clone()));
            }
        }
    }
    wrong
}

#[test]
fn special_points() {
    let mut text = String::new();
    let compressed = &include_bytes!("special.txt.gz")[..];
    flate2::read::GzDecoder::new(compressed).read_to_string(&mut text).expect("lines of text");
    let only = std::env::var("CASE").ok();
    let mut wrong = Vec::new();
    let chosen = |l: &&str| only.as_deref().is_none_or(|o| l.contains(&format!("f={o} ")));
    for line in text.lines().filter(chosen) {
        wrong.extend(check(line));
    }
    let total = wrong.len();
    wrong.truncate(2000);
    assert!(wrong.is_empty(), "{total} differ\n{}", wrong.join("\n"));
}
