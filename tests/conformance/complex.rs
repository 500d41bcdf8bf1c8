//! Complex numbers. On infinities, NaN and signed zeros JAX leaves C99's annex G in places, which
//! ours keep: those points are left out by `scripts/conformance_complex.py`, which lists them.

use crate::{Operation, Params, arrays, dtype, families};
use cotangent::lax;
use cotangent::prelude::*;

pub fn operation(name: &str) -> Operation {
    match name {
        "unary" | "special" => |p, x| vec![unary(p.text("f"), &x[0])],
        "binary" | "two" => |p, x| vec![binary(p.text("f"), &x[0], &x[1])],
        "complex" => |_, x| vec![lax::complex(&x[0], &x[1])],
        "select" => |_, x| vec![lax::select_n(&x[0], &[&x[1], &x[2]])],
        "convert" => |p, x| vec![converted(p, &x[0])],
        "method" => |p, x| vec![reduced(p.text("f"), &x[0])],
        "reduce" | "move" | "einsum" | "matmul" | "outer" => arrays::operation(name),
        _ => families::operation(name),
    }
}

fn converted(p: &Params, x: &Array) -> Array {
    let to = dtype(p.text("to"));
    if x.dtype().is_complex() && to.is_float() { x.real().astype(to) } else { x.astype(to) }
}

fn unary(name: &str, x: &Array) -> Array {
    if let Some(n) = name.strip_prefix("integer_pow") {
        return lax::integer_pow(x, n.parse().expect("an exponent"));
    }
    macro_rules! by_name {
        ($($f:ident)*; $($m:ident)*) => {
            match name {
                $(stringify!($f) => lax::$f(x),)*
                $(stringify!($m) => x.$m(),)*
                _ => panic!("no function {name}"),
            }
        };
    }
    by_name! {
        neg abs sign sqrt rsqrt exp exp2 expm1 log log1p sin cos tan asin acos atan sinh cosh tanh
        asinh acosh
        atanh logistic square real imag conj;
        angle log10 log2 reciprocal is_nan is_inf is_finite logical_not
    }
}

fn binary(name: &str, x: &Array, y: &Array) -> Array {
    macro_rules! by_name {
        ($($f:ident)*; $($m:ident)*) => {
            match name {
                $(stringify!($f) => lax::$f(x, y),)*
                $(stringify!($m) => x.$m(y),)*
                _ => panic!("no function {name}"),
            }
        };
    }
    by_name! { add sub mul div pow max min eq ne; lt le gt ge fmax fmin atan2 logaddexp }
}

fn reduced(name: &str, x: &Array) -> Array {
    macro_rules! by_name {
        ($($f:ident $axis:ident)*) => {
            match name {
                $(stringify!($f) => x.$axis(1),)*
                _ => panic!("no reduction {name}"),
            }
        };
    }
    by_name! {
        mean mean_axis var var_axis std std_axis sum sum_axis prod prod_axis max max_axis min
        min_axis any any_axis
        all all_axis
    }
}
