//! Checks as results, under every transform; and the NaN check.

use cotangent::api::checkify::{Checks, check, check_error, checkify, try_check};
use cotangent::lax;
use cotangent::prelude::*;

/// `log x`, of which the argument must be positive.
fn positive_log(x: Array) -> Array {
    check(x.gt(0.0), "x must be positive, got {:.1}", &x);
    x.log()
}

fn scalar(x: f32) -> Array {
    Array::from(x)
}

fn file(text: &str) -> bool {
    text.starts_with("tests/checks.rs:")
}

#[track_caller]
fn says(error: &cotangent::api::checkify::CheckError, end: &str) {
    let got = error.get().unwrap_or_else(|| panic!("expected `{end}`, got no error"));
    assert!(file(&got) && got.ends_with(end), "{got}");
}

const USER: &str = "check: x must be positive, got -1.0";

#[test]
fn checks_speak_through_jit_and_back() {
    let f = checkify(positive_log, Checks::USER);
    for f in [f.clone(), jit(f.clone()), checkify_twice(f.clone())] {
        let (error, y) = f(scalar(1.0));
        assert_eq!((error.get(), y.item::<f32>()), (None, 0.0));
        error.throw();
        let (error, y) = f(scalar(-1.0));
        says(&error, USER);
        assert!(y.item::<f32>().is_nan());
        assert_eq!(error.try_throw().unwrap_err().kind(), ErrorKind::Check);
    }
}

/// Through another checkify, by `check_error`.
fn checkify_twice(
    f: Func<'static, (Own<Array>,), (cotangent::api::checkify::CheckError, Array)>,
) -> Func<'static, (Own<Array>,), (cotangent::api::checkify::CheckError, Array)> {
    let inner = move |x: Array| {
        let (error, y) = f(x);
        check_error(&error);
        y
    };
    jit(checkify(inner, Checks::USER))
}

#[test]
fn checks_without_checkify() {
    let said = jit(positive_log).try_call((scalar(1.0),)).unwrap_err();
    assert!(file(said.message()) && said.message().contains("checkify::checkify"), "{said}");
    // Outside of a trace they are asserted.
    check(Array::from(true), "fine", ());
    let said = try_check(Array::from(false), "{} is wrong", scalar(2.0)).unwrap_err();
    assert_eq!(said.message(), "check: 2.0 is wrong");
    assert!(try_check(&array![true], "no", ()).unwrap_err().message().contains("expected bool[]"));
    // Those that are not wanted are dropped.
    assert_eq!(checkify(positive_log, Checks::NAN)(scalar(1.0)).0.get(), None);
}

#[test]
fn lanes_have_errors_of_their_own() {
    let x = array![1.0, -1.0, -2.0];
    let per_lane = "check: x must be positive, got -";
    for f in [
        vmap(checkify(positive_log, Checks::USER)),
        jit(vmap(checkify(positive_log, Checks::USER))),
    ] {
        let (error, _) = f(x.clone());
        let text = error.get().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("at [1]: tests/checks.rs") && lines[1].starts_with("at [2]"));
        assert!(lines[0].ends_with("-1.0") && lines[1].contains(per_lane), "{text}");
    }
    let (error, _) = checkify(vmap(positive_log), Checks::USER)(x.clone());
    says(&error, USER);
    let (error, _) =
        jit(checkify(vmap(vmap(positive_log)), Checks::USER))(array![[1.0, 2.0], [3.0, -1.0]]);
    says(&error, USER);
    let (error, _) = checkify(vmap(positive_log), Checks::USER)(zeros([0]));
    assert_eq!(error.get(), None);
    // A batched error as a check of the whole.
    let whole = |x: Array| {
        let (error, y) = vmap(checkify(positive_log, Checks::USER))(x);
        check_error(&error);
        y
    };
    says(&checkify(whole, Checks::USER)(x).0, USER);
}

