//! Wrong twins of running folds, scatters, windows and convolutions.

use super::twisted::Rules;
use super::{case_where, caught, linear_twin, right, scaled, with_tangents};
use cotangent::core::primitive::{Prim, Tangent};
use cotangent::core::trace::bind;
use cotangent::prims::lax;
use std::sync::Arc;

#[test]
fn sums_run_the_same_way_back() {
    let wrong = Rules::transpose(|p, _, cts, inputs| {
        let Some(ct) = cts[0].value() else { return Ok(vec![Tangent::Zero(inputs[0].aval())]) };
        Ok(vec![Tangent::Value(bind(p.clone(), std::slice::from_ref(ct))?.remove(0))])
    });
    let of = case_where("cumsum", |c| c.inputs[0].size() > 2);
    caught("sums back the same way", &of, "adjoint", linear_twin(), wrong.of_linear());
}

#[test]
fn running_products_as_if_sums() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        with_tangents(p.right.jvp(ctx, x, t), |_, tangent| match t[0].value() {
            Some(t) => Tangent::Value(lax::cumsum(t, 0, false)),
            None => tangent,
        })
    });
    let of = case_where("cumprod", |c| c.inputs[0].ndim() == 1);
    caught("product as a sum", &of, "jvp", right(), wrong);
}

#[test]
fn running_extremes_forget_their_batch() {
    let wrong = Rules::batch(|p, ctx, x, axes| {
        let (outs, axes) = p.batch(ctx, x, axes)?;
        Ok((outs.into_iter().map(|y| lax::rev(&y, &[axes[0].unwrap_or(0)])).collect(), axes))
    });
    let of = case_where("cummax", |c| c.inputs[0].ndim() == 2);
    caught("lanes backwards", &of, "batch", right(), wrong);
}

#[test]
fn scatters_forget_the_operand() {
    for name in ["scatter_mul", "scatter_min", "scatter_max"] {
        let wrong = Rules::jvp(|p, ctx, x, t| {
            p.right.jvp(ctx, x, &[Tangent::Zero(t[0].aval()), t[1].clone(), t[2].clone()])
        });
        caught("operand forgotten", &case_where(name, |_| true), "jvp", right(), wrong);
    }
}

#[test]
fn windows_overlap_twice() {
    let wrong = Rules::transpose(|p, ctx, cts, inputs| {
        let cts = p.transpose(ctx, cts, inputs)?;
        Ok(cts.into_iter().map(|ct| scaled(ct, 2.0)).collect())
    });
    for name in ["sliding_windows", "reduce_window_sum"] {
        caught("twice", &case_where(name, |_| true), "adjoint", linear_twin(), wrong.of_linear());
    }
}

#[test]
fn the_greatest_of_windows_is_the_least() {
    let wrong = Rules::lower(|_, i, o| {
        let window = case_where("reduce_window_min", |_| true).prim;
        window.lower(i, o)
    });
    let of = case_where("reduce_window_max", |_| true);
    caught("least for greatest", &of, "jvp", right(), wrong);
}

#[test]
fn convolutions_mix_up_their_operands() {
    let wrong =
        Rules::jvp(|p, ctx, x, t| p.right.jvp(ctx, x, &[t[0].clone(), scaled(t[1].clone(), 0.5)]));
    let of = case_where("conv_general_dilated", |_| true);
    caught("half a kernel", &of, "jvp", right(), wrong);
    let wrong = Rules::batch(|p, ctx, x, axes| {
        let (outs, axes) = p.batch(ctx, x, axes)?;
        Ok((outs, axes.iter().map(|a| a.map(|a| a + 1)).collect()))
    });
    let of = case_where("conv_general_dilated", |c| c.inputs[0].shape()[0] == 2);
    caught("another axis of the batch", &of, "batch", right(), wrong);
}

/// Rows along the first axis.
fn rows() -> lax::GatherDims {
    lax::GatherDims {
        offset_dims: [1].into_iter().collect(),
        collapsed_slice_dims: [0].into_iter().collect(),
        start_index_map: [0].into_iter().collect(),
        ..lax::GatherDims::default()
    }
}

#[test]
fn gathers_forget_that_a_row_was_read_twice() {
    let wrong = Rules::transpose(|_, _, cts, inputs| {
        let (x, at) = (inputs[0].aval(), inputs[1].known().expect("indices"));
        let none = Tangent::Zero(at.aval());
        let Some(ct) = cts[0].value() else { return Ok(vec![Tangent::Zero(x), none]) };
        let x = cotangent::prims::rules::zeros::zeros(&x);
        let set = lax::scatter(&x, at, ct, &rows(), lax::ScatterMode::Clip);
        Ok(vec![Tangent::Value(set), none])
    });
    // The tangent is gathered by the twin itself, so that its own transpose is asked.
    let through = Rules::jvp(|p, _, x, t| {
        let prim: Prim = Arc::new(p.clone());
        let y = bind(prim.clone(), x)?;
        let dy = match t[0].value() {
            Some(t) => Tangent::Value(bind(prim, &[t.clone(), x[1].clone()])?.remove(0)),
            None => Tangent::Zero(y[0].aval()),
        };
        Ok((y, vec![dy]))
    });
    // The first case reads a row twice, and one beyond the end.
    let of = case_where("gather", |c| c.inputs[0].shape() == [4, 3]);
    caught("read once", &of, "adjoint", through, Rules { jvp: through.jvp, ..wrong });
}

