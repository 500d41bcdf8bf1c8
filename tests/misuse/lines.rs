//! Every message names the function that the user called and the leaf that is wrong, and the panic
//! stands at the user's line. A call through a transform's result cannot hand its line to the
//! panic: there the text names it.

use super::harness::{Panic, panicked};
use cotangent::api::checkify::{Checks, checkify};
use cotangent::ode::{OdeOptions, odeint};
use cotangent::optim::{
    adagrad, adam, apply_updates, chain, clip_by_global_norm, incremental_update, rmsprop,
    sgd_momentum,
};
use cotangent::optimize::{MinimizeOptions, lbfgs};
use cotangent::prelude::*;
use cotangent::root::{KrylovOptions, RootOptions, cg, newton};
use cotangent::{lax, nn, random};
use std::panic::Location;

/// The panic's own location is in the statement that calls this, and its text this one.
#[track_caller]
fn fails<T>(expected: &str, f: impl FnOnce() -> T) {
    let Panic { text, file, line } = panicked(f);
    let here = Location::caller();
    let lines = here.line()..here.line() + 12;
    let near = file == here.file() && lines.contains(&line);
    assert!(near, "{file}:{line}: {text}\ndoes not stand at {here}");
    // Where the text names lines they are those of the call, too.
    let named = lines.rev().map(|l| format!("{}:{l}", here.file()));
    assert_eq!(named.fold(text, |text, n| text.replace(&n, "HERE")), expected);
}

/// The same of a call through what a transform returned; the text names its line, as `HERE`.
#[track_caller]
fn fails_inside<T>(expected: &str, f: impl FnOnce() -> T) {
    let Panic { text, .. } = panicked(f);
    let here = Location::caller();
    let named = (here.line()..here.line() + 12).rev().map(|l| format!("{}:{l}", here.file()));
    assert_eq!(named.fold(text, |text, n| text.replace(&n, "HERE")), expected);
}

fn pair() -> Array {
    array![1.0, 2.0]
}

fn ints() -> Array {
    array![1, 2]
}

#[test]
fn functions_that_are_composed_of_others_name_themselves() {
    fails("zeta: dtypes differ: f64[1] and f32[2]; convert one of them", || {
        lax::zeta(&pair(), &Array::from(&[1.0f64]))
    });
    fails("normal: expected a float dtype, got i32", || {
        random::normal(&random::key(0), [2], DType::I32)
    });
    fails("softmax: axis 1 is out of range for f32[2], which has 1 axis", || {
        nn::softmax(pair(), 1)
    });
    fails("sum_axis: axis 3 is out of range for f32[2], which has 1 axis", || pair().sum_axis(3));
    fails("gelu: expected real numbers, got c64[1]; take real(x), imag(x) or abs(x)", || {
        nn::gelu(array![Complex::new(1.0, 0.0)])
    });
    fails("square: expected an int or a float, got bool[1]; convert it", || {
        lax::square(&array![true])
    });
    fails("round_even: expected a float, got i32[2]; convert it", || lax::round_even(&ints()));
    fails("argsort: dimension 1 is out of range for f32[2], which has 1 axis", || {
        lax::argsort(&pair(), 1)
    });
    fails("squeeze: expected axis 0 of f32[2] to have size 1, got 2", || {
        lax::squeeze(&pair(), &[0])
    });
    fails("conv: expected a batch and a feature axis, got f32[2]", || {
        lax::conv(&pair(), &pair(), &[1], [(0, 0)])
    });
    fails("add: 7 is out of range for axis 0 of f32[2]", || pair().at(7).add(1.0));
    fails("add: expected a value that broadcasts to the part's shape [], got f32[3]", || {
        pair().at(0).add(array![1.0, 2.0, 3.0])
    });
    fails("take_along_axis: expected int indices, got f32[1]", || {
        pair().take_along_axis(&array![1.0], 0)
    });
    fails("randint: expected an int dtype, got f32", || {
        random::randint(&random::key(0), [2], DType::F32, 0, 1)
    });
    fails("matmul: contracted sizes differ: f32[2] has 2, f32[1] has 1", || {
        pair().kron(&array![true]).matmul(&array![1.0])
    });
    fails("reshape: expected a shape of 2 elements for f32[2], got [3] of 3", || {
        pair().reshape([3])
    });
    fails(
        "add: shapes do not broadcast: f32[2] and f32[3]; counted from the last, axis 1 has sizes \
         2 and 3",
        || pair() + array![1.0, 2.0, 3.0],
    );
    fails(
        "psum: no axis named \"i\" is in force; in force: none; call it inside a function mapped \
         by vmap_with(f, VmapOptions::new().axis_name(\"i\"))",
        || psum(pair(), "i"),
    );
}

