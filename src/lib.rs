//! Composable transformations of array functions: `grad`, `vmap`, `jit` and their kin, of plain
//! closures.
//!
//! A function of [arrays](core::array::Array) is traced into a small typed program, a *jaxpr*;
//! transforms rewrite it, in any order and to any depth; the result is compiled to machine code in
//! milliseconds.
//!
//! ```
//! use cotangent::prelude::*;
//!
//! fn loss((w, b): (Array, Array), x: Array, y: Array) -> Array {
//!     (x.matmul(&w) + b - y).square().mean()
//! }
//!
//! let w = array![[1.0], [-1.0]];
//! let b = array![0.5];
//! let x = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
//! let y = array![[0.0], [1.0], [2.0]];
//!
//! // One step of gradient descent, compiled. Parameters are any pytree: tuples, vectors, maps,
//! // your own structs.
//! let step = jit(|p: (Array, Array), x: Array, y: Array| {
//!     let (l, g) = value_and_grad(loss)(p.clone(), x, y);
//!     (tree_map2(|p, g| p - 0.01 * g, p, g), l)
//! });
//! let mut p = (w, b);
//! let mut losses = Vec::new();
//! for _ in 0..3 {
//!     let (next, l) = step(p, x.clone(), y.clone());
//!     losses.push(l.item::<f32>());
//!     p = next;
//! }
//! assert!(losses[2] < losses[0]);
//!
//! // The gradient of every example, without a loop.
//! let per_example = jit(vmap_axes(grad(loss), (None, 0, 0)));
//! let (dw, db) = per_example(p.clone(), x, y);
//! assert_eq!((dw.shape(), db.shape()), (&[3, 2, 1][..], &[3, 1][..]));
//!
//! // What a gradient is made of.
//! let f = |x: Array, y: Array| (x.sin() * y).sum();
//! println!("{}", make_jaxpr(grad(f))(array![1.0, 2.0], array![3.0, 4.0]));
//! ```
//!
//! What users need:
//!
//! | to | see |
//! | --- | --- |
//! | have the usual names in scope | [`prelude`], which lists them by task |
//! | make arrays | [`array!`], [`Array::new`], [`numpy`], [`random`] |
//! | compute with them | operators and methods of [`Array`], [`numpy`], [`lax`] |
//! | differentiate | [`grad`](api::grad), [`jvp`, `vjp`](api::derivative), [`jacobian`](api::jacobian), [`jet`](api::jet) |
//! | say in which arguments | [`wrt`](api::wrt) |
//! | batch, compile | [`vmap`](api::vmap), [`axes`](api::axes), [`jit`](api::jit) |
//! | look inside | [`make_jaxpr`](api::make_jaxpr), [`shape_dtype`](api::shape_dtype), [`aot`](api::aot), [`misses`](api::misses) |
//! | let the lanes of a batch talk to each other | [`collectives`](api::collectives) |
//! | branch and loop on traced values | [`control`](api::control) |
//! | give rules of your own | [`custom`](api::custom), [`closure_convert`](api::closure_convert) |
//! | save memory in reverse mode | [`checkpoint`](api::checkpoint) |
//! | have structs as arguments and results | [`pytree`](api::pytree), [`ravel`] |
//! | name a transformed function in a type | [`function`](api::function), [`signature`](api::signature) |
//! | factor matrices, solve systems (feature `linalg`) | `linalg` |
//! | solve differential equations | [`ode`] |
//! | minimise functions, find roots, solve large linear systems | [`optimize`], [`root`] |
//! | build networks: activations, convolutions, pooling, normalization, dropout, losses | [`nn`] |
//! | train, and save what was trained | [`optim`], [`io`] |
//! | draw arrays, and jaxprs | [`plot`] |
//! | tell how far a loop has come | [`progress`] |
//! | choose the device that arrays live on | [`device`](api::device) |
//! | know what is kept, and let it go | [`caches`](api::caches) |
//! | trade subnormal numbers for speed | [`subnormals`](api::subnormals) |
//! | trade digits of products for speed | [`precision`](api::precision) |
//! | check what no result shows, find NaN | [`checkify`](api::checkify), [`debug_nans`](api::debug_nans) |
//! | call closures of the host, print | [`callback`](api::callback), [`debug`](api::debug) |
//!
//! Names of NumPy, JAX and PyTorch are found by the search of these pages; docs/names.md lists
//! them.
//!
//! What authors of primitives and backends need is in [`author`]. Other public paths are not part
//! of the interface.

