//! Indexing, updates, products and windows against values from NumPy 2 and JAX 0.10.

mod jax;
mod operands;
mod products;
mod sums;

use cotangent::Scalar;
use cotangent::prelude::*;
use cotangent::prims::lax::{self, GatherDims, Mode, ScatterMode};

#[track_caller]
fn check(got: &Array, shape: &[usize], values: &[i32]) {
    assert_eq!(got.shape(), shape);
    assert_eq!(got.to_vec::<i32>(), values);
}

/// Gathers of `0, 1, ..` that clip and fill with -9, then scatters of `100, 101, ..` and sums of
/// them into the same windows, each that clips and that drops.
#[track_caller]
fn windows(
    shape: &[usize],
    at: &Array,
    lists: [&[usize]; 5],
    sizes: &[usize],
    values: [&[i32]; 6],
) {
    let [offset_dims, collapsed_slice_dims, start_index_map, operand, indices] =
        lists.map(|l| l.iter().copied().collect());
    let dims = GatherDims {
        offset_dims,
        collapsed_slice_dims,
        start_index_map,
        operand_batching_dims: operand,
        start_indices_batching_dims: indices,
    };
    let x = arange(shape.iter().product::<usize>()).reshape(shape);
    let clip = lax::gather(&x, at, &dims, sizes, Mode::Clip);
    let fill = lax::gather(&x, at, &dims, sizes, Mode::Fill(Scalar::from(-9)));
    assert_eq!(clip.to_vec::<i32>(), values[0]);
    assert_eq!(fill.to_vec::<i32>(), values[1]);
    let updates = (arange(clip.size()) + 100).reshape(clip.shape());
    for (n, mode) in [ScatterMode::Clip, ScatterMode::Drop].into_iter().enumerate() {
        let set = lax::scatter(&x, at, &updates, &dims, mode);
        assert_eq!(set.to_vec::<i32>(), values[2 + n], "set, {mode:?}");
        let added = lax::scatter_add(&x, at, &updates, &dims, mode);
        assert_eq!(added.to_vec::<i32>(), values[4 + n], "add, {mode:?}");
    }
}

#[test]
fn indices_are_numpys() {
    let x = arange(24).reshape([2, 3, 4]);
    let i = array![[2, 0], [1, -1]];
    let j = array![1].squeeze(0);
    check(&x.index(s![1]), &[3, 4], &[12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]);
    check(&x.index(s![.., -1]), &[2, 4], &[8, 9, 10, 11, 20, 21, 22, 23]);
    check(&x.index(s![..., 2]), &[2, 3], &[2, 6, 10, 14, 18, 22]);
    check(&x.index(s![.., 1.., ..;-2]), &[2, 2, 2], &[7, 5, 11, 9, 19, 17, 23, 21]);
    check(
        &x.index(s![.., -1..0;-1]),
        &[2, 2, 4],
        &[8, 9, 10, 11, 4, 5, 6, 7, 20, 21, 22, 23, 16, 17, 18, 19],
    );
    check(&x.index(s![newaxis, 1, ..., newaxis, 0]), &[1, 3, 1], &[12, 16, 20]);
    check(&x.index(s![.., 5..]), &[2, 0, 4], &[]);
    check(
        &x.index(s![.., &i]),
        &[2, 2, 2, 4],
        &[
            8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 23, 12, 13, 14, 15, 16,
            17, 18, 19, 20, 21, 22, 23,
        ],
    );
    check(
        &x.index(s![1, &i]),
        &[2, 2, 4],
        &[20, 21, 22, 23, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
    );
    check(&x.index(s![0, .., &i]), &[2, 2, 3], &[2, 6, 10, 0, 4, 8, 1, 5, 9, 3, 7, 11]);
    check(&x.index(s![.., &i, 3]), &[2, 2, 2], &[11, 3, 7, 11, 23, 15, 19, 23]);
    check(
        &x.index(s![newaxis, .., &i, newaxis]),
        &[1, 2, 2, 2, 1, 4],
        &[
            8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 23, 12, 13, 14, 15, 16,
            17, 18, 19, 20, 21, 22, 23,
        ],
    );
    check(&x.index(s![&i.index(s![1]), newaxis, 1]), &[2, 1, 4], &[16, 17, 18, 19, 16, 17, 18, 19]);
    check(&x.index(s![.., &j, 1..3]), &[2, 2], &[5, 6, 17, 18]);
    check(&x.index(s![&j, ..;2, &j]), &[2], &[13, 21]);
}

#[test]
fn updates_are_jaxs() {
    let x = arange(24).reshape([2, 3, 4]);
    let j = array![1].squeeze(0);
    check(
        &x.at(s![1, 2]).set(-1),
        &[2, 3, 4],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, -1, -1, -1, -1],
    );
    check(
        &x.at(s![.., 1..3, -1]).set(&array![-1, -2]),
        &[2, 3, 4],
        &[0, 1, 2, 3, 4, 5, 6, -1, 8, 9, 10, -2, 12, 13, 14, 15, 16, 17, 18, -1, 20, 21, 22, -2],
    );
    check(
        &x.at(s![.., ..;-2, ..;3]).set(&array![[-1, -2], [-3, -4]]),
        &[2, 3, 4],
        &[-3, 1, 2, -4, 4, 5, 6, 7, -1, 9, 10, -2, -3, 13, 14, -4, 16, 17, 18, 19, -1, 21, 22, -2],
    );
    check(
        &x.at(s![.., ..;2, 1]).add(100),
        &[2, 3, 4],
        &[
            0, 101, 2, 3, 4, 5, 6, 7, 8, 109, 10, 11, 12, 113, 14, 15, 16, 17, 18, 19, 20, 121, 22,
            23,
        ],
    );
    check(
        &x.at(s![.., &array![2, 0, 2]]).add(100),
        &[2, 3, 4],
        &[
            100, 101, 102, 103, 4, 5, 6, 7, 208, 209, 210, 211, 112, 113, 114, 115, 16, 17, 18, 19,
            220, 221, 222, 223,
        ],
    );
    check(
        &x.at(s![0, .., &array![3, 9]]).set(&array![[-1, -2, -3], [-4, -5, -6]]),
        &[2, 3, 4],
        &[0, 1, 2, -1, 4, 5, 6, -2, 8, 9, 10, -3, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
    );
    check(
        &x.at(s![&j, newaxis, ..;2, &j]).set(&array![[-1, -2]]),
        &[2, 3, 4],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, -1, 14, 15, 16, 17, 18, 19, 20, -2, 22, 23],
    );
}

