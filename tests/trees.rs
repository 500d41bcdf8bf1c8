//! Functions over pytrees, derivatives of pytrees by pytrees, and the stages of compilation without
//! data.

use cotangent::api::pytree::{try_tree_broadcast, try_tree_transpose};
use cotangent::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tests of what all threads share take turns.
static ALONE: Mutex<()> = Mutex::new(());

#[derive(Clone, Debug, Pytree)]
struct Line {
    w: Array,
    b: Array,
}

fn line() -> Line {
    Line { w: array![[1.0f64, 2.0], [3.0, 4.0], [5.0, 6.0]], b: array![0.5f64, -0.5] }
}

#[track_caller]
fn message<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(e) => e.message().to_string(),
    }
}

#[test]
fn trees_are_folded_turned_and_spread() {
    let tree = (line(), vec![Some(array![1.0]), None], BTreeMap::from([("k", array![2])]));
    let (leaves, structure) = tree_flatten(tree.clone());
    assert_eq!(leaves.len(), 4);
    assert_eq!(structure.to_string(), r#"(Line { w: *, b: * }, vec![Some(*), None], {"k": *})"#);
    let paths: Vec<String> = tree_leaves_with_path(&tree).into_iter().map(|(p, _)| p).collect();
    assert_eq!(paths, [".0.w", ".0.b", ".1[0]", ".2[\"k\"]"]);
    let sizes = tree_reduce(|n, x| n + x.size(), 0, &tree);
    assert_eq!(sizes, 6 + 2 + 1 + 1);
    assert!(tree_all(|x| x.size() > 0, &tree) && !tree_all(|x| x.dtype().is_float(), &tree));
    assert!(tree_any(|x| x.dtype().is_int(), &tree) && !tree_any(|_| true, &()));

    // Outer and inner structure change places, and again.
    let rows = vec![(array![1.0], line()), (array![2.0], line())];
    let (outer, inner) = (tree_structure(&vec![array![0.0]; 2]), tree_structure(&rows[0]));
    let columns: (Vec<Array>, Tree) = tree_transpose(&outer, &inner, rows.clone());
    assert_eq!(columns.0[1].item::<f32>(), 2.0);
    assert_eq!(columns.1.paths(), [".w[0]", ".w[1]", ".b[0]", ".b[1]"]);
    let back: Vec<(Array, Line)> = tree_transpose(&inner, &outer, columns);
    assert_eq!(tree_structure(&back), tree_structure(&rows));
    let wrong = try_tree_transpose::<_, Tree>(&inner, &outer, rows);
    assert!(message(wrong).starts_with("tree_transpose: structures differ at the root"));

    let spread = tree_broadcast((array![1.0], array![2.0], array![3.0]), &tree);
    let values: Vec<f32> = tree_leaves(&spread).iter().map(|x| x.item::<f32>()).collect();
    assert_eq!(values, [1.0, 1.0, 2.0, 3.0]);
    let all = tree_broadcast(array![7.0], &tree);
    assert_eq!(tree_structure(&all), tree_structure(&tree));
    let small = (array![1.0], (array![1.0], array![1.0]), array![1.0]);
    assert_eq!(
        message(try_tree_broadcast(small, &tree)),
        "tree_broadcast: no prefix at .1: expected a tuple of 2, got a Vec of 2"
    );
}

#[test]
fn differences_are_named_by_their_path() {
    let tree = |key: &'static str| vec![(array![1.0], BTreeMap::from([(key, array![2.0])]))];
    let add = |a, b| cotangent::api::pytree::try_tree_map2(|a, b| a + b, a, b);
    assert_eq!(
        message(add(tree("a"), tree("b"))),
        "tree_map2: structures differ at [0].1[\"a\"]: expected [0].1[\"a\"], got [0].1[\"b\"]"
    );
    let mut more = tree("a");
    more[0].1.insert("b", array![3.0]);
    assert_eq!(
        message(add(tree("a"), more)),
        "tree_map2: structures differ at [0].1: expected a map of 1, got a map of 2"
    );
}

/// A tree with erased structure goes through transforms as the tree it was made of.
#[test]
fn erased_trees_pass_through_transforms() {
    let f = |t: Tree| t.leaves().iter().fold(Array::scalar(0f64), |s, x| s + (x * x).sum());
    let g: Line = grad(f)(Tree::of(line())).typed().unwrap();
    assert_eq!(g.w.to_vec::<f64>(), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    let twice = jit(|t: Tree| t.map(|x| x * 2.0));
    let l: Line = twice(Tree::of(line())).typed().unwrap();
    assert_eq!(l.b.to_vec::<f64>(), [1.0, -1.0]);
    assert!(message(Tree::of(line()).typed::<(Array, Array)>()).contains("a tuple of 2"));
    assert_eq!(Tree::of(line()).to_string(), "Line { w: f64[3,2], b: f64[2] }");
    assert_eq!(Tree::of(line()).keep(&[false, true]).to_string(), "Line { w: None, b: f64[2] }");
}

/// Both modes, all pairs of a result and an argument, against differences.
#[test]
fn jacobians_of_pytrees() {
    let x = array![0.3f64, -0.7, 0.9];
    let f = |(l, x): (Line, Array)| {
        let y = x.matmul(&l.w) + &l.b;
        (y.tanh(), vec![(y.square() * &l.b).sum(), x.index(1) * 2.0])
    };
    type J = ((Line, Array), Vec<(Line, Array)>);
    let forward: J = jacfwd(f)((line(), x.clone()));
    let reverse: J = jit(jacrev(f))((line(), x.clone()));
    let shapes = |j: &J| tree_leaves(j).iter().map(|x| x.shape().to_vec()).collect::<Vec<_>>();
    assert_eq!(shapes(&forward), shapes(&reverse));
    assert_eq!(
        shapes(&forward),
        [
            vec![2, 3, 2],
            vec![2, 2],
            vec![2, 3],
            vec![3, 2],
            vec![2],
            vec![3],
            vec![3, 2],
            vec![2],
            vec![3],
        ]
    );
    for (a, b) in tree_leaves(&forward).iter().zip(tree_leaves(&reverse)) {
        for (a, b) in a.to_vec::<f64>().iter().zip(b.to_vec::<f64>()) {
            assert!((a - b).abs() < 1e-13, "{a} {b}");
        }
    }
    let at = |h: f64| f((Line { b: &line().b + array![0.0f64, h], ..line() }, x.clone())).0;
    let by_difference = ((at(1e-6) - at(-1e-6)) / 2e-6).to_vec::<f64>();
    for (i, d) in by_difference.iter().enumerate() {
        let got = forward.0.0.b.index(s![i as i64, 1]).item::<f64>();
        assert!((got - d).abs() < 1e-9, "{got} {d}");
    }
    // A linear part has a constant Jacobian; what does not depend has a zero one.
    assert_eq!(forward.1[1].1.to_vec::<f64>(), [0.0, 2.0, 0.0]);
    assert_eq!(forward.1[1].0.w.to_vec::<f64>(), [0.0; 6]);
    // A result that is a struct is a tree of its paths.
    let by_path: Tree = jacfwd(|x: Array| Line { w: &x * 2.0, b: x.sum() })(x.clone());
    assert_eq!(by_path.paths(), [".w", ".b"]);
    assert_eq!(by_path.get(".b").unwrap().to_vec::<f64>(), [1.0; 3]);
    let empty: (Array, ()) = jacrev(|x: Array| (x.index(..0), ()))(x.clone());
    assert_eq!(empty.0.shape(), [0, 3]);
    let ints = jacfwd(|x: Array| (x.clone(), x.argmax())).try_call((x,));
    assert_eq!(message(ints), "jacfwd: the function must return floats, got i32[] at .1");
}

#[test]
fn hessians_of_pytrees() {
    let f = |(a, b): (Array, Array)| (&a * &a * &a * &b).sum() + b.square().prod();
    let at = (array![1.0f64, 2.0], array![3.0f64, 4.0]);
    let ((aa, ab), (ba, bb)) = hessian(f)(at.clone());
    assert_eq!(aa.to_vec::<f64>(), [18.0, 0.0, 0.0, 48.0]);
    assert_eq!(ab.to_vec::<f64>(), [3.0, 0.0, 0.0, 12.0]);
    assert_eq!(ba.to_vec::<f64>(), [3.0, 0.0, 0.0, 12.0]);
    assert_eq!(bb.to_vec::<f64>(), [32.0, 48.0, 48.0, 18.0]);
    // Of a struct by its paths; in a batch.
    let h: Tree = hessian(|l: Line| (l.w.sum() * &l.b).sum())(line());
    assert_eq!(h.paths(), [".w.w", ".w.b", ".b.w", ".b.b"]);
    assert_eq!(h.get(".w.b").unwrap().shape(), [3, 2, 2]);
    assert_eq!(h.get(".w.b").unwrap().to_vec::<f64>(), [1.0; 12]);
    let many = tree_map(|x| stack(&[x.clone(), x * 2.0], 0), at);
    let ((_, ab), _) = vmap(hessian(f))(many);
    assert_eq!(ab.to_vec::<f64>(), [3.0, 0.0, 0.0, 12.0, 12.0, 0.0, 0.0, 48.0]);
}

#[test]
fn types_without_data() {
    let types = (shape_dtype([4, 3], DType::F32), shape_dtype([3], DType::F64));
    let f = |(x, w): (Array, Array)| (x.matmul(w.astype(DType::F32)), x.sum());
    assert_eq!(eval_shape(f)(types.clone()).to_string(), "(f32[4], f32[])");
    assert!(make_jaxpr(f)(types.clone()).to_string().contains("dot_general"));
    // What a function of a function gives has a type, too.
    let (y, _): (Array, Array) = eval_shape(f)(types.clone()).typed().unwrap();
    assert_eq!(eval_shape(|y: Array| y.index(1..))(y).to_string(), "f32[3]");
    let compiled = jit(f).lower((types.clone(),)).unwrap().compile().unwrap();
    let x = (ones([4, 3]), array![1.0f64, 2.0, 3.0]);
    assert_eq!(compiled.call((x,)).unwrap().0.to_vec::<f32>(), [6.0; 4]);
    let g = grad(|w: Array| w.sum());
    let no_value = message(g.try_call((types.1.clone(),)));
    assert!(no_value.contains("f64[3] made at tests/trees.rs"), "{no_value}");
    assert!(no_value.contains("is a type only"), "{no_value}");
    assert!(message(types.0.try_to_vec::<f32>()).contains("it has no elements"));
    assert!(message(jit(f).try_call((types.clone(),))).contains("is a type only"));
    assert!(message(types.0.try_sin()).contains("is a type only"));
    let captured = types.0.clone();
    let closed = move || jit(move |x: Array| x + &captured).try_call((array![1.0],));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(closed)).err().unwrap();
    assert!(panic.downcast_ref::<String>().unwrap().contains("is a type only"));
}

#[test]
fn memory_of_a_run() {
    let c = ones([100]);
    let f = jit(move |x: Array, y: Array| ((&x + &c).sort(0) * y.sum(), x.sum()));
    let types = (shape_dtype([100], DType::F32), shape_dtype([7], DType::F32));
    let lowered = f.lower(types).unwrap();
    let memory = lowered.memory().unwrap();
    assert_eq!((memory.arguments, memory.captured, memory.results), (428, 400, 404));
    assert!(memory.temporaries >= 400, "{memory:?}");
    assert!(memory.reused <= memory.results);
    assert_eq!(memory.peak(), 428 + 400 + 404 - memory.reused + memory.temporaries);
    let compiled = lowered.compile().unwrap();
    assert_eq!(compiled.memory(), memory);
    assert!(compiled.cost().unwrap().bytes_read > 0.0 && compiled.code_size() > 0);
    let reuse = jit(|x: Array| x * 2.0).lower((shape_dtype([100], DType::F32),)).unwrap();
    assert_eq!(reuse.memory().unwrap().reused, 400);
}

#[test]
fn caches_are_counted_and_cleared() {
    let _alone = ALONE.lock().unwrap();
    let traces = AtomicUsize::new(0);
    let f = jit(|x: Array| {
        traces.fetch_add(1, Ordering::Relaxed);
        x * 3.75 + 1.0625
    });
    for _ in 0..3 {
        assert_eq!(f(array![1.0]).item::<f32>(), 4.8125);
    }
    assert_eq!(traces.load(Ordering::Relaxed), 1);
    assert!(jit_cache_stats().entries > 0);
    clear_caches();
    assert_eq!(f(array![1.0]).item::<f32>(), 4.8125);
    assert_eq!(f(array![1.0]).item::<f32>(), 4.8125);
    assert_eq!(traces.load(Ordering::Relaxed), 2);
    let stats = jit_cache_stats();
    assert!(stats.misses >= 1 && stats.entries >= 1, "{stats:?}");
    // Disabled, nothing is traced: the closure runs each time.
    disable_jit(|| (f(array![1.0]), f(array![2.0])));
    assert_eq!(traces.load(Ordering::Relaxed), 4);
}

#[test]
fn live_arrays_are_listed() {
    let _alone = ALONE.lock().unwrap();
    track_arrays(true);
    let odd = |a: &Aval| a.shape[..] == [3, 17, 5];
    let count = || live_arrays().iter().filter(|a| odd(&a.aval)).count();
    let x = zeros([3, 17, 5]);
    assert_eq!(count(), 1);
    let y = &x + 1.0;
    assert_eq!(count(), 2);
    let flat = y.reshape([255]);
    let view = live_arrays().into_iter().find(|a| a.aval.shape[..] == [255]).unwrap();
    assert_eq!(view.bytes, 0);
    assert!(live_arrays().windows(2).all(|w| w[0].number < w[1].number));
    drop(flat);
    // Memory that is given up holds the result, under its own type.
    let bits = jit(|y: Array| y * 2.0)(y);
    assert_eq!(count(), 2);
    let z = block_until_ready((bits, x.clone()));
    drop((z, x));
    assert_eq!(count(), 0);
    track_arrays(false);
    let x = zeros([3, 17, 5]);
    assert_eq!(count(), 0);
    assert!(memory_stats().live >= 4 * x.size() && memory_stats().peak >= memory_stats().live);
}