// The derive macro names the crate by its published name, also in our own tests.
extern crate self as cotangent;

pub mod api;
pub mod author;
#[doc(hidden)]
pub mod core;
pub mod io;
#[cfg(feature = "linalg")]
pub mod linalg;
pub mod nn;
pub mod numpy;
pub mod ode;
pub mod optim;
pub mod optimize;
pub mod plot;
#[doc(hidden)]
pub mod prims;
pub mod progress;
pub mod random;
pub mod ravel;
pub mod root;
#[doc(hidden)]
pub mod stage;
#[doc(hidden)]
pub mod transforms;

pub use api::device::Device;
pub use core::array::Array;
pub use prims::lax;

pub use cotangent_jit::{Complex, DType, Error, ErrorKind, Scalar};
pub use half::{bf16, f16};

pub mod prelude {
    //! The names that a program wants in scope: `use cotangent::prelude::*`.
    //!
    //! | to | names |
    //! | --- | --- |
    //! | make arrays | [`array!`], [`Array`], [`zeros`], [`ones`], [`full`], [`eye`], [`arange`], [`arange_step`], [`linspace`], [`linspace_exclusive`], [`tri`]; [`zeros_dtype`], [`ones_dtype`], [`full_dtype`], [`eye_dtype`], [`arange_dtype`], [`arange_step_dtype`], [`linspace_dtype`], [`linspace_exclusive_dtype`]; [`zeros_like`], [`ones_like`], [`full_like`] |
    //! | join and arrange them | [`concatenate`], [`stack`], [`vstack`], [`hstack`], [`dstack`], [`column_stack`], [`meshgrid`], [`meshgrid_ij`], [`einsum`]; [`s!`] is an index of several axes |
    //! | choose by a mask, fold by groups | [`where_`]; [`segment_sum`], [`segment_mean`], [`segment_max`], [`segment_min`], [`segment_prod`] |
    //! | name dtypes and types | [`DType`], [`Aval`], [`Complex`], [`f16`](struct@f16), [`bf16`], [`shape_dtype`], [`shape_dtypes`] |
    //! | differentiate | [`grad`], [`value_and_grad`], [`grad_aux`], [`value_and_grad_aux`], [`grad_wrt`], [`value_and_grad_wrt`], [`Arg`], [`grad_holomorphic`] |
    //! | take derivatives as maps | [`jvp`], [`vjp`], [`Pullback`], [`linearize`], [`linear_transpose`], [`jet`] |
    //! | have whole matrices of derivatives | [`jacfwd`], [`jacrev`], [`hessian`], [`jacfwd_holomorphic`], [`jacrev_holomorphic`] |
    //! | batch | [`vmap`], [`vmap_axes`], [`vmap_in_out`], [`vmap_with`], [`VmapOptions`], [`Axes`] |
    //! | let lanes of a batch talk | [`psum`], [`pmean`], [`pmax`], [`pmin`], [`all_gather`], [`all_to_all`], [`ppermute`], [`pshuffle`], [`pswapaxes`], [`psum_scatter`], [`axis_index`], [`axis_size`] |
    //! | compile | [`jit`], [`jit_with`], [`JitOptions`], [`disable_jit`], [`flush_subnormals`], [`with_matmul_precision`], [`Precision`] |
    //! | branch | [`cond`], [`switch`] |
    //! | loop | [`scan`], [`scan_n`], [`scan_with`], [`ScanOptions`], [`fori_loop`], [`fori_loop_bounded`], [`while_loop`], [`while_loop_bounded`], [`map`], [`map_batched`], [`associative_scan`], [`associative_scan_with`], [`AssociativeScanOptions`], [`Checkpoints`] |
    //! | solve inside of traces | [`custom_root`], [`custom_linear_solve`], [`custom_linear_solve_symmetric`] |
    //! | write a rule of your own | [`custom_jvp`], [`custom_vjp`], [`custom_gradient`], [`custom_derivatives`], [`custom_jvps`], [`custom_jvp_symbolic`], [`custom_vjp_symbolic`], [`custom_vmap`], [`sequential_vmap`], [`Custom`], [`Tangents`], [`Perturbed`], [`Batched`], [`NoRule`], [`closure_convert`] |
    //! | capture clones | [`clone!`](macro@crate::clone) |
    //! | use pytrees | [`Pytree`](trait@Pytree), [`tree_map`], [`tree_map2`], [`tree_map3`], [`tree_map_with_path`], [`tree_reduce`], [`tree_all`], [`tree_any`], [`tree_leaves`], [`tree_leaves_with_path`], [`tree_flatten`], [`tree_unflatten`], [`tree_structure`], [`tree_transpose`], [`tree_broadcast`], [`tree_summary`], [`Show`], [`Tree`], [`Static`] |
    //! | save memory in reverse mode | [`checkpoint`], [`checkpoint_with`], [`Policy`], [`checkpoint_name`], [`saved_residuals`], [`SavedResidual`] |
    //! | look inside | [`make_jaxpr`], [`eval_shape`], [`ClosedJaxpr`], [`jit_misses`], [`debug_print!`], [`debug`](mod@debug), [`debug_nans`], [`debug_infs`] |
    //! | check what no result shows | [`checkify`](mod@checkify) |
    //! | call the host | [`pure_callback`], [`pure_callback_with`], [`io_callback`], [`Batching`], [`effects_barrier`], [`eager`] |
    //! | choose a device | [`Device`], [`devices`], [`default_device`], [`with_default_device`] |
    //! | know what is kept | [`memory_stats`], [`live_arrays`], [`track_arrays`], [`jit_cache_stats`], [`set_jit_cache_size`], [`clear_caches`], [`block_until_ready`] |
    //! | name functions and errors in types | [`Func`], [`Fn1`], [`Fn2`], [`Fn3`], [`Fn4`], [`Own`], [`Ref`], [`Error`], [`ErrorKind`] |
    //!
    //! Most have a twin with `try_` in front that returns the error; those of derivatives and
    //! residuals are in scope, too. Other rooms of the crate keep their names to themselves:
    //! `use cotangent::{nn, optim, random}`.

