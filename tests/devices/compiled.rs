//! Jitted functions: the device that they run on, what they capture, caches, donation, closures of
//! the host.

use crate::support::{apart, first, message, second};
use cotangent::prelude::*;
use std::sync::{Arc, Mutex};

fn there() -> Array {
    array![1.0, 2.0, 3.0].to(&second())
}

#[test]
fn code_runs_where_its_arguments_are() {
    apart(|| {
        let f = jit(|x: Array| x.sin() * array![1.0, 2.0, 3.0] + zeros([3]));
        let (x, y) = (f(array![1.0, 2.0, 3.0]), f(there()));
        assert_eq!((x.device(), y.device()), (first(), second()));
        assert_eq!(x.to_bytes(), y.to_bytes());
        // Scalars do not decide; without other arguments the first of them does, else the default.
        let g = jit(|s: Array, x: Array| x * s);
        assert_eq!(g(Array::scalar(2.0f32), there()).device(), second());
        assert_eq!(g(Array::from(2.0), Array::from(3.0)).device(), first());
        assert_eq!(g(Array::from(2.0), there().sum()).device(), second());
        let h = jit(|s: Array| s + arange(2));
        assert_eq!(with_default_device(&second(), || h(Array::from(1.0))).device(), second());
    });
}

#[test]
fn a_trace_is_for_one_device() {
    apart(|| {
        let seen = Mutex::new(Vec::new());
        let f = jit(|x: Array| {
            let made = array![1.0, 2.0, 3.0];
            let default = default_device().unwrap();
            seen.lock().unwrap().push((x.device(), made.device(), default));
            let inner = grad(|x: Array| {
                assert_eq!(x.device(), default);
                (x * array![1.0, 2.0, 3.0]).sum()
            });
            inner(x.to(&default)) + made
        });
        let _ = (f(there()), f(array![1.0, 2.0, 3.0]));
        let at = |d| (d, d, d);
        assert_eq!(*seen.lock().unwrap(), [at(second()), at(first())]);
        let said = "to: f32[1] is traced for cpu:0, and a program runs on one device; move it to \
                    cpu:1 outside of the traced function, before the call or after it";
        let g = jit(|x: Array| match x.try_to(&second()) {
            Ok(x) => x,
            Err(e) => {
                assert_eq!(e.message(), said);
                -x
            }
        });
        assert_eq!(g(array![1.0]).to_vec::<f32>(), [-1.0]);
        assert_eq!(g(array![1.0].to(&second())).to_vec::<f32>(), [1.0]);
        // An eager part of a trace makes its arrays on the same device.
        let h = jit(|x: Array| x + eager(|| array![1.0, 2.0, 3.0] * 2.0));
        assert_eq!(h(there()).to_vec::<f32>(), [3.0, 6.0, 9.0]);
    });
}

#[test]
fn captured_arrays_are_on_the_device_or_move() {
    apart(|| {
        let (w, s, free) = (array![1.0, 2.0, 3.0], Array::scalar(2.0f32), arange(3));
        let f = jit(|x: Array| x * &w).named("f");
        let said = "f: it is called for cpu:1 and closes over f32[3] on cpu:0; move that array \
                    with x.to(&device) first";
        assert_eq!(message(f.try_call((there(),))), said);
        assert_eq!(f(array![1.0, 1.0, 1.0]).device(), first());
        let g = jit(|x: Array| x * &s + &free);
        assert_eq!(g(there()).to_vec::<f32>(), [2.0, 5.0, 8.0]);
        assert_eq!(g(array![1.0, 1.0, 1.0]).to_vec::<f32>(), [2.0, 3.0, 4.0]);
        let v = w.to(&second());
        assert_eq!(grad(|x: Array| (x * &v).sum())(there()).device(), second());
    });
}

#[test]
fn a_device_can_be_fixed() {
    apart(|| {
        let on_second = || JitOptions::new().device(&second()).name("f");
        let f = jit_with(|x: Array| x * arange(3), on_second());
        assert_eq!(f(Array::from(2.0)).device(), second());
        assert_eq!(f(there()).device(), second());
        assert_eq!(f(arange(3)).device(), second());
        let said =
            "f: it runs on cpu:1, got f32[3] on cpu:0; move the array with x.to(&device) first";
        assert_eq!(message(f.try_call((array![1.0, 2.0, 3.0],))), said);
        let alone = disable_jit(|| f(Array::from(2.0)));
        assert_eq!(alone.device(), second());
        // Inside another trace there is one device.
        let said = "f: it is compiled for cpu:1, and the trace that calls it is for cpu:0; a \
                    program runs on one device";
        let outer = jit(|x: Array| match f.try_call((x.clone(),)) {
            Ok(y) => y,
            Err(e) => {
                assert_eq!(e.message(), said);
                -x
            }
        });
        assert_eq!(outer(there()).to_vec::<f32>(), [0.0, 2.0, 6.0]);
        assert_eq!(outer(array![1.0, 2.0, 3.0]).to_vec::<f32>(), [-1.0, -2.0, -3.0]);
        let lowered = f.lower((shape_dtype([3], DType::F32),)).unwrap();
        let compiled = lowered.compile().unwrap();
        assert_eq!(compiled.call((there(),)).unwrap().device(), second());
    });
}

