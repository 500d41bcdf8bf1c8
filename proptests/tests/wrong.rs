//! Deliberately wrong primitives, each of which a law must catch; their right twins pass.

#[path = "wrong/twisted.rs"]
mod twisted;

#[path = "wrong/families.rs"]
mod families;

#[path = "wrong/linalg.rs"]
mod linalg;

#[path = "wrong/complex.rs"]
mod complex;

use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::core::axis::AxisName;
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::primitive::{
    Ctx, JvpResult, Operand, Prim, Residual, Simpler, Tangent, Taylor,
};
use cotangent::core::trace::{bind, trace};
use cotangent::prims::collectives::lane_fold::try_psum;
use cotangent::prims::entry::Case;
use cotangent::prims::lax;
use cotangent::prims::roll_call::roll_call;
use cotangent::prims::rules::zeros::instantiate;
use cotangent_proptests::laws::{ALL, Law, Verdict};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use twisted::{Rules, Twisted};

/// A right primitive's first case of f64 for which `fits` holds.
fn case_where(name: &str, fits: impl Fn(&Case) -> bool) -> Case {
    let entry = roll_call().into_iter().find(|e| e.name == name).expect("a primitive of the roll");
    let float = |c: &Case| c.inputs.iter().any(|x| x.dtype() == DType::F64);
    (entry.cases)().into_iter().find(|c| float(c) && fits(c)).expect("a case of f64")
}

fn twisted(label: &'static str, right: &Case, rules: Rules) -> Case {
    let prim: Prim = Arc::new(Twisted { right: right.prim.clone(), label, rules });
    Case { prim, ..right.clone() }
}

fn named_broken(case: &Case) -> Vec<(&'static str, String)> {
    let broken = |law: &'static Law| match law.verdict(case) {
        Verdict::Broken(e) => Some((law.name, e.to_string())),
        _ => None,
    };
    ALL.iter().filter_map(broken).collect()
}

/// `wrong` is a twist of `of` that the law must catch; with the rules `twin` it must pass all laws.
fn caught(label: &'static str, of: &Case, law: &str, twin: Rules, wrong: Rules) {
    let passes = named_broken(&twisted(label, of, twin));
    assert!(passes.is_empty(), "{label}: the right twin breaks {passes:?}");
    let broken = named_broken(&twisted(label, of, wrong));
    let names: Vec<&str> = broken.iter().map(|(n, _)| *n).collect();
    let line = format!("{label}: caught by {}\n", names.join(", "));
    std::io::stdout().lock().write_all(line.as_bytes()).expect("stdout");
    assert!(names.contains(&law), "{label}: not caught by {law}, but by {names:?}");
}

fn right() -> Rules {
    Rules::default()
}

fn linear_twin() -> Rules {
    right().of_linear()
}

fn sin() -> Case {
    case_where("sin", |c| c.inputs[0].ndim() == 2)
}

fn mul() -> Case {
    case_where("mul", |c| c.inputs.iter().all(|x| x.ndim() == 2))
}

fn call() -> Case {
    case_where("call", |_| true)
}

/// The tangents of the right rule, changed.
fn with_tangents(result: JvpResult, change: impl Fn(usize, Tangent) -> Tangent) -> JvpResult {
    let (outs, tangents) = result?;
    Ok((outs, tangents.into_iter().enumerate().map(|(i, t)| change(i, t)).collect()))
}

fn scaled(t: Tangent, by: f64) -> Tangent {
    match t {
        Tangent::Value(x) => Tangent::Value(x * by),
        zero => zero,
    }
}

#[test]
fn wrong_derivative() {
    let wrong =
        Rules::jvp(|p, ctx, x, t| with_tangents(p.right.jvp(ctx, x, t), |_, t| scaled(t, 2.0)));
    caught("wrong derivative", &sin(), "jvp", right(), wrong);
}

