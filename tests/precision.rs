//! The precision of products: read from the scope when an operation is traced, a parameter from
//! then on, kept by every transformation, and part of the key of jitted functions.

use cotangent::api::custom::custom_jvp;
use cotangent::lax::{self, Borders, ConvOptions, DotDims, DotOptions};
use cotangent::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

const TF32: Precision = Precision::Tf32;

fn square() -> Array {
    array![[1.0, 2.0], [3.0, 4.0]]
}

fn dims() -> DotDims {
    DotDims {
        lhs_contract: [1].into_iter().collect(),
        rhs_contract: [0].into_iter().collect(),
        ..DotDims::default()
    }
}

/// The numbers of products in a text, and of those at the lower precision.
fn products(text: &str) -> (usize, usize) {
    (text.matches("dot_general").count(), text.matches("precision=tf32").count())
}

fn in_scope(f: impl Fn(Array) -> Array + Send + Sync + 'static) -> String {
    with_matmul_precision(TF32, || make_jaxpr(f)(square()).to_string())
}

#[test]
fn the_scope_is_read_when_a_product_is_traced() {
    let twice = |x: Array| x.matmul(&x).dot(&x);
    assert_eq!(products(&make_jaxpr(twice)(square()).to_string()), (2, 0));
    assert_eq!(products(&in_scope(twice)), (2, 2));
    assert_eq!(products(&in_scope(|x| einsum("ij,kj->ik", [&x, &x]))), (1, 1));
    assert_eq!(products(&in_scope(|x| x.tensordot(&x, [0], [0]))), (1, 1));
    let inner = |x: Array| with_matmul_precision(Precision::Full, || x.matmul(&x)).matmul(&x);
    assert_eq!(products(&in_scope(inner)), (2, 1));
}

#[test]
fn an_argument_goes_before_the_scope() {
    let at =
        |p| move |x: Array| lax::dot_general_with(&x, &x, &dims(), &DotOptions::new().precision(p));
    assert_eq!(products(&make_jaxpr(at(TF32))(square()).to_string()), (1, 1));
    assert_eq!(products(&in_scope(at(Precision::Full))), (1, 0));
    let usual = |x: Array| lax::dot_general_with(&x, &x, &dims(), &DotOptions::new());
    assert_eq!(products(&in_scope(usual)), (1, 1));
    let wide = DotOptions::new().dtype(DType::F64);
    let wide = lax::dot_general_with(&square(), &square(), &dims(), &wide);
    assert_eq!(wide.dtype(), DType::F64);
    assert_eq!(wide.to_vec::<f64>(), [7.0, 10.0, 15.0, 22.0]);
}

#[test]
fn only_f32_has_digits_to_give() {
    for (d, expected) in [
        (DType::F32, 1),
        (DType::C64, 1),
        (DType::F64, 0),
        (DType::C128, 0),
        (DType::BF16, 0),
        (DType::F16, 0),
        (DType::I32, 0),
        (DType::Bool, 0),
    ] {
        let f = |x: Array| x.matmul(&x);
        let text = with_matmul_precision(TF32, || make_jaxpr(f)(square().astype(d)).to_string());
        assert_eq!(products(&text), (1, expected), "{d}: {text}");
    }
}

#[test]
fn derivatives_and_batches_keep_it() {
    let f = |x: Array| {
        let options = DotOptions::new().precision(TF32);
        lax::dot_general_with(&x, &x.sin(), &dims(), &options).sum()
    };
    for text in [
        make_jaxpr(grad(f))(square()).to_string(),
        make_jaxpr(grad(move |x: Array| (grad(f)(x) * 2.0).sum()))(square()).to_string(),
        make_jaxpr(vmap(f))(stack(&[square(), square()], 0)).to_string(),
        make_jaxpr(|x: Array, t: Array| jvp(f, (x,), (t,)).1)(square(), square()).to_string(),
    ] {
        let (all, lower) = products(&text);
        assert!(all > 0 && all == lower, "{text}");
    }
}

