//! Initial value problems: orders of convergence, invariants, both modes of derivatives, batches,
//! failures in words.

use cotangent::ode::{OdeOptions, OdeStatus, dopri5, odeint, rk4, try_dopri5};
use cotangent::prelude::*;

fn f64s(x: f64) -> Array {
    Array::scalar(x)
}

fn times(to: f64, n: usize) -> Array {
    linspace_dtype(0.0, to, n, DType::F64)
}

fn tolerance(tol: f64) -> OdeOptions {
    OdeOptions { rtol: tol, atol: tol, ..Default::default() }
}

#[track_caller]
fn close(got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "{got} is not {expected}"
    );
}

/// A pendulum of small swing: `(q, v)' = (v, -w² q)`, a pytree of scalars.
fn oscillator((q, v): (Array, Array), _: Array, w: Array) -> (Array, Array) {
    (v, -(&w * &w) * q)
}

#[test]
fn rk4_is_of_fourth_order() {
    let error = |n: usize| {
        let (q, v) = rk4(oscillator, (f64s(1.0), f64s(0.0)), times(2.0, n + 1), f64s(1.5));
        let (q, v) = (q.index(n).item::<f64>(), v.index(n).item::<f64>());
        (q - 3f64.cos()).hypot(v / 1.5 + 3f64.sin())
    };
    let orders: Vec<f64> = [20, 40, 80].map(|n| (error(n) / error(2 * n)).log2()).to_vec();
    assert!(orders.iter().all(|o| (o - 4.0).abs() < 0.2), "{orders:?}");
}

#[test]
fn rk4_differentiates_in_both_modes() {
    // y' = p y from 1 for time 1: every derivative of e^p in p is e^p.
    let end = |p: Array| {
        let options = times(1.0, 101);
        rk4(|y: Array, _, p: Array| p * y, f64s(1.0), &options, p).index(100)
    };
    let e = 0.7f64.exp();
    close(grad(end)(f64s(0.7)).item::<f64>(), e, 1e-8);
    close(jvp(end, (f64s(0.7),), (f64s(1.0),)).1.item::<f64>(), e, 1e-8);
    close(grad(grad(grad(end)))(f64s(0.7)).item::<f64>(), e, 1e-8);
    let straight = vec![(f64s(1.0),), (f64s(0.0),), (f64s(0.0),)];
    for d in jet(end, (f64s(0.7),), straight).1 {
        close(d.item::<f64>(), e, 1e-8);
    }
}

#[test]
fn dopri5_keeps_its_tolerance_between_steps() {
    for tol in [1e-4, 1e-6, 1e-8, 1e-10] {
        let ts = times(10.0, 57);
        let ((q, v), stats) =
            dopri5(oscillator, (f64s(1.0), f64s(0.0)), &ts, f64s(1.5), tolerance(tol));
        assert_eq!(stats.status(), OdeStatus::Done);
        let at = ts.to_vec::<f64>();
        let worst = (q.to_vec::<f64>().iter().zip(&at).map(|(q, t)| (q - (1.5 * t).cos()).abs()))
            .chain(
                v.to_vec::<f64>().iter().zip(&at).map(|(v, t)| (v + 1.5 * (1.5 * t).sin()).abs()),
            )
            .fold(0.0, f64::max);
        println!("tol {tol:e}: worst {worst:e}, steps {:?}", stats);
        assert!(worst < 60.0 * tol, "at {tol}: {worst}");
        // A method of order 5 takes tol^(-1/5) steps.
        let steps = stats.steps.item::<i32>();
        let expected = 15.0 * (1e-4 / tol).powf(0.2);
        assert!((steps as f64) < 3.0 * expected, "{steps} steps at {tol}");
    }
}