#[test]
fn wrong_derivative_of_one_operand_only() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let halved = [t[0].clone(), scaled(t[1].clone(), 0.5)];
        p.right.jvp(ctx, x, &halved)
    });
    caught("halves one operand", &mul(), "jvp", right(), wrong);
}

#[test]
fn drops_a_tangent() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let first = [t[0].clone(), Tangent::Zero(t[1].aval())];
        p.right.jvp(ctx, x, &first)
    });
    caught("drops a tangent", &mul(), "jvp", right(), wrong);
}

#[test]
fn takes_one_zero_for_all() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let any = t.iter().any(Tangent::is_zero);
        let zero = |_, t: Tangent| if any { Tangent::Zero(t.aval()) } else { t };
        with_tangents(p.right.jvp(ctx, x, t), zero)
    });
    caught("one zero for all", &mul(), "jvp", right(), wrong);
}

#[test]
fn wrong_second_output() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        with_tangents(p.right.jvp(ctx, x, t), |i, t| if i == 1 { scaled(t, -1.0) } else { t })
    });
    caught("wrong second output", &call(), "jvp", right(), wrong);
}

#[test]
fn wrong_value_beside_the_tangent() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let (mut outs, tangents) = p.right.jvp(ctx, x, t)?;
        outs[0] = lax::cos(&x[0]);
        Ok((outs, tangents))
    });
    caught("wrong primal", &sin(), "jvp", right(), wrong);
}

#[test]
fn tangent_of_another_type() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let narrow = |_, t: Tangent| match t {
            Tangent::Value(x) => Tangent::Value(lax::convert_element_type(&x, DType::F32)),
            zero => zero,
        };
        with_tangents(p.right.jvp(ctx, x, t), narrow)
    });
    caught("tangent of f32", &sin(), "check", right(), wrong);
}

#[test]
fn tangent_that_is_not_linear() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let bent = |_, t: Tangent| match t {
            Tangent::Value(x) => Tangent::Value(lax::sin(&x)),
            zero => zero,
        };
        with_tangents(p.right.jvp(ctx, x, t), bent)
    });
    caught("bends its tangent", &sin(), "adjoint", right(), wrong);
}

#[test]
fn forgets_its_second_derivative() {
    let wrong = Rules::jvp(|p, ctx, x, t| p.right.jvp(ctx, &[lax::stop_gradient(&x[0])], t));
    caught("no second derivative", &sin(), "second", right(), wrong);
}

/// Its derivative is a primitive that forgets its second derivative.
#[test]
fn forgets_its_third_derivative() {
    let wrong = Rules::jvp(|p, _, x, t| {
        let cos = case_where("cos", |_| true).prim;
        let rules = Rules::jvp(|p, ctx, x, t| p.right.jvp(ctx, &[lax::stop_gradient(&x[0])], t));
        let cos: Prim = Arc::new(Twisted { right: cos, label: "forgetful", rules });
        let outs = bind(Arc::new(p.clone()), x)?;
        let slope = bind(cos, x)?.remove(0);
        let tangent = t[0].value().map(|t| Tangent::Value(lax::mul(t, &slope)));
        let tangent = tangent.unwrap_or_else(|| Tangent::Zero(t[0].aval()));
        Ok((outs, vec![tangent]))
    });
    caught("no third derivative", &sin(), "third", right(), wrong);
}

#[test]
fn says_that_it_is_linear() {
    caught("sine as a line", &sin(), "jet", right(), Rules::taylor(|_| Taylor::Linear));
}

#[test]
fn says_that_its_product_is_a_sum() {
    caught("product as a sum", &mul(), "jet", right(), Rules::taylor(|_| Taylor::Linear));
}

#[test]
fn wrong_sign_in_transpose() {
    let wrong = Rules::transpose(|p, ctx, cts, inputs| {
        let cts = p.transpose(ctx, cts, inputs)?;
        Ok(cts.into_iter().map(|ct| scaled(ct, -1.0)).collect())
    });
    let of = case_where("reduce_sum", |c| c.inputs[0].ndim() == 2);
    let wrong = wrong.of_linear();
    caught("wrong sign in transpose", &of, "adjoint", linear_twin(), wrong);
}

