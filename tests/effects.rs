//! Effects under every transform: what is called, how often, in which order, and how failures come
//! back.

use cotangent::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

type Log = Arc<Mutex<Vec<String>>>;

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// Notes `name(x)` and returns nothing.
fn note(log: &Log, name: &'static str, x: &Array, ordered: bool) {
    let log = log.clone();
    let push = move |x: Array| log.lock().unwrap().push(format!("{name}({x})"));
    io_callback(push, (), x.clone(), ordered);
}

fn lines<R>(f: impl FnOnce() -> R) -> Vec<String> {
    debug::captured(f).1
}

fn message<R>(r: Result<R, Error>) -> String {
    r.err().expect("an error").message().to_owned()
}

/// `x²` by the host, for f32 of any shape.
fn squares(x: Array) -> Array {
    eager(|| &x * &x)
}

#[test]
fn pure_callbacks_compute() {
    let f = |x: Array| pure_callback(squares, &x, x.clone()) + 1.0;
    for x in [array![1.0, 2.0], array![[3.0], [4.0]], zeros([0])] {
        let expected = (&x * &x + 1.0).to_vec::<f32>();
        assert_eq!(f(x.clone()).to_vec::<f32>(), expected);
        assert_eq!(jit(f)(x).to_vec::<f32>(), expected);
    }
    // Several results, of other types, by name.
    let g = jit(|x: Array| {
        let types = (Aval::new([], DType::I32), Aval::new([2], DType::F64));
        let split = |(x,): (Array,)| (Array::from(x.size() as i32), array![0.5f64, 1.5]);
        pure_callback(split, types, (x,))
    });
    let (n, y) = g(array![1.0, 2.0, 3.0]);
    assert_eq!((n.item::<i32>(), y.to_vec::<f64>()), (3, vec![0.5, 1.5]));
}

#[test]
fn pure_callbacks_are_dropped_merged_and_shared() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let counted = |x: Array| {
        CALLS.fetch_add(1, SeqCst);
        squares(x)
    };
    let f = jit(move |x: Array| {
        let _unused = pure_callback(counted, &x, &x + 1.0);
        let twice = || pure_callback(counted, &x, x.clone());
        twice() + twice()
    });
    assert_eq!(f(array![3.0]).item::<f32>(), 18.0);
    assert_eq!(CALLS.load(SeqCst), 1);
}

#[test]
fn pure_callbacks_under_vmap() {
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    static SHAPES: Mutex<Vec<Vec<usize>>> = Mutex::new(Vec::new());
    let f = |batching| {
        move |x: Array, y: Array| {
            let add = |(x, y): (Array, Array)| {
                SHAPES.lock().unwrap().push([x.shape(), y.shape()].concat());
                eager(|| x + y)
            };
            pure_callback_with(add, &x, (x.clone(), y.clone()), batching)
        }
    };
    let shapes = || std::mem::take(&mut *SHAPES.lock().unwrap());
    let y = array![10.0, 20.0];
    for (batching, expected) in [
        (Batching::Sequential, vec![vec![2, 2], vec![2, 2]]),
        (Batching::ExpandDims, vec![vec![2, 2, 1, 2]]),
        (Batching::BroadcastAll, vec![vec![2, 2, 2, 2]]),
    ] {
        let z = vmap_axes(f(batching), (0, None))(x.clone(), y.clone());
        assert_eq!(z.to_vec::<f32>(), [11.0, 22.0, 13.0, 24.0]);
        assert_eq!(shapes(), expected);
        let z = jit(vmap(vmap(f(batching))))(x.clone(), x.clone());
        assert_eq!(z.to_vec::<f32>(), [2.0, 4.0, 6.0, 8.0]);
        shapes();
    }
    let refused = vmap(|x: Array| pure_callback(squares, &x, x.clone())).try_call((x,));
    let said = message(refused);
    assert!(said.contains("tests/effects.rs") && said.contains("Batching::Sequential"), "{said}");
}

#[test]
fn callbacks_have_no_derivative_but_custom_rules_do() {
    let f = |x: Array| pure_callback(squares, &x, x.clone());
    let said = message(grad(f).try_call((Array::scalar(3.0f32),)));
    assert!(said.contains("custom_jvp") && said.contains("tests/effects.rs"), "{said}");
    let said = message(
        grad(|x: Array| io_callback(squares, &x, x.clone(), false))
            .try_call((Array::scalar(3.0f32),)),
    );
    assert!(said.contains("stop_gradient"), "{said}");
    let ruled = custom_jvp(f, move |(x,): (Array,), (dx,)| (f(x.clone()), 2.0 * x * dx));
    let third = grad(grad(ruled.clone()));
    assert_eq!(grad(ruled)(Array::scalar(3.0f32)).item::<f32>(), 6.0);
    assert_eq!(third(Array::scalar(3.0f32)).item::<f32>(), 2.0);
}