    pub use crate::api::axes::Axes;
    pub use crate::api::caches::{
        block_until_ready, clear_caches, jit_cache_stats, live_arrays, memory_stats,
        set_jit_cache_size, track_arrays,
    };
    pub use crate::api::callback::{
        Batching, effects_barrier, io_callback, pure_callback, pure_callback_with,
    };
    pub use crate::api::checkpoint::{
        SavedResidual, checkpoint, checkpoint_with, saved_residuals, try_saved_residuals,
    };
    pub use crate::api::closure_convert::{closure_convert, try_closure_convert};
    pub use crate::api::collectives::{
        all_gather, all_to_all, axis_index, axis_size, pmax, pmean, pmin, ppermute, pshuffle, psum,
        psum_scatter, pswapaxes,
    };
    pub use crate::api::control::{
        AssociativeScanOptions, Checkpoints, ScanOptions, associative_scan, associative_scan_with,
        cond, custom_linear_solve, custom_linear_solve_symmetric, custom_root, fori_loop,
        fori_loop_bounded, map, map_batched, scan, scan_n, scan_with, switch, while_loop,
        while_loop_bounded,
    };
    pub use crate::api::custom::{
        Batched, Custom, NoRule, Perturbed, Tangents, custom_derivatives, custom_gradient,
        custom_jvp, custom_jvp_symbolic, custom_jvps, custom_vjp, custom_vjp_symbolic, custom_vmap,
        sequential_vmap,
    };
    pub use crate::api::debug_nans::{debug_infs, debug_nans};
    pub use crate::api::derivative::{
        Pullback, jvp, linear_transpose, linearize, try_jvp, try_linear_transpose, try_linearize,
        try_vjp, vjp,
    };
    pub use crate::api::device::{Device, default_device, devices, with_default_device};
    pub use crate::api::function::{Func, Own, Ref};
    pub use crate::api::grad::{
        grad, grad_aux, grad_holomorphic, grad_wrt, value_and_grad, value_and_grad_aux,
        value_and_grad_wrt,
    };
    pub use crate::api::jacobian::{
        hessian, jacfwd, jacfwd_holomorphic, jacrev, jacrev_holomorphic,
    };
    pub use crate::api::jet::{jet, try_jet};
    pub use crate::api::jit::{JitOptions, disable_jit, jit, jit_with};
    pub use crate::api::make_jaxpr::{eval_shape, make_jaxpr};
    pub use crate::api::misses::jit_misses;
    pub use crate::api::precision::with_matmul_precision;
    pub use crate::api::pytree::{
        Pytree, Show, Static, Tree, tree_all, tree_any, tree_broadcast, tree_flatten, tree_leaves,
        tree_leaves_with_path, tree_map, tree_map_with_path, tree_map2, tree_map3, tree_reduce,
        tree_structure, tree_summary, tree_transpose, tree_unflatten,
    };
    pub use crate::api::shape_dtype::{shape_dtype, shape_dtypes};
    pub use crate::api::signature::{Fn1, Fn2, Fn3, Fn4};
    pub use crate::api::subnormals::flush_subnormals;
    pub use crate::api::vmap::{VmapOptions, vmap, vmap_axes, vmap_in_out, vmap_with};
    pub use crate::api::wrt::Arg;
    pub use crate::api::{checkify, debug};
    pub use crate::array;
    pub use crate::clone;
    pub use crate::core::array::Array;
    pub use crate::core::aval::Aval;
    pub use crate::core::jaxpr::ClosedJaxpr;
    pub use crate::core::trace::eager;
    pub use crate::debug_print;
    pub use crate::numpy::arrange::{
        column_stack, dstack, hstack, meshgrid, meshgrid_ij, tri, vstack,
    };
    pub use crate::numpy::compare::where_;
    pub use crate::numpy::create::{
        arange, arange_dtype, eye, eye_dtype, full, full_dtype, full_like, linspace,
        linspace_dtype, linspace_exclusive, linspace_exclusive_dtype, ones, ones_dtype, ones_like,
        zeros, zeros_dtype, zeros_like,
    };
    pub use crate::numpy::einsum::einsum;
    pub use crate::numpy::join::{concatenate, stack};
    pub use crate::numpy::segments::{
        segment_max, segment_mean, segment_min, segment_prod, segment_sum,
    };
    pub use crate::numpy::steps::{arange_step, arange_step_dtype};
    pub use crate::prims::carriers::policy::Policy;
    pub use crate::prims::lax::Precision;
    pub use crate::prims::points::name::checkpoint_name;
    pub use crate::s;
    pub use crate::{Complex, DType, Error, ErrorKind, bf16, f16};
    pub use cotangent_derive::Pytree;
}