#[test]
fn transposes_into_the_other_operand() {
    let wrong = Rules::transpose(|p, ctx, cts, inputs| {
        let mut cts = p.transpose(ctx, cts, inputs)?;
        cts.reverse();
        Ok(cts)
    });
    let of = case_where("sub", |c| c.inputs.iter().all(|x| x.ndim() == 2));
    let wrong = wrong.of_linear();
    caught("swaps cotangents", &of, "adjoint", linear_twin(), wrong);
}

#[test]
fn transpose_that_loses_a_cotangent() {
    let wrong = Rules::transpose(|p, ctx, cts, inputs| {
        let mut cts = p.transpose(ctx, cts, inputs)?;
        cts[1] = Tangent::Zero(inputs[1].aval());
        Ok(cts)
    });
    let of = case_where("add", |c| c.inputs.iter().all(|x| x.ndim() == 2));
    let wrong = wrong.of_linear();
    caught("loses a cotangent", &of, "adjoint", linear_twin(), wrong);
}

#[test]
fn wrong_batch_axis() {
    let wrong = Rules::batch(|p, ctx, x, axes| {
        let (outs, axes) = p.batch(ctx, x, axes)?;
        let next = |(a, o): (&Option<usize>, &Array)| a.map(|a| (a + 1) % o.ndim());
        let axes = axes.iter().zip(&outs).map(next).collect();
        Ok((outs, axes))
    });
    caught("wrong batch axis", &sin(), "batch", right(), wrong);
}

#[test]
fn forgets_that_an_operand_is_batched() {
    let wrong = Rules::batch(|p, ctx, x, axes| {
        let mut x = x.to_vec();
        if let (Some(_), Some(axis)) = (axes[0], axes[1]) {
            let first = lax::slice_in_dim(&x[1], 0, 1, axis);
            let size = ctx.batch_size;
            x[1] = lax::concatenate(&vec![first; size], axis);
        }
        p.batch(ctx, &x, axes)
    });
    caught("one slice for all", &mul(), "batch", right(), wrong);
}

#[test]
fn claims_that_its_output_is_not_batched() {
    let wrong = Rules::batch(|p, ctx, x, axes| {
        let (outs, axes) = p.batch(ctx, x, axes)?;
        Ok((outs, vec![None; axes.len()]))
    });
    caught("no batch axis", &sin(), "batch", right(), wrong);
}

#[test]
fn batch_without_a_derivative() {
    let wrong = Rules::batch(|p, ctx, x, axes| {
        p.batch(ctx, &x.iter().map(lax::stop_gradient).collect::<Vec<_>>(), axes)
    });
    caught("batch without derivative", &sin(), "commute", right(), wrong);
}

#[test]
fn wrong_lowering() {
    let wrong = Rules::lower(|_, i, o| case_where("cos", |_| true).prim.lower(i, o));
    caught("wrong lowering", &sin(), "jvp", right(), wrong);
}

/// Lowers to something else every time it is asked.
#[test]
fn fickle_lowering() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let wrong = Rules::lower(|p, i, o| {
        let other = case_where("cos", |_| true).prim;
        let first = ASKED.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        if first { other.lower(i, o) } else { p.lower(i, o) }
    });
    caught("fickle lowering", &sin(), "backend", right(), wrong);
}

#[test]
fn wrong_abstract_shape() {
    let wrong = Rules::abstract_eval(|_, inputs| Ok([inputs[0].clone()].into_iter().collect()));
    let of = case_where("transpose", |c| c.inputs[0].ndim() == 2);
    caught("wrong shape", &of, "types", right(), wrong);
}

#[test]
fn wrong_dtype() {
    let wrong = Rules::abstract_eval(|p, inputs| {
        let outs = p.abstract_eval(inputs)?;
        Ok(outs.iter().map(|a| a.with_dtype(DType::F32)).collect())
    });
    caught("wrong dtype", &sin(), "types", right(), wrong);
}

