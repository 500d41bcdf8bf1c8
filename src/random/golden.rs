//! Values of JAX 0.11 and 0.12 (default configuration), and the published vectors of Threefry.

use super::*;
use crate::core::array::Array;

fn u32s(x: &Array) -> Vec<u32> {
    x.to_vec()
}

/// The known-answer vectors of the Random123 distribution.
#[test]
fn threefry_known_answers() {
    let cases: [([u32; 2], [u32; 2], [u32; 2]); 3] = [
        ([0, 0], [0, 0], [0x6b200159, 0x99ba4efe]),
        ([u32::MAX; 2], [u32::MAX; 2], [0x1cb996fc, 0xbb002be7]),
        ([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], [0xc4923a9c, 0x483df7a0]),
    ];
    for (key, counter, expected) in cases {
        let [k0, k1, x0, x1] =
            [key[0], key[1], counter[0], counter[1]].map(|w| Array::from_slice(&[w]));
        let (a, b) = lax::threefry2x32(&k0, &k1, &x0, &x1);
        assert_eq!([u32s(&a)[0], u32s(&b)[0]], expected);
    }
}

#[test]
fn keys_bits_and_ints_are_jaxs() {
    let key = super::key(42);
    let expected = [2098992034, 2919706841, 2646866425, 2409546199];
    assert_eq!(u32s(&bits(&key, [4], DType::U32)), expected);
    let [a, b] = split(&key);
    assert_eq!(u32s(a.data()), [1832780943, 270669613]);
    assert_eq!(u32s(b.data()), [64467757, 2916123636]);
    assert_eq!(u32s(fold_in(&key, 1).data()), [64467757, 2916123636]);
    let ints = randint(&key, [6], DType::I32, 0, 100);
    assert_eq!(ints.to_vec::<i32>(), [44, 14, 71, 69, 9, 19]);
    assert_eq!(permutation(&key, 8).to_vec::<i32>(), [7, 4, 2, 5, 3, 6, 0, 1]);

    let key = super::key(0);
    let expected = [4070199207, 4202968722, 1427181096, 2012915765];
    assert_eq!(u32s(&bits(&key, [2, 2], DType::U32)), expected);
    let [a, b] = split(&key);
    assert_eq!(u32s(a.data()), [1797259609, 2579123966]);
    assert_eq!(u32s(b.data()), [928981903, 3453687069]);
}

#[test]
fn floats_are_jaxs() {
    let x = uniform(&super::key(42), [1], DType::F32, 0.0, 1.0);
    assert_eq!(x.to_vec::<f32>()[0], f32::from_bits(0x3efa_3824), "0x1.f47048p-2");
    let x = uniform(&super::key(0), [3], DType::F32, 0.0, 1.0);
    assert_eq!(x.to_vec::<f32>(), [0.947667, 0.97857988, 0.33229148]);
    let x = normal(&super::key(42), [4], DType::F32).to_vec::<f32>();
    let expected = [-0.028_304_616f32, 0.467_131_85, 0.295_702_96, 0.153_545_92];
    for (x, expected) in x.iter().zip(expected) {
        assert!((x - expected).abs() <= 2e-7 * expected.abs(), "{x} is not {expected}");
    }
}