#[test]
fn transforms_that_run_at_once() {
    fails("jvp: tangents at .0 should be f32[2] like the primal, got f32[1]", || {
        jvp(|x: Array| x, (pair(),), (array![1.0],))
    });
    fails("matmul: contracted sizes differ: f32[2] has 2, f32[1] has 1", || {
        vjp(|x: Array| -> Array { x.matmul(&array![1.0]) }, (pair(),))
    });
    fails("reshape: expected a shape of 2 elements for f32[2], got [3] of 3", || {
        linearize(|x: Array| x.reshape([3]), (pair(),))
    });
    fails(
        "linear_transpose of closure: HERE: mul: not linear, so it cannot be transposed; \
         differentiate first (linearize, vjp or grad)",
        || linear_transpose(|x: Array| &x * &x, (pair(),)).name().len(),
    );
}

#[test]
fn calls_of_what_transforms_return() {
    fails_inside(
        "HERE: grad: the function must return a scalar, got f32[2]; reduce it with sum or mean, or \
         use jacrev",
        || grad(|x: Array| x)(pair()),
    );
    fails_inside(
        "HERE: value_and_grad: the function must return a scalar, got f32[2]; reduce it with sum \
         or mean, or use jacrev",
        || value_and_grad(|x: Array| x)(pair()),
    );
    fails_inside(
        "HERE: vmap: argument 0 is f32[], which has no axis 0 to map over; use None for it",
        || vmap(|x: Array| x)(Array::from(1.0)),
    );
    fails_inside(
        "HERE: grad: the function must return a scalar, got f32[2]; reduce it with sum or mean, or \
         use jacrev",
        || jit(|x: Array| grad(|y: Array| y)(x))(pair()),
    );
    fails_inside(
        "HERE: jacfwd: argument 0 is i32[2], which has no derivative; convert it to floats, or \
         pass it in an argument that is not differentiated",
        || jacfwd(|x: Array| x)(ints()),
    );
    fails_inside(
        "HERE: hessian: argument 0 is i32[2], which has no derivative; convert it to floats, or \
         pass it in an argument that is not differentiated",
        || hessian(|x: Array| x)(ints()),
    );
    fails_inside(
        "HERE: grad: the function must return a scalar, got f32[2]; reduce it with sum or mean, or \
         use jacrev",
        || make_jaxpr(|x: Array| grad(|y: Array| y)(x))(pair()),
    );
    fails_inside(
        "HERE: vmap: argument 0 is f32[], which has no axis 0 to map over; use None for it",
        || checkify(|x: Array| vmap(|y: Array| y)(x), Checks::ALL)(Array::scalar(1f32)),
    );
    fails_inside(
        "HERE: grad: the function must return a scalar, got f32[2]; reduce it with sum or mean, or \
         use jacrev",
        || checkpoint(|x: Array| grad(|y: Array| y)(x))(pair()),
    );
    fails_inside(
        "HERE: custom_vjp: result of the backward rule: argument 0 should be f32[2] like the \
         argument, got f32[] (called at HERE)",
        || {
            custom_vjp(
                |x: Array| x,
                |(x,): (Array,)| (x.clone(), x),
                |x: Array, _: Array| (x.sum(),),
            )(pair());
            grad(|x: Array| {
                custom_vjp(
                    |x: Array| x,
                    |(x,): (Array,)| (x.clone(), x),
                    |x: Array, _: Array| (x.sum(),),
                )(x)
                .sum()
            })(pair())
        },
    );
    fails(
        "HERE: custom_jvp of closure, tangents: the rule should give f32[2] as array 0, got f32[]",
        || {
            jvp(
                |x: Array| {
                    custom_jvp(|x: Array| x, |(x,): (Array,), (t,): (Array,)| (x, t.sum()))(x)
                },
                (pair(),),
                (pair(),),
            )
        },
    );
}

