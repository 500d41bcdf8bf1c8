//! One function, many threads: calls from threads and from inside rayon pools, and results that do
//! not depend on them.

use cotangent::prelude::*;
use cotangent::{nn, random};
use rayon::prelude::*;

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool")
}

/// Large enough that its kernels and products are shared out.
fn work(x: Array) -> Array {
    let y = x.reshape([256, -1]);
    (y.matmul(y.t()).tanh().sum_axis(0) * y.sum_axis(1).sin()).sum() + x.exp().sum()
}

#[test]
fn a_jitted_function_is_called_inside_a_pool_and_shares_its_work_there() {
    let f = jit(value_and_grad(work));
    let inputs: Vec<Array> =
        (0..12).map(|i| random::normal(&random::key(i), [256 * 512], DType::F32) * 0.05).collect();
    let expected: Vec<(f32, Vec<f32>)> = inputs
        .iter()
        .map(|x| {
            let (value, gradient) = f(x.clone());
            (value.item::<f32>(), gradient.to_vec::<f32>())
        })
        .collect();
    for threads in [1, 2, 5] {
        let got: Vec<(f32, Vec<f32>)> = pool(threads).install(|| {
            let one = |x: &Array| {
                let (value, gradient) = f(x.clone());
                (value.item::<f32>(), gradient.to_vec::<f32>())
            };
            inputs.par_iter().map(one).collect()
        });
        assert!(got == expected, "with {threads} threads");
    }
}

/// First calls from many threads at once: each may trace and compile, all get the same answer.
#[test]
fn many_threads_meet_a_function_for_the_first_time() {
    let f = jit(grad(|x: Array| (x.sin() * &x).sum()));
    let expected = |x: f64| x.sin() + x * x.cos();
    (0..64).into_par_iter().for_each(|i| {
        // Several types at once, so that the cache grows while others read it.
        let n = 1 + i % 4;
        let x = i as f64 / 10.0;
        let got = f(Array::from_vec(vec![x; n])).to_vec::<f64>();
        assert!(got.iter().all(|g| (g - expected(x)).abs() < 1e-12), "{got:?} at {x}");
    });
}

/// A small network trained for a while: the same losses to the bit, whatever the pool.
#[test]
fn training_gives_the_same_bits_for_any_number_of_threads() {
    let losses = || -> Vec<u32> {
        let [k1, k2, k3] = random::split(&random::key(3));
        let x = random::normal(&k1, [512, 64], DType::F32);
        let y = (random::uniform(&k2, [512], DType::F32, 0.0, 10.0)).floor();
        let y = nn::one_hot(lax_int(&y), 10, DType::F32);
        let mut w = (random::normal(&k3, [64, 128], DType::F32) * 0.1, zeros([128, 10]));
        let loss = |w: (Array, Array), x: Array, y: Array| {
            let scores = nn::relu(x.matmul(&w.0)).matmul(&w.1);
            -(nn::log_softmax(&scores, -1) * y).sum_axis(-1).mean()
        };
        let step = jit(move |w: (Array, Array), x: Array, y: Array| {
            let (l, g) = value_and_grad(loss)(w.clone(), x, y);
            (tree_map2(|w, g| w - 0.5 * g, w, g), l)
        });
        (0..30)
            .map(|_| {
                let l;
                (w, l) = step(w.clone(), x.clone(), y.clone());
                l.item::<f32>().to_bits()
            })
            .collect()
    };
    let one = pool(1).install(losses);
    assert_eq!(one, pool(2).install(losses));
    assert_eq!(one, pool(3).install(losses));
    assert_eq!(one, losses());
}

fn lax_int(x: &Array) -> Array {
    cotangent::lax::convert_element_type(x, DType::I32)
}