#[test]
fn convolutions_have_it() {
    let conv = |x: Array| {
        let kernel = ones([1, 1, 1, 2]);
        lax::conv(&x.reshape([1, 1, 2, 2]), &kernel, &[1, 1], Borders::Valid)
    };
    assert!(in_scope(conv).contains("precision=tf32"));
    assert!(!make_jaxpr(conv)(square()).to_string().contains("precision"));
    let text = in_scope(move |x| grad(move |x: Array| conv(x).sum())(x));
    assert_eq!(text.matches("conv_general_dilated").count(), 1, "{text}");
    assert!(text.contains("precision=tf32"), "{text}");
    let full = ConvOptions::new().precision(Precision::Full);
    let text = in_scope(move |x| {
        let x = x.reshape([1, 1, 2, 2]);
        lax::conv_general_dilated(&x, &ones([1, 1, 1, 2]), &full)
    });
    assert!(!text.contains("precision"), "{text}");
    // The product that a convolution becomes is made later, and does not look at the scope of then.
    let f = jit(conv);
    with_matmul_precision(TF32, || f(square()));
    let text = with_matmul_precision(TF32, || {
        jit(conv).lower((square(),)).unwrap().compile().unwrap().text("program").unwrap()
    });
    assert!(text.contains("precision=tf32"), "{text}");
    let lowered = jit(conv).lower((square(),)).unwrap();
    let text = with_matmul_precision(TF32, || lowered.compile().unwrap().text("program").unwrap());
    assert!(text.contains("dot f32") && !text.contains("precision"), "{text}");
}

/// Errors grow in systems that are nearly singular, whatever the user thinks of products.
#[cfg(feature = "linalg")]
#[test]
fn derivatives_of_factorisations_are_computed_in_full() {
    let f = |x: Array| lax::cholesky(&x, true).sum();
    let text = in_scope(move |x| grad(f)(x));
    let (all, lower) = products(&text);
    assert!(all > 0 && lower == 0, "{text}");
}

#[test]
fn a_jitted_function_keeps_a_trace_for_each() {
    let traces = AtomicUsize::new(0);
    let f = jit(|x: Array| {
        traces.fetch_add(1, Ordering::Relaxed);
        x.matmul(&x)
    });
    for _ in 0..3 {
        f(square());
        with_matmul_precision(TF32, || f(square()));
    }
    assert_eq!(traces.load(Ordering::Relaxed), 2);
}

#[test]
fn rules_of_users_are_traced_for_each() {
    let f = custom_jvp(
        |x: Array| x.matmul(&x),
        |(x,), (t,)| (Array::matmul(&x, &x), Array::matmul(&t, &x) + x.matmul(&t)),
    );
    let tangent = move |x: Array| jvp(f.clone(), (x.clone(),), (x,)).1;
    assert_eq!(products(&make_jaxpr(tangent.clone())(square()).to_string()).1, 0);
    let (all, lower) = products(&in_scope(tangent.clone()));
    assert!(all > 0 && all == lower);
    assert_eq!(products(&make_jaxpr(tangent.clone())(square()).to_string()).1, 0);
}

#[test]
fn a_panic_ends_the_scope() {
    let panics = || with_matmul_precision(TF32, || panic!("on purpose"));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(products(&make_jaxpr(|x: Array| x.matmul(&x))(square()).to_string()), (1, 0));
}

#[test]
fn the_cpu_computes_in_full() {
    let x = array![[1.0 + 2f32.powi(-20)]];
    let wide = |x: &Array| {
        let x = concatenate([x, &zeros([1, 1])], 1);
        x.matmul(x.t()).item::<f32>()
    };
    let lower = with_matmul_precision(TF32, || wide(&x));
    assert_eq!(lower, wide(&x));
    assert!(lower > 1.0);
}