#[test]
fn control_flow_says_where_a_wider_dtype_comes_in() {
    fails(
        "scan: `carry` changes type: it starts as f32[] and the step returns f64[]; make the step \
         return f32[], or start with f64[]; the f64 comes in at HERE",
        || scan(|c: Array, x: Array| (c + x, ()), Array::scalar(0f32), Array::from(&[1.0f64])),
    );
    fails(
        "fori_loop: `carry` changes type: it starts as f32[] and the body returns f64[]; make the \
         body return f32[], or start with f64[]; the f64 comes in at HERE",
        || {
            let wide = Array::scalar(2.0f64);
            fori_loop(
                0..3,
                |_, c: Array| {
                    let a = c.sin();
                    let b = &a * &wide;
                    b + a
                },
                Array::scalar(0f32),
            )
        },
    );
    fails(
        "while_loop: `carry` changes type: it starts as f32[] and the body returns f64[]; make the \
         body return f32[], or start with f64[]; the f64 comes in at HERE",
        || {
            while_loop(
                |c: Array| c.lt(3.0),
                |c: Array| {
                    let d = c.astype(DType::F64);
                    d + 1.0
                },
                Array::scalar(0f32),
            )
        },
    );
    fails(
        "while_loop: the test should return bool[], got f32[]; compare numbers, and reduce arrays \
         with all or any",
        || while_loop(|c: Array| c, |c: Array| c, Array::scalar(0f32)),
    );
    fails(
        "cond: the predicate should be bool[], got f32[2]; to choose element by element use select",
        || cond(pair(), |x: Array| x, |x: Array| x, pair()),
    );
    fails(
        "cond: branches return different types at `result`: on_false gives f32[2], on_true gives \
         f64[2]; convert or broadcast one of them; the f64 comes in at HERE",
        || cond(Array::from(true), |x: Array| x.astype(DType::F64), |x: Array| x, pair()),
    );
    fails("switch: the index should be a scalar int, got f32[]", || {
        switch(Array::from(1.0), &[|x: Array| x], pair())
    });
    fails(
        "map: `xs` is a scalar, f32[], with no axis to step along; capture it, or put it into the \
         carry",
        || map(|x: Array| x, Array::scalar(1f32)),
    );
    fails(
        "associative_scan: the operation should return f32[1] at `result`, as it takes, got f32[]",
        || associative_scan(|a: Array, _: Array| a.sum(), pair()),
    );
}

#[test]
fn optimisers_name_the_leaf() {
    fails("adam: gradients and parameters differ at .1[0]: expected f32[1], got f32[2]", || {
        let o = adam(0.1);
        let p = (pair(), vec![array![1.0]]);
        let s = o.init(&p);
        o.update((pair(), vec![pair()]), s, &p)
    });
    fails(
        "adam: shapes do not broadcast: f32[3] and f32[2]; counted from the last, axis 1 has sizes \
         3 and 2, in the leaf .0",
        || {
            let o = adam(0.1);
            let p = (pair(), vec![array![1.0]]);
            let s = o.init(&(array![1.0, 2.0, 3.0], vec![array![1.0]]));
            o.update(p.clone(), s, &p)
        },
    );
    fails(
        "adam: the state is that of other parameters: it has f32[1] at [0].mean.0, of which f32[2] \
         would follow; make it with init",
        || {
            let o = adam(0.1);
            let p = (pair(), vec![array![1.0]]);
            let s = o.init(&(array![1.0], vec![array![1.0]]));
            o.update(p.clone(), s, &p)
        },
    );
    // A state of another structure is told once, also from inside of a chain.
    for o in [adam(0.1), adagrad(0.1), rmsprop(0.1), sgd_momentum(0.1, 0.9, true)] {
        let p = (pair(), vec![array![1.0]]);
        let s = o.init(&vec![pair()]);
        let error = o.try_update(p.clone(), s, &p).unwrap_err();
        assert_eq!(
            error.message(),
            format!(
                "{}: the state is that of other parameters: it has vec![*], expected (*, vec![*]) \
                 as the gradients have; make it with init",
                o.name()
            )
        );
    }
    fails(
        "chain: the state is not one that this transform's init made of these parameters: \
         typed: expected a tuple of 0, got Moments",
        || {
            let o = chain([clip_by_global_norm(1.0), adam(0.1)]);
            let p = pair();
            let s = adam(0.1).init(&p);
            o.update(p.clone(), s, &p)
        },
    );
    fails(
        "apply_updates: gradients and parameters differ at .1: expected f32[2], got f32[1]",
        || apply_updates((pair(), pair()), (pair(), array![1.0])),
    );
    fails(
        "incremental_update: shapes do not broadcast: f32[2] and f32[3]; counted from the last, \
         axis 1 has sizes 2 and 3, in the leaf .1",
        || incremental_update((pair(), pair()), (pair(), array![1.0, 2.0, 3.0]), 0.5),
    );
}