#[test]
fn checks_inside_loops_and_branches() {
    let walk = |x: Array| {
        let step = |c: Array, i: Array| {
            check(c.lt(3.0), "step {}: {:.0} is too far", (&i, &c));
            (&c + 1.0, c)
        };
        scan(step, x, arange(5)).0
    };
    for f in [checkify(walk, Checks::USER), jit(checkify(jit(walk), Checks::USER))] {
        says(&f(scalar(1.0)).0, "step 2: 3 is too far");
        assert_eq!(f(scalar(-3.0)).0.get(), None);
    }
    let branch = |x: Array| cond(x.gt(0.0), |x| x, |x: Array| positive_log(x.clone()) + x, x);
    for f in [checkify(branch, Checks::ALL), jit(checkify(branch, Checks::ALL))] {
        assert_eq!(f(scalar(1.0)).0.get(), None);
        says(&f(scalar(-1.0)).0, USER);
    }
    // Lanes that do not take a branch do not fail in it.
    let lanes = vmap(checkify(branch, Checks::USER));
    assert_eq!(lanes(array![1.0, 2.0]).0.get(), None);
    // A branch in a loop in a loop; the first step that fails counts, also over a batch.
    let nested = |x: Array| {
        let inner = |c: Array, _: Array| (cond(c.gt(2.0), |c| -c, positive_log, c), ());
        let outer = |c: Array, _: Array| (scan(inner, c, arange(2)).0, ());
        scan(outer, x, arange(2)).0
    };
    let (checked, wrong) = (checkify(nested, Checks::USER), "check: x must be positive, got -");
    assert_eq!(checked(scalar(2.0)).0.get().unwrap().split(wrong).nth(1), Some("0.4"));
    let texts = jit(vmap(checked))(array![2.0, 3.0]).0.get().unwrap();
    let values: Vec<&str> = texts.lines().filter_map(|l| l.split(wrong).nth(1)).collect();
    assert_eq!(values, ["0.4", "3.0"]);
}

#[test]
fn checks_inside_while_loops() {
    let halve = |x: Array| {
        let holds = |x: Array| {
            check(x.lt(6.0), "tested {:.0}", &x);
            x.gt(1.0)
        };
        let body = |x: Array| {
            check((&x - 2.0).abs().gt(0.0), "halved {:.0}", &x);
            x / 2.0
        };
        while_loop(holds, body, x)
    };
    let f = checkify(halve, Checks::USER);
    for f in [f.clone(), jit(f.clone())] {
        says(&f(scalar(4.0)).0, "check: halved 2");
        says(&f(scalar(8.0)).0, "check: tested 8");
        let (error, y) = f(scalar(3.0));
        assert_eq!((error.get(), y.item::<f32>()), (None, 0.75));
    }
    let texts = vmap(f)(array![8.0, 3.0, 4.0]).0.get().unwrap();
    let ends: Vec<&str> = texts.lines().filter_map(|l| l.split("check: ").nth(1)).collect();
    assert_eq!(ends, ["tested 8", "halved 2"]);
    says(&checkify(vmap(halve), Checks::USER)(array![3.0, 4.0]).0, "check: halved 2");
}

#[test]
fn checks_under_derivatives() {
    let x = || scalar(-1.0);
    let (error, d) = checkify(grad(positive_log), Checks::USER)(x());
    says(&error, USER);
    assert_eq!(d.item::<f32>(), -1.0);
    says(&jit(checkify(grad(checkpoint(positive_log)), Checks::USER))(x()).0, USER);
    says(&checkify(grad(grad(positive_log)), Checks::USER)(x()).0, USER);
    says(&checkify(jacfwd(positive_log), Checks::USER)(x()).0, USER);
    // The derivative of a checked function.
    let loss = |x: Array| {
        let (error, y) = checkify(positive_log, Checks::ALL)(x);
        (y, error)
    };
    let (d, error) = jit(grad_aux(loss))(scalar(2.0));
    assert_eq!((d.item::<f32>(), error.get()), (0.5, None));
    says(&grad_aux(loss)(x()).1, USER);
    // Through custom rules.
    let f = custom_jvp(positive_log, |(x,): (Array,), (dx,)| (x.log(), dx / x));
    says(&checkify(f.clone(), Checks::USER)(x()).0, USER);
    let loss = move |x: Array| {
        let (error, y) = checkify(f.clone(), Checks::ALL)(x);
        (y, error)
    };
    let (d, error) = grad_aux(loss.clone())(x());
    says(&error, USER);
    assert_eq!(d.item::<f32>(), -1.0);
    let g =
        custom_vjp(positive_log, |(x,): (Array,)| (x.log(), x), |x: Array, ct: Array| (ct / x,));
    let loss = move |x: Array| {
        let (error, y) = checkify(g.clone(), Checks::ALL)(x);
        (y, error)
    };
    let (d, error) = grad_aux(loss)(scalar(4.0));
    assert_eq!((d.item::<f32>(), error.get()), (0.25, None));
}

