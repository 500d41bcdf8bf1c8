//! Scans with checkpoints: the same values and derivatives as without, and memory that grows as it
//! should, read off compiled programs.

use cotangent::prelude::*;
use cotangent::stage::executable::Executable;

const LENGTHS: [usize; 14] = [0, 1, 2, 3, 4, 5, 7, 9, 10, 13, 16, 23, 64, 101];

fn schemes() -> Vec<Checkpoints> {
    vec![
        Checkpoints::Every(1),
        Checkpoints::Every(4),
        Checkpoints::Every(1000),
        Checkpoints::Sqrt,
        Checkpoints::Log { branches: 2 },
        Checkpoints::Log { branches: 3 },
    ]
}

/// A scan with a captured value, a carry of two, slices and outputs; all of it in one number.
fn loss(
    length: usize,
    reverse: bool,
    checkpoints: Checkpoints,
) -> impl Fn(Array, Array) -> Array + Send + Sync + Clone {
    move |a: Array, xs: Array| {
        let step = |(u, v): (Array, Array), x: Array| {
            let next = (&u * &a + &x * 0.1).sin();
            let v = v + &next * &u;
            ((next, v.clone()), (v * x, u))
        };
        let options = ScanOptions { reverse, checkpoints, ..Default::default() };
        let init = (&a * 0.5, &a * 0.0);
        let ((u, v), (ys, us)) = scan_with(step, init, xs.index(..length as isize), options);
        let weights = arange(0..length as i64).astype(DType::F64) * 0.01;
        u + v + (ys * &weights).sum() + (us * weights).sum()
    }
}

fn inputs(length: usize) -> (Array, Array) {
    let xs = (0..length.max(1)).map(|i| (i as f64 * 0.7).sin()).collect::<Vec<_>>();
    (Array::scalar(0.8f64), Array::from_vec(xs))
}

#[test]
fn values_and_derivatives_are_those_of_a_plain_scan() {
    for length in LENGTHS {
        for reverse in [false, true] {
            let results = |checkpoints| {
                let f = loss(length, reverse, checkpoints);
                let (a, xs) = inputs(length);
                let both = jit(value_and_grad_wrt(f.clone(), (Arg::<0>, Arg::<1>)));
                let (value, (da, dxs)) = both(a.clone(), xs.clone());
                let mut all = vec![value.item::<f64>(), da.item::<f64>()];
                all.extend(dxs.to_vec::<f64>());
                if length < 8 {
                    let second = jit(grad(grad(f)));
                    all.push(second(a.clone(), xs.clone()).item::<f64>());
                    let rows = stack(&[a.clone(), &a * 0.5], 0);
                    let f = loss(length, reverse, checkpoints);
                    let batch = jit(vmap_axes(grad(f), (0, None)))(rows, xs);
                    all.extend(batch.to_vec::<f64>());
                }
                all
            };
            let plain = results(Checkpoints::None);
            for scheme in schemes() {
                for (got, expected) in results(scheme).iter().zip(&plain) {
                    let close = (got - expected).abs() < 1e-12 * (1.0 + expected.abs());
                    assert!(close, "{scheme:?}, {length} steps: {got} instead of {expected}");
                }
            }
        }
    }
}

/// `x <- tanh(W x)`, many times.
fn run(length: usize, checkpoints: Checkpoints) -> impl Fn(Array, Array) -> Array {
    move |w: Array, x: Array| {
        let options = ScanOptions { length: Some(length), checkpoints, ..Default::default() };
        scan_with(|x: Array, ()| (w.matmul(&x).tanh(), ()), x, (), options).0.sum()
    }
}

/// Bytes of scratch memory that the compiled gradient needs: the stacked residuals and what is at
/// work.
fn scratch(length: usize, checkpoints: Checkpoints) -> (usize, usize) {
    let (w, x) = (full_dtype([32, 32], 0.1, DType::F32), ones_dtype([32], DType::F32));
    let run = run(length, checkpoints);
    let gradient = jit(grad(move |w: Array, x: Array| run(w, x)));
    let lowered = gradient.lower((w, x)).unwrap();
    let jaxpr = lowered.simplified();
    let executable = Executable::inspectable(jaxpr, "gradient").unwrap();
    (executable.costs().unwrap().arena, jaxpr.total_eqns())
}

#[test]
fn memory_grows_linearly_by_the_root_or_by_the_logarithm() {
    let bytes = |lengths: [usize; 4], c| lengths.map(|n| scratch(n, c).0 as f64);
    let ratios = |b: [f64; 4]| [b[1] / b[0], b[2] / b[1], b[3] / b[2]];
    let plain = bytes([100, 1_000, 10_000, 100_000], Checkpoints::None);
    assert!(ratios(plain)[1..].iter().all(|r| (9.0..11.0).contains(r)), "{plain:?}");
    // Squares, so that nothing is left over: so many bytes for each step of the root.
    let roots = [20, 80, 320, 1_280];
    let root = bytes(roots.map(|r| r * r), Checkpoints::Sqrt);
    let slope = |i: usize| (root[i + 1] - root[i]) / (roots[i + 1] - roots[i]) as f64;
    assert!(slope(0) > 0.0 && slope(0) == slope(1) && slope(1) == slope(2), "{root:?}");
    assert!(root[2] < plain[3] / 50.0, "{root:?} {plain:?}");
    // Powers of the branches: every level costs what every other costs.
    let log = bytes([64, 512, 4_096, 32_768], Checkpoints::Log { branches: 8 });
    let level = log[1] - log[0];
    assert!(level > 0.0 && log[2] - log[1] == level && log[3] - log[2] == level, "{log:?}");
    assert!(log[3] < root[2] / 2.0, "{log:?} {root:?}");
    // What is left over in other lengths, primes among them, costs no more than as much again.
    for n in [9_973, 10_007, 99_991] {
        let near = |c, even| scratch(n, c).0 as f64 / scratch(even, c).0 as f64;
        let (root, log) =
            (near(Checkpoints::Sqrt, 102_400), near(Checkpoints::Log { branches: 8 }, 32_768));
        assert!(root < 2.5 && log < 2.5, "{n} steps: {root} {log}");
    }
}

#[test]
fn programs_do_not_grow_with_the_length() {
    let size = |n, c| scratch(n, c).1;
    assert_eq!(size(100, Checkpoints::Sqrt), size(10_000, Checkpoints::Sqrt));
    let sizes = [64, 512, 4096].map(|n| size(n, Checkpoints::Log { branches: 8 }));
    let growth = [sizes[1] - sizes[0], sizes[2] - sizes[1]];
    assert!(growth[1] < 2 * growth[0] && sizes[2] < 2_000, "{sizes:?}");
}

#[test]
fn checkpoints_that_cut_nowhere_are_errors() {
    let try_run = |c| {
        let options = ScanOptions { length: Some(9), checkpoints: c, ..Default::default() };
        let step = |x: Array, ()| (x, ());
        let result = cotangent::api::control::try_scan(step, Array::scalar(1.0f32), (), options);
        result.map(|_| ()).unwrap_err().message().to_owned()
    };
    let text = "scan: Checkpoints::Log takes at least 2 branches, got 1";
    assert_eq!(try_run(Checkpoints::Log { branches: 1 }), text);
    assert!(try_run(Checkpoints::Every(0)).contains("Every(0) cuts nowhere"));
}
