//! Transforms through the public face: values, nesting, captures, messages.

use cotangent::prelude::*;
use cotangent::prims::lax;

fn matvec(a: &Array, x: &Array) -> Array {
    let contract = |axis| [axis].into_iter().collect();
    let dims = lax::DotDims {
        lhs_contract: contract(a.ndim() - 1),
        rhs_contract: contract(0),
        lhs_batch: Default::default(),
        rhs_batch: Default::default(),
    };
    lax::dot_general(a, x, &dims)
}

fn close(a: &Array, b: &[f64]) {
    let a: Vec<f64> = a.try_to_scalars().unwrap().iter().map(|s| s.to_f64().unwrap()).collect();
    assert_eq!(a.len(), b.len(), "{a:?} {b:?}");
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() <= 1e-5 * y.abs().max(1.0), "{a:?} is not {b:?}");
    }
}

#[test]
fn a_jitted_function_computes() {
    let f = jit(|x: Array| x * 2.0 + 1.0);
    close(&f(array![1.0, 2.0]), &[3.0, 5.0]);
    close(&f(array![1.0, 2.0, 3.0]), &[3.0, 5.0, 7.0]);
    close(&f(array![4.0, 5.0]), &[9.0, 11.0]);
}

#[test]
fn gradients_nest_with_jit_and_vmap_in_any_order() {
    let f = |x: Array| x.sin() * &x;
    let x = 0.7f64;
    let d1 = x.sin() + x * x.cos();
    let d2 = 2.0 * x.cos() - x * x.sin();
    let d3 = -3.0 * x.sin() - x * x.cos();
    let at = || Array::scalar(x);
    close(&grad(f)(at()), &[d1]);
    close(&grad(jit(f))(at()), &[d1]);
    close(&jit(grad(f))(at()), &[d1]);
    close(&grad(grad(f))(at()), &[d2]);
    close(&jit(grad(jit(grad(f))))(at()), &[d2]);
    close(&grad(grad(grad(checkpoint(jit(f)))))(at()), &[d3]);
    let xs = || array![x, x, x];
    close(&vmap(grad(f))(xs()), &[d1; 3]);
    close(&jit(vmap(grad(jit(grad(f)))))(xs()), &[d2; 3]);
    close(&vmap(jit(grad(grad(grad(f)))))(xs()), &[d3; 3]);
}

#[test]
fn arguments_are_pytrees() {
    fn loss((w, b): (Array, Array), x: Array, y: Array) -> Array {
        let e = matvec(&x, &w) + b - y;
        (&e * &e).mean()
    }
    let p = || (array![1.0, -1.0], array![0.5].sum());
    let x = || array![[1.0, 2.0], [3.0, 4.0]];
    let y = || array![0.0, 1.0];
    let step = jit(|p: (Array, Array), x: Array, y: Array| {
        let (l, g) = value_and_grad(loss)(p.clone(), x, y);
        (tree_map2(|p, g| p - 0.1 * g, p, g), l)
    });
    let ((w, b), l) = step(p(), x(), y());
    // e = (-0.5, -1.5), l = (0.25 + 2.25) / 2, dw = x^T e, db = sum e.
    close(&l, &[1.25]);
    close(&w, &[1.5, -0.3]);
    close(&b, &[0.7]);
    let per_example = jit(vmap_axes(grad(loss), (None, 0, 0)));
    let (dw, db) = per_example(p(), x(), y());
    close(&dw, &[-1.0, -2.0, -9.0, -12.0]);
    close(&db, &[-1.0, -3.0]);
}

#[test]
fn captured_arrays_are_inputs() {
    let w = array![2.0, 3.0];
    let f = jit(|x: Array| x * &w);
    close(&f(array![1.0, 1.0]), &[2.0, 3.0]);
    close(&grad(|x: Array| f(x).sum())(array![1.0, 1.0]), &[2.0, 3.0]);
    // A tracer of the outer function captured by the inner one.
    let outer = |x: Array| {
        let x = x.sum();
        let inner = jit(|y: Array| y * &x);
        grad(|y: Array| inner(y).sum())(x.clone())
    };
    close(&grad(outer)(array![5.0]), &[1.0]);
}