#[test]
fn parameters_that_do_not_come_back() {
    let wrong = Rules::params(|p| {
        let mut params = p.params();
        params.pop();
        params
    });
    let of = case_where("slice", |c| c.inputs[0].ndim() == 2);
    let wrong = Rules { name: Some("slice"), ..wrong };
    caught("loses a parameter", &of, "text", right(), wrong);
}

#[test]
fn simplifies_too_much() {
    let wrong = Rules::simplify(|_| Some(Simpler::Operand(0)));
    caught("sin x = x", &sin(), "simplify", right(), wrong);
}

/// Takes `x + 1` for `x`, as one does who confuses sums with products.
#[test]
fn simplifies_by_the_wrong_neutral_element() {
    let wrong = Rules::simplify(|inputs| {
        let one = inputs[1].splat.is_some_and(|s| s.to_f64() == Some(1.0));
        one.then_some(Simpler::Operand(0))
    });
    let of = case_where("add", |c| c.inputs.iter().all(|x| x.ndim() == 2));
    caught("x + 1 = x", &of, "simplify", right(), wrong);
}

#[test]
fn partial_evaluation_that_loses_an_output() {
    let wrong = Rules::partial_eval(|c, ctx, unknown| {
        let mut parts = c.partial_eval(ctx, unknown)?;
        let mut unknown: Jaxpr = (*parts.unknown).clone();
        unknown.outputs.pop();
        parts.unknown = Arc::new(unknown);
        Ok(parts)
    });
    caught("loses an output", &call(), "split", right(), wrong);
}

#[test]
fn partial_evaluation_with_another_residual() {
    let wrong = Rules::partial_eval(|c, ctx, unknown| {
        let mut parts = c.partial_eval(ctx, unknown)?;
        for r in &mut parts.residuals {
            if let Residual::Computed(aval) = r {
                // As if the known part's value were zero.
                let aval = aval.clone();
                let zero = trace(&parts.known.in_avals(), |args| {
                    let mut outs = cotangent::core::trace::eval(&parts.known, &args)?;
                    let last = outs.len() - 1;
                    outs[last] = cotangent::prims::rules::zeros::zeros(&aval);
                    Ok(outs)
                })?;
                parts.known = Arc::new(zero.jaxpr);
                break;
            }
        }
        Ok(parts)
    });
    caught("another residual", &call(), "split", right(), wrong);
}

#[test]
fn elimination_of_an_input_that_is_used() {
    let wrong = Rules::dce(|c, ctx, used| {
        let mut small = c.dce(ctx, used)?;
        let params = small.prim.params();
        let body = params.iter().flat_map(|(_, p)| p.jaxprs()).next().expect("a body").clone();
        if let Some(first) = small.inputs.iter().position(|i| *i) {
            small.inputs[first] = false;
            let avals = body.in_avals();
            let fewer = trace(&avals[1..], |args| {
                let zero = cotangent::prims::rules::zeros::zeros(&avals[0]);
                cotangent::core::trace::eval(&body, &[&[zero][..], &args].concat())
            })?;
            let carrier = small.prim.carrier().expect("a carrier");
            small.prim = carrier.with_jaxprs(vec![Arc::new(fewer.jaxpr)]);
        }
        Ok(small)
    });
    caught("drops a used input", &call(), "dce", right(), wrong);
}

/// A collective in three lanes, of operands of this shape.
fn lanes(name: &str, shape: &[usize]) -> Case {
    case_where(name, |c| c.inputs[0].shape() == shape)
}

#[test]
fn a_sum_over_lanes_that_counts_what_they_share_once() {
    let wrong = Rules::batch(|p, ctx, x, axes| match axes[0] {
        None => Ok(([x[0].clone()].into_iter().collect(), vec![None])),
        Some(_) => p.batch(ctx, x, axes),
    });
    caught("counts once", &lanes("psum", &[3, 2]), "batch", right(), wrong);
}