#[test]
fn io_callbacks_are_never_dropped_merged_or_reordered() {
    let log = Log::default();
    let inner = log.clone();
    let f = jit(move |x: Array| {
        note(&inner, "a", &x, true);
        note(&inner, "a", &x, true);
        let step = |c: Array, i: Array| {
            note(&inner, "step", &i, true);
            let then = |c: Array| {
                note(&inner, "big", &c, true);
                c * 0.5
            };
            (cond(c.gt(2.0), then, |c: Array| c + 1.0, c), ())
        };
        let (y, ()) = scan(step, x.clone(), arange(3));
        note(&inner, "b", &y, true);
        x.sin()
    });
    let expected = ["a(1.0)", "a(1.0)", "step(0)", "step(1)", "step(2)", "big(3.0)", "b(1.5)"];
    for _ in 0..2 {
        f(Array::scalar(1.0f32));
        assert_eq!(taken(&log), expected);
    }
}

#[test]
fn io_callbacks_under_vmap() {
    let log = Log::default();
    let f = |ordered| {
        let log = log.clone();
        move |x: Array| {
            note(&log, "x", &x, ordered);
            let y = io_callback(squares, &x, x.clone(), ordered);
            y + 1.0
        }
    };
    assert_eq!(vmap(f(false))(array![1.0, 2.0]).to_vec::<f32>(), [2.0, 5.0]);
    assert_eq!(taken(&log), ["x(1.0)", "x(2.0)"]);
    let said = message(vmap(f(true)).try_call((array![1.0, 2.0],)));
    assert!(said.contains("ordered: false") && said.contains("tests/effects.rs"), "{said}");
    // What does not depend on the lane happens once.
    let once = vmap_axes(
        |x: Array, y: Array| {
            note(&log, "y", &y, true);
            x + y
        },
        (0, None),
    );
    once(array![1.0, 2.0], Array::scalar(3.0f32));
    assert_eq!(taken(&log), ["y(3.0)"]);
}

#[test]
fn prints_tell_their_values() {
    let f = |x: Array| {
        debug_print!("{x}: sum {:.2}, {{}}", x.sum(), x = x);
        x
    };
    let expected = ["[1. 2.]: sum 3.00, {}"];
    assert_eq!(lines(|| f(array![1.0, 2.0])), expected);
    assert_eq!(lines(|| jit(f)(array![1.0, 2.0])), expected);
    let said = message(debug::try_print("{} {}", &array![1.0]));
    assert!(said.contains("argument 1"), "{said}");
}

#[test]
fn prints_under_derivatives() {
    let f = |x: Array| {
        debug::print("x {}", &x);
        let y = x.sin();
        debug::print("y {:.1}", &y);
        y.sum()
    };
    let expected = ["x 0.0", "y 0.0"];
    let x = || Array::scalar(0.0f32);
    assert_eq!(lines(|| grad(f)(x())), expected);
    assert_eq!(lines(|| jit(grad(f))(x())), expected);
    assert_eq!(lines(|| jvp(f, (x(),), (x(),))), expected);
    assert_eq!(lines(|| jit(grad(grad(f)))(x())), expected);
    assert_eq!(lines(|| hessian(f)(x())).len() % 2, 0);
    // Under a checkpoint values are computed again, and seen again.
    assert_eq!(lines(|| grad(checkpoint(f))(x())).len(), 4);
    // In a scan once per step, in order.
    let looped = |x: Array| {
        let step = |c: Array, i: Array| {
            debug::print("{} {:.0}", (&i, &c));
            ((&c * &c).sin() + 1.0, ())
        };
        scan(step, x, arange(3)).0.sum()
    };
    let plain = lines(|| looped(x()));
    assert_eq!(plain.len(), 3);
    assert_eq!(lines(|| grad(looped)(x())), plain);
    assert_eq!(lines(|| jit(grad(looped))(x())), plain);
}