#[test]
fn dopri5_runs_backwards_and_in_single_precision() {
    let ts = linspace_dtype(2.0, -1.0, 4, DType::F64);
    let (y, stats) =
        dopri5(|y: Array, t: Array, ()| y * t, f64s(2f64.exp()), &ts, (), tolerance(1e-9));
    for (y, t) in y.to_vec::<f64>().iter().zip(ts.to_vec::<f64>()) {
        close(*y, (t * t / 2.0).exp(), 1e-7);
    }
    assert_eq!(stats.status(), OdeStatus::Done);
    let ts = linspace(0.0, 1.0, 3);
    let (y, stats) = dopri5(|y: Array, _, ()| -y, array![1.0, 2.0], &ts, (), tolerance(1e-5));
    assert_eq!((y.dtype(), y.shape()), (DType::F32, &[3, 2][..]));
    close(y.index(s![2, 1]).item::<f32>().into(), 2.0 * (-1f64).exp(), 1e-5);
    assert_eq!(stats.status(), OdeStatus::Done);
}

/// Energy and angular momentum on an orbit of eccentricity 0.6.
#[test]
fn dopri5_keeps_invariants_of_kepler() {
    let kepler = |s: Array, _: Array, ()| {
        let (x, v) = (s.index(s![..2]), s.index(s![2..]));
        let r = x.square().sum().sqrt();
        concatenate(&[v, -(x / r.powi(3))], 0)
    };
    let start = Array::from(&[0.4, 0.0, 0.0, 2.0]);
    let (s, stats) = dopri5(kepler, start, times(20.0, 41), (), tolerance(1e-11));
    assert_eq!(stats.status(), OdeStatus::Done);
    let invariants = vmap(|s: Array| {
        let (x, y, u, v) = (s.index(0), s.index(1), s.index(2), s.index(3));
        let energy = 0.5 * (&u * &u + &v * &v) - 1.0 / (&x * &x + &y * &y).sqrt();
        (energy, x * v - y * u)
    });
    let (energy, momentum) = invariants(s);
    for (e, l) in energy.to_vec::<f64>().iter().zip(momentum.to_vec::<f64>()) {
        close(*e, -0.5, 1e-8);
        close(l, 0.8, 1e-8);
    }
}

#[test]
fn poles_stiffness_and_nan_end_with_a_status() {
    // y' = y² from 1 has a pole at 1.
    let square = |y: Array, _: Array, ()| &y * &y;
    let (y, stats) = dopri5(square, f64s(1.0), times(2.0, 5), (), OdeOptions::default());
    assert_eq!(stats.status(), OdeStatus::StepTooSmall);
    let y = y.to_vec::<f64>();
    close(y[1], 2.0, 1e-6);
    assert!(y[2] > 1e6 && y[3..].iter().all(|y| y.is_nan()), "{y:?}");
    let stiff = |y: Array, _: Array, ()| -1e6 * y;
    let options = OdeOptions { max_steps: 200, ..Default::default() };
    let (y, stats) = dopri5(stiff, f64s(1.0), times(1.0, 2), (), options);
    assert_eq!(stats.status(), OdeStatus::TooManySteps);
    assert!(y.index(1).item::<f64>().is_nan());
    let nothing = |y: Array, _: Array, ()| y * f64::NAN;
    let (y, stats) = dopri5(nothing, f64s(1.0), times(1.0, 2), (), OdeOptions::default());
    assert_eq!(stats.status(), OdeStatus::StepTooSmall);
    assert!(y.index(1).item::<f64>().is_nan());
    // The field need not exist behind the last time.
    let ends = |y: Array, t: Array, ()| (1.0 - t).sqrt() + 0.0 * y;
    let (y, _) = dopri5(ends, f64s(0.0), times(1.0, 2), (), tolerance(1e-8));
    close(y.index(1).item::<f64>(), 2.0 / 3.0, 1e-6);
}

