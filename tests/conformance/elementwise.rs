//! Functions of one and two numbers, conversions, choices: on odd values and on ordinary ones.

use crate::{Operation, Params, dtype};
use cotangent::lax;
use cotangent::prelude::*;

pub fn operation(name: &str) -> Operation {
    match name {
        "unary" => |p, x| vec![unary(p, &x[0])],
        "binary" => |p, x| vec![binary(p, &x[0], &x[1])],
        "convert" => |p, x| vec![lax::convert_element_type(&x[0], dtype(p.text("to")))],
        "clamp" => |_, x| {
            // The case whose bounds are ordered by construction has a width for its third operand.
            let ordered = x[0].ndim() == 2;
            let high = if ordered { &x[0] + x[2].abs() } else { x[2].clone() };
            vec![lax::clamp(&x[0], &x[1], &high)]
        },
        "select" => |_, x| vec![lax::select_n(&x[0], &[&x[1], &x[2]])],
        _ => panic!("no operation {name}"),
    }
}

/// How many units in the last place JAX's values may be off; ours are measured in docs/accuracy.md.
pub fn roundings(function: &str) -> f64 {
    match function {
        // exp2(x) is exp(x ln 2), with x rounded: 1,600 units at -1000, and 31 of f16 at -7.25.
        "exp2" => 2000.0,
        "atanh" => 64.0,
        // The hyperbolic sine is 24 units off.
        _ => 32.0,
    }
}

/// Near their zeros JAX's lgamma (1 and 2) and digamma (1.46) keep absolute digits only.
pub fn floor(function: &str) -> f64 {
    if matches!(function, "lgamma" | "digamma") { 1.0 } else { 0.0 }
}

fn unary(p: &Params, x: &Array) -> Array {
    let name = p.text("f");
    if let Some(n) = name.strip_prefix("integer_pow") {
        return lax::integer_pow(x, n.parse().expect("an exponent"));
    }
    macro_rules! by_name {
        ($($f:ident)*) => {
            match name {
                $(stringify!($f) => lax::$f(x),)*
                _ => panic!("no function {name}"),
            }
        };
    }
    by_name! {
        neg abs sign square not population_count clz floor ceil round_away round_even is_finite
        sqrt rsqrt cbrt exp exp2 expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh
        acosh atanh
        logistic erf erfc erf_inv lgamma digamma
    }
}

fn binary(p: &Params, x: &Array, y: &Array) -> Array {
    let name = p.text("f");
    macro_rules! by_name {
        ($($f:ident)*) => {
            match name {
                $(stringify!($f) => lax::$f(x, y),)*
                _ => panic!("no function {name}"),
            }
        };
    }
    by_name! {
        add sub mul div rem max min pow atan2 nextafter and or xor
        shift_left shift_right_logical shift_right_arithmetic eq ne lt le gt ge
    }
}