#[test]
fn products_are_numpys() {
    let x = arange(24).reshape([2, 3, 4]);
    let (a, b) = (arange(6).reshape([1, 2, 3]), arange(24).reshape([2, 1, 3, 4]));
    let m = arange(9).reshape([3, 3]);
    check(
        &a.matmul(&b),
        &[2, 1, 2, 4],
        &[20, 23, 26, 29, 56, 68, 80, 92, 56, 59, 62, 65, 200, 212, 224, 236],
    );
    check(&array![1, 2, 3].matmul(&b), &[2, 1, 4], &[32, 38, 44, 50, 104, 110, 116, 122]);
    check(&x.dot(&array![1, 0, 2, 1]), &[2, 3], &[7, 23, 39, 55, 71, 87]);
    check(
        &x.tensordot(&x, [0, 2], [0, 2]),
        &[3, 3],
        &[748, 988, 1228, 988, 1356, 1724, 1228, 1724, 2220],
    );
    check(&einsum("ii", [&m]), &[], &[12]);
    check(&einsum("ii->i", [&m]), &[3], &[0, 4, 8]);
    check(&einsum("ij->ji", [&m]), &[3, 3], &[0, 3, 6, 1, 4, 7, 2, 5, 8]);
    check(
        &einsum("ij,jk,kl->il", [&m, &m, &m]),
        &[3, 3],
        &[180, 234, 288, 558, 720, 882, 936, 1206, 1476],
    );
    check(
        &einsum("...ij,...jk->...ik", [&a, &b]),
        &[2, 1, 2, 4],
        &[20, 23, 26, 29, 56, 68, 80, 92, 56, 59, 62, 65, 200, 212, 224, 236],
    );
    check(&einsum("i,j", [&m.index(0), &m.index(1)]), &[3, 3], &[0, 0, 0, 3, 4, 5, 6, 8, 10]);
    check(&einsum("ij,ij->i", [&m, &m]), &[3], &[5, 50, 149]);
    check(
        &einsum("bij,kjb->ki", [&x, &arange(24).reshape([3, 4, 2])]),
        &[3, 3],
        &[254, 366, 478, 734, 1102, 1470, 1214, 1838, 2462],
    );
    check(&einsum("iij->j", [&arange(12).reshape([2, 2, 3])]), &[3], &[9, 11, 13]);
    check(&einsum("ba", [&m.index(..2)]), &[3, 2], &[0, 3, 1, 4, 2, 5]);
}

