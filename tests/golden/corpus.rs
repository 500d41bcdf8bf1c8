//! The functions of the corpus: each takes one array and gives a scalar.

use cotangent::prelude::*;

/// Name, function, argument.
pub type Entry = (&'static str, fn(Array) -> Array, fn() -> Array);

pub const ALL: [Entry; 11] = [
    ("product", product, vector),
    ("softmax", softmax, vector),
    ("layer", layer, matrix),
    ("pieces", pieces, matrix),
    ("branch", branch, vector),
    ("loops", loops, vector),
    ("printed", printed, vector),
    ("remembered", remembered, vector),
    ("ruled", ruled, vector),
    ("picked", picked, vector),
    ("ordered", ordered, vector),
];

fn vector() -> Array {
    array![0.1, 0.2, 0.3]
}

fn matrix() -> Array {
    array![[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
}

fn product(x: Array) -> Array {
    (x.sin() * &x).sum()
}

fn softmax(x: Array) -> Array {
    let shifted = &x - x.max_keepdims(0);
    let e = shifted.exp();
    (&e / e.sum_keepdims(0)).square().sum()
}

fn layer(x: Array) -> Array {
    let w = array![[0.5, -0.5], [0.25, 1.0], [1.5, 0.75]];
    (x.matmul(&w) + 0.5).tanh().mean()
}

fn pieces(x: Array) -> Array {
    let left = cotangent::lax::slice_in_dim(&x, 0, 1, 1);
    let right = cotangent::lax::slice_in_dim(&x, 1, 3, 1);
    let turned = cotangent::lax::concatenate(&[right, left], 1);
    (turned.t() * x.reshape([3, 2])).sum()
}

fn branch(x: Array) -> Array {
    let positive = x.sum().gt(0.0);
    cond(&positive, |x: Array| x.sin().sum(), |x: Array| x.square().sum(), x)
}

fn loops(x: Array) -> Array {
    let step = |c: Array, x: Array| {
        let next = (c + x).sin();
        (next.clone(), next)
    };
    let (_, ys) = scan(step, Array::scalar(0.5f32), x);
    ys.square().sum()
}

fn printed(x: Array) -> Array {
    let step = |c: Array, x: Array| {
        debug::print("{} {}", (&c, &x));
        (c * x, ())
    };
    scan(step, Array::scalar(0.5f32), x).0
}

fn remembered(x: Array) -> Array {
    checkpoint(|x: Array| x.sin().exp())(x).sum()
}

fn ruled(x: Array) -> Array {
    let my_sin =
        custom_jvp(|x: Array| x.sin(), |(x,): (Array,), (t,): (Array,)| (x.sin(), x.cos() * t));
    my_sin(x).sum()
}

fn picked(x: Array) -> Array {
    let at = array![2, 0];
    x.take(&at, 0).exp().sum()
}

fn ordered(x: Array) -> Array {
    let y = cotangent::lax::sort(&x, 0);
    (y * array![1.0, 2.0, 3.0]).sum()
}
