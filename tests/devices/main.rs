//! Devices, tried on two of the CPU: `cpu:0`, the default, and `cpu:1`.
//!
//! | file | contents |
//! | --- | --- |
//! | `moves` | devices of arrays, moves, operands on two devices |
//! | `compiled` | jitted functions: devices, captures, caches, donation, closures of the host |
//! | `library` | calls of the library on the second device |
//! | `environment` | the variables that choose devices |
//! | `support` | processes with two devices |

mod compiled;
mod environment;
mod library;
mod moves;
mod support;
