//! Shapes of more than isize::MAX bytes are errors, wherever they come from.

use cotangent::api::control::try_scan;
use cotangent::numpy::arrange::{try_meshgrid, try_tri};
use cotangent::numpy::create::{
    try_arange, try_arange_dtype, try_eye, try_full, try_full_dtype, try_linspace, try_ones,
    try_zeros, try_zeros_dtype,
};
use cotangent::numpy::einsum::try_einsum;
use cotangent::numpy::join::{try_concatenate, try_stack};
use cotangent::prelude::*;
use cotangent::{lax, nn, random};
use std::panic::{AssertUnwindSafe, catch_unwind};

const HUGE: usize = 1 << 32;

/// Says the error of a shape that cannot be counted, and does so while tracing, too.
#[track_caller]
fn too_large<T>(f: impl Fn() -> Result<T, Error> + Sync) {
    let text = |e: Option<Error>| e.expect("an error").to_string();
    let expected = "expected a shape of at most isize::MAX bytes, got ";
    let eager = text(f().err());
    assert!(eager.contains(expected), "{eager}");
    let traced = make_jaxpr(|x: Array| {
        let text = text(f().err());
        assert!(text.contains(expected), "{text}");
        x
    });
    traced(array![1.0]);
}

#[test]
fn arrays_from_nothing() {
    too_large(|| try_zeros([HUGE, HUGE]));
    too_large(|| try_ones([HUGE, HUGE]));
    too_large(|| try_full([HUGE, HUGE], 2));
    too_large(|| try_full_dtype([HUGE, HUGE], 2, DType::U8));
    too_large(|| try_zeros([1usize << 61]));
    too_large(|| try_zeros_dtype([1usize << 62, 2], DType::I8));
    too_large(|| try_zeros([isize::MAX as usize]));
    too_large(|| try_zeros([usize::MAX]));
    too_large(|| lax::try_full(&[usize::MAX, usize::MAX], 1u8.into()));
    // Empty axes do not count, as in NumPy.
    too_large(|| try_zeros([0, HUGE, HUGE]));
    too_large(|| try_eye(HUGE));
    too_large(|| try_arange(0..i64::MAX));
    too_large(|| try_arange_dtype(i64::MIN..i64::MAX, DType::I64));
    too_large(|| try_linspace(0.0, 1.0, 1usize << 62));
    too_large(|| lax::try_iota(DType::I64, &[HUGE, HUGE], 0));
    too_large(|| try_tri(HUGE, HUGE, 0));
    too_large(|| Array::try_new::<f32>(&[], [HUGE, HUGE]));
    too_large(|| Array::try_from_bytes(&[], [HUGE, HUGE], DType::F32));
    assert!(catch_unwind(|| shape_dtype([HUGE, HUGE], DType::F32)).is_err());
    assert!(catch_unwind(|| zeros([HUGE, HUGE])).is_err());
}

#[test]
fn arrays_from_others() {
    let x = array![1.0, 2.0];
    let column = x.reshape([2, 1]);
    too_large(|| x.try_broadcast_to([HUGE, HUGE, 2]));
    too_large(|| x.try_repeat(1usize << 62, 0));
    too_large(|| x.try_repeat(usize::MAX >> 1, 0));
    too_large(|| x.try_tile([HUGE, HUGE]));
    too_large(|| x.try_tile([1usize << 62]));
    too_large(|| x.try_pad([(1isize << 61, 1isize << 61)], 0.0));
    too_large(|| column.try_pad([(0, 1isize << 40), (0, 1isize << 40)], 0.0));
    too_large(|| nn::try_one_hot(&array![1, 2], 1usize << 62, DType::U8));
    too_large(|| x.try_diag(1isize << 40));
    too_large(|| x.try_diag(isize::MIN));
    too_large(|| {
        x.try_index(s![&zeros_dtype([2], DType::I32).broadcast_to([2])])?.try_tile([HUGE, HUGE])
    });
    too_large(|| x.try_reshape([2, 1, 1])?.try_broadcast_to([2, HUGE, HUGE]));
    assert!(x.try_reshape([HUGE, HUGE]).is_err());
    assert!(x.index(..0).try_reshape([0, HUGE, HUGE]).is_err());
    assert!(x.try_reshape([HUGE as i64, HUGE as i64, -1]).is_err());
    assert!(x.try_pad([(isize::MAX, isize::MAX)], 0.0).is_err());
    assert!(x.try_pad([(isize::MIN, isize::MAX)], 0.0).is_err());
    assert!(lax::try_pad(&x, &Array::scalar(0f32), &[(0, 0, i64::MAX)]).is_err());
}

