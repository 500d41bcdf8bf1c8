//! What goes wrong when an operation is misused: the exact message, and that it points to the
//! user's line.

use super::harness::{Panic, panicked};
use cotangent::prelude::*;
use std::panic::Location;

/// The panic of `f`: its text, and whether it points to this file at the line of the call, or names
/// it.
#[track_caller]
fn fails<T>(expected: &str, f: impl FnOnce() -> T) {
    let Panic { text, file, line } = panicked(f);
    // The statement spans a few lines, of which the operation's is one.
    let here = Location::caller();
    let lines = here.line()..here.line() + 8;
    let named = lines.clone().map(|l| format!("{}:{l}", here.file()));
    let named = named.into_iter().rev().find(|n| text.contains(n));
    let points = file == here.file() && lines.contains(&line);
    assert!(points || named.is_some(), "{file}:{line}: {text}\ndoes not point to {here}");
    let text = named.map_or(text.clone(), |n| text.replace(&n, "HERE"));
    assert_eq!(text, expected);
}

fn rows() -> Array {
    array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
}

#[test]
fn counts() {
    let (x, window) = (array![1.0, 2.0], cotangent::lax::Window::new([2]));
    let first = |a: &[Array], _: &[Array]| a.to_vec();
    fails("reduce_window: expected 2 inits, one per operand, got 1", || {
        cotangent::lax::reduce_window(
            &[x.clone(), x.clone()],
            &[Array::scalar(0f32)],
            &window,
            first,
        )
    });
}

#[test]
fn shapes() {
    fails(
        "add: shapes do not broadcast: f32[2,3] and f32[2]; counted from the last, axis 1 has \
         sizes 3 and 2",
        || rows() + array![1.0, 2.0],
    );
    fails("matmul: contracted sizes differ: f32[2,3] has 3, f32[2,3] has 2", || {
        rows().matmul(rows())
    });
    fails("reshape: expected a shape of 6 elements for f32[2,3], got [4, 2] of 8", || {
        rows().reshape([4, 2])
    });
    fails(
        "concatenate: expected operands that differ along axis 0 only, got f32[2,3] and f32[1,1]",
        || concatenate(&[rows(), array![[1.0]]], 0),
    );
    fails("matmul: contracted sizes differ: f32[2,3] has 3, f32[2,3] has 2", || {
        jit(|x: Array| x.matmul(&x))(rows())
    });
}

#[test]
fn dtypes() {
    fails("sin: expected a float, got i32[2]; convert it", || cotangent::lax::sin(&array![1, 2]));
    fails("add: dtypes differ: i32[2] and f32[2]; convert one of them", || {
        cotangent::lax::add(&array![1, 2], &array![1.0, 2.0])
    });
    fails(
        "item: expected f32, got i32[]; ask for item::<i32> or cast with astype; to_f64 takes any \
         real dtype",
        || array![1].sum().item::<f32>(),
    );
}

#[test]
fn axes() {
    fails("sum_axis: axis 2 is out of range for f32[2,3], which has 2 axes", || rows().sum_axis(2));
    fails("index: 5 is out of range for axis 0 of f32[2,3]", || rows().index(5));
    fails(
        "HERE: vmap: argument 0 is f32[2,3], which has no axis 3 to map over; use None for it",
        || vmap_axes(|x: Array| x, 3)(rows()),
    );
}