#[test]
fn one_time_and_no_state() {
    let (y, stats) = dopri5(|y: Array, _, ()| y, f64s(3.0), times(0.0, 1), (), tolerance(1e-6));
    assert_eq!((y.to_vec::<f64>(), stats.steps.item::<i32>()), (vec![3.0], 0));
    let empty = zeros_dtype([0], DType::F64);
    let (y, _) = dopri5(|y: Array, _, ()| y, empty, times(1.0, 3), (), tolerance(1e-6));
    assert_eq!(y.shape(), [3, 0]);
    // Times that repeat.
    let ts = Array::from(&[0.0, 0.0, 1.0, 1.0]);
    let (y, _) = dopri5(|y: Array, _, ()| y, f64s(1.0), &ts, (), tolerance(1e-9));
    for (y, e) in y.to_vec::<f64>().iter().zip([1.0, 1.0, 1f64.exp(), 1f64.exp()]) {
        close(*y, e, 1e-7);
    }
}

/// `y' = -p y` from `y0` at `t0`: derivatives of `y(t) = y0 exp(-p (t - t0))` in everything, by
/// every way.
#[test]
fn derivatives_in_state_times_and_parameters() {
    let field = |y: Array, _: Array, p: Array| -p * y;
    let ts = Array::from(&[0.3, 0.9, 1.7]);
    let weights = Array::from(&[0.5, -1.0, 2.0]);
    let (y0, p) = (1.3f64, 0.8f64);
    let expected = |t: f64| y0 * (-p * (t - 0.3)).exp();
    let (y1, y2) = (expected(0.9), expected(1.7));
    let d_y0 = 0.5 - y1 / y0 + 2.0 * y2 / y0;
    let d_p = 0.6 * y1 - 2.0 * 1.4 * y2;
    let d_ts = [p * -y1 + 2.0 * p * y2, p * y1, -2.0 * p * y2];
    let forward = {
        let weights = weights.clone();
        move |y0: Array, ts: Array, p: Array| {
            (dopri5(field, y0, &ts, p, tolerance(1e-10)).0 * weights.clone()).sum()
        }
    };
    let reverse = {
        let weights = weights.clone();
        move |y0: Array, ts: Array, p: Array| {
            let options = OdeOptions { reverse: true, max_steps: 60, ..tolerance(1e-10) };
            (dopri5(field, y0, &ts, p, options).0 * weights.clone()).sum()
        }
    };
    let adjoint = move |y0: Array, ts: Array, p: Array| {
        (odeint(field, y0, &ts, p, tolerance(1e-10)).0 * weights.clone()).sum()
    };
    let at = || (f64s(y0), ts.clone(), f64s(p));
    let zero = || (f64s(0.0), zeros_like(&ts), f64s(0.0));
    let along = |t| jvp(&forward, at(), t).1.item::<f64>();
    close(along((f64s(1.0), zero().1, zero().2)), d_y0, 1e-7);
    close(along((zero().0, zero().1, f64s(1.0))), d_p, 1e-7);
    for (i, d) in d_ts.into_iter().enumerate() {
        let unit = zeros_like(&ts).at(i).set(1.0);
        close(along((zero().0, unit, zero().2)), d, 1e-5);
    }
    let all = (Arg::<0>, Arg::<1>, Arg::<2>);
    for (dy, dts, dp) in [
        grad_wrt(reverse, all)(f64s(y0), ts.clone(), f64s(p)),
        grad_wrt(adjoint.clone(), all)(f64s(y0), ts.clone(), f64s(p)),
        jit(grad_wrt(adjoint.clone(), all))(f64s(y0), ts.clone(), f64s(p)),
    ] {
        close(dy.item::<f64>(), d_y0, 1e-7);
        close(dp.item::<f64>(), d_p, 1e-7);
        for (g, e) in dts.to_vec::<f64>().iter().zip(d_ts) {
            close(*g, e, 1e-5);
        }
    }
    // Reverse over reverse: d²/dp² of -y1 + 2 y2.
    let in_p = move |p: Array| adjoint(f64s(y0), Array::from(&[0.3, 0.9, 1.7]), p);
    let second = -0.36 * y1 + 2.0 * 1.96 * y2;
    close(grad(grad(in_p))(f64s(p)).item::<f64>(), second, 1e-6);
}

