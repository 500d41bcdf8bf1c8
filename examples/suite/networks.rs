//! Whole training steps, a transformer block, derivatives of higher order.

use crate::calls;
use crate::harness::{Row, normal};
use crate::row;
use cotangent::nn;
use cotangent::prelude::*;

type Layers = Vec<(Array, Array)>;

fn layers(sizes: &[usize], scale: f64) -> Layers {
    let layer = |w: &[usize]| (normal([w[0], w[1]]) * scale, zeros([w[1]]));
    sizes.windows(2).map(layer).collect()
}

fn labels(n: i32) -> Array {
    nn::one_hot(arange(n) % 10, 10, DType::F32)
}

fn mlp_loss(p: Layers, x: Array, y: Array) -> Array {
    let last = p.len() - 1;
    let out = p.into_iter().enumerate().fold(x, |x, (i, (w, b))| {
        let z = x.matmul(&w) + b;
        if i < last { nn::relu(&z) } else { z }
    });
    -(nn::log_softmax(&out, -1) * y).sum_axis(-1).mean()
}

fn descend(p: Layers, g: Layers) -> Layers {
    tree_map2(|a, b| a - 0.1 * b, p, g)
}

fn mlp() -> Layers {
    layers(&[784, 256, 256, 10], 0.05)
}

fn small_loss(mut p: Layers, x: Array, y: Array) -> Array {
    let (w, b) = p.pop().expect("a last layer");
    let x = p.into_iter().fold(x, |x, (w, b)| (x.matmul(&w) + b).tanh());
    (x.matmul(&w) + b - y).square().mean()
}

/// The weights of a transformer block.
#[derive(Clone, Pytree)]
struct Block {
    qkv: Array,
    o: Array,
    u: Array,
    d: Array,
}

const WIDTH: usize = 256;

impl Block {
    fn new() -> Block {
        let d = WIDTH;
        let w = |n, m| normal([n, m]) * 0.02;
        Block { qkv: w(d, 3 * d), o: w(d, d), u: w(d, 4 * d), d: w(4 * d, d) }
    }

    fn call(&self, x: Array) -> Array {
        let (b, t, d, h) = (x.shape()[0], x.shape()[1], WIDTH, 8);
        let parts = normed(&x).matmul(&self.qkv).split(3, -1);
        let heads = |x: &Array| x.reshape([b, t, h, d / h]).transpose([0, 2, 1, 3]);
        let (q, k, v) = (heads(&parts[0]), heads(&parts[1]), heads(&parts[2]));
        let scores = einsum("bhtd,bhsd->bhts", [&q, &k]) / ((d / h) as f64).sqrt();
        let past = ones([t, t]).tril(0).gt(0.0);
        let weights = nn::softmax(past.select(&scores, -1e9), -1);
        let mixed = einsum("bhts,bhsd->bhtd", [&weights, &v]);
        let x = x + mixed.transpose([0, 2, 1, 3]).reshape([b, t, d]).matmul(&self.o);
        let inner = nn::gelu_tanh(normed(&x).matmul(&self.u));
        x + inner.matmul(&self.d)
    }
}

fn normed(x: &Array) -> Array {
    let centred = x - x.mean_keepdims(-1);
    let spread = centred.square().mean_keepdims(-1);
    centred * (spread + 1e-5).rsqrt()
}

fn rosenbrock(x: Array) -> Array {
    let (head, tail) = (x.index(..-1), x.index(1..));
    (100.0 * (tail - head.square()).square() + (1.0 - head).square()).sum()
}

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("mlp_step", || {
            let step = jit(|p: Layers, x: Array, y: Array| {
                let (l, g) = value_and_grad(mlp_loss)(p.clone(), x, y);
                (descend(p, g), l)
            });
            let (p, x, y) = (mlp(), normal([128, 784]), labels(128));
            calls!(step, p, x, y)
        }),
        Row::new("mlp_step_small", || {
            let step =
                jit(|p: Layers, x: Array, y: Array| descend(p.clone(), grad(small_loss)(p, x, y)));
            let (p, x, y) = (layers(&[2, 16, 16, 1], 0.5), normal([16, 2]), normal([16, 1]));
            calls!(step, p, x, y)
        }),
        Row::new("per_example_grads", || {
            let one =
                |p: Layers, x: Array, y: Array| mlp_loss(p, x.expand_dims(0), y.expand_dims(0));
            let all = jit(vmap_axes(grad(one), (None, 0, 0)));
            let (p, x, y) = (mlp(), normal([32, 784]), labels(32));
            calls!(all, p, x, y)
        }),
        Row::new("transformer_block", || {
            let f = jit(|p: Block, x: Array| p.call(x));
            let (p, x) = (Block::new(), normal([4, 256, WIDTH]));
            calls!(f, p, x)
        }),
        Row::new("transformer_block_grad", || {
            let f = jit(value_and_grad(|p: Block, x: Array| p.call(x).square().mean()));
            let (p, x) = (Block::new(), normal([4, 256, WIDTH]));
            calls!(f, p, x)
        }),
        row!("hessian_rosenbrock", |x| hessian(rosenbrock)(x), (normal([100]),)),
        Row::new("hvp_mlp", || {
            let f = jit(|p: Layers, v: Layers, x: Array| {
                let y = labels(128);
                let slope = |p: Layers| grad(mlp_loss)(p, x.clone(), y.clone());
                jvp(slope, (p,), (v,)).1
            });
            let (p, v, x) = (mlp(), mlp(), normal([128, 784]));
            calls!(f, p, v, x)
        }),
    ]
}