#[test]
fn control_flow() {
    fails(
        "scan: `carry` changes type: it starts as f32[] and the step returns f32[1]; make the step \
         return f32[], or start with f32[1]",
        || scan(|c: Array, x: Array| (c.reshape([1]) + x, ()), Array::scalar(0f32), array![1.0]),
    );
    fails(
        "scan: `carry` changes type: it starts as f32[] and the step returns bool[]; make the step \
         return f32[], or start with bool[]",
        || scan(|c: Array, _: Array| (c.gt(0.0), ()), Array::scalar(0f32), array![1.0]),
    );
    fails("scan: `xs.0` has 1 step, `xs.1` (f32[2]) has 2", || {
        scan(
            |c: Array, _: (Array, Array)| (c, ()),
            Array::scalar(0f32),
            (array![1.0], array![1.0, 2.0]),
        )
    });
    fails(
        "cond: branches return different types at `result`: on_false gives f32[], on_true gives \
         f32[1]; convert or broadcast one of them",
        || cond(Array::from(true), |x: Array| x, |x: Array| x.sum(), array![1.0]),
    );
    fails("cond: the predicate should be bool[], got f32[]; compare it, as in x.gt(0.0)", || {
        cond(1.0, |x: Array| x, |x: Array| x, array![1.0])
    });
    fails(
        "cond: the predicate should be bool[], got bool[1]; to choose element by element use \
         select",
        || cond(&array![true], |x: Array| x, |x: Array| x, array![1.0]),
    );
}

/// Parameters at the edge of what an i64 holds give results or errors; nothing overflows on the
/// way.
#[test]
fn huge_parameters() {
    use cotangent::lax::{self, ConvOptions, Mode};
    let huge = 1i64 << 62;
    let padded = lax::try_pad(&array![1, 2, 3], &Array::from(0), &[(-huge, -huge, huge)]);
    assert_eq!(padded.map(|x| x.to_vec::<i32>()).ok(), Some(vec![0, 2, 0]));

    let (x, kernel) = (zeros([1, 1, 4]), ones([1, 1, 2]));
    let far = ConvOptions::new().rhs_dilation([usize::MAX]);
    assert!(lax::try_conv_general_dilated(&x, &kernel, &far).is_ok_and(|y| y.size() == 0));
    let groups = ConvOptions::new().feature_group_count(usize::MAX);
    let kernel = ones([1, 2, 2]);
    let refused = lax::try_conv_general_dilated(&x, &kernel, &groups).map(|_| ());
    assert!(refused.is_err_and(|e| e.to_string().contains("input feature")));

    let none = zeros_dtype([0], DType::F32);
    let refused = lax::try_take_along_axis(&array![1.0], &none, 0, Mode::Clip).map(|_| ());
    assert!(refused.is_err_and(|e| e.kind() == ErrorKind::DType), "float indices");
}

/// Texts that once spoke of what the user had not written.
#[test]
fn the_users_own_words() {
    let z = || array![Complex::new(1.0f32, 2.0)];
    let real = "expected real numbers, got c64[1]; take real(x), imag(x) or abs(x)";
    fails(&format!("copysign: {real}"), || z().copysign(1.0));
    fails(&format!("modf: {real}"), || z().modf());
    fails(&format!("hypot: {real}"), || z().hypot(1.0));
    fails(
        "expand_dims: axis 4 is out of range for the result of f32[2,3], which has 3 axes",
        || rows().expand_dims(4),
    );
    fails(
        "take_along_axis: expected indices of the sizes of f32[2,3] but along axis 1, got \
           i32[3,1]",
        || rows().take_along_axis(array![[0], [1], [0]], 1),
    );
    fails("einsum: expected letters, `,`, `...` and `->`, got '!' in \"i!->i\"", || {
        einsum("i!->i", [&rows()])
    });
    fails(
        "conv: expected a positive stride and dilations and borders for each of 1 axis of space, \
         got strides [0], dilations [1] and [1], borders [(0, 0)]",
        || {
            let (x, kernel) = (ones([1, 1, 4]), ones([1, 1, 2]));
            cotangent::lax::conv(&x, &kernel, &[0], cotangent::lax::Borders::Valid)
        },
    );
    fails(
        "nelder_mead: the function must return a scalar, got f32[2]; reduce it with sum or mean",
        || cotangent::optimize::nelder_mead(|x: Array| x, ones([2]), Default::default()),
    );
    // No loop over what is not there.
    fails(
        "vander: expected a shape of at most isize::MAX bytes, got f32[2,18446744073709551615]",
        || ones([2]).vander(usize::MAX, true),
    );
    assert_eq!(ones([2]).diff(usize::MAX, 0).shape(), [0]);
}