#[test]
fn nan_is_found_where_it_is_made() {
    let f = |x: Array| (x.log() * 2.0).sin();
    let line = line!() - 1;
    for f in [checkify(f, Checks::NAN), jit(checkify(jit(f), Checks::ALL))] {
        assert_eq!(f(scalar(2.0)).0.get(), None);
        let said = f(scalar(-2.0)).0.get().unwrap();
        assert_eq!(said, format!("tests/checks.rs:{line}: log: the result has a NaN"));
    }
    // In a gradient: the line of what is differentiated.
    let root = |x: Array| (x * 0.0).sqrt() * 0.0;
    let (error, _) = checkify(grad(root), Checks::NAN)(scalar(1.0));
    assert!(file(&error.get().unwrap()), "{error:?}");
    // What moves or chooses a NaN did not make it.
    let chosen = |x: Array| {
        check(x.is_nan().any().logical_not(), "{} has a NaN", &x);
        x.gt(0.0).select(&x, 0.0).max()
    };
    says(&checkify(chosen, Checks::ALL)(array![f32::NAN]).0, "check: [nan] has a NaN");
    assert_eq!(checkify(chosen, Checks::NAN)(array![f32::NAN]).0.get(), None);
    let sums = |x: Array| x.sum();
    let (error, _) = checkify(sums, Checks::NAN)(array![f32::INFINITY, f32::NEG_INFINITY]);
    says(&error, "reduce_sum: the result has a NaN");
}

#[test]
fn division_and_indices() {
    let div = |x: Array, y: Array| x / y;
    says(&checkify(div, Checks::DIVISION)(scalar(1.0), scalar(0.0)).0, "div: division by zero");
    let ints = checkify(|x: Array, y: Array| lax::rem(&x, &y), Checks::FLOAT);
    says(&ints(array![1, 2], array![1, 0]).0, "rem: division by zero");
    assert_eq!(ints(array![1, 2], array![1, 3]).0.get(), None);
    let constant = checkify(|x: Array| x / 2.0, Checks::DIVISION);
    assert_eq!(constant(scalar(0.0)).0.get(), None);

    let take = checkify(|x: Array, i: Array| x.take(&i, 0), Checks::INDEX);
    let x = array![1.0, 2.0, 3.0];
    assert_eq!(take(x.clone(), array![0, 2]).0.get(), None);
    says(
        &take(x.clone(), array![0, 7, 1]).0,
        "take: index 7 is out of bounds, it should be in 0..=2, or in -3..=-1 from the end",
    );
    let update = |x: Array, i: Array| lax::dynamic_update_slice(&x, &array![9.0, 9.0], &[i]);
    says(
        &jit(checkify(update, Checks::INDEX))(x.clone(), Array::from(2)).0,
        "dynamic_update_slice: index 2 is out of bounds, it should be in 0..=1",
    );
    // Per lane, and of the whole batch, in which the slice has become a gather.
    let slice = |x: Array, i: Array| lax::dynamic_slice(&x, &[i], &[1]);
    let (error, _) = vmap_axes(checkify(slice, Checks::INDEX), (None, 0))(x.clone(), array![0, 5]);
    assert!(error.get().unwrap().starts_with("at [1]"));
    says(
        &checkify(vmap_axes(slice, (None, 0)), Checks::INDEX)(x.clone(), array![0, 5]).0,
        "index 5 is out of bounds, it should be in 0..=2",
    );
    let gradient = checkify(grad(|x: Array| x.take(&array![5], 0).sum()), Checks::INDEX);
    says(
        &gradient(x).0,
        "index 5 is out of bounds, it should be in 0..=2, or in -3..=-1 from the end",
    );
}

