//! cuBLASLt, where it can be loaded: products of matrices that it computes sooner than our entries.
//!
//! Nothing needs it. It is looked for when a program has a product that it should compute; where it
//! is not there, or refuses a product, our entries compute that. One choice of an algorithm is made
//! for each product, from its extents, layout, dtype, precision and alignment alone, so the bits of
//! results do not depend on what ran before.
//!
//! | file | contents |
//! | --- | --- |
//! | `functions.rs` | the library and its functions |
//! | `descriptors.rs` | descriptions of products, matrices and wishes |
//! | `product.rs` | products, each prepared once and then enqueued |

mod descriptors;
mod functions;
mod product;

pub use functions::least;
pub use product::{Product, product};