#[test]
fn lanes_take_their_own_steps() {
    let solve = |w: Array| {
        let start = (f64s(1.0), f64s(0.0));
        let ((q, _), stats) = dopri5(oscillator, start, times(3.0, 3), w, tolerance(1e-7));
        (q, stats)
    };
    let ws = Array::from(&[0.1, 1.0, 30.0]);
    let (q, stats) = vmap(solve)(ws.clone());
    let steps = stats.steps.to_vec::<i32>();
    assert!(steps[0] < steps[1] && steps[1] < steps[2], "{steps:?}");
    for (i, w) in ws.to_vec::<f64>().into_iter().enumerate() {
        let (alone, own) = solve(f64s(w));
        assert_eq!(own.steps.item::<i32>(), steps[i]);
        for (a, b) in q.index(i).to_vec::<f64>().iter().zip(alone.to_vec::<f64>()) {
            close(*a, b, 1e-12);
        }
    }
    // The adjoint of a batch.
    let end = |w: Array| {
        let start = (f64s(1.0), f64s(0.0));
        odeint(oscillator, start, times(3.0, 2), w, tolerance(1e-9)).0.0.index(1)
    };
    let slopes = jit(vmap(grad(end)))(ws.clone()).to_vec::<f64>();
    for (s, w) in slopes.iter().zip(ws.to_vec::<f64>()) {
        close(*s, -3.0 * (3.0 * w).sin(), 2e-5);
    }
}

/// A field may close over what is differentiated; it counts like a parameter that is passed, in
/// both modes of solver.
#[test]
fn fields_close_over_traced_values() {
    let end = |w: Array| {
        let f = move |y: Array, _: Array, ()| -&y * &w;
        odeint(f, f64s(1.0), times(2.0, 2), (), tolerance(1e-10)).0.index(1)
    };
    let step_by_step = |w: Array| {
        let f = move |y: Array, _: Array, ()| -&y * &w;
        dopri5(f, f64s(1.0), times(2.0, 2), (), tolerance(1e-10)).0.index(1)
    };
    let slope = |w: f64| -2.0 * (-2.0 * w).exp();
    close(grad(end)(f64s(0.7)).item(), slope(0.7), 1e-7);
    close(jvp(step_by_step, (f64s(0.7),), (f64s(1.0),)).1.item(), slope(0.7), 1e-7);
    close(grad(grad(end))(f64s(0.7)).item(), 4.0 * (-1.4f64).exp(), 1e-6);
    // Parameters of another dtype than the state's.
    let mixed = |w: Array| {
        let f = |y: Array, _: Array, w: Array| -&y * w;
        odeint(f, f64s(1.0), times(2.0, 2), w, tolerance(1e-10)).0.index(1)
    };
    let single = grad(mixed)(Array::scalar(0.75f32));
    assert_eq!(single.dtype(), DType::F32);
    close(single.item::<f32>().into(), slope(0.75), 1e-6);
    let slopes = jit(vmap(grad(end)))(Array::from(&[0.3, 0.7])).to_vec::<f64>();
    slopes.iter().zip([0.3, 0.7]).for_each(|(s, w)| close(*s, slope(w), 1e-7));
}

fn complex(re: f64, im: f64) -> Array {
    Array::scalar(Complex::new(re, im))
}

#[track_caller]
fn close_complex(got: &Array, (re, im): (f64, f64), tolerance: f64) {
    let z = got.item::<Complex<f64>>();
    close(z.re, re, tolerance);
    close(z.im, im, tolerance);
}

/// `y' = i w y` turns: `y(t) = e^(i w t) y0`.
fn turning(y: Array, _: Array, w: Array) -> Array {
    Complex::new(0.0, 1.0) * (w * y)
}