#[test]
fn prints_under_vmap_see_the_lanes_that_get_there() {
    let f = |x: Array| {
        let yes = |x: Array| {
            debug::print("yes {}", &x);
            x * 2.0
        };
        let no = |x: Array| {
            debug::print("no {}", &x);
            -x
        };
        cond(x.gt(0.0), yes, no, x)
    };
    let x = array![1.0, -2.0, 3.0];
    let expected = ["yes 1.0", "no -2.0", "yes 3.0"];
    assert_eq!(lines(|| vmap(f)(x.clone())), expected);
    assert_eq!(lines(|| jit(vmap(f))(x.clone())), expected);
    assert_eq!(vmap(f)(x.clone()).to_vec::<f32>(), [2.0, 2.0, 6.0]);
    assert_eq!(lines(|| vmap(grad(f))(x.clone())), expected);
    assert_eq!(vmap(grad(f))(x.clone()).to_vec::<f32>(), [2.0, -1.0, 2.0]);
    assert_eq!(lines(|| grad(|x: Array| vmap(f)(x).sum())(x.clone())), expected);
    let halving = |x: Array| {
        let body = |x: Array| {
            debug::print("{}", &x);
            x / 2.0
        };
        while_loop(|x: Array| x.gt(1.0), body, x)
    };
    let rounds = ["4.0", "2.0", "3.0", "1.5"];
    for f in [vmap(halving), jit(vmap(halving))] {
        let (y, seen) = debug::captured(|| f(array![1.0, 4.0, 3.0]));
        assert_eq!(
            (y.to_vec::<f32>(), seen),
            (vec![1.0, 1.0, 0.75], rounds.map(String::from).into())
        );
    }
    let ordered = |x: Array| {
        debug::print_ordered("{}", &x);
        x
    };
    assert_eq!(lines(|| vmap(ordered)(x.clone())), ["1.0", "-2.0", "3.0"]);
    let io = |x: Array| cond(x.gt(0.0), |x| io_callback(squares, &x, x.clone(), true), |x| x, x);
    assert!(message(vmap(io).try_call((x,))).contains("ordered: false"));
}

#[test]
fn failures_come_back_with_the_users_line() {
    let line = format!("tests/effects.rs:{}", line!() + 3);
    let check = |x: Array| {
        let fail = |x: Array| assert!(x.item::<f32>() < 3.0, "{x} is too much");
        io_callback(fail, (), x, false)
    };
    let g = jit(move |xs: Array| {
        scan(
            |c: Array, x: Array| {
                check(&c + &x);
                (c + 1.0, x)
            },
            Array::scalar(0.0f32),
            xs,
        )
        .1
    });
    for call in 0..3 {
        let said = message(g.try_call((array![0.0, 1.0, 1.5, 0.0],)));
        assert!(said.contains(&line) && said.contains("3.5 is too much"), "{call}: {said}");
        assert_eq!(g(array![1.0, 1.0]).to_vec::<f32>(), [1.0, 1.0]);
    }
    // Errors that are returned, outside of a trace as well.
    let refuse = |_: Array| -> Result<Array, Error> { Err(Error::new(ErrorKind::Value, "no")) };
    let h = move |x: Array| pure_callback(refuse, &x, x.clone());
    let said = message(jit(h).try_call((array![1.0],)));
    assert!(said.contains("tests/effects.rs") && said.ends_with("no"), "{said}");
    let eagerly = std::panic::catch_unwind(|| h(array![1.0]));
    assert!(eagerly.is_err());
    // Results that are not as declared.
    let wrong = jit(|x: Array| pure_callback(|x: Array| eager(|| x.sum()), &x, x.clone()));
    let said = message(wrong.try_call((array![1.0, 2.0],)));
    assert!(said.contains("expected f32[2], got f32[]"), "{said}");
}

#[test]
fn callbacks_call_the_library_again_from_many_threads() {
    let inside = jit(|x: Array| x.sin() * 2.0);
    let f = jit(move |x: Array| {
        let inside = inside.clone();
        let again = move |x: Array| {
            let g = grad(|y: Array| (&y * &y).sum())(x.clone());
            inside(x) + vmap(|x: Array| x + 1.0)(g)
        };
        pure_callback(again, &x, x.clone())
    });
    let expected = f(array![0.5, 1.5]).to_vec::<f32>();
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(f(array![0.5, 1.5]).to_vec::<f32>(), expected);
                }
            });
        }
    });
    assert!((expected[0] - (0.5f32.sin() * 2.0 + 2.0)).abs() < 1e-6);
}

