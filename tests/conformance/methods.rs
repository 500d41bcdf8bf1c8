//! What is called on arrays, over every dtype.

use crate::{Operation, Params};
use cotangent::prelude::*;

pub fn operation(name: &str) -> Operation {
    match name {
        "unary" => |p, x| vec![unary(p.text("f"), &x[0])],
        "binary" => |p, x| vec![binary(p.text("f"), &x[0], &x[1])],
        "fold" => |p, x| vec![folded(p.text("f"), &x[0], p.int("axis") as isize)],
        "kept" => |p, x| vec![kept(p.text("f"), &x[0])],
        "along" => along,
        "where" => |_, x| vec![x[0].select(&x[1], &x[2])],
        "take" => |_, x| vec![x[0].take(&x[1], 0)],
        "clip" => |_, x| vec![x[0].clip(&x[1], &x[2])],
        "take_along_axis" => |p, x| vec![x[0].take_along_axis(&x[1], p.int("axis") as isize)],
        _ => panic!("no operation {name}"),
    }
}

macro_rules! by_name {
    ($name:expr, $x:expr, $args:tt; $($f:ident)*) => {
        match $name {
            $(stringify!($f) => $x.$f $args,)*
            name => panic!("no method {name}"),
        }
    };
}

fn unary(name: &str, x: &Array) -> Array {
    by_name! {
        name, x, ();
        sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh
        asinh acosh atanh
        abs floor ceil square reciprocal signbit trunc degrees radians nan_to_num logical_not real
        imag conj angle
        round is_nan is_inf is_finite sign
    }
}

fn binary(name: &str, x: &Array, y: &Array) -> Array {
    match name {
        "add" => x + y,
        "subtract" => x - y,
        "multiply" => x * y,
        "divide" => x / y,
        "equal" => x.eq(y),
        "not_equal" => x.ne(y),
        _ => by_name! {
            name, x, (y);
            maximum minimum fmax fmin remainder floor_divide fmod pow float_power atan2 copysign
            logaddexp hypot
            heaviside logical_and logical_or logical_xor lt le gt ge isclose
        },
    }
}

fn folded(name: &str, x: &Array, axis: isize) -> Array {
    let name = format!("{name}_axis");
    by_name! {
        &name[..], x, (axis);
        sum_axis prod_axis max_axis min_axis mean_axis var_axis std_axis any_axis all_axis
    }
}

fn kept(name: &str, x: &Array) -> Array {
    let name = format!("{name}_keepdims");
    by_name! {
        &name[..], x, ([0, 2]);
        sum_keepdims prod_keepdims max_keepdims min_keepdims mean_keepdims var_keepdims
        std_keepdims any_keepdims
        all_keepdims
    }
}

fn along(p: &Params, x: &[Array]) -> Vec<Array> {
    let axis = p.int("axis") as isize;
    vec![match p.text("f") {
        "argmax" => x[0].argmax_axis(axis),
        "argmin" => x[0].argmin_axis(axis),
        name => by_name! { name, x[0], (axis); cumsum cumprod sort argsort },
    }]
}
