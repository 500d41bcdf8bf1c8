//! Running folds, updates, windows and convolutions inside of other transforms, and on nothing.

use cotangent::lax::{self, Borders, ConvOptions, Select, Window};
use cotangent::nn;
use cotangent::prelude::*;

fn close(a: &Array, b: &Array) {
    assert_eq!(a.shape(), b.shape());
    let (x, y) = (a.to_vec::<f32>(), b.to_vec::<f32>());
    let near = x.iter().zip(&y).all(|(x, y)| (x - y).abs() <= 1e-5 * (1.0 + y.abs()));
    assert!(near, "{a} and {b}");
}

fn image(seed: u32, shape: &[usize]) -> Array {
    let n = shape.iter().product::<usize>() as u32;
    let value =
        |i: u32| ((i.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 8) % 97) as f32 / 48.0 - 1.0;
    Array::new(&(0..n).map(value).collect::<Vec<_>>(), shape.iter().copied())
}

/// Two layers with pooling between.
fn network(kernel: Array, x: Array) -> Array {
    let options = ConvOptions::new().borders(Borders::Same);
    let hidden = lax::conv_general_dilated(&x, &kernel, &options).tanh();
    let pooled = nn::max_pool(hidden.transpose([0, 2, 3, 1]), &[2, 2], &[2, 2], Borders::Valid);
    let mean = nn::avg_pool(&pooled, &[2, 2], &[1, 1], Borders::Same);
    mean.square().sum()
}

#[test]
fn gradients_of_a_network_per_example() {
    let kernel = image(1, &[3, 1, 3, 3]);
    let batch = image(2, &[4, 1, 1, 6, 6]);
    let lanes = vmap_axes(grad(network), (None, 0))(kernel.clone(), batch.clone());
    let compiled = jit(vmap_axes(grad(network), (None, 0)))(kernel.clone(), batch.clone());
    close(&lanes, &compiled);
    for i in 0..4 {
        close(&lanes.index(i), &grad(network)(kernel.clone(), batch.index(i)));
    }
    // Kernels of their own: more features, or more groups.
    let kernels = image(3, &[4, 3, 1, 3, 3]);
    let own = vmap_axes(grad(network), (0, 0))(kernels.clone(), batch.clone());
    let shared = vmap_axes(grad(network), (0, None))(kernels.clone(), batch.index(1));
    for i in 0..4 {
        close(&own.index(i), &grad(network)(kernels.index(i), batch.index(i)));
        close(&shared.index(i), &grad(network)(kernels.index(i), batch.index(1)));
    }
}

#[test]
fn curvature_of_a_convolution() {
    let x = image(5, &[1, 1, 5]);
    let f = move |k: Array| lax::conv(&x, &k, &[2], [(1, 0)]).sin().sum();
    let k = image(7, &[2, 1, 2]);
    let by_reverse = jacrev(jacrev(&f))(k.clone());
    close(&by_reverse, &jacfwd(jacfwd(&f))(k.clone()));
    close(&by_reverse, &jit(hessian(&f))(k));
}

#[test]
fn updates_in_lanes_and_their_gradients() {
    let update = |x: Array, at: Array, v: Array| {
        let y = x.at(&at).unique_indices().multiply(&v);
        let y = y.at(&at).max(&v).at(&at).min(&(&v * 2.0)).at(&at).add(&v);
        (y.at(&at).apply(|p| p.square()) * 0.5).sum()
    };
    let (x, at) = (image(1, &[3, 5]), array![[0, 3], [4, 1], [2, 0]]);
    let v = image(9, &[3, 2]);
    let by_lane = |i: i32| {
        let f = |x: Array, v: Array| {
            let y = x.at(at.index(i)).unique_indices().multiply(&v);
            y.at(at.index(i)).max(&v).sum()
        };
        grad(f)(x.index(i), v.index(i))
    };
    let f = |x: Array, at: Array, v: Array| {
        let y = x.at(&at).unique_indices().multiply(&v);
        y.at(&at).max(&v).sum()
    };
    let lanes = jit(vmap(grad(f)))(x.clone(), at.clone(), v.clone());
    for i in 0..3 {
        close(&lanes.index(i), &by_lane(i));
    }
    // Forward mode goes through places that may meet, too.
    let (tangent, _) = (
        jvp(
            update,
            (x.index(0), at.index(0), v.index(0)),
            (ones([5]), zeros_dtype([2], DType::I32), ones([2])),
        )
        .1,
        (),
    );
    assert!(tangent.is_finite().item::<bool>());
}

