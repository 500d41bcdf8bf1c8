//! Products in which every sum has one term are broadcast products: they fuse with what is around
//! them, and nothing of the size of the product is ever in memory.

use cotangent::lax::{self, DotDims};
use cotangent::prelude::*;

const N: usize = 3000;

/// Bytes beside arguments and results that `f` of a vector of `N` needs.
fn scratch(f: fn(Array) -> Array) -> usize {
    let of = |n: usize| shape_dtype([n], DType::F32);
    jit(f).lower((of(N),)).expect("lowers").memory().expect("a program").temporaries
}

fn total(x: Array) -> Array {
    (x.exp() * 1e-3).sum()
}

type Named = (&'static str, fn(Array) -> Array);

const PRODUCTS: [Named; 9] = [
    ("outer", |x| total(x.outer(&x))),
    ("einsum", |x| total(einsum("i,j->ij", [&x, &x]))),
    ("einsum, transposed", |x| total(einsum("i,j->ji", [&x, &(&x * 2.0)]))),
    ("einsum of many", |x| {
        let y = x.reshape([3, 1000]);
        total(einsum("bi,bj,b->jib", [&y, &y, &y.sum_axis(1)]))
    }),
    ("einsum of batches", |x| {
        let x = x.reshape([3, 1000]);
        total(einsum("bi,bj->bij", [&x, &x]))
    }),
    ("tensordot", |x| total(x.tensordot(&x, [0i32; 0], [0i32; 0]))),
    ("matmul", |x| total(x.expand_dims(1).matmul(x.expand_dims(0)))),
    ("dot_general", |x| total(lax::dot_general(&x, &x, &DotDims::default()))),
    ("distances", |x| (x.expand_dims(1) - x.expand_dims(0)).square().sum_axis(1).sqrt().sum()),
];

#[test]
fn products_without_a_sum_take_no_memory() {
    for (name, f) in PRODUCTS {
        let bytes = scratch(f);
        assert!(bytes < 8 * 4 * N, "{name}: {bytes} bytes");
        let text = make_jaxpr(f)(zeros([N])).to_string();
        assert!(!text.contains("dot_general"), "{name}: {text}");
    }
    let columns = |x: Array| total(x.vander(40, true));
    assert!(scratch(columns) <= 41 * 4 * N, "{}", scratch(columns));
}

#[test]
fn they_have_the_values_shapes_and_types_of_contractions() {
    let (x, y) = (array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], array![7.0, 8.0]);
    let outer = x.outer(&y);
    assert_eq!(outer.shape(), [6, 2]);
    assert_eq!(outer.index(s![4]).to_vec::<f32>(), [35.0, 40.0]);
    assert_eq!(array![1, 2].outer(&array![0.5]).aval().to_string(), "f32[2,1]");
    assert_eq!(array![true, false].outer(&array![true]).aval().to_string(), "bool[2,1]");
    assert_eq!(array![1, 2].outer(&array![true, true]).to_vec::<i32>(), [1, 1, 2, 2]);
    assert_eq!(zeros([0]).outer(&y).shape(), [0, 2]);
    assert_eq!(Array::scalar(3.0f32).outer(&y).shape(), [1, 2]);
    let z = Array::from(Complex::new(0.0f32, 1.0)).outer(Array::from(Complex::new(0.0f32, 2.0)));
    assert_eq!(z.to_vec::<Complex<f32>>(), [Complex::new(-2.0, 0.0)]);
    // Batches in any order, axes of size 1 contracted, in any places.
    let (a, b) = (zeros([2, 1, 3, 4]) + arange(24).reshape([2, 1, 3, 4]), ones([4, 5, 2, 1]) * 2.0);
    let dims = DotDims {
        lhs_contract: [1].into_iter().collect(),
        rhs_contract: [3].into_iter().collect(),
        lhs_batch: [3, 0].into_iter().collect(),
        rhs_batch: [0, 2].into_iter().collect(),
    };
    let product = lax::dot_general(&a, &b, &dims);
    assert_eq!(product.shape(), [4, 2, 3, 5]);
    let expected = einsum("aocd,deao->dace", [&a, &b]);
    assert_eq!(product.to_vec::<f32>(), expected.to_vec::<f32>());
    assert_eq!(product.index(s![1, 1, 2, 0]).item::<f32>(), 2.0 * 21.0);
    // Derivatives of both modes, of both orders, and lanes.
    let f = |x: Array| (x.outer(x.sin()) * array![[1.0], [2.0]]).sum();
    let h = hessian(f)(y.clone());
    let again = jacrev(jacrev(f))(y.clone());
    assert!((&h - &again).abs().max().item::<f32>() < 1e-5);
    let lanes = vmap(|r: Array| r.outer(&array![1.0, 2.0]))(x);
    assert_eq!(lanes.shape(), [2, 3, 2]);
    let error = lax::try_dot_general(&array![1.0], &array![1], &DotDims::default()).unwrap_err();
    assert!(error.message().starts_with("dot_general: expected operands of one dtype"));
}
