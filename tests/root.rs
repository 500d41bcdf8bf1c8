//! Roots, fixed points, and linear equations without matrices.

use cotangent::prelude::*;
use cotangent::random;
use cotangent::root::{
    KrylovOptions, LinearSolution, RootOptions, bicgstab, bisect, broyden, cg, fixed_point, gmres,
    newton, try_bisect,
};

fn f64s(x: f64) -> Array {
    Array::scalar(x)
}

fn tolerance(tolerance: f64) -> RootOptions {
    RootOptions { tolerance, ..Default::default() }
}

#[track_caller]
fn close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= tolerance * (1.0 + e.abs()), "{got:?} is not {expected:?}");
    }
}

#[test]
fn bisect_element_by_element() {
    let targets = Array::from(&[2.0, 27.0, -8.0, 0.0]);
    let f = |x: Array| x.powi(3) - &targets;
    let found =
        bisect(f, &(zeros_like(&targets) - 30.0), &(zeros_like(&targets) + 30.0), tolerance(1e-12));
    close(&found.x.to_vec::<f64>(), &[2f64.cbrt(), 3.0, -2.0, 0.0], 1e-12);
    assert!(found.converged.item::<bool>() && found.iterations.item::<i32>() < 50);
    // No change of sign; a root at an end; a falling function.
    let none = bisect(|x: Array| &x * &x + 1.0, f64s(-1.0), f64s(1.0), tolerance(1e-9));
    assert!(none.x.item::<f64>().is_nan() && !none.converged.item::<bool>());
    let end = bisect(|x: Array| x, f64s(0.0), f64s(1.0), tolerance(1e-9));
    assert_eq!(end.x.item::<f64>(), 0.0);
    let falling = bisect(|x: Array| 1.0 - x, f64s(0.0), f64s(3.0), tolerance(1e-12));
    close(&[falling.x.item::<f64>()], &[1.0], 1e-12);
    let refused =
        try_bisect(|x: Array| x, f64s(0.0), Array::scalar(1), tolerance(1e-9)).unwrap_err();
    assert!(
        refused
            .message()
            .starts_with("bisect: expected ends of one float type, got f64[] and i32[]")
    );
    let batch = jit(vmap(|c: Array| {
        bisect(|x: Array| x.exp() - &c, f64s(-9.0), f64s(9.0), tolerance(1e-12)).x
    }));
    close(&batch(Array::from(&[1.0, 2.0])).to_vec::<f64>(), &[0.0, 2f64.ln()], 1e-12);
}

/// A system with the root (1, 2, 3), as a pytree.
fn system((x, y): (Array, Array)) -> (Array, Array) {
    let z = y.index(1);
    let y = y.index(0);
    let first = &x * &x + &y * &y - 5.0;
    (first, stack(&[&x * &y * &z - 6.0, (z - 3.0).exp() - x], 0))
}

#[test]
fn systems_by_newton_and_broyden() {
    let start = || (f64s(1.3), Array::from(&[1.7, 2.6]));
    for found in
        [newton(system, start(), tolerance(1e-12)), broyden(system, start(), tolerance(1e-12))]
    {
        println!("{found:?}");
        assert!(found.converged.item::<bool>());
        close(&[found.x.0.item::<f64>()], &[1.0], 1e-11);
        close(&found.x.1.to_vec::<f64>(), &[2.0, 3.0], 1e-11);
    }
    // Far away full steps diverge: atan.
    let far = newton(|x: Array| x.atan(), f64s(10.0), tolerance(1e-12));
    close(&[far.x.item::<f64>()], &[0.0], 1e-12);
    let none = newton(|x: Array| &x * &x + 1.0, f64s(0.7), tolerance(1e-9));
    assert!(!none.converged.item::<bool>());
    let single = newton(|x: Array| &x * &x - 2.0, Array::scalar(1.0f32), tolerance(1e-5));
    assert_eq!(single.x.dtype(), DType::F32);
    close(&[single.x.item::<f32>().into()], &[2f64.sqrt()], 1e-6);
    let nothing = newton(|x: Array| x, zeros_dtype([0], DType::F64), tolerance(1e-9));
    assert!(nothing.converged.item::<bool>());
    let c = Array::from(&[1.0, 2.0, 70.0]);
    let roots = jit(vmap(|c: Array| newton(|x: Array| &x * &x - &c, f64s(1.0), tolerance(1e-12))));
    let found = roots(c);
    close(&found.x.to_vec::<f64>(), &[1.0, 2f64.sqrt(), 70f64.sqrt()], 1e-12);
    let rounds = found.iterations.to_vec::<i32>();
    assert!(rounds[0] == 0 && rounds[1] > 3 && rounds[2] > 3, "{rounds:?}");
}