/// A vector at the end of a chain keeps matrices from being multiplied, wherever it stands.
#[test]
fn einsum_takes_the_cheap_end_first() {
    for (spec, last) in [("ab,bc,cd,d->a", 3), ("a,ab,bc,cd->d", 0), ("bc,a,cd,ab->d", 1)] {
        let f = |m: Array, v: Array| {
            let operand = |n| if n == last { &v } else { &m };
            einsum(spec, (0..4).map(operand).collect::<Vec<_>>())
        };
        let program = make_jaxpr(f)(ones([9, 9]), ones([9]));
        let j = &program.jaxpr;
        let largest = j.eqns.iter().map(|e| j.aval(e.outputs[0]).size()).max();
        assert_eq!(largest, Some(9), "{spec}\n{program}");
        check(&f(ones([9, 9]), ones([9])).astype(DType::I32), &[9], &[729; 9]);
    }
}

#[test]
fn arrangements_are_numpys() {
    let x = arange(24).reshape([2, 3, 4]);
    let m = arange(9).reshape([3, 3]);
    check(&m.diag(1), &[2], &[1, 5]);
    check(&m.index(s![..2]).diag(-1), &[1], &[3]);
    check(&array![1, 2].diag(-1), &[3, 3], &[0, 0, 0, 1, 0, 0, 0, 2, 0]);
    check(&array![1, 2].diag(1), &[3, 3], &[0, 1, 0, 0, 0, 2, 0, 0, 0]);
    check(
        &x.tril(1),
        &[2, 3, 4],
        &[0, 1, 0, 0, 4, 5, 6, 0, 8, 9, 10, 11, 12, 13, 0, 0, 16, 17, 18, 0, 20, 21, 22, 23],
    );
    check(
        &x.triu(-1),
        &[2, 3, 4],
        &[0, 1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 21, 22, 23],
    );
    check(
        &x.triu(1),
        &[2, 3, 4],
        &[0, 1, 2, 3, 0, 0, 6, 7, 0, 0, 0, 11, 0, 13, 14, 15, 0, 0, 18, 19, 0, 0, 0, 23],
    );
    check(
        &m.tile([2, 1, 2]),
        &[2, 3, 6],
        &[
            0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8, 6, 7, 8, 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4,
            5, 6, 7, 8, 6, 7, 8,
        ],
    );
    check(&m.repeat(2, 1), &[3, 6], &[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8]);
    check(&m.roll(-4, 1), &[3, 3], &[1, 2, 0, 4, 5, 3, 7, 8, 6]);
    check(&array![[3, 1, 2], [0, 5, -1]].argsort(1), &[2, 3], &[1, 2, 0, 2, 0, 1]);
    check(&array![[3, 1, 2], [0, 5, -1]].sort(0), &[2, 3], &[0, 1, -1, 3, 5, 2]);
}

