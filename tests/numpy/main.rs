//! Methods and operators of arrays: values on small arrays, error messages, and gradients in closed
//! form.

mod derivatives;
mod reductions;
mod values;