#[test]
fn scatters_keep_the_tangent_of_what_they_overwrite() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        with_tangents(p.right.jvp(ctx, x, t), |_, tangent| match (t[0].value(), t[2].value()) {
            (Some(dx), Some(du)) => {
                let how = lax::ScatterMode::Drop;
                Tangent::Value(lax::scatter_add(dx, &x[1], du, &rows(), how))
            }
            _ => tangent,
        })
    });
    let of = case_where("scatter", |c| c.inputs[0].shape() == [5, 3]);
    caught("overwrites nothing", &of, "jvp", right(), wrong);
}

#[test]
fn sorts_leave_tangents_where_they_were() {
    let wrong =
        Rules::jvp(|p, ctx, x, t| with_tangents(p.right.jvp(ctx, x, t), |i, _| t[i].clone()));
    let of = case_where("sort", |c| c.inputs.len() == 1 && c.inputs[0].size() > 3);
    caught("tangents unsorted", &of, "jvp", right(), wrong);
}

#[test]
fn formats_without_tangents() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        with_tangents(p.right.jvp(ctx, x, t), |_, t| Tangent::Zero(t.aval()))
    });
    let of = case_where("reduce_precision", |c| c.exempt.is_empty() && c.inputs[0].ndim() == 2);
    caught("no tangent", &of, "jvp", right(), wrong);
}

#[test]
fn conversions_keep_the_dtype_of_the_tangent() {
    let wrong =
        Rules::jvp(|p, ctx, x, t| with_tangents(p.right.jvp(ctx, x, t), |_, _| t[0].clone()));
    let narrows = |c: &super::Case| {
        let out = c.prim.abstract_eval(&[c.inputs[0].aval()]).expect("a type");
        out[0].dtype == cotangent::DType::F32 && c.inputs[0].ndim() == 2
    };
    let of = case_where("convert_element_type", narrows);
    caught("tangent not converted", &of, "check", right(), wrong);
}

#[test]
fn bounds_let_tangents_through() {
    let wrong =
        Rules::jvp(|p, ctx, x, t| with_tangents(p.right.jvp(ctx, x, t), |_, _| t[1].clone()));
    let of = case_where("clamp", |c| c.inputs[1].ndim() == 2);
    caught("no bound", &of, "jvp", right(), wrong);
}

#[test]
fn choices_take_the_tangent_of_the_first() {
    let wrong =
        Rules::jvp(|p, ctx, x, t| with_tangents(p.right.jvp(ctx, x, t), |_, _| t[1].clone()));
    let of = case_where("select_n", |c| c.inputs.len() == 4);
    caught("always the first", &of, "jvp", right(), wrong);
}

#[test]
fn bits_counted_in_another_order_of_lanes() {
    let wrong = Rules::batch(|p, ctx, x, axes| {
        let (outs, axes) = p.batch(ctx, x, axes)?;
        Ok((outs.into_iter().map(|y| lax::rev(&y, &[axes[0].unwrap_or(0)])).collect(), axes))
    });
    for name in ["population_count", "clz", "mulhi", "reduce_xor"] {
        let entry = super::roll_call().into_iter().find(|e| e.name == name).expect("on the roll");
        let of = (entry.cases)().into_iter().find(|c| c.inputs[0].ndim() == 2).expect("a matrix");
        caught("lanes backwards", &of, "batch", right(), wrong);
    }
}

/// The exponent replaced wherever it is 0: right there, but not in what follows from the exponent.
#[test]
fn powers_forget_their_exponent() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let Some(dx) = t[0].value() else { return p.right.jvp(ctx, x, t) };
        let lower = x[1].eq(0).select(1, &x[1] - 1);
        let part = dx * (&x[1] * lax::pow(&x[0], &lower));
        let rest = [Tangent::Zero(t[0].aval()), t[1].clone()];
        with_tangents(p.right.jvp(ctx, x, &rest), |_, tangent| {
            Tangent::Value(match tangent.value() {
                Some(other) => &part + other,
                None => part.clone(),
            })
        })
    });
    // The special points stand in a vector.
    let of = case_where("pow", |c| c.inputs[0].ndim() == 1 && c.inputs[0].size() > 1);
    caught("exponent forgotten", &of, "second", right(), wrong);
}

/// Weights relative to the running result, which is -∞ at first: infinities less infinities reach
/// what is finite.
#[test]
fn weights_of_the_impossible() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let result = p.right.jvp(ctx, x, t)?;
        let y = result.0[0].clone();
        with_tangents(Ok(result), |_, tangent| match t[0].value() {
            Some(t) => {
                let weighted = t * (&x[0] - &y).exp() * y.exp();
                Tangent::Value(lax::cumsum(&weighted, 0, false) / y.exp())
            }
            None => tangent,
        })
    });
    let of = case_where("cumlogsumexp", |c| {
        let scalars = c.inputs[0].try_to_scalars().expect("scalars");
        scalars.first().and_then(|s| s.to_f64()) == Some(f64::NEG_INFINITY)
    });
    caught("impossible weights", &of, "jvp", right(), wrong);
}