#[test]
fn windows_are_jaxs() {
    windows(
        &[3, 5],
        &array![[[1, 4]], [[2, -3]], [[9, 0]]],
        [&[1, 3], &[], &[0, 1], &[], &[]],
        &[2, 2],
        [
            &[8, 9, 13, 14, 5, 6, 10, 11, 5, 6, 10, 11],
            &[-9, -9, -9, -9, -9, -9, -9, -9, -9, -9, -9, -9],
            &[0, 1, 2, 3, 4, 108, 109, 7, 100, 101, 110, 111, 12, 102, 103],
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
            &[0, 1, 2, 3, 4, 217, 220, 7, 108, 110, 226, 229, 12, 115, 117],
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
        ],
    );
    windows(
        &[3, 5],
        &array![[[4, 1]], [[0, 2]], [[1, 0]]],
        [&[0, 2], &[], &[1, 0], &[], &[]],
        &[2, 3],
        [
            &[7, 8, 9, 5, 6, 7, 1, 2, 3, 12, 13, 14, 10, 11, 12, 6, 7, 8],
            &[-9, -9, -9, -9, -9, -9, 1, 2, 3, -9, -9, -9, -9, -9, -9, 6, 7, 8],
            &[0, 106, 107, 108, 4, 103, 115, 116, 117, 102, 112, 113, 114, 110, 111],
            &[0, 106, 107, 108, 4, 5, 115, 116, 117, 9, 10, 11, 12, 13, 14],
            &[0, 107, 109, 111, 4, 108, 225, 328, 226, 111, 122, 124, 235, 123, 125],
            &[0, 107, 109, 111, 4, 5, 121, 123, 125, 9, 10, 11, 12, 13, 14],
        ],
    );
    windows(
        &[2, 4, 3],
        &array![[[0], [3], [7]], [[1], [1], [2]]],
        [&[2], &[1], &[1], &[0], &[0]],
        &[1, 1, 2],
        [
            &[0, 1, 9, 10, 9, 10, 15, 16, 15, 16, 18, 19],
            &[0, 1, 9, 10, -9, -9, 15, 16, 15, 16, 18, 19],
            &[
                100, 101, 2, 3, 4, 5, 6, 7, 8, 104, 105, 11, 12, 13, 14, 108, 109, 17, 110, 111,
                20, 21, 22, 23,
            ],
            &[
                100, 101, 2, 3, 4, 5, 6, 7, 8, 102, 103, 11, 12, 13, 14, 108, 109, 17, 110, 111,
                20, 21, 22, 23,
            ],
            &[
                100, 102, 2, 3, 4, 5, 6, 7, 8, 215, 218, 11, 12, 13, 14, 229, 232, 17, 128, 130,
                20, 21, 22, 23,
            ],
            &[
                100, 102, 2, 3, 4, 5, 6, 7, 8, 111, 113, 11, 12, 13, 14, 229, 232, 17, 128, 130,
                20, 21, 22, 23,
            ],
        ],
    );
    windows(
        &[3, 2, 4],
        &array![[[0, 1], [2, 0], [3, 1]], [[1, 1], [2, 2], [5, 0]]],
        [&[], &[1, 2], &[2, 1], &[0], &[1]],
        &[1, 1, 1],
        [
            &[4, 10, 23, 5, 14, 19],
            &[4, 10, 23, 5, -9, -9],
            &[
                0, 1, 2, 3, 100, 103, 6, 7, 8, 9, 101, 11, 12, 13, 104, 15, 16, 17, 18, 105, 20,
                21, 22, 102,
            ],
            &[
                0, 1, 2, 3, 100, 103, 6, 7, 8, 9, 101, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                22, 102,
            ],
            &[
                0, 1, 2, 3, 104, 108, 6, 7, 8, 9, 111, 11, 12, 13, 118, 15, 16, 17, 18, 124, 20,
                21, 22, 125,
            ],
            &[
                0, 1, 2, 3, 104, 108, 6, 7, 8, 9, 111, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                22, 125,
            ],
        ],
    );
}

#[test]
fn huge_unsigned_places_are_beyond_the_end() {
    let (x, far) = (arange(6).reshape([2, 3]), array![u32::MAX, 0u32]);
    assert_eq!(x.index(s![&far, &array![0, 1]]).to_vec::<i32>(), [3, 1]);
    assert_eq!(x.at(s![&far, &far]).set(9).to_vec::<i32>(), [9, 1, 2, 3, 4, 5]);
}