#[test]
fn both_modes_agree() {
    let f = |x: Array, y: Array| (x.sin() * &y, x * y.exp());
    let (x, y) = (|| array![0.3, 0.4], || array![0.5, 0.6]);
    let ((a, b), (da, db)) = jvp(f, (x(), y()), (array![1.0, 0.0], array![0.0, 1.0]));
    let (value, pullback) = vjp(f, (x(), y()));
    close(&value.0, &a.to_vec::<f32>().iter().map(|x| *x as f64).collect::<Vec<_>>());
    close(&value.1, &b.to_vec::<f32>().iter().map(|x| *x as f64).collect::<Vec<_>>());
    let (cx, cy) = pullback((array![1.0, 2.0], array![3.0, 4.0]));
    let forward = (da * array![1.0, 2.0] + db * array![3.0, 4.0]).sum();
    let backward = (cx * array![1.0, 0.0] + cy * array![0.0, 1.0]).sum();
    close(&forward, &[backward.to_f64()]);
    let (_, linear) = linearize(f, (x(), y()));
    let (la, lb) = linear(array![1.0, 0.0], array![0.0, 1.0]);
    close(&(la * array![1.0, 2.0] + lb * array![3.0, 4.0]).sum(), &[backward.to_f64()]);
}

#[test]
fn jacobians_and_hessians() {
    let f = |x: Array| (&x * &x * &x).sum();
    close(&hessian(f)(array![1.0, 2.0]), &[6.0, 0.0, 0.0, 12.0]);
    let g = |x: Array| x.sum() * &x;
    close(&jacfwd(g)(array![1.0, 3.0]), &[5.0, 1.0, 3.0, 7.0]);
    close(&jacrev(g)(array![1.0, 3.0]), &[5.0, 1.0, 3.0, 7.0]);
}

#[test]
fn custom_rules() {
    let f = custom_jvp(|x: Array| x.sin(), |(x,), (dx,)| (x.sin(), dx * x.cos() * 10.0));
    close(&grad(f.clone())(Array::scalar(0.0f32)), &[10.0]);
    close(&vmap(grad(f.clone()))(array![0.0, 0.0]), &[10.0, 10.0]);
    close(&grad(grad(jit(f)))(Array::scalar(1.0f32)), &[-10.0 * 1f64.sin()]);
    let g = custom_vjp(
        |x: Array, y: Array| x * y,
        |(x, y): (Array, Array)| (&x * &y, (x, y)),
        |(x, y): (Array, Array), ct: Array| (&ct * y, ct * x * 100.0),
    );
    let (dx, dy) = grad_wrt(g.clone(), (Arg::<0>, Arg::<1>))(2f32.into(), 3f32.into());
    close(&dx, &[3.0]);
    close(&dy, &[200.0]);
    let both = vmap(grad_wrt(g, Arg::<1>))(array![2.0, 4.0], array![3.0, 3.0]);
    close(&both, &[200.0, 400.0]);
}

#[test]
fn functions_borrow_and_are_kept() {
    struct Model<'f> {
        step: Func<'f, (Own<Array>,), Array>,
    }
    let w = array![2.0];
    let model = Model { step: jit(|x: Array| x * &w) };
    close(&(model.step)(array![4.0]), &[8.0]);
    let by_reference = jit(|x: &Array, y: &Array| x * y);
    close(&by_reference(&array![2.0], &array![3.0]), &[6.0]);
    close(&grad(|x: &Array| x * x)(&Array::scalar(3f32)), &[6.0]);
}

#[test]
fn many_threads_call_one_function() {
    let f = jit(|x: Array| x * 2.0 + 1.0);
    std::thread::scope(|s| {
        for t in 0..8 {
            let f = &f;
            s.spawn(move || {
                for i in 0..200 {
                    let x = (t * 1000 + i) as f32;
                    close(&f(array![x, 1.0]), &[x as f64 * 2.0 + 1.0, 3.0]);
                    if i % 50 == 0 {
                        f(Array::from_vec(vec![1f32; 1 + i]));
                    }
                }
            });
        }
    });
}

#[test]
fn a_printed_gradient_is_what_one_would_write() {
    let f = |x: Array, y: Array| (x.sin() * y).sum();
    let jaxpr = make_jaxpr(grad(f))(array![1.0, 2.0], array![3.0, 4.0]);
    assert_eq!(
        jaxpr.to_string(),
        "{ lambda ; a:f32[2] b:f32[2]. let
    c:f32[2] = cos a
    d:f32[2] = mul b c
  in (d,) }"
    );
    let jaxpr = make_jaxpr(jit(|x: Array| x * 2.0).named("twice"))(array![1.0]);
    assert_eq!(
        jaxpr.to_string(),
        "{ lambda ; a:f32[1]. let
    b:f32[1] = call[
      name=twice
      jaxpr={ lambda ; a:f32[1]. let b:f32[1] = mul a 2.0:f32[] in (b,) }
    ] a
  in (b,) }"
    );
}