#[test]
fn callbacks_inside_eager_inside_a_trace() {
    let log = Log::default();
    let f = jit(|x: Array| {
        eager(|| note(&log, "now", &array![7.0], true));
        x + 1.0
    });
    f(array![1.0]);
    f(array![1.0]);
    assert_eq!(taken(&log), ["now([7.])"]);
}

#[test]
fn what_happens_once_does_not_stand_under_a_checkpoint() {
    let log = Log::default();
    let f = |x: Array| {
        note(&log, "x", &cotangent::lax::stop_gradient(&x), false);
        x.sin()
    };
    let said = message(grad(checkpoint(f)).try_call((Array::scalar(1.0f32),)));
    assert!(said.contains("debug::callback"), "{said}");
    checkpoint(f)(array![1.0]);
    grad(f)(Array::scalar(2.0f32));
    assert_eq!(taken(&log), ["x([1.])", "x(2.0)"]);
}

/// Random programs of effects: what they do to one number, and what they note on the way.
mod random {
    use super::*;

    #[derive(Clone, Debug)]
    pub enum Step {
        Note(u32),
        /// `x = x * a + b`
        Move(f32, f32),
        /// Only for its effects.
        Lost(Vec<Step>),
        If(f32, Vec<Step>, Vec<Step>),
        Scan(usize, Vec<Step>),
        /// Until the counter is there, which the body reads.
        While(usize, Vec<Step>),
        Call(Vec<Step>),
        Checkpoint(Vec<Step>),
    }

    pub struct Random(pub u64);

    impl Random {
        pub fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % n
        }

        pub fn steps(&mut self, depth: usize) -> Vec<Step> {
            (0..1 + self.below(4)).map(|_| self.step(depth)).collect()
        }

        fn step(&mut self, depth: usize) -> Step {
            let number = |r: &mut Random| r.below(9) as f32 / 8.0 - 0.5;
            match self.below(if depth == 0 { 4 } else { 10 }) {
                0 | 1 => Step::Note(self.below(100) as u32),
                2 | 3 => Step::Move(number(self), number(self)),
                4 => Step::Lost(self.steps(depth - 1)),
                5 => Step::If(number(self), self.steps(depth - 1), self.steps(depth - 1)),
                6 => Step::Scan(self.below(4), self.steps(depth - 1)),
                7 => Step::While(self.below(3), self.steps(depth - 1)),
                8 => Step::Call(self.steps(depth - 1)),
                _ => Step::Checkpoint(self.steps(depth - 1)),
            }
        }
    }

    /// The oracle.
    pub fn run(steps: &[Step], mut x: f32, log: &mut Vec<String>) -> f32 {
        for step in steps {
            match step {
                Step::Note(n) => log.push(format!("{n}: {}", Array::from(x))),
                Step::Move(a, b) => x = x * a + b,
                Step::Lost(inside) => {
                    run(inside, x, log);
                }
                Step::If(at, yes, no) => x = run(if x > *at { yes } else { no }, x, log),
                Step::Scan(n, inside) | Step::While(n, inside) => {
                    x = (0..*n).fold(x, |x, _| run(inside, x, log));
                }
                Step::Call(inside) | Step::Checkpoint(inside) => x = run(inside, x, log),
            }
        }
        x
    }

    pub fn trace(steps: &[Step], mut x: Array) -> Array {
        for step in steps.iter().cloned() {
            x = match step {
                Step::Note(n) => {
                    debug::print_ordered(&format!("{n}: {{}}"), &x);
                    x
                }
                Step::Move(a, b) => x * f64::from(a) + f64::from(b),
                Step::Lost(inside) => {
                    trace(&inside, x.clone());
                    x
                }
                Step::If(at, yes, no) => {
                    cond(x.gt(f64::from(at)), |x| trace(&yes, x), |x| trace(&no, x), x)
                }
                Step::Scan(n, inside) => {
                    scan(|c: Array, _: Array| (trace(&inside, c), ()), x, arange(n as i32)).0
                }
                Step::While(n, inside) => {
                    let test = |(i, _): (Array, Array)| i.lt(n as i32);
                    let body = |(i, x): (Array, Array)| (i + 1, trace(&inside, x));
                    while_loop_bounded(n + 1, test, body, (Array::scalar(0i32), x)).1
                }
                Step::Call(inside) => jit(|x: Array| trace(&inside, x))(x),
                Step::Checkpoint(inside) => checkpoint(|x: Array| trace(&inside, x))(x),
            };
        }
        x
    }

    pub fn checkpoints(steps: &[Step]) -> bool {
        steps.iter().any(|s| match s {
            Step::Checkpoint(_) => true,
            Step::If(_, a, b) => checkpoints(a) || checkpoints(b),
            Step::Lost(s) | Step::Scan(_, s) | Step::While(_, s) | Step::Call(s) => checkpoints(s),
            Step::Note(_) | Step::Move(..) => false,
        })
    }
}

