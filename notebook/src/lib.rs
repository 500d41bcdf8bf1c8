//! [cotangent](https://docs.rs/cotangent) as a shared library: `:dep cotangent-notebook = "0.1"` in
//! an evcxr notebook, then `use cotangent::prelude::*`.

pub use inner::*;

#[cfg(not(compiled))]
mod types;