#[test]
fn mistakes_are_told() {
    let (x, y) = (zeros([2, 3]), zeros([4, 5]));
    let told = |r: Result<Array, Error>, text: &str| assert_eq!(r.unwrap_err().to_string(), text);
    told(x.try_matmul(&y), "matmul: contracted sizes differ: f32[2,3] has 3, f32[4,5] has 4");
    told(x.try_index(2), "index: 2 is out of range for axis 0 of f32[2,3]");
    told(
        x.try_index(s![0, 0, 0]),
        "index: expected at most 2 entries, one for each axis of f32[2,3], got 3",
    );
    told(
        x.try_index(&array![true, false, true]),
        "index: axis 0 of f32[2,3] has size 2, the mask has 3 there",
    );
    told(x.try_index(&array![0.5]), "index: expected int indices, got f32[1]");
    told(
        x.try_reshape([4, -1]),
        "reshape: expected sizes for the 6 elements of f32[2,3], got [4, -1]",
    );
    told(x.try_reshape([7]), "reshape: expected a shape of 6 elements for f32[2,3], got [7] of 7");
    told(x.try_flip(2), "flip: axis 2 is out of range for f32[2,3], which has 2 axes");
    told(
        x.at(0).try_set(&array![1.0, 2.0]),
        "set: expected a value that broadcasts to the part's shape [3], got f32[2]",
    );
    told(
        array![1, 2].at(0).try_set(0.5),
        "set: expected a value that fits into i32[2], got f32[]; cast it with astype",
    );
    told(
        lax::try_concatenate(&[x.clone(), y.clone()], 0),
        "concatenate: expected operands that differ along axis 0 only, got f32[2,3] and f32[4,5]",
    );
    told(
        lax::try_slice(&x, &[0, 2], &[2, 4], &[1, 1]),
        "slice: expected a range within 0..3 along axis 1 of f32[2,3], got 2..4",
    );
    told(
        lax::try_transpose(&x, &[0, 0]),
        "transpose: expected a permutation of the 2 axes of f32[2,3], got [0, 0]",
    );
    told(
        lax::try_pad(&x, &array![1].squeeze(0), &[(0, 0, 1), (0, 0, 0)]),
        "pad: expected a padding value of type f32[], got i32[]",
    );
    told(
        lax::try_dynamic_slice(&x, &[], &[1, 1]),
        "dynamic_slice: expected 2 start indices, one per axis of f32[2,3], got 0",
    );
    told(lax::try_sort(&x, 2), "sort: dimension 2 is out of range for f32[2,3], which has 2 axes");
    told(
        cotangent::numpy::einsum::try_einsum("ij,jk", [&x, &y]),
        "einsum: sizes of index j in \"ij,jk\" differ: f32[2,3] has 3, f32[4,5] has 4",
    );
}

/// The gradient of `sum(f(x) * weights)` in `x`, jitted, against the gradient one gets from unit
/// tangents.
#[track_caller]
fn gradient_is_jacobians(f: fn(Array) -> Array, x: Array) {
    let shape: Vec<usize> = f(x.clone()).shape().to_vec();
    let size: usize = shape.iter().product();
    let weights = (arange_dtype(size, DType::F64) + 1).reshape(&shape[..]);
    let w = weights.clone();
    let reverse = jit(grad(move |x: Array| (f(x) * &w).sum()))(x.clone());
    let n = x.size();
    let unit = |i: usize| zeros_dtype(n, DType::F64).at(i).set(1.0).reshape(x.shape());
    let forward: Vec<f64> = (0..n)
        .map(|i| (jvp(f, (x.clone(),), (unit(i),)).1 * &weights).sum().item::<f64>())
        .collect();
    assert_eq!(reverse.to_vec::<f64>(), forward);
    // Over a batch of two: as one by one.
    let both = stack(&[x.clone(), x.flip(())], 0);
    let batched = vmap(f)(both);
    assert_eq!(batched.index(0).to_vec::<f64>(), f(x.clone()).to_vec::<f64>());
    assert_eq!(batched.index(1).to_vec::<f64>(), f(x.flip(())).to_vec::<f64>());
}

#[test]
fn derivatives_go_through() {
    let x = array![[3.0, -1.0, 2.0], [0.5, 4.0, -2.0]].astype(DType::F64);
    let fs: [fn(Array) -> Array; 12] = [
        |x| x.index(s![..;-1, 1..]) * 2.0,
        |x| x.index(s![.., &array![2, 0, 2]]).square(),
        |x| x.at(s![.., ..;2]).set(x.index(s![.., 1..]).square()),
        |x| x.at(s![1, &array![0, 0]]).set(x.index(s![0, ..2])),
        |x| x.at(s![&array![1, 1]]).add(x.index(0)),
        |x| x.sort(1).square(),
        |x| x.take_along_axis(x.argsort(1), 1) * x.clone(),
        |x| x.matmul(x.t()).matmul(&x),
        |x| einsum("ij,kj,kl->il", [&x, &x, &x]),
        |x| concatenate(&[x.clone(), x.square()], -1).roll(2, 1).tile([2, 1]),
        |x| x.pad([(1, 0), (-1, 2)], 0.5).tril(0).repeat(2, 0),
        |x| x.index(s![.., ..2]).diag(0).diag(1) + x.swapaxes(0, 1).triu(0).index(1).sum(),
    ];
    for f in fs {
        gradient_is_jacobians(f, x.clone());
    }
}

