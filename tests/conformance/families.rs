//! Running folds, sorting, places, windows, convolutions.

use crate::{Operation, Params};
use cotangent::lax::{self, Borders, ConvAxes, ConvOptions, GatherDims, ScatterMode, Window};
use cotangent::prelude::*;

pub fn operation(name: &str) -> Operation {
    match name {
        "cumsum" => |p, x| vec![lax::cumsum(&x[0], p.int("axis"), p.int("reverse") == 1)],
        "cumprod" => |p, x| vec![lax::cumprod(&x[0], p.int("axis"), p.int("reverse") == 1)],
        "cummax" => |p, x| vec![lax::cummax(&x[0], p.int("axis"), p.int("reverse") == 1)],
        "cummin" => |p, x| vec![lax::cummin(&x[0], p.int("axis"), p.int("reverse") == 1)],
        "cumlogsumexp" => {
            |p, x| vec![lax::cumlogsumexp(&x[0], p.int("axis"), p.int("reverse") == 1)]
        }
        "sort" => |p, x| lax::sort_by(x, p.int("axis"), p.int("keys")),
        // JAX's indices are i64 where it has 64-bit types at all.
        "argsort" => |p, x| vec![x[0].argsort(p.int("axis") as isize).astype(DType::I64)],
        "argsort_descending" => {
            |p, x| vec![x[0].argsort_descending(p.int("axis") as isize).astype(DType::I64)]
        }
        "top_k" => |p, x| {
            let (values, indices) = lax::top_k(&x[0], p.int("k"), p.int("axis"));
            vec![values, indices]
        },
        "argmax" => |p, x| vec![lax::argmax_as(&x[0], p.int("axis"), DType::I64)],
        "argmin" => |p, x| vec![lax::argmin_as(&x[0], p.int("axis"), DType::I64)],
        "searchsorted" => |p, x| {
            let left = p.text("side") == "left";
            vec![if left { x[0].searchsorted(&x[1]) } else { x[0].searchsorted_right(&x[1]) }]
        },
        "scatter" => |p, x| scattered(p, x, lax::scatter),
        "scatter_add" => |p, x| scattered(p, x, lax::scatter_add),
        "scatter_mul" => |p, x| scattered(p, x, lax::scatter_mul),
        "scatter_min" => |p, x| scattered(p, x, lax::scatter_min),
        "scatter_max" => |p, x| scattered(p, x, lax::scatter_max),
        "take" => |p, x| {
            let at = ints(p, "at");
            let at = x[0].at(&at).fill_value(p.int("fill") as i32);
            vec![if p.text("mode") == "clip" { at.mode(ScatterMode::Clip) } else { at }.get()]
        },
        "at" => updated,
        "apply" => |p, x| vec![x[0].at(ints(p, "at")).apply(|x| x * 2)],
        "reduce_window_sum" => |p, x| vec![lax::reduce_window_sum(&x[0], &window(p))],
        "reduce_window_max" => |p, x| vec![lax::reduce_window_max(&x[0], &window(p))],
        "reduce_window_min" => |p, x| vec![lax::reduce_window_min(&x[0], &window(p))],
        "conv" => |p, x| vec![lax::conv_general_dilated(&x[0], &x[1], &convolution(p))],
        _ => panic!("no operation {name}"),
    }
}

fn ints(p: &Params, key: &str) -> Array {
    let ints: Vec<i32> = p.ints(key).iter().map(|i| *i as i32).collect();
    Array::new(&ints, [ints.len()])
}

type Scatter = fn(&Array, &Array, &Array, &GatherDims, lax::Scattering) -> Array;

fn scattered(p: &Params, x: &[Array], scatter: Scatter) -> Vec<Array> {
    let lists: Vec<Vec<usize>> = (p.text("dims").split('/'))
        .map(|l| {
            l.split(',').filter(|t| !t.is_empty()).map(|t| t.parse().expect("an axis")).collect()
        })
        .collect();
    let list = |n: usize| lists[n].iter().copied().collect();
    let dims = GatherDims {
        offset_dims: list(0),
        collapsed_slice_dims: list(1),
        start_index_map: list(2),
        operand_batching_dims: list(3),
        start_indices_batching_dims: list(4),
    };
    let at = ints(p, "at").reshape(p.ints("shape"));
    let mode = if p.text("mode") == "clip" { ScatterMode::Clip } else { ScatterMode::Drop };
    let how = if p.int("unique") == 1 { mode.unique() } else { mode.into() };
    vec![scatter(&x[0], &at, &x[1], &dims, how)]
}

fn updated(p: &Params, x: &[Array]) -> Vec<Array> {
    let at = if p.text("at") == "box" {
        x[0].at(s![1..4, 0])
    } else {
        let clip = p.text("mode") == "clip";
        let mode = if clip { ScatterMode::Clip } else { ScatterMode::Drop };
        let at = x[0].at(ints(p, "at")).mode(mode);
        if p.int("unique") == 1 { at.unique_indices() } else { at }
    };
    vec![match p.text("op") {
        "set" => at.set(&x[1]),
        "add" => at.add(&x[1]),
        "subtract" => at.subtract(&x[1]),
        "multiply" => at.multiply(&x[1]),
        "divide" => at.divide(&x[1]),
        "power" => at.power(&x[1]),
        "min" => at.min(&x[1]),
        "max" => at.max(&x[1]),
        op => panic!("no update {op}"),
    }]
}

fn borders(p: &Params) -> Borders {
    match p.text("pad") {
        "VALID" => Borders::Valid,
        "SAME" => Borders::Same,
        "SAME_LOWER" => Borders::SameLower,
        _ => Borders::Explicit(p.ints("pad").chunks(2).map(|e| (e[0], e[1])).collect()),
    }
}

fn window(p: &Params) -> Window {
    Window::new(p.sizes("size"))
        .strides(p.sizes("strides"))
        .borders(borders(p))
        .base_dilation(p.sizes("base"))
        .dilation(p.sizes("dilation"))
}

fn convolution(p: &Params) -> ConvOptions {
    let axes: Vec<&str> = p.text("axes").split(',').collect();
    ConvOptions::new()
        .strides(p.sizes("strides"))
        .borders(borders(p))
        .lhs_dilation(p.sizes("lhs"))
        .rhs_dilation(p.sizes("rhs"))
        .axes(ConvAxes::of(axes[0], axes[1], axes[2]).expect("axes"))
        .feature_group_count(p.int("groups"))
        .batch_group_count(p.int("batches"))
}