#[test]
fn solvers_name_themselves_and_the_users_line() {
    fails(
        "HERE: odeint: reverse mode only, and forward mode (jvp, jet, jacfwd, hessian) was asked \
         for; use dopri5, which has it",
        || {
            jvp(
                |p: Array| {
                    odeint(
                        |y: Array, _, p: Array| y * p,
                        Array::scalar(1.0f64),
                        &array![0.0, 1.0],
                        p,
                        OdeOptions::default(),
                    )
                    .0
                },
                (Array::scalar(1.0f64),),
                (Array::scalar(1.0f64),),
            )
        },
    );
    fails(
        "odeint: the velocity should have the state's 1 element, got 2; return one derivative per \
         element",
        || {
            odeint(
                |_: Array, _, _: Array| pair(),
                Array::scalar(1.0f64),
                &array![0.0, 1.0],
                pair(),
                OdeOptions::default(),
            )
            .0
        },
    );
    fails("reshape: expected a shape of 1 element for f64[], got [7] of 7", || {
        odeint(
            |y: Array, _, _: Array| y.reshape([7]),
            Array::scalar(1.0f64),
            &array![0.0, 1.0],
            pair(),
            OdeOptions::default(),
        )
        .0
    });
    fails(
        "lbfgs: the function must return a scalar, got f32[2]; reduce it with sum or mean, or use \
         jacrev",
        || lbfgs(|x: Array| x, pair(), MinimizeOptions::default()),
    );
    fails("reshape: expected a shape of 2 elements for f32[2], got [5] of 5", || {
        lbfgs(|x: Array| x.reshape([5]).sum(), pair(), MinimizeOptions::default())
    });
    fails("newton: expected as many equations as unknowns, got 1 for 2", || {
        newton(|x: Array| x.sum(), pair(), RootOptions::default())
    });
    fails(
        "cg: the function should give something like the right side, which has 2 elements, got 1",
        || cg(|x: Array| x.sum(), pair(), KrylovOptions::default()),
    );
}

#[test]
fn callbacks_of_another_type() {
    fails(
        "HERE: pure_callback of callbacks_of_another_type's closure: result 0: expected f32[2], \
         got f32[]; the closure must return what it was declared to",
        || pure_callback(|x: Array| x.sum(), &pair(), pair()),
    );
    fails_inside(
        "HERE: pure_callback of callbacks_of_another_type's closure: result 0: expected f32[2], \
         got f32[]; the closure must return what it was declared to (called at HERE)",
        || jit(|x: Array| pure_callback(|x: Array| x.sum(), &x, x.clone()))(pair()),
    );
}

#[test]
fn checks_tell_the_index_that_was_given() {
    fails(
        "HERE: index: index -3 is out of bounds, it should be in 0..=1, or in -2..=-1 from the end",
        || {
            checkify(|x: Array, i: Array| x.index(&i), Checks::INDEX)(pair(), Array::from(-3))
                .0
                .throw()
        },
    );
    fails(
        "HERE: take: index -5 is out of bounds, it should be in 0..=1, or in -2..=-1 from the end",
        || {
            checkify(|x: Array, i: Array| x.take(&i, 0), Checks::INDEX)(pair(), array![1, -5])
                .0
                .throw()
        },
    );
    fails(
        "HERE: set: index -5 is out of bounds, it should be in 0..=1, or in -2..=-1 from the end",
        || {
            checkify(|x: Array, i: Array| x.at(&i).set(1.0), Checks::INDEX)(pair(), array![1, -5])
                .0
                .throw()
        },
    );
    fails(
        "HERE: get: index -4 is out of bounds, it should be in 0..=1, or in -2..=-1 from the end",
        || {
            checkify(|x: Array, i: Array| x.at(&i).get(), Checks::INDEX)(pair(), Array::from(-4))
                .0
                .throw()
        },
    );
    fails("HERE: dynamic_slice: index -4 is out of bounds, it should be in 0..=1", || {
        checkify(|x: Array, i: Array| lax::dynamic_slice(&x, &[i], &[1]), Checks::INDEX)(
            pair(),
            Array::from(-4),
        )
        .0
        .throw()
    });
    fails(
        "HERE: index: index -4 is out of bounds, it should be in 0..=1, or in -2..=-1 from the end",
        || {
            checkify(vmap_axes(|x: Array, i: Array| x.index(&i), (None, 0)), Checks::INDEX)(
                pair(),
                array![0, -4],
            )
            .0
            .throw()
        },
    );
}