/// Operands that are types only: no memory holds half of an array that cannot be counted.
#[test]
fn types_that_meet() {
    let long = || shape_dtype([1usize << 40], DType::F32);
    let too_large = |f: &(dyn Fn(Array, Array) -> Result<Array, Error> + Sync + Send)| {
        let error = std::sync::Mutex::new(None);
        make_jaxpr(|x: Array, y: Array| {
            *error.lock().unwrap() = f(x.clone(), y).err();
            x
        })(long(), long());
        let text = error.into_inner().unwrap().expect("an error").to_string();
        assert!(text.contains("expected a shape of at most isize::MAX bytes, got"), "{text}");
    };
    too_large(&|x, y| x.try_outer(&y));
    too_large(&|x, y| x.try_kron(&y));
    too_large(&|x, y| Ok(try_meshgrid(vec![x, y])?.remove(0)));
    too_large(&|x, y| x.try_expand_dims(1)?.try_maximum(y));
    too_large(&|x, _| try_stack(&eight(x)?, 0));
    too_large(&|x, _| try_concatenate(&eight(x)?, 0));
    too_large(&|x, y| x.try_expand_dims(1)?.try_matmul(&y.try_expand_dims(0)?));
    too_large(&|x, y| try_einsum("i,j->ij", [&x, &y]));
    too_large(&|x, y| x.try_index(s![newaxis, ..])?.try_isin(&y));
    too_large(&|x, _| {
        x.try_vander(1usize << 20, false).and_then(|v| v.try_tile([1usize << 40, 1]))
    });
    too_large(&|x, _| nn::try_one_hot(&x.try_astype(DType::I32)?, 1usize << 40, DType::F32));
    too_large(&|x, y| x.try_take(&y.try_astype(DType::I64)?, 0)?.try_tile([1usize << 40, 1]));
    too_large(&|x, y| try_vmap(&x, &y));
    too_large(&|x, _| {
        Ok(try_scan(
            |c: Array, i: Array| {
                let wide = c.broadcast_to([1usize << 40]);
                (c + i, wide)
            },
            Array::scalar(0f32),
            x,
            ScanOptions::default(),
        )?
        .1)
    });
}

/// Arrays that can be counted one by one.
fn eight(x: Array) -> Result<Vec<Array>, Error> {
    Ok(vec![x.try_tile([1usize << 18])?; 8])
}

/// Lanes whose results are too large together.
fn try_vmap(x: &Array, y: &Array) -> Result<Array, Error> {
    let y = y.clone();
    vmap(move |x: Array| x.broadcast_to([1usize << 40]) + &y).try_call((x.clone(),))
}

#[test]
fn random_shapes() {
    let key = random::key(0);
    too_large(|| random::try_bits(&key, [HUGE, HUGE], DType::U8));
    too_large(|| random::try_uniform(&key, [HUGE, HUGE], DType::F32, 0, 1));
    too_large(|| random::try_normal(&key, [HUGE, HUGE], DType::F64));
    too_large(|| random::try_randint(&key, [HUGE, HUGE], DType::I32, 0, 9));
    too_large(|| random::try_bernoulli(&key, 0.5, [HUGE, HUGE]));
    too_large(|| random::try_keys(&key, 1usize << 62));
    too_large(|| random::try_permutation(&key, 1usize << 62));
    too_large(|| random::try_choice(&key, &array![1, 2], 1usize << 62, true, None));
    too_large(|| random::try_truncated_normal(&key, [HUGE, HUGE], DType::F32, 0, 1));
}

/// A panic inside of a transform is the error, too.
#[test]
fn under_transforms() {
    let huge = |x: Array| zeros([HUGE, HUGE]).sum() + x;
    let says = |f: &dyn Fn()| {
        let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("a panic");
        let text = panic.downcast_ref::<String>().expect("text");
        assert!(text.contains("at most isize::MAX bytes"), "{text}");
    };
    says(&|| drop(jit(huge)(Array::scalar(1f32))));
    says(&|| drop(grad(huge)(Array::scalar(1f32))));
    says(&|| drop(vmap(huge)(array![1.0, 2.0])));
}