#[test]
fn the_first_failure_counts_and_payloads_keep_their_types() {
    let f = |x: Array, n: Array| {
        check(n.lt(10), "n = {} of {} at {}", (&n, &x, &Array::from(true)));
        check(x.gt(array![0.0, 0.0]).all(), "x = {:.2}", &x);
        (x.log(), 1 / n)
    };
    let g = jit(checkify(f, Checks::ALL));
    let n = |n: i64| Array::from(n);
    says(&g(array![1.0, -1.5], n(0)).0, "check: x = [ 1.00 -1.50]");
    says(&g(array![1.0, -1.0], n(1 << 53 | 1)).0, "n = 9007199254740993 of [ 1. -1.] at true");
    says(&g(array![1.0, 1.0], n(0)).0, "div: division by zero");
    let doubled = |x: Array| {
        check(x.lt(1e300), "{}", &x);
        x
    };
    let x = Array::scalar(1.7976931348623157e308f64);
    says(&checkify(doubled, Checks::USER)(x).0, "1.7976931348623157e308");
}

#[track_caller]
fn nan_error<R>(f: impl FnOnce() -> Result<R, Error>) -> String {
    let error = debug_nans(f).err().expect("an error");
    assert_eq!(error.kind(), ErrorKind::Check);
    error.message().to_owned()
}

#[test]
fn the_error_names_the_equation_that_made_the_nan() {
    let line = line!() + 1;
    let f = |x: Array| (x.log() * 2.0).sum();
    let x = || array![1.0, -1.0];
    let expected = format!(
        "log at tests/checks.rs:{line} makes a NaN: f32[2] [ 0. nan] from f32[2] [ 1. -1.]"
    );
    assert_eq!(nan_error(|| jit(f).try_call((x(),))), expected);
    assert_eq!(
        nan_error(|| jit(grad(f)).try_call((x(),)).and_then(|_| jit(f).try_call((x(),)))),
        expected
    );
    assert_eq!(
        nan_error(|| vmap(jit(f)).try_call((array![[1.0, -1.0]],))).matches("log at").count(),
        1
    );
    let said = nan_error(|| jit_with(f, JitOptions::new().debug_nans()).try_call((x(),)));
    assert_eq!(said, expected);
    assert!(jit_with(f, JitOptions::new().debug_nans()).try_call((x(),)).is_err());
    // Eagerly, at the operation itself.
    let eagerly = std::panic::catch_unwind(|| debug_nans(|| x().sqrt()));
    let text = *eagerly.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("sqrt at tests/checks.rs:"), "{text}");
    // Without a check there is no error. The message tells if the NaN came in from outside.
    assert!(jit(f)(x()).item::<f32>().is_nan());
    let said = nan_error(|| jit(f).try_call((array![f32::NAN],)));
    assert!(said.contains("so has input 0 already"), "{said}");
    assert!(debug_nans(|| jit(f).try_call((array![1.0],))).is_ok());
    let inf = debug_infs(|| jit(|x: Array| x.exp()).try_call((array![1000.0],))).unwrap_err();
    assert!(inf.message().contains("makes an infinity"), "{inf}");
    assert!(debug_nans(|| jit(|x: Array| x.exp()).try_call((array![1000.0],))).is_ok());
}

#[test]
fn the_search_goes_into_loops_branches_and_gradients() {
    let at = |line: u32| format!("tests/checks.rs:{line}");
    let (step, scanned) = (line!() + 1, line!() + 2);
    let step_fn = |c: Array, x: Array| ((&c - &x).sqrt(), c);
    let walk = move |xs: Array| scan(step_fn, Array::scalar(9.0f32), xs).0;
    let said = nan_error(|| jit(walk).try_call((array![0.0, 2.0, 5.0, 0.0],)));
    let end = format!("in step 2 of scan at {}", at(scanned));
    assert!(said.starts_with(&format!("sqrt at {} makes a NaN", at(step))), "{said}");
    assert!(said.ends_with(&end), "{said}");
    // The derivative of sqrt at 0, in the backward loop.
    let loss = move |xs: Array| walk(xs) * 0.0;
    let said = nan_error(|| jit(grad(loss)).try_call((array![0.0, 3.0, 0.0],)));
    assert!(said.contains(&at(step)) && said.contains("of scan at"), "{said}");

    let branch = line!() + 1;
    let f = |x: Array| cond(x.gt(0.0), |x| x, |x: Array| x.log(), x);
    let said = nan_error(|| jit(f).try_call((Array::scalar(-1.0f32),)));
    assert_eq!(
        said,
        format!(
            "log at {0} makes a NaN: f32[] nan from f32[] -1.0, in branch 0 of cond at {0}",
            at(branch)
        )
    );
    let halve = |x: Array| while_loop(|x: Array| x.gt(0.5), |x: Array| (x - 1.0).sqrt(), x);
    let said = nan_error(|| jit(halve).try_call((Array::scalar(1.5f32),)));
    assert!(said.contains("in round 1 of while"), "{said}");
    let nested = move |x: Array| jit(halve)(x) * 2.0;
    let said = nan_error(|| jit(nested).try_call((Array::scalar(1.5f32),)));
    assert!(said.starts_with("sqrt at") && said.contains("in round 1 of while"), "{said}");
    assert!(
        nan_error(|| jit(vmap(walk)).try_call((array![[0.0, 2.0, 5.0]],)))
            .contains("step 2 of scan")
    );
}

