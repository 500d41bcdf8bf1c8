//! Wrong twins of running folds, scatters, windows and convolutions.

use super::twisted::Rules;
use super::{case_where, caught, linear_twin, right, scaled, with_tangents};
use cotangent::core::primitive::Tangent;
use cotangent::core::trace::bind;
use cotangent::prims::lax;

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