#[test]
fn lanes_in_another_axis() {
    let wrong = Rules::batch(|p, ctx, x, axes| p.batch(ctx, x, &[axes[0].map(|_| 0)]));
    caught("always axis 0", &lanes("all_gather", &[3, 2]), "batch", right(), wrong);
}

#[test]
fn an_exchange_that_changes_nothing() {
    let wrong = Rules::batch(|p, ctx, x, axes| {
        let (outs, places) = p.batch(ctx, x, axes)?;
        let exchanged = ctx.axis.name.is_some() && axes[0].is_some();
        Ok((outs, if exchanged { vec![Some(0)] } else { places }))
    });
    caught("keeps its own", &lanes("all_to_all", &[3, 3, 2]), "batch", right(), wrong);
}

#[test]
fn cotangents_that_stay_in_their_lane() {
    let back = |_: &Prim, _: &Ctx, ct: &[Tangent], _: &[Operand]| Ok(vec![ct[0].clone()]);
    let wrong = Rules { transpose: Some(back), ..linear_twin() };
    caught("cotangent not summed", &lanes("psum", &[3, 2]), "adjoint", linear_twin(), wrong);
}

#[test]
fn cotangents_sent_on_instead_of_back() {
    let again = |p: &Prim, _: &Ctx, ct: &[Tangent], _: &[Operand]| {
        let ct: Vec<Array> = ct.iter().map(instantiate).collect();
        Ok(bind(p.clone(), &ct)?.into_iter().map(Tangent::Value).collect())
    };
    let wrong = Rules { transpose: Some(again), ..linear_twin() };
    caught("sent on", &lanes("ppermute", &[3, 2]), "adjoint", linear_twin(), wrong);
}

#[test]
fn gathered_cotangents_of_one_lane() {
    let one = |_: &Prim, _: &Ctx, ct: &[Tangent], _: &[Operand]| {
        let first = lax::slice_in_dim(&instantiate(&ct[0]), 0, 1, 0);
        Ok(vec![Tangent::Value(lax::squeeze(&first, &[0]))])
    };
    let wrong = Rules { transpose: Some(one), ..linear_twin() };
    caught("own entry only", &lanes("all_gather", &[3, 2]), "adjoint", linear_twin(), wrong);
}

#[test]
fn scattered_cotangents_in_another_order() {
    let turned = |p: &Prim, ctx: &Ctx, ct: &[Tangent], x: &[Operand]| {
        let back = p.transpose(ctx, ct, x)?;
        Ok(back.iter().map(|t| Tangent::Value(lax::rev(&instantiate(t), &[0]))).collect())
    };
    let wrong = Rules { transpose: Some(turned), ..linear_twin() };
    caught(
        "scattered backwards",
        &lanes("psum_scatter", &[3, 3, 2]),
        "adjoint",
        linear_twin(),
        wrong,
    );
}

#[test]
fn extremes_whose_tangent_all_lanes_share() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let names: [AxisName; 1] = ["i".into()];
        with_tangents(p.right.jvp(ctx, x, t), |_, dy| match t[0].value() {
            Some(t) => Tangent::Value(try_psum(t, &names).expect("a sum") * (1.0 / 3.0)),
            None => dy,
        })
    });
    caught("mean of all lanes", &lanes("pmax", &[3, 2]), "jvp", right(), wrong);
    caught("mean of all lanes", &lanes("pmin", &[3, 2]), "jvp", right(), wrong);
}

#[test]
fn a_guard_that_masks_tangents_where_they_are_wanted() {
    let wrong = Rules::jvp(|p, ctx, x, t| p.right.jvp(ctx, &[x[0].clone(), lax::not(&x[1])], t));
    let taken = case_where("guard", |c| c.inputs[0].ndim() == 2 && c.exempt.is_empty());
    caught("masks the wrong half", &taken, "jvp", right(), wrong);
}