/// The README's program, compiled and run with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// The programs of the book's chapters, compiled and run.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../docs/book/src/index.md")]
    mod index {}
    #[doc = include_str!("../docs/book/src/start.md")]
    mod start {}
    #[doc = include_str!("../docs/book/src/jaxprs.md")]
    mod jaxprs {}
    #[doc = include_str!("../docs/book/src/derivatives.md")]
    mod derivatives {}
    #[doc = include_str!("../docs/book/src/batching.md")]
    mod batching {}
    #[doc = include_str!("../docs/book/src/compiling.md")]
    mod compiling {}
    #[doc = include_str!("../docs/book/src/control_flow.md")]
    mod control_flow {}
    #[doc = include_str!("../docs/book/src/pytrees.md")]
    mod pytrees {}
    #[doc = include_str!("../docs/book/src/randomness.md")]
    mod randomness {}
    #[doc = include_str!("../docs/book/src/rules.md")]
    mod rules {}
    #[doc = include_str!("../docs/book/src/debugging.md")]
    mod debugging {}
    #[doc = include_str!("../docs/book/src/performance.md")]
    mod performance {}
    #[doc = include_str!("../docs/book/src/saving.md")]
    mod saving {}
    #[doc = include_str!("../docs/book/src/notebooks.md")]
    mod notebooks {}
    #[doc = include_str!("../docs/book/src/shipping.md")]
    mod shipping {}
    #[doc = include_str!("../docs/book/src/sharp_bits.md")]
    mod sharp_bits {}
    #[doc = include_str!("../docs/book/src/gallery.md")]
    mod gallery {}
    #[doc = include_str!("../docs/book/src/from_jax.md")]
    mod from_jax {}
    #[doc = include_str!("../docs/book/src/from_numpy.md")]
    mod from_numpy {}
    #[doc = include_str!("../docs/book/src/from_pytorch.md")]
    mod from_pytorch {}
}

/// The programs in the page on the architecture, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../ARCHITECTURE.md")]
mod architecture {}
