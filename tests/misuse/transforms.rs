//! What goes wrong when a transform is misused: the exact message, with the user's line; and the
//! next call works.

use super::harness::{panicked, still_works};
use cotangent::prelude::*;
use cotangent::prims::lax;
use std::sync::Mutex;

/// The text of the panic.
fn message<T>(f: impl FnOnce() -> T) -> String {
    panicked(f).text
}

/// Lines as `LINE`, so that the tests do not depend on where they stand; that they name this file
/// is checked.
fn lineless(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(i) = rest.find("tests/misuse/transforms.rs:") {
        let after = &rest[i + "tests/misuse/transforms.rs:".len()..];
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        out.push_str(&rest[..i]);
        out.push_str("HERE");
        rest = &after[digits..];
    }
    out + rest
}

#[test]
fn a_gradient_of_no_scalar() {
    let text = message(|| grad(|x: Array| x * 2.0)(array![1.0, 2.0]));
    assert_eq!(
        lineless(&text),
        "HERE: grad: the function must return a scalar, got f32[2]; reduce it with sum or mean, or \
         use jacrev"
    );
    assert!(text.contains(&format!("tests/misuse/transforms.rs:{}", line!() - 6)), "{text}");
    still_works();
}

#[test]
fn a_gradient_in_ints() {
    let text =
        message(|| grad(|p: (Array, Array)| p.0 * 2.0)((Array::scalar(1f32), Array::from(3))));
    assert_eq!(
        lineless(&text),
        "HERE: grad: argument 0.1 is i32[], which has no derivative; convert it to floats, or pass \
         it in an argument that is not differentiated"
    );
    let text = message(|| grad(|x: Array| lax::gt(&x, &Array::scalar(0f32)))(Array::scalar(1f32)));
    assert_eq!(
        lineless(&text),
        "HERE: grad: the function must return a float scalar, got bool[]; compute it with floats, \
         into which astype converts"
    );
}

#[test]
fn a_value_dependent_if() {
    let f = |x: Array| if x.item::<f32>() > 0.0 { x } else { -x };
    let text = message(|| jit(f)(Array::scalar(1f32)));
    assert_eq!(
        lineless(&text),
        "item: the value of f32[] is not known while tracing (made at HERE); use cond or select \
         instead of a value-dependent if, lax::dynamic_slice or a mask instead of a \
         value-dependent slice, or return it from the traced closure and read it outside"
    );
    still_works();
}

#[test]
fn an_escaped_tracer() {
    let kept = Mutex::new(None);
    jit(|x: Array| {
        *kept.lock().unwrap() = Some(x.clone());
        x
    })(array![1.0]);
    let x = kept.lock().unwrap().clone().unwrap();
    let text = message(|| &x + 1.0);
    assert_eq!(
        lineless(&text),
        "add: a tracer (f32[1] made at HERE) was used after its trace ended; return it from the \
         traced closure instead of \
         storing it"
    );
    still_works();
}

#[test]
fn a_tracer_on_another_thread() {
    let seen = Mutex::new(String::new());
    jit(|x: Array| {
        let other = std::thread::scope(|s| s.spawn(|| message(|| &x * 2.0)).join().unwrap());
        *seen.lock().unwrap() = other;
        x
    })(array![1.0]);
    let text = seen.into_inner().unwrap();
    assert_eq!(
        lineless(&text),
        "mul: a tracer (f32[1] made at HERE) was used on another thread than the one that traces; \
         return values from the \
         traced closure instead"
    );
    still_works();
}

#[test]
fn batches_of_unequal_sizes() {
    let f = vmap(|x: Array, p: (Array, Array)| x + p.0 + p.1);
    let text = message(|| f(array![1.0, 2.0], (array![1.0, 2.0], array![1.0, 2.0, 3.0])));
    assert_eq!(
        lineless(&text),
        "HERE: vmap: sizes of mapped axes differ: argument 0 (f32[2]) has 2, argument 1.1 (f32[3], \
         axis 0) has 3"
    );
    let text = message(|| vmap(|x: Array| x)(Array::scalar(1f32)));
    assert_eq!(
        lineless(&text),
        "HERE: vmap: argument 0 is f32[], which has no axis 0 to map over; use None for it"
    );
    let text = message(|| vmap_in_out(|x: Array| x, 0, None)(array![1.0]));
    assert_eq!(
        lineless(&text),
        "HERE: vmap: result (f32[]) depends on mapped arguments, so its out_axes cannot be None"
    );
    still_works();
}

#[test]
fn a_panic_inside_a_traced_closure() {
    let f = jit(|x: Array| if x.shape() == [2] { panic!("the user's own") } else { x });
    assert_eq!(message(|| f(array![1.0, 2.0])), "the user's own");
    assert_eq!(f(array![1.0]).item::<f32>(), 1.0);
    still_works();
}

#[test]
fn shapes_that_do_not_fit() {
    let text = message(|| jit(|x: Array, y: Array| x + y)(array![1.0, 2.0], array![1.0, 2.0, 3.0]));
    assert!(text.contains("f32[2]") && text.contains("f32[3]"), "{text}");
    let text = message(|| Array::new(&[1f32, 2.0, 3.0], [2, 2]));
    assert_eq!(text, "array: f32[2,2] takes 4 elements, got 3");
    let text = message(|| array![1.0].item::<f64>());
    assert_eq!(
        text,
        "item: expected f64, got f32[1]; ask for item::<f32> or cast with astype; to_f64 takes any \
         real dtype"
    );
    still_works();
}

#[test]
fn tangents_and_cotangents_of_other_types() {
    let text = message(|| jvp(|x: Array| x, (array![1.0],), (array![1.0, 2.0],)));
    assert_eq!(text, "jvp: tangents at .0 should be f32[1] like the primal, got f32[2]");
    let (_, pullback) = vjp(|x: Array| (x.clone(), x), (array![1.0],));
    let text = message(|| pullback((array![1.0], array![1, 2])));
    assert_eq!(
        lineless(&text),
        "HERE: vjp: cotangents at .1 should be f32[1] like the primal, got i32[2]"
    );
    let text = message(|| jvp(|x: Vec<Array>| x, (vec![array![1.0]],), (vec![],)));
    assert_eq!(text, "jvp: tangents: structures differ at .0: expected a Vec of 1, got a Vec of 0");
}

#[test]
fn a_transpose_of_what_is_not_linear() {
    let error = try_linear_transpose(|x: Array| &x * &x, (Array::scalar(1f32),)).map(|_| ());
    let text = error.unwrap_err().to_string();
    assert!(text.contains("linear_transpose of closure") && text.contains("mul"), "{text}");
    still_works();
}

#[test]
fn errors_can_be_returned() {
    let error = grad(|x: Array| x).try_call((array![1.0, 2.0],)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    assert!(array![1.0].try_item::<i32>().is_err());
    assert!(Array::try_new(&[1f32], [2]).is_err());
}