#[test]
fn random_programs_keep_all_effects_in_order_under_every_transform() {
    let seeds = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60);
    for seed in 0..seeds {
        let steps = random::Random(seed).steps(3);
        let f = |x: Array| random::trace(&steps, x);
        let mut expected = Vec::new();
        let value = random::run(&steps, 0.25, &mut expected);
        let x = || Array::scalar(0.25f32);
        let same = |how: &str, (y, seen): (Array, Vec<String>)| {
            assert_eq!(seen, expected, "{how}, seed {seed}: {steps:?}");
            assert!((y.to_vec::<f32>()[0] - value).abs() < 1e-5, "{how}, seed {seed}");
        };
        same("eager", debug::captured(|| f(x())));
        same("jit", debug::captured(|| jit(f)(x())));
        same("jvp", debug::captured(|| jvp(f, (x(),), (x(),)).0));
        same(
            "checkify",
            debug::captured(|| jit(checkify::checkify(f, checkify::Checks::ALL))(x()).1),
        );
        // Checkpoints look again where they compute again.
        if !random::checkpoints(&steps) {
            same("grad", debug::captured(|| jit(value_and_grad(f))(x()).0));
            same(
                "second",
                debug::captured(|| value_and_grad(|x: Array| value_and_grad(f)(x).0)(x()).0),
            );
        }
        // Lane by lane at each place, so each lane's own are in order.
        let lanes = [0.25, -1.0];
        let (y, seen) = debug::captured(|| jit(vmap(f))(array![0.25, -1.0]));
        let mut all = Vec::new();
        for (lane, x) in lanes.iter().enumerate() {
            let mut own = Vec::new();
            let value = random::run(&steps, *x, &mut own);
            assert!((y.to_vec::<f32>()[lane] - value).abs() < 1e-5, "vmap, seed {seed}");
            all.extend(own);
        }
        let sorted = |mut v: Vec<String>| {
            v.sort();
            v
        };
        assert_eq!(sorted(seen), sorted(all), "vmap, seed {seed}: {steps:?}");
    }
}

#[test]
fn tangents_are_seen_in_forward_mode() {
    let rule = |(x,): (Array,), (dx,): (Array,)| {
        debug::print("dx {}", &dx);
        (x.sin(), x.cos() * dx)
    };
    let f = custom_jvp(|x: Array| x.sin(), rule);
    let g = f.clone();
    let looped = move |x: Array| scan(|c: Array, _: Array| (g(c), ()), x, arange(2)).0;
    let x = || Array::scalar(0.0f32);
    let one = || Array::scalar(1.0f32);
    assert_eq!(lines(|| jvp(looped.clone(), (x(),), (one(),))), ["dx 1.0", "dx 1.0"]);
    assert!(lines(|| assert_eq!(grad(looped)(x()).item::<f32>(), 1.0)).is_empty());
    let chosen = move |x: Array| cond(x.ge(0.0), &*f, |x| x, x);
    assert_eq!(jit(vmap(grad(chosen)))(array![0.0, -1.0]).to_vec::<f32>(), [1.0, 1.0]);
}

#[test]
fn failures_leave_memory_and_inputs_as_they_were() {
    let f = jit(|x: Array| {
        let checked = |x: Array| assert!(x.to_vec::<f32>()[0] >= 0.0, "negative");
        io_callback(checked, (), x.clone(), false);
        (0..3).fold(x, |x, _| x.sin().matmul(x.clone()))
    });
    let good = ones([64, 64]);
    let expected = f(good.clone()).to_vec::<f32>();
    let bad = good.clone() * -1.0;
    for _ in 0..20 {
        assert!(f.try_call((bad.clone(),)).is_err());
        assert_eq!(bad.to_vec::<f32>()[0], -1.0);
        // Given up, and gone.
        assert!(f.try_call((&bad * 2.0,)).is_err());
        assert_eq!(f(good.clone()).to_vec::<f32>(), expected);
    }
}