/// What the environment variables say holds for a process, so this test runs itself in others.
#[test]
fn the_environment_turns_the_check_on() {
    const INSIDE: &str = "COTANGENT_TEST_INSIDE";
    let ran = |variable: &str, value: &str| {
        let me = std::env::current_exe().unwrap();
        let mut command = std::process::Command::new(me);
        command.args(["--exact", "the_environment_turns_the_check_on", "--nocapture"]);
        let output = command.env(INSIDE, "1").env(variable, value).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    if std::env::var_os(INSIDE).is_some() {
        for (name, f) in [("log", (|x: Array| x.log()) as fn(Array) -> Array), ("exp", |x| x.exp())]
        {
            let said = jit(f).try_call((array![-1.0, 1000.0],)).err().map(|e| e.to_string());
            println!("{name}: {}", said.unwrap_or_else(|| "nothing".into()));
        }
        return;
    }
    let nans = ran("COTANGENT_DEBUG_NANS", "1");
    assert!(
        nans.contains("log: log at tests/checks.rs") && nans.contains("exp: nothing"),
        "{nans}"
    );
    let infs = ran("COTANGENT_DEBUG_INFS", "1");
    assert!(
        infs.contains("log: nothing") && infs.contains("exp: exp at tests/checks.rs"),
        "{infs}"
    );
    for off in ["0", ""] {
        let off = ran("COTANGENT_DEBUG_NANS", off);
        assert!(off.contains("log: nothing") && off.contains("exp: nothing"), "{off}");
    }
}

/// `f` over lanes finds what `f` finds in each of them alone, and nothing else.
#[track_caller]
fn finds_in_lanes(f: fn(Array) -> Array, x: &Array, failing: &[usize]) {
    let each = vmap(checkify(f, Checks::ALL))(x.clone()).0.get().unwrap_or_default();
    let lanes: Vec<&str> = each.lines().map(|l| l.split(':').next().unwrap_or(l)).collect();
    let expected: Vec<String> = failing.iter().map(|i| format!("at [{i}]")).collect();
    assert_eq!(lanes, expected, "{each}");
    let derivative = |x: Array| vmap(grad(f))(x);
    let whole: [Func<_, _>; 5] = [
        checkify(vmap(f), Checks::ALL),
        jit(checkify(vmap(f), Checks::ALL)),
        checkify(jit(vmap(f)), Checks::ALL),
        checkify(derivative, Checks::ALL),
        jit(checkify(jit(derivative), Checks::ALL)),
    ];
    for (n, checked) in whole.iter().enumerate() {
        let (error, _) = checked(x.clone());
        // A gradient does not compute the value, and need not fail where that does.
        let expected = !failing.is_empty() && (n < 3 || error.get().is_some());
        assert_eq!(error.get().is_some(), expected, "{n}: {:?}", error.get());
        // The first failing lane is told, and only what it is about.
        if let Some(said) = error.get() {
            assert!(file(&said), "{said}");
        }
    }
    // Checks change no value, and without them lanes are computed together.
    let (_, y) = checkify(vmap(f), Checks::ALL)(x.clone());
    let same = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan());
    let plain = jit(vmap(f))(x.clone()).to_vec::<f32>();
    assert!(y.to_vec::<f32>().into_iter().zip(plain).all(|(a, b)| same(a, b)));
    let loops = |text: String| text.matches("scan[").count();
    let alone = loops(make_jaxpr(f)(x.index(0)).to_string());
    assert_eq!(loops(make_jaxpr(vmap(f))(x.clone()).to_string()), alone);
}

