//! Derivatives of single functions of the library beside infinities, NaN, zeros and ties, against a
//! table.
//!
//! Elementwise functions stand in the conformance set of special points. Not here: compositions;
//! where a user's `where` does not mask before the operation that makes the NaN, nothing is
//! promised.

use cotangent::nn;
use cotangent::prelude::*;
use cotangent_proptests::laws::limits::{Limit, check};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn limit(name: &'static str, f: fn(Array) -> Array, at: &[f64], jacobian: &[&[f64]]) -> Limit {
    let jacobian = jacobian.iter().map(|row| row.to_vec()).collect();
    Limit { name, f, at: at.to_vec(), jacobian, hessian: Vec::new() }
}

fn with_hessian(limit: Limit, hessian: &[&[f64]]) -> Limit {
    Limit { hessian: hessian.iter().map(|row| row.to_vec()).collect(), ..limit }
}

fn holds(limits: impl IntoIterator<Item = Limit>) {
    let broken: Vec<String> =
        limits.into_iter().filter_map(|l| check(&l).err()).map(|e| e.to_string()).collect();
    assert!(broken.is_empty(), "{} broken\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn what_is_nan_is_left_out() {
    let at = [NAN, 1.0, 3.0];
    let second = [&[0.0, 0.0, 0.0][..], &[0.0, 0.5, -0.5], &[0.0, -0.5, 0.5]];
    let none = [&[0.0; 3][..]; 3];
    holds([
        with_hessian(limit("nanvar", |x| x.nanvar(), &at, &[&[0.0, -1.0, 1.0]]), &second),
        with_hessian(limit("nanstd", |x| x.nanstd(), &at, &[&[0.0, -0.5, 0.5]]), &none),
        with_hessian(limit("nansum", |x| x.nansum(), &at, &[&[0.0, 1.0, 1.0]]), &none),
        with_hessian(limit("nanmean", |x| x.nanmean(), &at, &[&[0.0, 0.5, 0.5]]), &none),
        with_hessian(limit("nanmax", |x| x.nanmax(), &at, &[&[0.0, 0.0, 1.0]]), &none),
        with_hessian(limit("nanmin", |x| x.nanmin(), &at, &[&[0.0, 1.0, 0.0]]), &none),
        with_hessian(
            limit("nanprod", |x| x.nanprod(), &at, &[&[0.0, 3.0, 1.0]]),
            &[&[0.0, 0.0, 0.0], &[0.0, 0.0, 1.0], &[0.0, 1.0, 0.0]],
        ),
        with_hessian(
            limit("nanvar_axis", |x| x.reshape([3, 1]).nanvar_axis(0), &at, &[&[0.0, -1.0, 1.0]]),
            &second,
        ),
        limit("nanstd_axis", |x| x.reshape([3, 1]).nanstd_axis(0), &at, &[&[0.0, -0.5, 0.5]]),
        limit("nanmax_axis", |x| x.reshape([3, 1]).nanmax_axis(0), &at, &[&[0.0, 0.0, 1.0]]),
        limit("nansum, infinite", |x| x.nansum(), &[NAN, INF, 3.0], &[&[0.0, 1.0, 1.0]]),
        limit("nanmean, infinite", |x| x.nanmean(), &[NAN, INF, 3.0], &[&[0.0, 0.5, 0.5]]),
        limit("nanmax, infinite", |x| x.nanmax(), &[NAN, INF, 3.0], &[&[0.0, 1.0, 0.0]]),
        limit("nanmin, infinite", |x| x.nanmin(), &[NAN, -INF, 3.0], &[&[0.0, 1.0, 0.0]]),
        limit("nanprod, zero", |x| x.nanprod(), &[NAN, 0.0, 3.0], &[&[0.0, 3.0, 0.0]]),
        limit(
            "nan_to_num",
            |x| x.nan_to_num(),
            &[NAN, INF, 3.0],
            &[&[0.0; 3], &[0.0; 3], &[0.0, 0.0, 1.0]],
        ),
        limit("fmax", |x| x.index(0).fmax(x.index(1)), &[NAN, 2.0], &[&[0.0, 1.0]]),
        limit("fmin", |x| x.index(0).fmin(x.index(1)), &[2.0, NAN], &[&[1.0, 0.0]]),
    ]);
}

/// `p` for exponents 0 and 1.
const P: f64 = 0.268_941_421_369_995_1;

#[test]
fn exponentials_of_the_impossible() {
    let (p, q) = (P, 1.0 - P);
    let at = [-INF, 0.0, 1.0];
    let curve = p * q;
    let bend = [&[0.0, 0.0, 0.0][..], &[0.0, curve, -curve], &[0.0, -curve, curve]];
    let none = [-INF, -INF];
    let zeros = [&[0.0, 0.0][..], &[0.0, 0.0]];
    holds([
        with_hessian(limit("logsumexp", |x| nn::logsumexp(&x, 0), &at, &[&[0.0, p, q]]), &bend),
        with_hessian(
            limit("logsumexp of nothing", |x| nn::logsumexp(&x, 0), &none, &[&[0.0, 0.0]]),
            &zeros,
        ),
        limit("logsumexp, infinite", |x| nn::logsumexp(&x, 0), &[INF, 0.0], &[&[1.0, 0.0]]),
        limit(
            "logsumexp of rows",
            |x| nn::logsumexp(x.reshape([2, 2]), 1),
            &[-INF, -INF, 0.0, 1.0],
            &[&[0.0; 4], &[0.0, 0.0, p, q]],
        ),
        limit(
            "softmax",
            |x| nn::softmax(&x, 0),
            &at,
            &[&[0.0; 3], &[0.0, curve, -curve], &[0.0, -curve, curve]],
        ),
        with_hessian(limit("softmax of nothing", |x| nn::softmax(&x, 0), &none, &zeros), &zeros),
        limit("softmax, infinite", |x| nn::softmax(&x, 0), &[INF, 0.0], &zeros),
        with_hessian(
            limit(
                "log_softmax",
                |x| nn::log_softmax(&x, 0),
                &at,
                &[&[1.0, -p, -q], &[0.0, 1.0 - p, -q], &[0.0, -p, 1.0 - q]],
            ),
            &[&[0.0; 3], &[0.0, -3.0 * curve, 3.0 * curve], &[0.0, 3.0 * curve, -3.0 * curve]],
        ),
        limit(
            "log_softmax, infinite",
            |x| nn::log_softmax(&x, 0),
            &[INF, 0.0],
            &[&[0.0, 0.0], &[-1.0, 1.0]],
        ),
        // Cross entropy with one label that is ignored and one impossible class.
        limit(
            "cross entropy",
            |x| {
                let rows = nn::log_softmax(x.reshape([2, 3]), 1);
                let picked = rows.take_along_axis(&array![[2], [0]], 1).squeeze(1);
                -array![true, false].select(picked, 0.0).sum()
            },
            &[-INF, 0.0, 1.0, -INF, -INF, -INF],
            &[&[0.0, p, q - 1.0, 0.0, 0.0, 0.0]],
        ),
        limit(
            "masked attention",
            |x| {
                let scores = array![[true, true], [false, false]]
                    .select(x.reshape([2, 1]), f64::NEG_INFINITY);
                nn::softmax(&scores, 1).matmul(array![1.0, 3.0].astype(scores.dtype())).sum()
            },
            &[1.0, 2.0],
            &[&[0.0, 0.0]],
        ),
        with_hessian(
            limit(
                "cumlogsumexp",
                |x| x.cumlogsumexp(0).index(2),
                &[-INF, -INF, 0.0],
                &[&[0.0, 0.0, 1.0]],
            ),
            &[&[0.0; 3][..]; 3],
        ),
        limit("cumlogsumexp", |x| x.cumlogsumexp(0).index(2), &at, &[&[0.0, p, q]]),
        limit(
            "cumlogsumexp, infinite",
            |x| x.cumlogsumexp(0).index(1),
            &[INF, 0.0],
            &[&[1.0, 0.0]],
        ),
        with_hessian(
            limit("logaddexp of itself", |x| x.index(0).logaddexp(x.index(0)), &[-INF], &[&[1.0]]),
            &[&[0.0]],
        ),
        with_hessian(
            limit("logaddexp", |x| x.index(0).logaddexp(x.index(1)), &[-INF, 0.0], &[&[0.0, 1.0]]),
            &zeros,
        ),
        limit("logaddexp2 of itself", |x| x.index(0).logaddexp2(x.index(0)), &[-INF], &[&[1.0]]),
        limit(
            "a row that cannot be",
            |x| nn::logsumexp(stack(&[full_like(&x, -INF), x - INF], 0).ravel(), 0),
            &[1.0],
            &[&[0.0]],
        ),
        limit("ln (1 + exp)", |x| x.exp().log1p(), &[-INF, 0.0], &[&[0.0, 0.0], &[0.0, 0.5]]),
        limit("softplus", |x| nn::softplus(&x), &[-INF, INF], &[&[0.0, 0.0], &[0.0, 1.0]]),
    ]);
}

#[test]
fn folds_beside_infinities_zeros_and_ties() {
    let half = [&[0.5, 0.5][..]];
    holds([
        limit("sum", |x| x.sum(), &[INF, 1.0], &[&[1.0, 1.0]]),
        limit("mean", |x| x.mean(), &[INF, 1.0], &half),
        limit("max", |x| x.max(), &[INF, 1.0], &[&[1.0, 0.0]]),
        limit("max of equals", |x| x.max(), &[INF, INF], &half),
        limit("min", |x| x.min(), &[-INF, 1.0], &[&[1.0, 0.0]]),
        limit("prod", |x| x.prod(), &[0.0, 3.0], &[&[3.0, 0.0]]),
        with_hessian(
            limit("prod of zeros", |x| x.prod(), &[0.0, 0.0], &[&[0.0, 0.0]]),
            &[&[0.0, 1.0], &[1.0, 0.0]],
        ),
        limit("cumprod", |x| x.cumprod(0), &[0.0, 3.0], &[&[1.0, 0.0], &[3.0, 0.0]]),
        limit("cumsum", |x| x.cumsum(0), &[INF, 3.0], &[&[1.0, 0.0], &[1.0, 1.0]]),
        limit("cummax", |x| x.cummax(0), &[-INF, INF], &[&[1.0, 0.0], &[0.0, 1.0]]),
        limit("sort", |x| x.sort(0), &[INF, -INF], &[&[0.0, 1.0], &[1.0, 0.0]]),
        limit("median", |x| x.median(), &[INF, 1.0, 2.0], &[&[0.0, 0.0, 1.0]]),
        limit("ptp", |x| x.ptp(), &[INF, 1.0], &[&[1.0, -1.0]]),
        limit("diff", |x| x.diff(1, 0), &[INF, 1.0], &[&[-1.0, 1.0]]),
        limit("clip", |x| x.clip(0.0, 1.0), &[INF, -INF], &[&[0.0, 0.0], &[0.0, 0.0]]),
        limit("relu", |x| nn::relu(&x), &[INF, -INF], &[&[1.0, 0.0], &[0.0, 0.0]]),
        limit("elu", |x| nn::elu(&x), &[INF, -INF], &[&[1.0, 0.0], &[0.0, 0.0]]),
        limit("leaky_relu", |x| nn::leaky_relu(&x, 0.1), &[INF, -INF], &[&[1.0, 0.0], &[0.0, 0.1]]),
        limit("maximum", |x| x.index(0).maximum(x.index(1)), &[INF, 1.0], &[&[1.0, 0.0]]),
        limit("abs", |x| x.abs(), &[INF, -INF], &[&[1.0, 0.0], &[0.0, -1.0]]),
        limit("copysign", |x| x.index(0).copysign(x.index(1)), &[INF, -1.0], &[&[-1.0, 0.0]]),
        limit("fmod", |x| x.index(0).fmod(x.index(1)), &[1.0, INF], &[&[1.0, 0.0]]),
        limit(
            "complex abs",
            |x| Array::complex(&x, zeros_like(&x)).abs(),
            &[INF, -INF],
            &[&[1.0, 0.0], &[0.0, -1.0]],
        ),
    ]);
}

/// The faults that these tables were written for: the law finds each.
#[test]
fn old_faults_are_found() {
    let nanvar = |x: Array| {
        let nan = x.is_nan();
        let count = (1.0 - nan.astype(x.dtype())).sum();
        let mean = nan.select(0.0, &x).sum() / &count;
        let square = (&x - mean).square();
        square.is_nan().select(0.0, &square).sum() / count
    };
    let logsumexp = |x: Array| {
        let top = cotangent::lax::stop_gradient(&x.max());
        let shift = top.is_finite().select(&top, 0.0);
        (&x - &shift).exp().sum().log() + shift
    };
    let logaddexp = |x: Array| {
        let (x, y) = (x.index(0), x.index(1));
        let apart = &x - &y;
        let none = apart.is_nan();
        let rest = (-none.select(0.0, apart).abs()).exp().log1p();
        none.select(&x + &y, x.maximum(&y) + rest)
    };
    let curve = [&[0.25, -0.25][..], &[-0.25, 0.25]];
    let faults = [
        limit("nanvar", nanvar, &[NAN, 1.0, 3.0], &[&[0.0, -1.0, 1.0]]),
        limit("logsumexp", logsumexp, &[-INF, -INF], &[&[0.0, 0.0]]),
        limit("logaddexp", logaddexp, &[-INF, -INF], &[&[0.5, 0.5]]),
        with_hessian(limit("logaddexp", logaddexp, &[1.0, 1.0], &[&[0.5, 0.5]]), &curve),
    ];
    for fault in faults {
        assert!(check(&fault).is_err(), "{} passes at {:?}", fault.name, fault.at);
    }
}