#[test]
fn fixed_points() {
    let found = fixed_point(|x: Array| x.cos(), f64s(1.0), tolerance(1e-12));
    close(&[found.x.item::<f64>()], &[0.7390851332151607], 1e-11);
    let away = fixed_point(|x: Array| 2.0 * x, f64s(1.0), tolerance(1e-12));
    assert!(!away.converged.item::<bool>());
}

/// A matrix with eigenvalues from 1 to 10, symmetric, and the same with a skew part.
fn matrices(n: usize) -> (Array, Array) {
    let a = random::normal(&random::key(1), [n, n], DType::F64);
    let symmetric = a.matmul(a.t()) * (9.0 / (4.0 * n as f64)) + eye_dtype(n, DType::F64);
    let skew = &a - a.t();
    (symmetric.clone(), symmetric + 0.3 * skew)
}

#[test]
fn linear_equations_without_matrices() {
    let n = 30;
    let (symmetric, general) = matrices(n);
    let x = random::normal(&random::key(2), [n], DType::F64);
    let options = KrylovOptions { tolerance: 1e-11, restart: 15, ..Default::default() };
    let solved = |name: &str, a: &Array, found: LinearSolution<(Array, Array)>| {
        println!(
            "{name}: {} rounds, residual {:e}",
            found.iterations,
            found.residual.item::<f64>()
        );
        assert!(found.converged.item::<bool>(), "{name}");
        let got = concatenate(&[found.x.0, found.x.1], 0);
        close(&got.to_vec::<f64>(), &x.to_vec::<f64>(), 1e-8);
        let _ = a;
    };
    let of = |a: &Array| {
        let a = a.clone();
        move |(p, q): (Array, Array)| {
            let y = a.matmul(concatenate(&[p, q], 0));
            (y.index(s![..10]), y.index(s![10..]))
        }
    };
    let right = |a: &Array| {
        let b = a.matmul(&x);
        (b.index(s![..10]), b.index(s![10..]))
    };
    solved("cg", &symmetric, cg(of(&symmetric), right(&symmetric), options.clone()));
    for a in [&symmetric, &general] {
        solved("bicgstab", a, bicgstab(of(a), right(a), options.clone()));
        solved("gmres", a, gmres(of(a), right(a), options.clone()));
    }
    // Exact in as many rounds as there are distinct eigenvalues; zero right sides; NaN.
    let twice = |x: Array| 2.0 * x;
    let found = gmres(twice, Array::from(&[1.0, 2.0, 3.0]), KrylovOptions::default());
    close(&found.x.to_vec::<f64>(), &[0.5, 1.0, 1.5], 1e-14);
    for solve in [cg, bicgstab, gmres]
        as [fn(fn(Array) -> Array, Array, KrylovOptions) -> LinearSolution<Array>; 3]
    {
        let none = solve(|x| 2.0 * x, Array::from(&[0.0, 0.0]), KrylovOptions::default());
        assert_eq!((none.x.to_vec::<f64>(), none.converged.item::<bool>()), (vec![0.0, 0.0], true));
        let nan = solve(|x| 2.0 * x, Array::from(&[f64::NAN, 0.0]), KrylovOptions::default());
        assert!(!nan.converged.item::<bool>());
        let one = solve(|x| 2.0 * x, Array::from(&[1.0f32]), KrylovOptions::default());
        assert_eq!(one.x.to_vec::<f32>(), [0.5]);
    }
}

#[test]
fn linear_equations_in_batches() {
    let (a, _) = matrices(6);
    let bs = random::normal(&random::key(3), [4, 6], DType::F64);
    let options = KrylovOptions { tolerance: 1e-12, ..Default::default() };
    for solve in [
        |a: Array, b: Array, o| cg(move |x: Array| a.matmul(&x), b, o).x,
        |a: Array, b: Array, o| bicgstab(move |x: Array| a.matmul(&x), b, o).x,
        |a: Array, b: Array, o| gmres(move |x: Array| a.matmul(&x), b, o).x,
    ] as [fn(Array, Array, KrylovOptions) -> Array; 3]
    {
        let (a, options) = (a.clone(), options.clone());
        let all = jit(vmap(|b: Array| solve(a.clone(), b, options.clone())))(bs.clone());
        close(&all.matmul(&a).to_vec::<f64>(), &bs.to_vec::<f64>(), 1e-9);
    }
}