#[test]
fn a_branch_that_a_lane_does_not_take_cannot_fail_there() {
    let root = |x: Array| cond(x.ge(0.0), |x| x.sqrt(), |x| -x, x);
    finds_in_lanes(root, &array![4.0, -9.0], &[]);
    let quotient = |x: Array| cond(x.eq(0.0), |x| x * 2.0, |x: Array| 1.0 / x, x);
    finds_in_lanes(quotient, &array![0.0, 2.0], &[]);
    let log = |x: Array| cond(x.ge(-1.0), |x| x.log(), |x| x, x);
    finds_in_lanes(log, &array![2.0, -5.0, -0.5], &[2]);
    let chosen = |x: Array| {
        let branches: [fn(Array) -> Array; 3] = [|x| x, |x| (x - 1.0).sqrt(), |x| x.log()];
        switch(x.astype(DType::I32), &branches, x - 1.0)
    };
    finds_in_lanes(chosen, &array![0.0, 2.0, 3.5], &[]);
    finds_in_lanes(chosen, &array![0.0, 1.0], &[1]);
    let place = |x: Array| {
        let at = x.astype(DType::I32);
        cond(x.lt(2.0), |(x, i)| array![1.0, 2.0].index(&i) * x, |(x, _)| x, (x.clone(), at))
    };
    finds_in_lanes(place, &array![1.0, 7.0], &[]);
    let said = |x: Array| {
        let told = |x: Array| {
            check(x.gt(3.0), "{} is small", &x);
            x
        };
        cond(x.gt(0.0), told, |x| x, x)
    };
    let found = checkify(vmap(said), Checks::ALL)(array![-1.0, 5.0]).0.get();
    assert_eq!(found, None);
}

#[test]
fn a_lane_that_has_ended_cannot_fail_any_more() {
    // Counts down to 1; below, the quotient would be one by zero.
    let down = |x: Array| {
        while_loop_bounded(
            5,
            |(x, _)| x.gt(1.0),
            |(x, y)| (&x - 1.0, y / (&x - 1.0)),
            (x, array(1.0)),
        )
        .1
    };
    fn array(x: f32) -> Array {
        Array::from(x)
    }
    finds_in_lanes(down, &array![4.0, 2.0, 1.0], &[]);
    // A branch inside of a loop, and a loop inside of a branch.
    let both = |x: Array| {
        let step = |c: Array, _: Array| (cond(c.gt(0.5), |c| (c - 0.5).sqrt(), |c| c, c), ());
        cond(x.gt(0.0), |x: Array| scan(step, x, arange(3).astype(DType::F32)).0, |x| x, x)
    };
    finds_in_lanes(both, &array![2.0, 0.1, -3.0], &[]);
    let inner = |x: Array| {
        vmap(|y: Array| cond(y.gt(0.0), |y| y.log(), |y| y, y))(x * array![1.0, -1.0]).sum()
    };
    finds_in_lanes(inner, &array![1.0, -2.0], &[]);
}

/// A function with a rule for each mode keeps both under a check: forward mode still has its rule.
#[test]
fn checks_keep_the_forward_rule() {
    let root = custom_derivatives(
        |x: Array| {
            check(x.ge(0.0), "negative", ());
            x.sqrt()
        },
        |(x,), (dx,)| (x.sqrt(), dx * 0.5 / x.sqrt()),
        |(x,): (Array,)| (x.sqrt(), x.sqrt()),
        |y: Array, ct: Array| (ct * 0.5 / y,),
    );
    let checked = checkify(root, Checks::USER);
    let slope = |x: Array| {
        let along = |x: Array| checked(x).1;
        jvp(along, (x.clone(),), (ones_like(&x),)).1
    };
    assert_eq!(slope(Array::scalar(4.0f64)).item::<f64>(), 0.25);
    assert_eq!(grad(|x: Array| checked(x).1)(Array::scalar(4.0f64)).item::<f64>(), 0.25);
}
