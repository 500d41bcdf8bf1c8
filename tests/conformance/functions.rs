//! Array functions composed of primitives.

use crate::{Operation, Params};
use cotangent::numpy::series::{self, Part};
use cotangent::prelude::*;

pub fn operation(name: &str) -> Operation {
    match name {
        "quantile" | "percentile" | "quantiles" | "median" | "cov" | "corrcoef" | "average"
        | "ptp" | "count_nonzero" | "histogram" | "histogram_between" | "digitize" | "bincount"
        | "bincount_weighted" => samples(name),
        "nansum" => |_, x| vec![x[0].nansum_axis(1)],
        "nanprod" => |_, x| vec![x[0].nanprod_axis(1)],
        "nanmax" => |_, x| vec![x[0].nanmax_axis(1)],
        "nanmin" => |_, x| vec![x[0].nanmin_axis(1)],
        "nanmean" => |_, x| vec![x[0].nanmean_axis(1)],
        "nanvar" => |_, x| vec![x[0].nanvar_axis(1)],
        "nanstd" => |_, x| vec![x[0].nanstd_axis(1)],
        "diff" => |p, x| vec![x[0].diff(p.int("n"), axis(p))],
        "ediff1d" => |_, x| vec![x[0].ediff1d()],
        "convolve" => |p, x| vec![x[0].convolve(&x[1], part(p))],
        "correlate" => |p, x| vec![x[0].correlate(&x[1], part(p))],
        "polyval" => |_, x| vec![series::polyval(&x[0], &x[1])],
        "gradient" => |p, x| vec![x[0].gradient(1.0, axis(p))],
        "trapezoid" => |_, x| vec![x[0].trapezoid(0.5)],
        "trapezoid_at" => |_, x| vec![x[0].trapezoid_at(&x[1])],
        "interp" => |_, x| vec![series::interp(&x[0], &x[1], &x[2])],
        "unwrap" => |p, x| vec![x[0].unwrap_phase(axis(p))],
        "pow" => |_, x| vec![x[0].pow(&x[1])],
        "square" => |_, x| vec![x[0].square()],
        "matmul" => |_, x| vec![x[0].matmul(&x[1])],
        "rem" => |_, x| vec![&x[0] % &x[1]],
        "gcd" => |_, x| vec![x[0].gcd(&x[1])],
        "lcm" => |_, x| vec![x[0].lcm(&x[1])],
        _ => arranged(name),
    }
}

fn samples(name: &str) -> Operation {
    match name {
        "quantile" => |p, x| {
            let q = number(p, "q");
            vec![if p.text("axis") == "all" {
                x[0].quantile(q)
            } else {
                x[0].quantile_axis(q, axis(p))
            }]
        },
        "percentile" => |p, x| vec![x[0].percentile_axis(number(p, "q"), axis(p))],
        "quantiles" => |p, x| vec![x[0].quantile_axis(&x[1], axis(p))],
        "median" => |p, x| vec![x[0].median_axis(axis(p))],
        "cov" => |_, x| vec![x[0].cov()],
        "corrcoef" => |_, x| vec![x[0].corrcoef()],
        "average" => |_, x| vec![x[0].average(&x[1])],
        "ptp" => |_, x| vec![x[0].ptp()],
        "count_nonzero" => |_, x| vec![x[0].count_nonzero()],
        "histogram" => |p, x| {
            let (counts, edges) = x[0].histogram(p.int("bins"));
            vec![counts, edges]
        },
        "histogram_between" => |_, x| vec![x[0].histogram_between(&x[1])],
        "digitize" => |p, x| vec![x[0].digitize(&x[1], p.int("right") == 1)],
        "bincount" => |p, x| vec![x[0].bincount(p.int("length"))],
        _ => |p, x| vec![x[0].bincount_weighted(&x[1], p.int("length"))],
    }
}

fn arranged(name: &str) -> Operation {
    match name {
        "hstack" => |_, x| vec![hstack(x)],
        "vstack" => |_, x| vec![vstack(x)],
        "dstack" => |_, x| vec![dstack(x)],
        "column_stack" => |_, x| vec![column_stack(x)],
        "atleast_1d" => |_, x| vec![x[0].atleast_1d()],
        "atleast_2d" => |_, x| vec![x[0].atleast_2d()],
        "atleast_3d" => |_, x| vec![x[0].atleast_3d()],
        "rot90" => |p, x| vec![x[0].rot90(p.ints("turns")[0] as isize)],
        "fliplr" => |_, x| vec![x[0].fliplr()],
        "flipud" => |_, x| vec![x[0].flipud()],
        "meshgrid" => |_, x| meshgrid(x),
        "meshgrid_ij" => |_, x| meshgrid_ij(x),
        "isin" => |_, x| vec![x[0].isin(&x[1])],
        "vander" => |p, x| vec![x[0].vander(p.int("n"), p.int("up") == 1)],
        "kron" => |_, x| vec![x[0].kron(&x[1])],
        "cross" => |_, x| vec![x[0].cross(&x[1])],
        "inner" => |_, x| vec![x[0].inner(&x[1])],
        "isclose" => |_, x| vec![x[0].isclose(&x[1])],
        _ => panic!("no operation {name}"),
    }
}

fn axis(p: &Params) -> isize {
    p.int("axis") as isize
}

fn number(p: &Params, key: &str) -> f64 {
    p.text(key).parse().expect("a number")
}

fn part(p: &Params) -> Part {
    match p.text("part") {
        "full" => Part::Full,
        "same" => Part::Same,
        _ => Part::Valid,
    }
}
