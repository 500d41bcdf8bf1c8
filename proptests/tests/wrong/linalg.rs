//! Wrong twins of factors and triangular systems.

use super::twisted::{Rules, Twisted};
use super::{case_where, caught, right};
use cotangent::core::array::Array;
use cotangent::core::primitive::{Ctx, JvpResult, Tangent};
use cotangent::core::trace::bind;
use cotangent::prims::lax;
use std::sync::Arc;

#[test]
fn factors_move_with_the_whole_diagonal() {
    // As if `Φ` kept more than half of the diagonal.
    let wrong = Rules::jvp(|p, ctx, x, t| {
        let (l, tangents) = p.right.jvp(ctx, x, t)?;
        let further = |dl: &Array| lax::add(dl, &lax::mul(&l[0], dl));
        let moved = |t: Tangent| match t.value() {
            Some(dl) => Tangent::Value(further(dl)),
            None => t,
        };
        let tangents = tangents.into_iter().map(moved).collect();
        Ok((l, tangents))
    });
    let of = case_where("cholesky", |c| c.inputs[0].ndim() == 2);
    caught("factor too far", &of, "jvp", right(), wrong);
}

#[test]
fn matrices_of_systems_stand_still() {
    let wrong =
        Rules::jvp(|p, ctx, x, t| p.right.jvp(ctx, x, &[Tangent::Zero(t[0].aval()), t[1].clone()]));
    let of = case_where("triangular_solve", |c| c.inputs[0].size() == 9);
    caught("matrix stands still", &of, "jvp", right(), wrong);
}

/// The matrix's motion is right, the right-hand side's goes through the twisted solve, whose
/// transpose is asked.
fn through_itself(p: &Twisted, ctx: &Ctx, x: &[Array], t: &[Tangent]) -> JvpResult {
    let (outs, of_matrix) = p.right.jvp(ctx, x, &[t[0].clone(), Tangent::Zero(t[1].aval())])?;
    let Some(db) = t[1].value() else { return Ok((outs, of_matrix)) };
    let moved = bind(Arc::new(p.clone()), &[x[0].clone(), db.clone()])?.remove(0);
    let moved = match of_matrix[0].value() {
        Some(other) => lax::add(&moved, other),
        None => moved,
    };
    Ok((outs, vec![Tangent::Value(moved)]))
}

#[test]
fn systems_go_back_without_being_transposed() {
    let wrong = Rules::transpose(|p, _, cts, inputs| {
        let zero = |n: usize| Tangent::Zero(inputs[n].aval());
        let (Some(ct), Some(a)) = (cts[0].value(), inputs[0].known()) else {
            return Ok(vec![zero(0), zero(1)]);
        };
        let b = bind(p.clone(), &[a.clone(), ct.clone()])?.remove(0);
        Ok(vec![zero(0), Tangent::Value(b)])
    });
    let wrong = Rules { jvp: Some(through_itself), ..wrong };
    let of = case_where("triangular_solve", |c| c.inputs[0].size() == 9);
    caught("system not transposed", &of, "adjoint", Rules::jvp(through_itself), wrong);
}

#[test]
fn lanes_beside_each_other_stay_apart() {
    let wrong = Rules::batch(|p, ctx, x, axes| {
        let (outs, at) = p.batch(ctx, x, axes)?;
        let mixed = |y| lax::rev(&y, &[at[0].unwrap_or(0)]);
        Ok((outs.into_iter().map(mixed).collect(), at))
    });
    let of = case_where("triangular_solve", |c| c.inputs[0].size() == 9);
    caught("lanes of a system backwards", &of, "batch", right(), wrong);
}