#[test]
fn compiled_ahead_of_time() {
    apart(|| {
        let f = jit(|x: Array| x + 1.0).named("f");
        let compiled = f.lower((there(),)).unwrap().compile().unwrap();
        assert_eq!(compiled.call((there(),)).unwrap().device(), second());
        let said =
            "f: it runs on cpu:1, got f32[3] on cpu:0; move the array with x.to(&device) first";
        assert_eq!(message(compiled.call((array![1.0, 2.0, 3.0],))), said);
        let types = shape_dtype([3], DType::F32);
        let compiled =
            with_default_device(&second(), || f.lower((types,)).unwrap().compile().unwrap());
        assert_eq!(compiled.call((there(),)).unwrap().device(), second());
    });
}

#[test]
fn caches_keep_the_devices_apart() {
    apart(|| {
        let f = jit(|x: Array| x * 3.0 + 0.125).named("apart");
        let here = || array![1.0, 2.0, 3.0];
        let run = || (f(here()), f(there()), here() - 0.375, there() - 0.375);
        let before = jit_cache_stats().misses;
        run();
        let compiled = jit_cache_stats().misses;
        assert_eq!(compiled, before + 4);
        let (a, b, c, d) = run();
        assert_eq!(jit_cache_stats().misses, compiled, "nothing compiles again");
        assert_eq!([a, b, c, d].map(|x| x.device()), [first(), second(), first(), second()]);
        let misses: Vec<_> = jit_misses().into_iter().filter(|m| m.function == "apart").collect();
        let reasons: Vec<&str> = misses.iter().map(|m| &m.reason[..]).collect();
        assert_eq!(reasons, ["first call", "the device was cpu:0, is cpu:1"]);
        f(array![1.0].to(&first()));
        let last = jit_misses().into_iter().rev().find(|m| m.function == "apart").unwrap();
        assert!(last.reason.contains("argument 0 was f32[3], is f32[1]"), "{}", last.reason);
    });
}

#[test]
fn memory_is_given_to_results_of_the_same_device_only() {
    apart(|| {
        let step = jit(|x: Array, y: Array| x * 2.0 + y);
        let big = || ones([500, 500]).to(&second());
        let y = big();
        let x = big();
        let live = second().memory_stats().live;
        let x = step(x, y.clone());
        assert_eq!(second().memory_stats().live, live, "the argument's memory is the result's");
        // One that moves from the other device is read, and its memory stays there.
        let z = step(zeros([500, 500]), y.clone());
        assert_eq!(
            (z.device(), second().memory_stats().live - live >= 1_000_000),
            (second(), true)
        );
        assert_eq!(x.index(s![0, 0]).item::<f32>(), 3.0);
        assert_eq!(z.index(s![7, 7]).item::<f32>(), 1.0);
    });
}

#[test]
fn closures_of_the_host_are_at_home_on_the_device() {
    apart(|| {
        let at = Arc::new(Mutex::new(Vec::new()));
        let log = at.clone();
        let double = move |x: Array| {
            let two = array![2.0, 2.0, 2.0];
            log.lock().unwrap().push((x.device(), two.device()));
            x * two
        };
        let f = move |x: Array| pure_callback(double.clone(), &x, x.clone());
        let y = f(there());
        let z = jit({
            let f = f.clone();
            move |x: Array| f(x) + 1.0
        })(there());
        let steps = jit(move |x: Array| fori_loop(0..2, |_, x: Array| f(x), x));
        let w = steps(there());
        assert_eq!([&y, &z, &w].map(Array::device), [second(); 3]);
        assert_eq!(w.to_vec::<f32>(), [4.0, 8.0, 12.0]);
        assert_eq!(*at.lock().unwrap(), [(second(), second()); 4]);
    });
}

#[test]
fn searches_for_nan_and_waits() {
    apart(|| {
        let f = jit(|x: Array| (x - array![1.0, 2.0, 3.0]).log() * 0.0);
        let error = debug_nans(|| f.try_call((there(),))).expect_err("a NaN");
        assert!(error.message().contains("log") || error.message().contains("mul"), "{error}");
        let tree = block_until_ready((there(), array![1.0], Array::from(2.0)));
        assert_eq!(tree.0.device(), second());
        let text = make_jaxpr(|x: Array| x + 1.0)(there()).to_string();
        assert_eq!(text, "{ lambda ; a:f32[3]. let b:f32[3] = add a 1.0:f32[] in (b,) }");
    });
}