/// Roots of `x³ = a` have the derivatives of the cube root, to third order and in both modes.
#[test]
fn derivatives_of_roots_are_implicit() {
    type F = fn(Array) -> Array;
    let roots: [(&str, F); 3] = [
        ("newton", |a| newton(|x: Array| x.powi(3) - &a, f64s(1.5), tolerance(1e-13)).x),
        ("broyden", |a| broyden(|x: Array| x.powi(3) - &a, f64s(1.5), tolerance(1e-13)).x),
        ("fixed_point", |a| {
            let f = |x: Array| (2.0 * &x + &a / x.square()) / 3.0;
            fixed_point(f, f64s(1.5), tolerance(1e-13)).x
        }),
    ];
    let a = 3.0f64;
    let expected = [1.0 / 3.0, -2.0 / 9.0, 10.0 / 27.0]
        .iter()
        .enumerate()
        .map(|(k, c)| c * a.powf(1.0 / 3.0 - (k + 1) as f64))
        .collect::<Vec<f64>>();
    for (name, root) in roots {
        println!("{name}");
        close(&[root(f64s(a)).item::<f64>()], &[a.cbrt()], 1e-12);
        let reverse = [
            grad(root)(f64s(a)).item::<f64>(),
            grad(grad(root))(f64s(a)).item::<f64>(),
            grad(grad(grad(root)))(f64s(a)).item::<f64>(),
        ];
        close(&reverse, &expected, 1e-9);
        let straight = vec![(f64s(1.0),), (f64s(0.0),), (f64s(0.0),)];
        let series = jet(root, (f64s(a),), straight).1;
        close(&series.iter().map(|d| d.item::<f64>()).collect::<Vec<_>>(), &expected, 1e-9);
        let batch = jit(vmap(grad(root)))(Array::from(&[1.0, 8.0]));
        close(&batch.to_vec::<f64>(), &[1.0 / 3.0, 1.0 / 12.0], 1e-9);
    }
    // A system: its Jacobian's inverse.
    let system = |p: Array| {
        let f = |(x, y): (Array, Array)| (&x * &y - p.index(0), &x + &y - p.index(1));
        let found = newton(f, (f64s(1.0), f64s(4.0)), tolerance(1e-13));
        stack(&[found.x.0, found.x.1], 0)
    };
    // x, y = 2, 3: the equations' derivative is [[3, 2], [1, 1]].
    let p = Array::from(&[6.0, 5.0]);
    close(&system(p.clone()).to_vec::<f64>(), &[2.0, 3.0], 1e-12);
    close(&jacrev(system)(p.clone()).to_vec::<f64>(), &[1.0, -2.0, -1.0, 3.0], 1e-10);
    close(&jacfwd(system)(p).to_vec::<f64>(), &[1.0, -2.0, -1.0, 3.0], 1e-10);
}

/// `d(A⁻¹ b) = A⁻¹ (db - dA x)`: gradients against those of an explicit inverse.
#[test]
fn derivatives_of_linear_equations() {
    let (symmetric, general) = matrices(5);
    let b = random::normal(&random::key(4), [5], DType::F64);
    let w = random::normal(&random::key(5), [5], DType::F64);
    let options = KrylovOptions { tolerance: 1e-13, ..Default::default() };
    type Solve = fn(Array, Array, KrylovOptions) -> Array;
    let solvers: [(Solve, &Array); 3] = [
        (|a, b, o| cg(|x: Array| a.matmul(&x), b, o).x, &symmetric),
        (|a, b, o| bicgstab(|x: Array| a.matmul(&x), b, o).x, &general),
        (|a, b, o| gmres(|x: Array| a.matmul(&x), b, o).x, &general),
    ];
    for (solve, a) in solvers {
        let (o, w) = (options.clone(), w.clone());
        let f = |a: Array, b: Array| (solve(a, b, o.clone()) * &w).sum();
        let (da, db) = grad_wrt(f, (Arg::<0>, Arg::<1>))(a.clone(), b.clone());
        // Aᵀ db = w, and dA = -db xᵀ.
        close(&a.t().matmul(&db).to_vec::<f64>(), &w.to_vec::<f64>(), 1e-9);
        let x = solve(a.clone(), b.clone(), options.clone());
        let expected = -db.expand_dims(1) * x;
        close(&da.to_vec::<f64>(), &expected.to_vec::<f64>(), 1e-9);
        let (_, forward) = jvp(f, (a.clone(), b.clone()), (zeros_like(a), ones_like(&b)));
        close(&[forward.item::<f64>()], &[db.sum().item::<f64>()], 1e-9);
    }
}

#[test]
fn ends_may_be_numbers() {
    let found = bisect(|x: Array| x.square() - 2.0, 0, 2.0f64, RootOptions::default());
    assert!((found.x.to_f64() - 2f64.sqrt()).abs() < 1e-5, "{}", found.x);
    let high = array![2.0f64, 9.0];
    let found = bisect(|x: Array| x.square() - &high, 0.0, &high, RootOptions::default());
    let roots = array![2f64.sqrt(), 3.0];
    assert!(found.x.isclose(&roots).all().to_bool(), "{}", found.x);
}
