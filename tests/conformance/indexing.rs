//! What NumPy's brackets mean: ints, ranges, new axes, int arrays and masks, to read and to update.

use crate::{Operation, Params};
use cotangent::lax::ScatterMode;
use cotangent::numpy::entries::Index;
use cotangent::prelude::*;

pub fn operation(name: &str) -> Operation {
    match name {
        "read" => |p, x| vec![x[0].index(entries(p.text("at")))],
        "update" => |p, x| {
            let at = x[0].at(entries(p.text("at")));
            vec![match p.text("op") {
                "set" => at.set(&x[1]),
                "add" => at.add(&x[1]),
                "multiply" => at.unique_indices().multiply(&x[1]),
                "min" => at.min(&x[1]),
                _ => at.max(&x[1]),
            }]
        },
        "far" => far,
        _ => panic!("no operation {name}"),
    }
}

fn far(p: &Params, x: &[Array]) -> Vec<Array> {
    let (far, clip) = (array![1, 7, -9], p.text("mode") == "clip");
    let mode = if clip { ScatterMode::Clip } else { ScatterMode::Drop };
    vec![match p.text("op") {
        "get" => x[0].at(s![&far, &far]).mode(mode).get(),
        _ => x[0].at(s![&far, 1, &far]).mode(mode).add(&x[1]),
    }]
}

fn entries(name: &str) -> Vec<Index> {
    let (i, j) = (array![[2], [-1]], array![1, 0, -2]);
    let rows = array![true, false, true];
    let two = array![3, 1];
    match name {
        "int" => s![1],
        "negative" => s![-1, ..., -2],
        "steps" => s![..;2, ..;-1, 1..-1],
        "new" => s![newaxis, 1, ..., newaxis],
        "cut" => s![-9..9, 3..1],
        "rows" => s![&i],
        "pairs" => s![&i, &j],
        "apart" => s![&i, .., &j],
        "inner" => s![.., &i, &j],
        "last" => s![..., &i, &j],
        "int_apart" => s![1, .., &j],
        "int_beside" => s![1, &j],
        "int_between" => s![&i, 2, &j],
        "new_between" => s![&i, newaxis, &j],
        "new_apart" => s![&i, 1..3, newaxis, &j],
        "three" => s![&i, &j, &zeros_like(&j)],
        "front_new" => s![newaxis, .., &i, 1],
        "small" => s![&array![1, -1].astype(DType::I8), &array![0, 2].astype(DType::U8)],
        "mask_rows" => s![&rows],
        "mask_table" => s![&eager(|| (arange(12) % 3).reshape([3, 4]).eq(0))],
        "mask_whole" => s![&eager(|| (arange(60) % 7).reshape([3, 4, 5]).eq(2))],
        "mask_last" => s![..., &array![true, false, false, true, true]],
        "mask_and_array" => s![&rows, &two],
        "mask_apart" => s![&rows, .., &two],
        "mask_none" => s![&array![false, false, false]],
        "empty" => s![&zeros_dtype([2, 0], DType::I32), &j.index(..0)],
        _ => panic!("no index {name}"),
    }
}
