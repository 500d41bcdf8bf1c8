//! Instruction selection: one op of a kernel to Cranelift's instructions, on scalars or on lanes of
//! 128-bit registers. Both forms give the same bits.
//!
//! | file | contents |
//! | --- | --- |
//! | `values.rs` | types and constants of Cranelift values, moves of bits |
//! | `pool.rs` | vector constants in memory |
//! | `narrow.rs` | types of 8 and 16 bits |
//! | `far.rs` | sines, cosines and tangents of huge arguments |
//! | `scalar.rs` | ops on scalars |
//! | `lanes.rs` | lanes in registers: loads, stores, broadcasts, single lanes |
//! | `vector.rs` | ops on lanes |
//! | `elementary.rs` | elementary functions in scalar code, and calls of them |
//!
//! Loops do not live here (see `emit`), nor does the meaning of ops (see `cotangent-jit`).

pub mod elementary;
pub mod far;
pub mod lanes;
pub mod narrow;
pub mod pool;
pub mod scalar;
pub mod values;
pub mod vector;
