//! Composable transformations of array functions.

// The derive macro names the crate by its published name, also in our own tests.
extern crate self as cotangent;

pub mod api;
pub mod core;
pub mod nn;
pub mod numpy;
pub mod plot;
pub mod prims;
pub mod random;
pub mod stage;
pub mod transforms;

pub use prims::lax;

pub use cotangent_jit::{DType, Error, ErrorKind, Scalar};

/// What a program that uses the library wants in scope.
pub mod prelude {
    pub use crate::api::axes::Axes;
    pub use crate::api::checkpoint::checkpoint;
    pub use crate::api::control::{cond, fori_loop, scan, switch};
    pub use crate::api::custom::{custom_jvp, custom_vjp};
    pub use crate::api::derivative::{
        jvp, linear_transpose, linearize, try_jvp, try_linear_transpose, try_linearize, try_vjp,
        vjp,
    };
    pub use crate::api::function::{Func, Own, Ref};
    pub use crate::api::grad::{
        grad, grad_aux, grad_wrt, value_and_grad, value_and_grad_aux, value_and_grad_wrt,
    };
    pub use crate::api::jacobian::{hessian, jacfwd, jacrev};
    pub use crate::api::jit::{JitOptions, disable_jit, jit, jit_with};
    pub use crate::api::make_jaxpr::{eval_shape, make_jaxpr};
    pub use crate::api::misses::jit_misses;
    pub use crate::api::pytree::{
        Pytree, Static, tree_leaves, tree_map, tree_map_with_path, tree_map2, tree_map3,
        tree_structure, tree_unflatten,
    };
    pub use crate::api::vmap::{vmap, vmap_axes, vmap_in_out};
    pub use crate::api::wrt::Arg;
    pub use crate::array;
    pub use crate::core::array::Array;
    pub use crate::core::jaxpr::ClosedJaxpr;
    pub use crate::core::trace::eager;
    pub use crate::numpy::create::{
        arange, arange_dtype, eye, eye_dtype, full, full_dtype, full_like, linspace,
        linspace_dtype, ones, ones_dtype, ones_like, zeros, zeros_dtype, zeros_like,
    };
    pub use crate::numpy::einsum::einsum;
    pub use crate::numpy::join::{concatenate, stack};
    pub use crate::s;
    pub use crate::{DType, Error, ErrorKind};
    pub use cotangent_derive::Pytree;
}