#[test]
fn products_that_may_meet_have_no_derivative_in_what_is_put() {
    let f = |v: Array| array![1.0, 2.0].at(&array![0, 0]).multiply(&v).sum();
    let e = try_jvp(f, (array![2.0, 3.0],), (array![1.0, 1.0],));
    let said = match e {
        Err(e) => e.to_string(),
        Ok(_) => panic!("a derivative"),
    };
    assert!(said.contains("scatter_mul: expected unique indices"), "{said}");
    // In the operand it has one, in both modes.
    let of_operand = |x: Array| x.at(&array![0, 0]).multiply(&array![2.0, 3.0]).sum();
    assert_eq!(grad(of_operand)(array![1.0, 2.0]).to_vec::<f32>(), [6.0, 1.0]);
}

#[test]
fn places_out_of_range() {
    let (x, at) = (array![1.0, 2.0, 3.0], array![2, 5, -1, -7]);
    let v = array![10.0, 20.0, 30.0, 40.0];
    assert_eq!(x.at(&at).set(&v).to_vec::<f32>(), [1.0, 2.0, 30.0]);
    let clip = lax::ScatterMode::Clip;
    assert_eq!(x.at(&at).mode(clip).set(&v).to_vec::<f32>(), [40.0, 2.0, 30.0]);
    assert_eq!(x.at(&at).fill_value(7.5).get().to_vec::<f32>(), [3.0, 7.5, 3.0, 7.5]);
    let filled = x.at(&at).mode(lax::ScatterMode::Drop).get().to_vec::<f32>();
    assert!(filled[1].is_nan() && filled[3].is_nan());
    assert_eq!(x.at(&at).apply(|p| p * 2.0).to_vec::<f32>(), [1.0, 2.0, 12.0]);
}

#[test]
fn of_nothing() {
    let none = zeros([0]);
    assert_eq!(none.cumsum(0).shape(), [0]);
    assert_eq!(zeros([3, 0]).cumprod(0).shape(), [3, 0]);
    assert_eq!(grad(|x: Array| x.cummax(0).sum())(none.clone()).shape(), [0]);
    assert_eq!(lax::top_k(&none, 0, 0).0.shape(), [0]);
    assert_eq!(array![1.0].searchsorted(&none).shape(), [0]);
    assert_eq!(none.searchsorted(&array![1.0]).to_vec::<i32>(), [0]);
    let at = zeros_dtype([0], DType::I32);
    assert_eq!(array![1.0, 2.0].at(&at).multiply(&none).to_vec::<f32>(), [1.0, 2.0]);
    let window = Window::new([3]);
    assert_eq!(lax::reduce_window_sum(&array![1.0, 2.0], &window).shape(), [0]);
    let f = |x: Array| lax::reduce_window_max(&x, &Window::new([3])).sum();
    assert_eq!(grad(f)(array![1.0, 2.0]).to_vec::<f32>(), [0.0, 0.0]);
    let put = lax::select_and_scatter_add(&none, &array![1.0, 2.0], Select::Greatest, &window);
    assert_eq!(put.to_vec::<f32>(), [0.0, 0.0]);
    // No examples, no features, no place for the kernel.
    let conv = |x: &[usize], k: &[usize]| lax::conv(&ones(x), &ones(k), &[1], Borders::Valid);
    assert_eq!(conv(&[0, 2, 4], &[3, 2, 2]).shape(), [0, 3, 3]);
    assert_eq!(conv(&[1, 0, 4], &[1, 0, 2]).to_vec::<f32>(), [0.0, 0.0, 0.0]);
    assert_eq!(conv(&[1, 2, 2], &[3, 2, 4]).shape(), [1, 3, 0]);
    let f = |x: Array| lax::conv(&x, &ones([3, 2, 4]), &[1], Borders::Valid).sum();
    assert_eq!(grad(f)(ones([1, 2, 2])).shape(), [1, 2, 2]);
}