#[test]
fn complex_states_turn() {
    let (y0, w, ts) = (complex(1.0, 0.5), f64s(1.3), times(2.0, 41));
    let at = |t: f64| {
        let (sin, cos) = (1.3 * t).sin_cos();
        (cos - 0.5 * sin, sin + 0.5 * cos)
    };
    let by_steps = rk4(turning, y0.clone(), &ts, w.clone());
    assert_eq!(by_steps.aval().to_string(), "c128[41]");
    close_complex(&by_steps.index(40), at(2.0), 1e-5);
    let (ys, stats) = dopri5(turning, y0.clone(), &ts, w.clone(), tolerance(1e-10));
    assert_eq!(stats.status(), OdeStatus::Done);
    for (k, t) in ts.to_vec::<f64>().into_iter().enumerate() {
        close_complex(&ys.index(k), at(t), 1e-8);
    }
    // The modulus stands in the norms: a turn by a quarter takes the same steps.
    let turned = dopri5(turning, complex(-0.5, 1.0), &ts, w.clone(), tolerance(1e-10)).1;
    assert_eq!(turned.steps.item::<i32>(), stats.steps.item::<i32>());
    // In pieces: the real and the imaginary part as a pytree of floats.
    let real = |(q, v): (Array, Array), _: Array, w: Array| (-(&w * v), w * q);
    let start = (f64s(1.0), f64s(0.5));
    let (_, pieces) = dopri5(real, start, &ts, w.clone(), tolerance(1e-10));
    assert!((pieces.steps.item::<i32>() - stats.steps.item::<i32>()).abs() <= 2);
    // c64, under jit and vmap.
    let end = |w: Array| {
        let y0 = Array::from(Complex::new(1.0f32, 0.5));
        odeint(turning, y0, linspace(0.0, 2.0, 2), w, tolerance(1e-5)).0.index(1)
    };
    let ends = jit(vmap(end))(array![1.3, 0.0]).to_vec::<Complex<f32>>();
    close(ends[0].re.into(), at(2.0).0, 1e-4);
    assert_eq!(ends[1], Complex::new(1.0, 0.5));
    // A real leaf beside a complex one keeps its dtype.
    let both = |(y, x): (Array, Array), t: Array, w: Array| (turning(y, t, w), -x);
    let (y, x) = rk4(both, (y0, Array::from(1.0f32)), &ts, w);
    assert_eq!((y.dtype(), x.dtype()), (DType::C128, DType::F32));
    close(x.index(40).item::<f32>().into(), (-2.0f64).exp(), 1e-5);
}

