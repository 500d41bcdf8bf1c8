//! What an installed JAX gives: the dtypes in which operands meet, and its answers where others
//! would be possible.

use crate::check;
use cotangent::Scalar;
use cotangent::prelude::*;
use cotangent::prims::lax::{self, ScatterMode};

type Unary = fn(&Array) -> Array;
type Binary = fn(&Array, &Array) -> Array;

/// JAX's dtypes, by `scripts/promotion`.
const PROMOTION: &str = include_str!("../promotion.txt");

/// Ones of a dtype; with a star of a weak one.
fn ones_of(name: &str) -> Option<Array> {
    let dtype = DType::parse(name.trim_end_matches('*')).expect("a dtype");
    if !dtype.runs() {
        return None;
    }
    let one = Scalar::one(dtype);
    let one = if name.ends_with('*') { Array::literal(one) } else { Array::strong_literal(one) };
    let ones = lax::broadcast_in_dim(&one, &[2, 2], &[]);
    assert_eq!(ones.is_weak(), name.ends_with('*'));
    Some(ones)
}

fn told(x: &Array) -> String {
    format!("{}{}", x.dtype(), if x.is_weak() { "*" } else { "" })
}

#[test]
fn pairs_meet_in_jaxs_dtypes() {
    let names: Vec<&str> = PROMOTION.lines().nth(2).unwrap().split(' ').collect();
    let pairs: [(&str, Binary); 20] = [
        ("add", |a, b| a + b),
        ("div", |a, b| a / b),
        ("where", |a, b| Array::from(true).select(a, b)),
        ("eq", |a, b| a.eq(b)),
        ("maximum", |a, b| a.maximum(b)),
        ("concatenate", |a, b| concatenate(&[a.clone(), b.clone()], 0)),
        ("sub", |a, b| a - b),
        ("mul", |a, b| a * b),
        ("rem", |a, b| a % b),
        ("remainder", |a, b| a.remainder(b)),
        ("floor_divide", |a, b| a.floor_divide(b)),
        ("pow", |a, b| a.pow(b)),
        ("matmul", |a, b| a.matmul(b)),
        ("atan2", |a, b| a.atan2(b)),
        ("lt", |a, b| a.lt(b)),
        ("and", |a, b| a & b),
        ("shift_left", |a, b| a << b),
        ("copysign", |a, b| a.copysign(b)),
        ("float_power", |a, b| a.float_power(b)),
        ("clip", |a, b| a.clip(b, b)),
    ];
    let mut wrong = Vec::new();
    let mut count = 0;
    for (title, f) in pairs {
        let (_, table) = PROMOTION.split_once(&format!("# {title}\n")).unwrap();
        for (a, row) in names.iter().zip(table.lines()) {
            for (b, expected) in names.iter().zip(row.split(' ')) {
                if expected == "-" {
                    continue;
                }
                let (Some(x), Some(y)) = (ones_of(a), ones_of(b)) else { continue };
                let got = told(&f(&x, &y));
                count += 1;
                if got != expected {
                    wrong.push(format!("{title} {a} {b}: expected {expected}, got {got}"));
                }
            }
        }
    }
    assert!(count >= 18 * 15 * 15, "only {count} pairs");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn functions_of_one_give_jaxs_dtypes() {
    let names: Vec<&str> = PROMOTION.lines().nth(2).unwrap().split(' ').collect();
    let functions: [(&str, Unary); 23] = [
        ("sin", |x| x.sin()),
        ("sqrt", |x| x.sqrt()),
        ("abs", |x| x.abs()),
        ("sort", |x| x.sort(-1)),
        ("mean", |x| x.mean()),
        ("var", |x| x.var()),
        ("std", |x| x.std()),
        ("sum", |x| x.sum()),
        ("prod", |x| x.prod()),
        ("max", |x| x.max()),
        ("argmax", |x| x.argmax()),
        ("any", |x| x.any()),
        ("neg", |x| -x),
        ("square", |x| x.square()),
        ("floor", |x| x.floor()),
        ("add 1", |x| x + 1),
        ("add 1.5", |x| x + 1.5),
        ("1 over", |x| 1 / x),
        ("pow 2", |x| x.pow(2)),
        ("pow 2.5", |x| x.pow(2.5)),
        ("matmul", |x| x.matmul(x)),
        ("reshape", |x| x.reshape([4])),
        ("where 1.5", |x| Array::from(true).select(x, 1.5)),
    ];
    let (_, table) = PROMOTION.split_once("# functions of one\n").unwrap();
    assert_eq!(table.lines().count(), functions.len());
    let mut wrong = Vec::new();
    for ((title, f), row) in functions.into_iter().zip(table.lines()) {
        let row = row.strip_prefix(&format!("{title}: ")).expect("in the order of the table");
        for (name, expected) in names.iter().zip(row.split(' ')) {
            let Some(x) = ones_of(name).filter(|_| expected != "-") else { continue };
            let got = told(&f(&x));
            if got != expected {
                wrong.push(format!("{title} {name}: expected {expected}, got {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What JAX 0.10 gives: bools count in powers and remainders, products of them say whether one
/// holds.
#[test]
fn bools_count_or_hold() {
    let b = array![[true, false], [true, true]];
    let flipped = array![[false, true], [true, true]];
    check(&b.square(), &[2, 2], &[1, 0, 1, 1]);
    check(&b.pow(0), &[2, 2], &[1; 4]);
    check(&b.pow(&flipped), &[2, 2], &[1, 0, 1, 1]);
    check(&(&b % &b), &[2, 2], &[0; 4]);
    check(&b.floor_divide(&b), &[2, 2], &[1, -1, 1, 1]);
    check(&(&b << &b), &[2, 2], &[2, 0, 2, 2]);
    assert_eq!(b.matmul(&flipped).to_vec::<bool>(), [false, true, true, true]);
    assert_eq!(einsum("ij,ij->i", [&b, &flipped]).to_vec::<bool>(), [false, true]);
    assert_eq!(einsum("ij->j", [&b]).to_vec::<bool>(), [true, true]);
    let (x, kernel) = (array![[[true, false, false]]], array![[[true, false]]]);
    assert_eq!(lax::conv(&x, &kernel, &[1], lax::Borders::Valid).to_vec::<bool>(), [true, false]);
}

/// What JAX 0.10 gives, where exponents count modulo 64.
#[test]
fn ints_to_powers_of_ints_are_ints() {
    let x = Array::from_slice(&[2, 3, 0, 0, 1, 5, 2, 7]);
    let n = Array::from_slice(&[3, 4, 0, 2, 9, 1, 100, 13]);
    check(&x.pow(&n), &[8], &[8, 81, 1, 0, 1, 5, 0, -1895237401]);
    let x = Array::from_slice(&[2, 3, 0, -1, -1, 1, -2, 0]);
    let n = Array::from_slice(&[-3, -1, -2, -3, -2, -9, -1, -1]);
    check(&x.pow(&n), &[8], &[0, 2111105451, 0, -1, 1, 1, 0, 0]);
    let wide = x.astype(DType::I64).pow(n.astype(DType::I64)).to_vec::<i64>();
    let expected = [2305843009213693952, -3237885987332494933, 0, -1, 1, 1, i64::MIN, 0];
    assert_eq!(wide, expected);
    assert_eq!(x.astype(DType::I8).pow(&n).dtype(), DType::I32);
}

#[test]
fn negative_starts_count_from_the_end() {
    let x = arange(6);
    let at = |i: i32| Array::scalar(i);
    for (start, slice, updated) in [
        (-1, [4, 5], [0, 1, 2, 3, 9, 8]),
        (-3, [3, 4], [0, 1, 2, 9, 8, 5]),
        (-7, [0, 1], [9, 8, 2, 3, 4, 5]),
        (9, [4, 5], [0, 1, 2, 3, 9, 8]),
    ] {
        check(&lax::dynamic_slice(&x, &[at(start)], &[2]), &[2], &slice);
        check(&lax::dynamic_slice_in_dim(&x, &at(start), 2, 0), &[2], &slice);
        let two = array![9, 8];
        check(&lax::dynamic_update_slice(&x, &two, &[at(start)]), &[6], &updated);
        let traced = jit(|x: Array, i: Array| lax::dynamic_slice(&x, &[i], &[2]));
        check(&traced(x.clone(), at(start)), &[2], &slice);
    }
    let long = arange(300);
    let narrow = Array::scalar(-2i8);
    check(&lax::dynamic_slice(&long, &[narrow], &[2]), &[2], &[298, 299]);
    let byte = Array::scalar(255u8);
    check(&lax::dynamic_slice(&x, &[byte], &[2]), &[2], &[4, 5]);
}

/// An update at a computed int that is out of range is dropped, a read is moved into range.
#[test]
fn computed_ints_out_of_range_are_dropped() {
    let x = arange(6);
    let stay: Vec<i32> = (0..6).collect();
    for at in [6, 7, -7, 100] {
        let i = Array::scalar(at);
        check(&x.at(&i).set(50), &[6], &stay);
        check(&x.at(&i).add(50), &[6], &stay);
        check(&x.at(&i).apply(|x| x * 2), &[6], &stay);
        let clipped = x.at(&i).mode(ScatterMode::Clip).set(50).to_vec::<i32>();
        assert_eq!(clipped[if at < 0 { 0 } else { 5 }], 50);
        assert_eq!(x.at(&i).get().item::<i32>(), if at < 0 { 0 } else { 5 });
        assert_eq!(x.at(&i).fill_value(-3).get().item::<i32>(), -3);
    }
    check(&x.at(Array::scalar(-1)).set(50), &[6], &[0, 1, 2, 3, 4, 50]);
    let grid = arange(6).reshape([2, 3]);
    let (row, column) = (Array::scalar(1), Array::scalar(3));
    check(&grid.at(s![&row, &column]).set(9), &[2, 3], &stay);
    check(&grid.at(s![.., &column]).set(9), &[2, 3], &stay);
    check(&grid.at(s![&row, ..;2]).set(9), &[2, 3], &[0, 1, 2, 9, 4, 9]);
    let put = |i: Array| {
        let weights = array![1.0, 2.0, 4.0];
        let f = move |x: Array, v: Array| (x.at(&i).set(v) * &weights).sum();
        grad_wrt(f, (Arg::<0>, Arg::<1>))(array![1.0, 1.0, 1.0], Array::scalar(3.0f32))
    };
    let (dx, dv) = put(Array::scalar(1));
    assert_eq!((dx.to_vec::<f32>(), dv.item::<f32>()), (vec![1.0, 0.0, 4.0], 2.0));
    let (dx, dv) = put(Array::scalar(3));
    assert_eq!((dx.to_vec::<f32>(), dv.item::<f32>()), (vec![1.0, 2.0, 4.0], 0.0));
}

#[test]
fn floats_keep_their_dtype_in_parts() {
    let half = array![3.0, 0.1].astype(DType::F16);
    assert_eq!(half.frexp().0.dtype(), DType::F16);
    assert_eq!(half.frexp().1.to_vec::<i32>(), [2, -3]);
    assert_eq!(Array::from_slice(&[3i64]).frexp().0.dtype(), DType::F64);
    let mean = vmap_with(|x: Array| pmean(x, "i"), VmapOptions::new().axis_name("i"));
    assert_eq!(mean(Array::from_slice(&[1i64, 2])).dtype(), DType::F64);
}

#[test]
fn what_occurs_is_found_outside_of_traces() {
    let x = array![2.0, f32::NAN, -1.0, 2.0, f32::NAN];
    let (values, counts) = x.unique_counts();
    assert_eq!(values.to_vec::<f32>()[..2], [-1.0, 2.0]);
    assert!(values.to_vec::<f32>()[2].is_nan());
    check(&counts, &[3], &[1, 2, 2]);
    assert_eq!(Array::scalar(3).argwhere().shape(), [1, 0]);
    assert_eq!(zeros([0]).unique().shape(), [0]);
    jit(|x: Array| {
        let error = x.try_unique().unwrap_err().to_string();
        assert!(error.contains("the mask is traced"), "{error}");
        x
    })(x);
    let (counts, edges) = array![2, 2].histogram(2);
    assert_eq!(counts.to_vec::<f32>(), [0.0, 2.0]);
    assert_eq!(edges.to_vec::<f32>(), [1.5, 2.0, 2.5]);
}
