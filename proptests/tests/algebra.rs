//! The identities by which functions of numbers are simplified, tried on the numbers that break
//! identities: they must hold to the bit (NaN counts as one value).

use cotangent::core::array::Array;
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::trace::{eval, trace};
use cotangent::transforms::simplify::{Options, simplify};
use cotangent::{Error, lax};
use cotangent_jit::Scalar;

type Unary = fn(&Array) -> Result<Array, Error>;
type Binary = fn(&Array, &Array) -> Result<Array, Error>;

const UNARY: &[(&str, Unary)] = &[
    ("neg", lax::try_neg),
    ("abs", lax::try_abs),
    ("not", lax::try_not),
    ("sign", lax::try_sign),
    ("floor", lax::try_floor),
    ("round_even", lax::try_round_even),
    ("square", lax::try_square),
    ("cube", |x| lax::try_integer_pow(x, 3)),
];

const BINARY: &[(&str, Binary)] = &[
    ("add", lax::try_add),
    ("add_any", lax::try_add_any),
    ("sub", lax::try_sub),
    ("mul", lax::try_mul),
    ("div", lax::try_div),
    ("rem", lax::try_rem),
    ("max", lax::try_max),
    ("min", lax::try_min),
    ("pow", lax::try_pow),
    ("and", lax::try_and),
    ("or", lax::try_or),
    ("xor", lax::try_xor),
    ("shift_left", lax::try_shift_left),
    ("shift_right_logical", lax::try_shift_right_logical),
    ("shift_right_arithmetic", lax::try_shift_right_arithmetic),
    ("eq", lax::try_eq),
    ("lt", lax::try_lt),
    ("ge", lax::try_ge),
];

fn floats() -> Array {
    let (inf, tiny, most) = (f32::INFINITY, f32::from_bits(1), f32::MAX);
    let common = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 3.0];
    Array::from_vec([&common[..], &[inf, -inf, f32::NAN, tiny, -tiny, most]].concat())
}

fn ints() -> Array {
    Array::from_vec(vec![0, 1, -1, 2, -2, 3, 31, 32, 33, i32::MAX, i32::MIN])
}

fn bits(x: &Array) -> Vec<u128> {
    let canonical = |s: Scalar| match s.to_f64() {
        Some(v) if v.is_nan() => u128::MAX,
        _ => s.bits(),
    };
    x.try_to_scalars().expect("values").into_iter().map(canonical).collect()
}

/// Compares `f(x)` with what its simplified jaxpr gives; whether anything became simpler. Nothing
/// if `f` refuses `x`.
fn try_one(name: &str, x: &Array, f: impl Fn(&Array) -> Result<Array, Error>) -> bool {
    let Ok(traced) = trace(&[x.aval()], |a| Ok(vec![f(&a[0])?])) else { return false };
    let simpler = simplify(&traced.jaxpr, Options::default()).expect("simplifies");
    let value = |j: &Jaxpr| bits(&eval(j, std::slice::from_ref(x)).expect("runs")[0]);
    let (is, becomes) = (value(&traced.jaxpr), value(&simpler));
    assert_eq!(is, becomes, "{name} of {x}:\n{}\n{simpler}", traced.jaxpr);
    simpler.to_string() != traced.jaxpr.to_string()
}

#[test]
fn beside_literals() {
    let mut simpler = 0;
    for x in [floats(), ints()] {
        for value in x.try_to_scalars().expect("values") {
            let c = Array::strong_literal(value);
            for (name, f) in BINARY {
                simpler += usize::from(try_one(name, &x, |x| f(x, &c)));
                simpler += usize::from(try_one(name, &x, |x| f(&c, x)));
            }
        }
    }
    assert!(simpler > 30, "only {simpler} became simpler");
}

#[test]
fn of_what_was_negated() {
    let mut simpler = 0;
    for x in [floats(), ints()] {
        for (name, f) in BINARY {
            let other = |x: &Array| lax::try_rev(x, &[0]);
            simpler += usize::from(try_one(name, &x, |x| f(x, x)));
            simpler += usize::from(try_one(name, &x, |x| f(&lax::try_neg(x)?, &other(x)?)));
            simpler += usize::from(try_one(name, &x, |x| f(x, &lax::try_neg(&other(x)?)?)));
            simpler += usize::from(try_one(name, &x, |x| {
                f(&lax::try_neg(x)?, &lax::try_neg(&other(x)?)?)
            }));
        }
    }
    assert!(simpler > 10, "only {simpler} became simpler");
}

#[test]
fn one_after_another() {
    let mut simpler = 0;
    for x in [floats(), ints()] {
        for (first, f) in UNARY {
            for (second, g) in UNARY {
                let name = format!("{second} of {first}");
                simpler += usize::from(try_one(&name, &x, |x| g(&f(x)?)));
            }
        }
    }
    assert!(simpler > 10, "only {simpler} became simpler");
}
