//! Wrong twins of rules on complex numbers: conjugates where there are none.

use super::twisted::Rules;
use super::{caught, linear_twin, right, scaled, with_tangents};
use cotangent::DType;
use cotangent::core::primitive::Tangent;
use cotangent::prims::entry::Case;
use cotangent::prims::lax;
use cotangent::prims::roll_call::roll_call;

/// A primitive's first case on a matrix of c128.
fn of_complex(name: &str) -> Case {
    let entry = roll_call().into_iter().find(|e| e.name == name).expect("a primitive of the roll");
    let fits = |c: &Case| c.inputs.iter().all(|x| x.dtype() == DType::C128 && x.ndim() == 2);
    (entry.cases)().into_iter().find(fits).expect("a case of c128")
}

fn conjugated(t: Tangent) -> Tangent {
    match t {
        Tangent::Value(t) if t.dtype().is_complex() => Tangent::Value(lax::conj(&t)),
        other => other,
    }
}

#[test]
fn imaginary_parts_go_back_with_the_other_sign() {
    let wrong = Rules::transpose(|p, ctx, cts, inputs| {
        let back = p.transpose(ctx, cts, inputs)?;
        Ok(back.into_iter().map(|t| scaled(t, -1.0)).collect())
    });
    caught("imag the wrong way", &of_complex("imag"), "adjoint", linear_twin(), wrong.of_linear());
}

#[test]
fn conjugates_go_back_unchanged() {
    let wrong = Rules::transpose(|_, _, cts, _| Ok(cts.to_vec()));
    caught(
        "conj as the identity",
        &of_complex("conj"),
        "adjoint",
        linear_twin(),
        wrong.of_linear(),
    );
}

#[test]
fn derivatives_of_holomorphic_functions_with_a_conjugate() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        with_tangents(p.right.jvp(ctx, x, t), |_, tangent| conjugated(tangent))
    });
    caught("conjugated slope", &of_complex("exp"), "jvp", right(), wrong);
}

#[test]
fn magnitudes_of_tangents_along_the_real_axis_only() {
    let wrong = Rules::jvp(|p, ctx, x, t| {
        with_tangents(p.right.jvp(ctx, x, t), |_, tangent| match t[0].value() {
            Some(t) => Tangent::Value(lax::real(t) * lax::real(&lax::sign(&x[0]))),
            None => tangent,
        })
    });
    caught("half of the slope of abs", &of_complex("abs"), "jvp", right(), wrong);
}
