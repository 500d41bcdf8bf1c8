//! One op to PTX: instruction selection. Every op is total, as its row in `cotangent_jit::op` says.
//!
//! | file | ops |
//! | --- | --- |
//! | `scalar.rs` | all of them, in one exhaustive match |
//! | `forms.rs` | types as instructions name them, bits, choices |
//! | `convert.rs` | conversions and the same bits as another type |
//! | `ints.rs` | division, shifts, counts |
//! | `remainder.rs` | the exact remainder of floats |
//! | `far.rs` | sines and cosines of huge arguments |

mod convert;
mod far;
mod forms;
mod ints;
mod remainder;
mod scalar;

pub use convert::convert;
pub use far::declarations;
pub use ints::divide_by;
pub use scalar::emit;