#[test]
fn gradients_read_well() {
    let x = zeros([3, 4]);
    let text = |j: ClosedJaxpr| j.to_string();
    assert_eq!(
        text(make_jaxpr(|x: Array| x.index(s![1.., -1]))(x.clone())),
        "{ lambda ; a:f32[3,4]. let
    b:f32[2,1] = slice[start_indices=(1,3) limit_indices=(3,4) strides=(1,1)] a
    c:f32[2] = reshape[new_sizes=(2,)] b
  in (c,) }"
    );
    assert_eq!(
        text(make_jaxpr(grad(|x: Array| x.index(1).sum()))(x)),
        "{ lambda ; a:f32[3,4]. let
    b:f32[4] = broadcast_in_dim[shape=(4,) broadcast_dimensions=()] 1.0:f32[]
    c:f32[1,4] = reshape[new_sizes=(1,4)] b
    d:f32[3,4] = pad[padding_config=((1,1,0),(0,0,0))] c 0.0:f32[]
  in (d,) }"
    );
}

#[test]
fn slices_at_computed_places_over_an_empty_batch() {
    let slice = |x: Array, i: Array| cotangent::lax::dynamic_slice_in_dim(&x, &i, 2, 0);
    let (x, i) = (zeros([0, 3]), zeros_dtype([0], DType::I32));
    assert_eq!(vmap(slice)(x.clone(), i.clone()).shape(), [0, 2]);
    let slope = grad(move |x: Array, i: Array| vmap(slice)(x, i).sum());
    assert_eq!(slope(x, i).shape(), [0, 3]);
}

#[test]
fn narrow_dtypes_end_to_end() {
    let x = Array::from(vec![100i8, -128, 127]);
    let y = array![100i8, -1, 1];
    assert_eq!((&x + &y).to_vec::<i8>(), [-56, 127, -128]);
    assert_eq!((&x * &y).to_vec::<i8>(), [16, -128, 127]);
    assert_eq!(x.sum().aval().to_string(), "i32[]");
    assert_eq!(x.sum().item::<i32>(), 99);
    assert_eq!(array![200u8, 100].sum().item::<u32>(), 300);
    let square = jit(|x: Array| &x * &x + 1);
    assert_eq!(square(array![15i16, -300]).to_vec::<i16>(), [226, 24465]);
    let b = array![0.1, 256.0, -3.0].astype(DType::BF16);
    let one = array![1.0, 1.0, 1.0].astype(DType::BF16);
    assert_eq!((&b + &one).to_string(), "[  1.1 256.   -2. ]");
    assert_eq!(b.to_vec::<bf16>()[2], bf16::from_f32(-3.0));
    let h = Array::from(vec![f16::from_f32(0.1), f16::MAX]);
    assert_eq!(format!("{h:?}"), "array([1.00e-01, 6.55e+04], f16)");
    let d = jit(grad(|x: Array| (x.sin() * 2.0).sum()));
    let slope = d(array![0.0, 1.0].astype(DType::F16));
    assert_eq!(slope.dtype(), DType::F16);
    assert_eq!(slope.to_vec::<f16>()[0], f16::from_f32(2.0));
    // A thousand times 1000 is beyond f16; the mean is not.
    let many = full([1000], 1000.0).astype(DType::F16);
    assert_eq!(many.mean().item::<f16>(), f16::from_f32(1000.0));
    assert_eq!(many.sum().item::<f16>(), f16::INFINITY);
    assert_eq!(many.var().item::<f16>(), f16::ZERO);
    // In f16 one by one, additions of 1 would stop at 2048.
    assert_eq!(ones([4000]).astype(DType::F16).sum().item::<f16>(), f16::from_f32(4000.0));
    let m = arange(64).reshape([8, 8]).astype(DType::BF16);
    let exact = arange(64).reshape([8, 8]).astype(DType::F32);
    let product = m.matmul(&m);
    assert_eq!(product.dtype(), DType::BF16);
    let rounded = exact.matmul(&exact).astype(DType::BF16);
    assert_eq!(product.to_vec::<bf16>(), rounded.to_vec::<bf16>());
    let u = array![250u8, 7, 9];
    assert_eq!(u.sort(-1).to_vec::<u8>(), [7, 9, 250]);
    assert_eq!(u.max().item::<u8>(), 250);
    assert_eq!((u.astype(DType::I8)).to_vec::<i8>(), [-6, 7, 9]);
    assert_eq!(array![300.0, -5.0, f32::NAN].astype(DType::U8).to_vec::<u8>(), [255, 0, 0]);
}
