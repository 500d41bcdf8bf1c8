//! Functions that take indices, classes or bounds, in ints of every width. The values are described
//! in `scripts/conformance_limits.py`.

use crate::{Operation, Params, dtype};
use cotangent::lax::{GatherDims, Mode, ScatterMode};
use cotangent::prelude::*;
use cotangent::{lax, nn, random};

pub fn operation(name: &str) -> Operation {
    match name {
        "one_hot" => |p, x| vec![nn::one_hot(&x[0], p.int("classes"), DType::I8)],
        "take" => |p, x| vec![x[0].at(&x[1]).mode(mode(p)).get()],
        "take_along_axis" => |_, x| vec![x[0].take_along_axis(&x[1], 0)],
        "pairs" => |p, x| vec![x[0].at(s![&x[1], &x[2]]).mode(mode(p)).get()],
        "scalar" => |p, x| vec![x[0].at(&x[1]).mode(mode(p)).get()],
        "add" => |p, x| vec![x[0].at(&x[1]).mode(mode(p)).add(&x[2])],
        "gather" => |p, x| {
            let mode = match mode(p) {
                ScatterMode::Clip => Mode::Clip,
                _ => Mode::fill(x[0].dtype()),
            };
            vec![lax::gather(&x[0], &x[1], &windows(), &[2], mode)]
        },
        "scatter_add" => |p, x| vec![lax::scatter_add(&x[0], &x[1], &x[2], &windows(), mode(p))],
        "dynamic_slice" => |_, x| vec![lax::dynamic_slice(&x[0], &[x[1].clone()], &[2])],
        "dynamic_update_slice" => {
            |_, x| vec![lax::dynamic_update_slice(&x[0], &array![-1, -2], &[x[1].clone()])]
        }
        "switch" | "fori" => flow(name),
        _ => folds(name),
    }
}

fn flow(name: &str) -> Operation {
    match name {
        "switch" => |p, x| {
            let number = |n: i32| move |x: Array| x + n;
            let branches: Vec<_> = (0..p.int("branches") as i32).map(number).collect();
            let taken = |i: usize| switch(x[0].index(i), &branches, Array::from(0));
            vec![stack((0..x[0].size()).map(taken).collect::<Vec<_>>(), 0)]
        },
        _ => |_, x| {
            let last = zeros_dtype((), x[0].dtype());
            let (count, last) = fori_loop(
                &x[0]..&x[1],
                |i: Array, (n, _): (Array, Array)| (n + 1, i),
                (Array::from(0), last),
            );
            vec![count.reshape([1]), last.reshape([1])]
        },
    }
}

fn folds(name: &str) -> Operation {
    match name {
        "clip" => |p, x| vec![x[0].clip(number(p, "low"), number(p, "high"))],
        "compare" => |p, x| {
            let (x, n) = (&x[0], number(p, "n"));
            vec![x.lt(n), x.le(n), x.gt(n), x.ge(n), x.eq(n), x.ne(n)]
        },
        "searchsorted" => |p, x| {
            vec![match p.text("side") {
                "left" => x[0].searchsorted(&x[1]),
                _ => x[0].searchsorted_right(&x[1]),
            }]
        },
        "digitize" => |p, x| vec![x[0].digitize(&x[1], p.int("right") == 1)],
        "argmax" => |_, x| vec![x[0].argmax_axis(0)],
        "argmin" => |_, x| vec![x[0].argmin_axis(0)],
        "argmax_as" => |p, x| vec![lax::argmax_as(&x[0], 0, dtype(p.text("dtype")))],
        "argmin_as" => |p, x| vec![lax::argmin_as(&x[0], 0, dtype(p.text("dtype")))],
        "top_k" => |p, x| {
            let (values, places) = x[0].top_k(p.int("k"), -1);
            vec![values, places]
        },
        "randint" => |p, _| {
            let (low, high) = (number(p, "low"), number(p, "high"));
            vec![random::randint(&random::key(3), [6], dtype(p.text("dtype")), low, high)]
        },
        "bincount" => |p, x| vec![x[0].bincount(p.int("length"))],
        "bincount_weighted" => |p, x| vec![x[0].bincount_weighted(&x[1], p.int("length"))],
        "histogram_between" => |_, x| vec![x[0].histogram_between(&x[1])],
        "repeat" => |p, x| vec![x[0].repeat(p.int("times"), 0)],
        "roll" => |p, x| vec![x[0].roll(number(p, "shift") as isize, 0)],
        "arange" => {
            |p, _| vec![arange_dtype(number(p, "start")..number(p, "stop"), dtype(p.text("dtype")))]
        }
        "tril" => |p, x| vec![x[0].tril(number(p, "k") as isize)],
        "triu" => |p, x| vec![x[0].triu(number(p, "k") as isize)],
        "diag" => |p, x| vec![x[0].diag(number(p, "k") as isize)],
        "tri" => |p, x| vec![tri(x[0].shape()[0], x[0].shape()[1], number(p, "k") as isize)],
        _ => panic!("no operation {name}"),
    }
}

fn number(p: &Params, key: &str) -> i64 {
    p.ints(key)[0]
}

fn mode(p: &Params) -> ScatterMode {
    if p.text("mode") == "clip" { ScatterMode::Clip } else { ScatterMode::Drop }
}

/// Windows of two elements of a vector.
fn windows() -> GatherDims {
    GatherDims {
        offset_dims: [1].into_iter().collect(),
        start_index_map: [0].into_iter().collect(),
        ..GatherDims::default()
    }
}