#[test]
fn outputs_keep_their_weakness() {
    let weak = jit(|x: Array| (Array::literal(2f32.into()), x));
    let (two, _) = weak(array![1.0]);
    assert!(two.is_weak());
    assert_eq!((two * array![1.0f64]).dtype(), DType::F64);
}

#[test]
fn eager_computes_inside_a_trace() {
    let w = array![2.0];
    let f = jit(|x: Array| {
        let known = eager(|| (&w * 3.0).item::<f32>());
        x * known as f64
    });
    close(&f(array![1.0]), &[6.0]);
}

#[test]
fn a_pool_of_threads_calls_one_function() {
    use rayon::prelude::*;
    let w = array![1.0, 2.0];
    let f = jit(grad(|x: Array| (x.sin() * &w).sum()));
    let sums: Vec<f32> = (0..64)
        .into_par_iter()
        .map(|i| f(array![0.0, i as f64 as f32]).to_vec::<f32>()[0])
        .collect();
    assert_eq!(sums, vec![1.0; 64]);
}

#[test]
fn bare_literals_are_f32_and_i32() {
    let dtype = |x: Array| x.dtype();
    assert_eq!(dtype(array![vec![1.0, 2.0], vec![3.0, 4.0]]), DType::F32);
    assert_eq!(dtype(array![1; 3]), DType::I32);
    assert_eq!(dtype(array![[true, false]]), DType::Bool);
    let x = 2f64;
    assert_eq!(dtype(array![x, 1.0]), DType::F64);
    assert_eq!(dtype(array![1u64, 2]), DType::U64);
    let ragged = Array::try_from_nested(&vec![vec![1.0f32], vec![2.0, 3.0]]).unwrap_err();
    assert_eq!(ragged.message(), "array: rows of different lengths: expected 1 entry, got 2");
}

/// A branch that runs in every lane of a batch has derivatives in the lanes that take it only,
/// whatever it makes of the others.
#[test]
fn branches_not_taken_do_not_disturb_gradients() {
    let f = |w: Array, x: Array| {
        let scaled = |x: Array| (&x * &w).log();
        cond(x.gt(0.0), scaled, |x| x * 3.0, x.clone())
    };
    let total = move |w: Array, x: Array| vmap_axes(f, (None, 0))(w, x).sum();
    let (w, x) = (Array::scalar(2.0f64), array![-1.0f64, 0.0, 4.0, 0.5]);
    let (dw, dx) = grad_wrt(total, (Arg::<0>, Arg::<1>))(w.clone(), x.clone());
    close(&dw, &[2.0 / 2.0]);
    close(&dx, &[3.0, 3.0, 0.25, 2.0]);
    let second = grad(move |w: Array| grad(total)(w, x.clone()));
    close(&second(w), &[-2.0 / 4.0]);
}

/// Found by random programs: inside a trace, a scalar number among cases of a shape is repeated
/// like any other.
#[test]
fn a_scalar_number_selects_for_all_elements() {
    let f = jit(|i: Array, x: Array| lax::select_n(&i, &[&x, &(-&x), &(&x * 2.0)]));
    close(&f(Array::scalar(1), array![1.0, 2.0]), &[-1.0, -2.0]);
    close(&f(Array::scalar(7), array![1.0, 2.0]), &[2.0, 4.0]);
}

/// Found by random programs: a number in a jaxpr keeps its dtype beside the numbers of rules.
#[test]
fn derivatives_of_what_is_known_keep_narrow_dtypes() {
    let known =
        Array::strong_literal(cotangent::Scalar::from_f64(DType::F16, 0.5).expect("a half"));
    let f = jit(move |x: Array| lax::pow(&x, &lax::sin(&known)));
    let (x, t) = (array![2.0].astype(DType::F16), array![1.0].astype(DType::F16));
    let (_, slope) = jvp(f, (x,), (t,));
    assert_eq!(slope.dtype(), DType::F16);
    // 0.4794 2^(0.4794 - 1)
    assert!((slope.to_f64() - 0.3342).abs() < 1e-3, "{slope}");
}

/// Found by random programs: a convolution of no lanes at all.
#[test]
fn a_convolution_of_no_lanes() {
    let f = vmap(|x: Array, k: Array| lax::conv_general_dilated(&x, &k, &lax::ConvOptions::new()));
    let y = f(zeros([0, 1, 1, 5]), zeros([0, 2, 1, 2]));
    assert_eq!(y.shape(), [0, 1, 2, 4]);
}
