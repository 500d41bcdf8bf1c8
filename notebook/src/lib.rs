//! cotangent as a shared library, for evcxr notebooks: `:dep cotangent-notebook = { path = ".." }`
//! with the path of this folder, then `use cotangent::prelude::*`.

pub use inner::*;

#[cfg(not(compiled))]
mod types;