/// `2 Re y + (Im y)²` at time 1. Derivatives are those of the closed form, and of JAX's `odeint`.
#[test]
fn gradients_through_complex_states() {
    fn loss(y: Array) -> Array {
        2.0 * y.real() + y.imag().square()
    }
    let (y0, ts) = (complex(1.0, 0.5), times(1.0, 2));
    let adjoint = |y0: Array, w: Array| {
        loss(odeint(turning, y0, times(1.0, 2), w, tolerance(1e-10)).0.index(1))
    };
    let closed = |y0: Array, w: Array| loss((Complex::new(0.0, 1.0) * w).exp() * y0);

    let w = f64s(1.3);
    close(adjoint(y0.clone(), w.clone()).item(), 0.775_523_440_256_068_9, 1e-8);
    let in_w = grad(|w: Array| adjoint(complex(1.0, 0.5), w))(w.clone());
    assert_eq!(in_w.dtype(), DType::F64);
    close(in_w.item(), -2.664_877_923_961_822_3, 1e-7);
    // The adjoint of the adjoint.
    let curved = grad(grad(move |w: Array| adjoint(complex(1.0, 0.5), w)))(w.clone());
    close(curved.item(), -1.88777535, 1e-6);
    let in_start = grad(move |y0: Array| adjoint(y0, f64s(1.3)))(y0.clone());
    close_complex(&in_start, (2.649_637_096_528_853_6, 1.340_059_375_697_395_5), 1e-7);

    // A complex parameter.
    let w = complex(1.3, 0.2);
    let in_w = grad(|w: Array| adjoint(complex(1.0, 0.5), w))(w.clone());
    close_complex(&in_w, (-2.112_025_486_107_025_3, 1.263_367_558_323_119_2), 1e-7);
    let exact = grad(|w: Array| closed(complex(1.0, 0.5), w))(w.clone());
    close_complex(
        &in_w,
        {
            let z = exact.item::<Complex<f64>>();
            (z.re, z.im)
        },
        1e-7,
    );
    // What a field closes over counts as well.
    let captured = grad(|w: Array| {
        let f = move |y: Array, t: Array, ()| turning(y, t, w.clone());
        loss(odeint(f, complex(1.0, 0.5), times(1.0, 2), (), tolerance(1e-10)).0.index(1))
    });
    close_complex(&captured(w), (-2.112_025_486_107_025_3, 1.263_367_558_323_119_2), 1e-7);

    // Times are real: d/dt of the loss is that of the solution.
    let in_times = grad(move |ts: Array| {
        loss(odeint(turning, complex(1.0, 0.5), &ts, f64s(1.3), tolerance(1e-10)).0.index(1))
    })(ts.clone());
    let slope = -2.664_877_923_961_822_3 * 1.3;
    in_times.to_vec::<f64>().iter().zip([-slope, slope]).for_each(|(d, e)| close(*d, e, 1e-7));

    // A real state with a complex parameter: y' = |p|² y.
    let growth = |p: Array| {
        let f = |y: Array, _: Array, p: Array| y * (&p * p.conj()).real();
        odeint(f, f64s(1.0), times(1.0, 2), p, tolerance(1e-10)).0.index(1)
    };
    let p = complex(0.3, 0.4);
    let e = 0.25f64.exp();
    close_complex(&grad(growth)(p), (0.6 * e, -0.8 * e), 1e-7);

    // The derivative of the steps, in both modes.
    let options = OdeOptions { reverse: true, max_steps: 200, ..tolerance(1e-8) };
    let by_steps = move |w: Array| {
        loss(dopri5(turning, complex(1.0, 0.5), times(1.0, 2), w, options.clone()).0.index(1))
    };
    let forward = jvp(by_steps.clone(), (f64s(1.3),), (f64s(1.0),)).1;
    close(forward.item(), -2.664_877_923_961_822_3, 1e-6);
    close(grad(by_steps)(f64s(1.3)).item(), -2.664_877_923_961_822_3, 1e-6);
    let fixed = |w: Array| loss(rk4(turning, complex(1.0, 0.5), times(1.0, 101), w).index(100));
    close(grad(fixed)(f64s(1.3)).item(), -2.664_877_923_961_822_3, 1e-7);
}

#[test]
fn what_does_not_fit_is_told() {
    let wrong = |r: Result<_, Error>| match r {
        Ok(_) => panic!("accepted"),
        Err(e) => e.to_string(),
    };
    let f = |y: Array, _: Array, ()| y;
    let ints =
        wrong(try_dopri5(f, Array::from(1), times(1.0, 2), (), OdeOptions::default()).map(|_| ()));
    assert!(ints.contains("expected floats or complex numbers, got i32[]"), "{ints}");
    let scalar = wrong(try_dopri5(f, f64s(1.0), f64s(1.0), (), OdeOptions::default()).map(|_| ()));
    assert!(
        scalar.contains("dopri5: the times should be floats [n], n > 0, got f64[]"),
        "{scalar}"
    );
    let told = std::panic::catch_unwind(|| {
        let f = |y: Array, _: Array, ()| Complex::new(0.0, 1.0) * y;
        rk4(f, f64s(1.0), times(1.0, 2), ())
    });
    let told = told.expect_err("a panic");
    let told = told.downcast_ref::<String>().expect("a text");
    assert!(told.contains("the velocity is complex (c128) and the state real (f64)"), "{told}");
}

#[test]
fn times_may_be_owned() {
    let ys = rk4(|y: Array, _, ()| -y, array![1.0], linspace(0.0, 1.0, 11), ());
    assert!((ys.index(s![-1, 0]).to_f64() - (-1f64).exp()).abs() < 1e-5);
}