#[test]
fn windows_by_any_function() {
    let x = array![[1.0, -2.0, 3.0], [4.0, 0.5, -6.0]];
    let window = Window::new([2, 2]).borders(Borders::Same);
    let product = |x: &Array| {
        lax::reduce_window(std::slice::from_ref(x), &[Array::scalar(1f32)], &window, |a, b| {
            vec![&a[0] * &b[0]]
        })
        .remove(0)
    };
    assert_eq!(product(&x).to_vec::<f32>(), [-4.0, 18.0, -18.0, 2.0, -3.0, -6.0]);
    // The pair of an extreme and where it is, over all axes.
    let (values, places) = (x.ravel(), arange(6));
    let inits = [Array::scalar(f32::NEG_INFINITY), Array::scalar(0)];
    let best = lax::reduce(&[values, places], &inits, &[0], |a, b| {
        let first = a[0].ge(&b[0]);
        vec![first.select(&a[0], &b[0]), first.select(&a[1], &b[1])]
    });
    assert_eq!((best[0].item::<f32>(), best[1].item::<i32>()), (4.0, 3));
    let slope = grad(|x: Array| product(&x).sum())(x.clone());
    let h = 1e-2;
    let up = product(&x.at(s![0, 1]).add(h)).sum().item::<f32>();
    let down = product(&x.at(s![0, 1]).add(-h)).sum().item::<f32>();
    assert!((slope.index(s![0, 1]).item::<f32>() - (up - down) / (2.0 * h)).abs() < 1e-2);
}

#[test]
fn floats_taken_apart() {
    let x = array![6.0f32, -0.1, 0.0, 1e-40, f32::INFINITY, -3e38];
    let (m, n) = x.frexp();
    assert_eq!(n.to_vec::<i32>(), [3, -3, 0, -132, 0, 128]);
    let m = m.to_vec::<f32>();
    assert!(m.iter().take(4).all(|m| *m == 0.0 || (0.5..1.0).contains(&m.abs())), "{m:?}");
    assert_eq!(x.frexp().0.ldexp(&n).to_vec::<f32>(), x.to_vec::<f32>());
    assert_eq!(array![1.0f32].ldexp(&array![-149]).item::<f32>(), f32::from_bits(1));
    let next = array![1.0f32, -1.0, 0.0, f32::MAX, 1.0].nextafter(&array![
        2.0f32,
        0.0,
        -1.0,
        f32::INFINITY,
        1.0
    ]);
    let want =
        [1.0 + f32::EPSILON, -1.0 + f32::EPSILON / 2.0, -f32::from_bits(1), f32::INFINITY, 1.0];
    assert_eq!(next.to_vec::<f32>(), want);
    assert_eq!(array![2.5, -2.5].fmod(2.0).to_vec::<f32>(), [0.5, -0.5]);
    let (q, r) = array![7, -7].divmod(3);
    assert_eq!((q.to_vec::<i32>(), r.to_vec::<i32>()), (vec![2, -3], vec![1, 2]));
    let odd = array![f32::NAN, f32::INFINITY, f32::NEG_INFINITY].nan_to_num().to_vec::<f32>();
    assert_eq!(odd, [0.0, f32::MAX, f32::MIN]);
    let both = grad(|x: Array| x.logaddexp(0.0).sum())(array![0.0, 800.0, -800.0]).to_vec::<f32>();
    assert_eq!(both, [0.5, 1.0, 0.0]);
}
