//! Wrong calls of transforms, control flow, custom rules, collectives and functions over pytrees.

use super::harness::wrong;
use super::values::{b, i, n, s, u, v, z};
use cotangent::api::checkify::check;
use cotangent::prelude::*;

fn pair() -> (Array, Vec<Array>) {
    (v(), vec![u()])
}

wrong! {
    // Derivatives.
    "grad" => grad(|x: Array| x)(v());
    "grad" => grad(|x: Array| x.sum())(i());
    "grad" => grad(|x: Array| x.gt(0.0).all())(v());
    "grad" => grad(|p: (Array, Vec<Array>)| p.0.sum())((v(), vec![i()]));
    "value_and_grad" => value_and_grad(|x: Array| x)(v());
    "value_and_grad" => value_and_grad(|x: Array| x.sum())(i());
    "grad_wrt" => grad_wrt(|x: Array, _: Array| x, Arg::<0>)(v(), v());
    "grad_wrt" => grad_wrt(|x: Array, y: Array| (x * y).sum(), Arg::<1>)(v(), i());
    "value_and_grad_wrt" => value_and_grad_wrt(|x: Array, _: Array| x, Arg::<0>)(v(), v());
    "grad_aux" => grad_aux(|x: Array| (x.clone(), x))(v());
    "grad_aux" => grad_aux(|x: Array| (x.sum(), x))(i());
    "value_and_grad_aux" => value_and_grad_aux(|x: Array| (x.clone(), x))(v());
    "grad_holomorphic" => grad_holomorphic(|x: Array| x.sum())(v());
    "grad_holomorphic" => grad_holomorphic(|x: Array| x)(z());
    "jacfwd" => jacfwd(|x: Array| x)(i());
    "jacfwd" => jacfwd(|x: Array| x)(z());
    "jacrev" => jacrev(|x: Array| x)(i());
    "jacrev" => jacrev(|x: Array| x.gt(0.0))(v());
    "hessian" => hessian(|x: Array| x.sum())(i());
    "jacfwd_holomorphic" => jacfwd_holomorphic(|x: Array| x)(v());
    "jacrev_holomorphic" => jacrev_holomorphic(|x: Array| x)(v());
    "jvp" => jvp(|x: Array| x, (v(),), (u(),));
    "jvp" => jvp(|x: Array| x, (v(),), (i(),));
    "jvp" => jvp(|p: (Array, Vec<Array>)| p.0, (pair(),), ((v(), vec![v()]),));
    "jvp" => jvp(|x: Vec<Array>| x, (vec![v()],), (vec![],));
    "vjp" => vjp(|x: Array| x, (v(),)).1(u());
    "linearize" => linearize(|x: Array| x, (v(),)).1(u());
    "linear_transpose" => linear_transpose(|x: Array| &x * &x, (v(),));
    "linear_transpose" => linear_transpose(|x: Array| x, (v(),))(u());
    "jet" => jet(|x: Array| x, (v(),), vec![(u(),)]);

    // Batches.
    "vmap" => vmap(|x: Array| x)(s());
    "vmap" => vmap(|x: Array, y: Array| x + y)(v(), u());
    "vmap" => vmap(|p: (Array, Vec<Array>)| p.0)(pair());
    "vmap_axes" => vmap_axes(|x: Array| x, 1)(v());
    "vmap_axes" => vmap_axes(|x: Array| x, -2)(v());
    "vmap_axes" => vmap_axes(|x: Array, y: Array| x + y, (0, 0, 0))(v(), v());
    "vmap_axes" => vmap_axes(|x: Array| x, None)(v());
    "vmap_in_out" => vmap_in_out(|x: Array| x, 0, 2)(v());
    "vmap_in_out" => vmap_in_out(|x: Array| x, 0, None)(v());
    "vmap_in_out" => vmap_in_out(|x: Array| x, 0, (0, 0))(v());
    "vmap_with" => vmap_with(|x: Array| x, VmapOptions::new().axis_size(3))(v());
    "psum" => psum(v(), "i");
    "pmean" => pmean(v(), "i");
    "pmax" => pmax(v(), "i");
    "pmin" => pmin(v(), "i");
    "all_gather" => all_gather(v(), "i", 0, false);
    "psum_scatter" => psum_scatter(v(), "i", 0, false);
    "all_to_all" => all_to_all(v(), "i", 0, 0, false);
    "ppermute" => ppermute(v(), "i", &[(0, 1)]);
    "pshuffle" => pshuffle(v(), "i", &[0]);
    "pswapaxes" => pswapaxes(v(), "i", 0);
    "axis_index" => axis_index("i");
    "axis_size" => axis_size("i");
    "ppermute" => lanes(|x| ppermute(x, "i", &[(0, 5)]));
    "pshuffle" => lanes(|x| pshuffle(x, "i", &[0]));
    "all_gather" => lanes(|x| all_gather(x, "i", 3, false));
    "all_to_all" => lanes(|x| all_to_all(x, "i", 0, 0, false));
    "pswapaxes" => lanes(|x| pswapaxes(x, "i", 1));
    "psum_scatter" => lanes(|x| psum_scatter(x, "i", 0, false));

    // Compiling and looking inside.
    "jit_with" => jit_with(|x: Array| x, JitOptions::new().donate([1]))(v());

    // Control flow.
    "cond" => cond(v(), |x: Array| x, |x: Array| x, v());
    "cond" => cond(1.0, |x: Array| x, |x: Array| x, v());
    "cond" => cond(Array::from(true), |x: Array| x, |x: Array| x.sum(), v());
    "cond" => cond(Array::from(true), |p: (Array, Array)| p, |p| (p.0, p.1.sum()), (v(), v()));
    "switch" => switch(1.0, &[|x: Array| x], v());
    "switch" => switch(i(), &[|x: Array| x], v());
    "switch" => switch(n(), &[] as &[fn(Array) -> Array], v());
    "scan" => scan(|c: Array, x: Array| (c + x, ()), s(), s());
    "scan" => scan(|c: Array, x: Array| (x, c), n(), v());
    "scan" => scan(|c: (Array, Array), x: Array| ((c.0, x + v()), ()), (s(), s()), v());
    "scan" => scan(|c: Array, _: (Array, Array)| (c, ()), s(), (v(), u()));
    "scan" => scan(|c: Array, _: ()| (c, ()), s(), ());
    "scan_with" => scan_with(|c: Array, _: ()| (c, ()), s(), (), ScanOptions::default());
    "scan_with" => scan_with(|c: Array, _: Array| (c, ()), s(), v(), counted(3));
    "scan_n" => scan_n(|c: Array, _| (c + v(), ()), s(), 3);
    "fori_loop" => fori_loop(0..3, |_, c: Array| c + v(), s());
    "fori_loop" => fori_loop(0..3, |_, c: (Array, Array)| (c.0, c.1.sum()), (s(), v()));
    "fori_loop_bounded" => fori_loop_bounded(5, 0..3, |_, c: Array| c + v(), s());
    "while_loop" => while_loop(|c: Array| c, |c: Array| c, s());
    "while_loop" => while_loop(|c: Array| c.gt(0.0), |c: Array| c, v());
    "while_loop" => while_loop(|c: Array| c.gt(0.0), |c: Array| c + v(), s());
    "while_loop_bounded" => while_loop_bounded(3, |c: Array| c.gt(0.0), |c: Array| c + v(), s());
    "map" => map(|x: Array| x, s());
    "map" => map(|p: (Array, Array)| p.0, (v(), u()));
    "map_batched" => map_batched(0, |x: Array| x, v());
    "map_batched" => map_batched(2, |x: Array| x, s());
    "associative_scan" => associative_scan(|a: Array, _: Array| a.sum(), v());
    "associative_scan" => associative_scan(|a: Array, b: Array| a + b, s());
    "associative_scan" => associative_scan(|a: (Array, Array), _| a, (v(), u()));
    "associative_scan_with" => associative_scan_with(|a: Array, b: Array| a + b, v(), axis(1));
    "custom_root" => custom_root(|x: Array| x.sum(), |_, x| x, |_, x| x, v());
    "custom_root" => custom_root(|x: Array| x, |_, x| x.sum(), |_, x| x, v());
    "custom_linear_solve" => custom_linear_solve(|x: Array| x.sum(), v(), |_, b| b, |_, b| b);
    "custom_linear_solve" => custom_linear_solve(|x: Array| x, v(), |_, b| b.sum(), |_, b| b);
    "custom_linear_solve_symmetric" =>
        custom_linear_solve_symmetric(|x: Array| x, v(), |_, b| b.sum());

    // Rules of one's own.
    "custom_jvp" => jvp(custom_jvp(|x: Array| x, |x: (Array,), _| (x.0, s())), (v(),), (v(),));
    "custom_vjp" => grad(|x: Array| custom_vjp(
        |x: Array| x.sum(),
        |x: (Array,)| (x.0.sum(), ()),
        |_: (), _: Array| (s(),),
    )(x))(v());
    "custom_vmap" => vmap(custom_vmap(|x: Array| x, |_, _, x: (Array,)| (x.0.sum(), true)))(v());

    "custom_jvp_symbolic" => jvp(
        custom_jvp_symbolic(|x: Array| x, |x: (Array,), _| (x.0, Tangents::of(s()))),
        (v(),), (v(),));
    "custom_vjp_symbolic" => grad(|x: Array| custom_vjp_symbolic(
        |x: Array| x.sum(),
        |x: (Array,), _| (x.0.sum(), ()),
        |_: (), _: Tangents<Array>| Tangents::of((s(),)),
    )(x))(v());
    "custom_gradient" => grad(custom_gradient(|x: Array| (x.sum(), |_: Array| (s(),))))(v());
    "Tangents::of_leaves" => Tangents::of_leaves(&v(), [None, None]);
    "Tangents::of_leaves" => Tangents::of_leaves(&v(), [Some(u())]);

    // Pytrees.
    "tree_map2" => tree_map2(|a, _| a, vec![v()], vec![]);
    "tree_map2" => tree_map2(|a, _| a, (v(), vec![v()]), (v(), vec![]));
    "tree_map3" => tree_map3(|a, _, _| a, vec![v()], vec![v()], vec![]);
    "tree_unflatten" => tree_unflatten::<Vec<Array>>(&tree_structure(&vec![v()]), vec![]);
    "tree_unflatten" => tree_unflatten::<Vec<Array>>(&tree_structure(&(v(),)), vec![v()]);
    "tree_transpose" => tree_transpose::<Vec<Array>, Vec<Array>>(
        &tree_structure(&(v(), v())), &tree_structure(&vec![v()]), vec![v()]);
    "tree_broadcast" => tree_broadcast(vec![1, 2].into_iter().map(Array::from).collect::<Vec<_>>(),
        &vec![v()]);

    // The host.
    "pure_callback" => pure_callback(|x: Array| x.sum(), &v(), v());
    "pure_callback_with" => pure_callback_with(|x: Array| x.sum(), &v(), v(), Batching::Sequential);
    "io_callback" => io_callback(|x: Array| x.sum(), &v(), v(), true);
    "api::debug::print" => debug::print("{} {}", v());
    "api::debug::print" => debug::print("{", v());
    "api::debug::print_ordered" => debug::print_ordered("{} {}", v());
    "api::checkify::check" => check(v(), "a", ());
    "api::checkify::check" => check(b(), "{}", ());
    "shape_dtype" => shape_dtype([usize::MAX, 2], DType::F32);
}

fn lanes(f: impl Fn(Array) -> Array + Send + Sync) {
    vmap_with(f, VmapOptions::new().axis_name("i"))(ones([2, 3]));
}

fn counted(length: usize) -> ScanOptions {
    ScanOptions { length: Some(length), ..Default::default() }
}

fn axis(axis: usize) -> AssociativeScanOptions {
    AssociativeScanOptions { axis, ..Default::default() }
}
